"""How the crossings of a part become pixels: spans between every other crossing of a row.

A crossing is one int64: the first pixel ``a`` of a run in its high half, the last pixel ``b`` in its low
half, both plus one so that nothing is negative. In each row, crossings are sorted and taken in pairs; a
pair paints from its lower ``a`` to its higher ``b``, nothing where the latter is less.

The crossings of row y are ``crossings[starts[y]:starts[y + 1]]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel(inline=True)
def crossing(first: int, last: int) -> int:
    """Pack the first and the last pixel of a crossing, both -1 or more."""
    return ((first + 1) << 32) | (last + 1)


@kernel(inline=True)
def paint_span(flat: NDArray[np.uint8], first: int, last: int, value: int) -> None:
    """Set ``flat[first]`` to ``flat[last]``, both included, both within the array.

    Unsigned indices cannot wrap around, and so the loop compiles to a memset.
    """
    for i in range(np.uint64(first), np.uint64(last + 1)):
        flat[i] = value


@kernel("void(int64[::1], int64, int64)")
def sort_range(keys: NDArray[np.int64], start: int, stop: int) -> None:
    """Sort ``keys[start:stop]`` in place: insertion sort, with Shell's gaps where there are many keys."""
    gap = 1
    while gap * 9 < stop - start:
        gap = gap * 3 + 1
    while gap > 0:
        for i in range(start + gap, stop):
            moving = keys[i]
            k = i - gap
            while k >= start and keys[k] > moving:
                keys[k + gap] = keys[k]
                k -= gap
            keys[k + gap] = moving
        gap //= 3


@kernel("void(uint8[::1], int64, int64, int64, int64[::1], int64[::1], uint8)")
def paint_rows(
    flat: NDArray[np.uint8],
    width: int,
    top: int,
    bottom: int,
    starts: NDArray[np.int64],
    crossings: NDArray[np.int64],
    value: int,
) -> None:
    """Paint rows top to bottom - 1 of the mask ``flat`` (row-major, ``width`` wide) from their crossings."""
    for y in range(top, bottom):
        start = starts[y]
        stop = starts[y + 1]
        if stop - start > 2:
            sort_range(crossings, start, stop)
        base = y * width
        for i in range(start, stop - 1, 2):
            one = crossings[i]
            two = crossings[i + 1]
            first = max(min(one >> 32, two >> 32) - 1, 0)
            last = min(max(one & 0xFFFFFFFF, two & 0xFFFFFFFF) - 1, width - 1)
            if first <= last:
                paint_span(flat, base + first, base + last, value)
