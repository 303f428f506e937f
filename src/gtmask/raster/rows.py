"""How the crossings of a part become pixels: spans between every other crossing of a row.

A crossing is one int64: the first pixel ``a`` of a run in its high half, the last pixel ``b`` in its low
half, both plus one so that nothing is negative. The crossings of a row, sorted, are taken in pairs; a pair
paints from its lower ``a`` to its higher ``b``, nothing where the latter is less.

Most rows of most parts have two crossings: such a row is painted when the second comes, and nothing is
kept. Rows with more keep theirs in ``crossings[starts[y]:]`` until the part's last edge is there. Each
row's number of crossings is known before: it is the sum of ``changes`` up to the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Crossings that are kept at once (8 bytes each): parts with more of them are painted in bands of rows.
MOST_CROSSINGS = 1 << 20

#: In ``starts``: this row will have two crossings, none of which is there yet.
FIRST_OF_TWO = -1


@kernel("int64(int64, int64)", inline=True, inner=True)
def crossing(first: int, last: int) -> int:
    """Pack the first and the last pixel of a crossing, both -1 or more."""
    return ((first + 1) << 32) | (last + 1)


@kernel("void(uint8[::1], int64, int64, uint8)", inline=True, inner=True)
def paint_span(flat: NDArray[np.uint8], first: int, last: int, value: int) -> None:
    """Set ``flat[first]`` to ``flat[last]``, both included, both within the array.

    Unsigned indices cannot wrap around, and so the loop compiles to a memset.
    """
    for i in range(np.uint64(first), np.uint64(last + 1)):
        flat[i] = value


@kernel(inline=True, inner=True)
def first_of(one: int, two: int) -> int:
    """Return the lower first pixel of two crossings, at least 0."""
    return max(min(one, two) >> 32, 1) - 1


@kernel(inline=True, inner=True)
def last_of(one: int, two: int, width: int) -> int:
    """Return the higher last pixel of two crossings, at most ``width - 1``."""
    return min(max(one & 0xFFFFFFFF, two & 0xFFFFFFFF) - 1, width - 1)


@kernel(
    "void(uint8[::1], int64, int64[::1], int64[::1], int64, int64, int64, uint8)", inline=True, inner=True
)
def push(
    flat: NDArray[np.uint8],
    width: int,
    starts: NDArray[np.int64],
    crossings: NDArray[np.int64],
    y: int,
    first: int,
    last: int,
    value: int,
) -> None:
    """Add a crossing to row ``y``; paint the row if it is the second of a row that has two.

    Every array is used on every path: else Numba counts references, atomically, at each call.
    """
    added = crossing(first, last)
    place = starts[np.uint64(y)]
    crossings[np.uint64(max(place - 1, 0))] = added
    start = 1
    stop = 1
    if place > 0:
        kept = place - 1
    elif place == FIRST_OF_TWO:
        kept = FIRST_OF_TWO - 1 - added
    else:
        kept = FIRST_OF_TWO
        other = FIRST_OF_TWO - 1 - place
        start = y * width + first_of(added, other)
        stop = y * width + last_of(added, other, width) + 1
    starts[np.uint64(y)] = kept
    for i in range(np.uint64(start), np.uint64(max(start, stop))):
        flat[i] = value


@kernel("UniTuple(int64, 3)(int64[::1], int64[::1], int64, int64, int64)", inner=True)
def plan_band(
    changes: NDArray[np.int64], starts: NDArray[np.int64], band: int, last: int, active: int
) -> tuple[int, int, int]:
    """Choose the rows of a band, from ``band`` on and before ``last``, and prepare their ``starts``.

    ``active`` edges are met in the row before. Returns the row after the band, the number of edges met in
    its last row, and how many places its crossings need, of which the first is never read.
    """
    total = 1
    y = band
    while y < last:
        following = active + changes[np.uint64(y)]
        if y > band and total + following > MOST_CROSSINGS:
            break
        active = following
        if active == 2:
            starts[np.uint64(y)] = FIRST_OF_TWO
        else:
            total += active
            starts[np.uint64(y)] = total
        y += 1
    return y, active, total


@kernel("void(int64[::1], int64, int64)", inner=True)
def sort_range(keys: NDArray[np.int64], start: int, stop: int) -> None:
    """Sort ``keys[start:stop]`` in place: insertion sort, with Shell's gaps where there are many keys."""
    if keys[start] > keys[stop - 1]:
        for i in range((stop - start) // 2):
            keys[start + i], keys[stop - 1 - i] = keys[stop - 1 - i], keys[start + i]
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


@kernel(inline=True, inner=True)
def order(keys: NDArray[np.int64], i: int, k: int) -> None:
    """Swap two keys if they are out of order, without a branch."""
    one = keys[np.uint64(i)]
    two = keys[np.uint64(k)]
    keys[np.uint64(i)] = min(one, two)
    keys[np.uint64(k)] = max(one, two)


@kernel("void(uint8[::1], int64, int64, int64[::1], int64, int64, int64[::1], uint8)", inner=True)
def sweep_row(
    flat: NDArray[np.uint8],
    base: int,
    width: int,
    crossings: NDArray[np.int64],
    start: int,
    stop: int,
    steps: NDArray[np.int64],
    value: int,
) -> None:
    """Paint the row at ``base`` without sorting: a pixel is painted after an odd number of runs, or in one.

    ``steps`` has ``width + 1`` zeros, and has them again afterwards. While sweeping along the row, the low
    half of the sum counts the runs that have begun, the high half those that have ended.
    """
    left = width
    right = 0
    for i in range(start, stop):
        first = min(max((crossings[i] >> 32) - 1, 0), width)
        end = min(crossings[i] & 0xFFFFFFFF, width)
        steps[first] += 1
        steps[end] += 1 << 32
        left = min(left, first)
        right = max(right, first, end)
    state = 0
    for x in range(left, right + 1):
        state += steps[x]
        steps[x] = 0
        if state & 1 or (state & 0xFFFFFFFF) != state >> 32:
            flat[base + x] = value


@kernel(
    "void(uint8[::1], int64, int64, int64, int64, int64[::1], int64[::1], int64[::1], int64[::1], uint8)",
    inner=True,
)
def paint_rows(
    flat: NDArray[np.uint8],
    width: int,
    top: int,
    bottom: int,
    active: int,
    changes: NDArray[np.int64],
    starts: NDArray[np.int64],
    crossings: NDArray[np.int64],
    steps: NDArray[np.int64],
    value: int,
) -> None:
    """Paint those of the rows top to bottom - 1 that have four crossings or more.

    ``active`` crossings were in the row before ``top``; ``changes`` says by how much their number changes.
    """
    for y in range(top, bottom):
        active += changes[y]
        if active <= 2:
            continue
        start = starts[y]
        stop = start + active
        if 8 * active > width:
            sweep_row(flat, y * width, width, crossings, start, stop, steps, value)
            continue
        if active == 4:
            order(crossings, start, start + 1)
            order(crossings, start + 2, start + 3)
            order(crossings, start, start + 2)
            order(crossings, start + 1, start + 3)
            order(crossings, start + 1, start + 2)
        else:
            sort_range(crossings, start, stop)
        for i in range(start, stop - 1, 2):
            one = crossings[i]
            two = crossings[i + 1]
            first = first_of(one, two)
            last = max(last_of(one, two, width), first - 1)
            paint_span(flat, y * width + first, y * width + last, value)
