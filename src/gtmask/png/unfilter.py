"""Kernels that undo the row filters of PNG and unpack samples of less than 8 bits.

One byte per pixel, 64 pixels at a time where the filter allows. Rows are read and written in whole blocks of
64 bytes: what is read beyond a row's end does not matter, and what is written there is up to the caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel
from gtmask.simd import accumulate, add, clear_lowest_bit, copy, differences, fill, lowest_bit, others

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Bytes that must follow a row that :func:`undo_row` writes, for the rest of its last block.
SPILL = 63


@kernel("boolean(uint8[::1], int64, uint8[::1], uint8[::1], int64, int64, int64)", inner=True)
def undo_row(
    rows: NDArray[np.uint8],
    at: int,
    scratch: NDArray[np.uint8],
    lines: NDArray[np.uint8],
    old: int,
    new: int,
    width: int,
) -> bool:
    """Undo the filter of one row (PNG third edition, section 9).

    Returns whether the row's filter is one of the five.

    - ``rows``, ``at``: filtered rows, and where this one begins: with the byte that names its filter.
    - ``scratch``: at least ``width`` + 64 bytes; a row so near the end of ``rows`` that no whole block
      follows is read from here.
    - ``lines``, ``old``, ``new``: where the row above stands (zeros above the first), and where this row is
      written; up to :data:`SPILL` bytes behind it are overwritten.
    - ``width``: bytes of the row.
    """
    if at + width + 64 > rows.size:
        for i in range(width + 1):
            scratch[i] = rows[at + i]
        return undo_blocks(scratch, 0, lines, old, new, width)
    return undo_blocks(rows, at, lines, old, new, width)


@kernel("boolean(uint8[::1], int64, uint8[::1], int64, int64, int64)", inner=True)
def undo_blocks(
    rows: NDArray[np.uint8], at: int, lines: NDArray[np.uint8], old: int, new: int, width: int
) -> bool:
    """Undo the filter of one row that has room behind it; see :func:`undo_row`."""
    kind = rows[at]
    at += 1
    if kind == 0:
        for x in range(0, width, 64):
            copy(lines, new + x, rows, at + x)
    elif kind == 1:
        left = np.uint8(0)
        for x in range(0, width, 64):
            accumulate(lines, new + x, rows, at + x, left)
            left = lines[new + x + 63]
    elif kind == 2:
        for x in range(0, width, 64):
            add(lines, new + x, lines, old + x, rows, at + x)
    elif kind == 3:
        average = np.int64(0)
        for x in range(width):
            average = (np.int64(rows[at + x]) + ((average + np.int64(lines[old + x])) >> 1)) & 255
            lines[new + x] = average
    elif kind == 4:
        undo_paeth(rows, at, lines, old, new, width)
    else:
        return False
    return True


@kernel("void(uint8[::1], int64, uint8[::1], int64, int64, int64)", inner=True)
def undo_paeth(
    rows: NDArray[np.uint8], at: int, lines: NDArray[np.uint8], old: int, new: int, width: int
) -> None:
    """Undo filter Paeth (4) of one row.

    Where the residual is zero and the pixel above equals the one before it, the estimate is the pixel to the
    left: a row changes only where it has a residual or the row above changes. What is found there is written
    64 times, and what follows writes over it.
    """
    above = np.uint64(old)
    left = np.int64(0)
    corner = np.int64(0)
    change = np.uint64(1)
    for start in range(0, width, 64):
        edges = differences(lines, old + start, old + start + 1)
        changes = others(rows, at + start, np.uint8(0)) | edges << np.uint64(1) | change
        change = edges >> np.uint64(63)
        if start + 64 > width:
            changes &= (np.uint64(1) << np.uint64(width - start)) - np.uint64(1)
        fill(lines, new + start, np.uint8(left))
        while changes != 0:
            x = start + lowest_bit(changes)
            changes = clear_lowest_bit(changes)
            if x > 0:
                corner = np.int64(lines[above + np.uint64(x - 1)])
            up = np.int64(lines[above + np.uint64(x)])
            left = add_paeth(np.int64(rows[np.uint64(at + x)]), left, up, corner)
            fill(lines, new + x, np.uint8(left))


@kernel("int64(int64, int64, int64, int64)", inline=True)
def add_paeth(residual: np.int64, left: np.int64, up: np.int64, corner: np.int64) -> np.int64:
    """Return the residual plus that of three neighbours which is nearest to ``left + up - corner``.

    Each pixel waits for the one left of it, so what does not depend on ``left`` comes first. With ``up`` not
    below ``corner`` (else all are mirrored), the estimate is ``left`` plus a step, and ``left`` lies

    - nearest from ``up`` on upwards, and from two steps below ``corner`` on downwards;
    - else nearer to ``up`` from half a step below ``corner`` on upwards.
    """
    flip = (up - corner) >> 8 & 255
    here = left ^ flip
    far = up ^ flip
    near = corner ^ flip
    step = far - near
    by_up = (residual + up) & 255
    by_corner = (residual + corner) & 255
    by_left = (residual + left) & 255
    found = by_up if 2 * here >= 2 * near - step else by_corner
    return by_left if (here >= far) | (here <= near - 2 * step) else found


@kernel("int64(uint8[::1], int64, int64, uint8[::1], uint8[::1])")
def undo_filters(
    rows: NDArray[np.uint8], width: int, height: int, scratch: NDArray[np.uint8], lines: NDArray[np.uint8]
) -> int:
    """Undo the filters of an image.

    Returns the first row whose filter is none of the five, -1 where all are.

    - ``rows``: ``height`` times a byte that names the filter and ``width`` bytes.
    - ``width``, ``height``: bytes per row, and rows; both at least 1.
    - ``scratch``: ``width`` + 64 bytes.
    - ``lines``: ``width`` zeros; behind them the image is written, and behind that there are :data:`SPILL`
      bytes.
    """
    for y in range(height):
        if not undo_row(rows, y * (width + 1), scratch, lines, y * width, (y + 1) * width, width):
            return y
    return -1


@kernel("void(uint8[:, ::1], int64, uint8[:, ::1])")
def unpack_samples(packed: NDArray[np.uint8], bit_depth: int, samples: NDArray[np.uint8]) -> None:
    """Unpack samples of 1, 2 or 4 bits, the leftmost in the high bits (PNG third edition, section 7.2).

    - ``packed``: rows of packed bytes, shape (height, bytes per row).
    - ``bit_depth``: 1, 2 or 4.
    - ``samples``: receives the sample values, shape (height, width).
    """
    per_byte = 8 // bit_depth
    mask = (1 << bit_depth) - 1
    for y in range(samples.shape[0]):
        for x in range(samples.shape[1]):
            shift = 8 - bit_depth * (x % per_byte + 1)
            samples[y, x] = (packed[y, x // per_byte] >> shift) & mask
