"""Kernel that counts an image's pixels by value without ever holding the image.

Two rows are in memory, and each block of 64 pixels is compared with the one above it. A block that stays the
same for many rows is counted once, times the rows, when it changes; within a block, runs are counted. So the
cost follows the edges of an image, not its pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel
from gtmask.png.counts import count_block
from gtmask.png.unfilter import undo_row
from gtmask.simd import differences, fill

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel("int64(uint8[::1], int64, int64, uint8[::1], int64[::1], int64[::1])")
def count_rows(
    rows: NDArray[np.uint8],
    width: int,
    height: int,
    lines: NDArray[np.uint8],
    since: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> int:
    """Count the pixels by value of an image of one byte per pixel, from its filtered rows.

    Returns the first row whose filter is none of PNG's five, -1 where all are.

    - ``rows``, ``width``, ``height``: as :func:`gtmask.png.unfilter.undo_filters` takes them.
    - ``lines``: zeros, three times as many as the blocks of a row take and one more block.
    - ``since``: a zero for each block of a row.
    - ``counts``: pixels by value, shape (256,), to which these are added.
    """
    blocks = since.size
    reach = 64 * blocks + 64
    scratch = lines[2 * reach :]
    old = 0
    new = reach
    for y in range(height):
        if not undo_row(rows, y * (width + 1), scratch, lines, old, new, width):
            return y
        fill(lines, new + width, np.uint8(0))
        for block in range(blocks):
            place = old + 64 * block
            if differences(lines, place, new + 64 * block) != 0:
                count_block(lines, place, y - since[block], counts)
                since[block] = y
        old, new = new, old
    for block in range(blocks):
        count_block(lines, old + 64 * block, height - since[block], counts)
    # What the last block of a row has beyond the row's end is zero.
    counts[0] -= (64 * blocks - width) * height
    return -1
