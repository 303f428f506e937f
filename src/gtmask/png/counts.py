"""Counting pixels by value where they lie in memory: a mask that was painted, a block of a decoded row.

A mask is flat: 64 pixels at a time are compared with their neighbours, and its runs are counted, not its
pixels. The statistics of a run are made of these counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel
from gtmask.simd import clear_lowest_bit, differences, lowest_bit

if TYPE_CHECKING:
    from numpy.typing import NDArray


def count_values(mask: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count how often each value occurs.

    Returns int64 (256,).

    - ``mask``: uint8, C-contiguous, of any shape.
    """
    counts = np.zeros(256, np.int64)
    count_pixels(mask.reshape(-1), counts)
    return counts


@kernel("void(uint8[::1], int64[::1])")
def count_pixels(pixels: NDArray[np.uint8], counts: NDArray[np.int64]) -> None:
    """Add to ``counts``, shape (256,), how often each value occurs."""
    place = 0
    while place + 64 < pixels.size:
        count_block(pixels, place, 1, counts)
        place += 64
    for i in range(place, pixels.size):
        counts[np.uint64(pixels[i])] += 1


@kernel("void(uint8[::1], int64, int64, int64[::1])", inner=True)
def count_block(lines: NDArray[np.uint8], place: int, times: int, counts: NDArray[np.int64]) -> None:
    """Count 64 pixels so many times; a 65th follows them.

    Runs are counted four at a time, and a block that has fewer adds nothings to the value of its last: how
    many runs a block has cannot be foretold, and a processor that guesses wrong loses more time.
    """
    stop = np.uint64(1 << 63)
    ends = differences(lines, place, place + 1) | stop
    first = np.uint64(place)
    counted = -times
    last = 0
    while last < 63:
        for _ in range(4):
            last = lowest_bit(ends)
            ends = clear_lowest_bit(ends) | stop
            counts[np.uint64(lines[first + np.uint64(last)])] += last * times - counted
            counted = last * times
