"""How the crossings of a part become pixels: spans between every other crossing of a row.

A crossing is one int64: the first pixel ``a`` of a run in its high half, the last pixel ``b`` in its low
half, both plus one so that nothing is negative. The crossings of a row, sorted, are taken in pairs; a pair
paints from its lower ``a`` to its higher ``b``, nothing where the latter is less.

Each row's number of crossings is known before they come: it is the sum of ``changes`` up to the row. So the
crossings of all rows follow one another in one array, in whatever order the edges of the part bring them,
and ``starts`` says where the next one of each row goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel
from gtmask.simd import fill

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Crossings that are kept at once (8 bytes each): parts with more of them are painted in bands of rows.
MOST_CROSSINGS = 1 << 20

#: Rows with so many crossings are sorted beginning with the order of the row before.
FEWEST_PLACES, MOST_PLACES = 10, 48

#: The half of a packed crossing that holds the first pixel.
FIRST = -(1 << 32)


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


@kernel("void(uint8[::1], int64, int64, uint8)", inline=True, inner=True)
def paint_wide_span(flat: NDArray[np.uint8], first: int, last: int, value: int) -> None:
    """Do what :func:`paint_span` does where there are 64 pixels or more, without calling memset.

    Where the array begins at a multiple of 64 bytes, all but the first and the last 64 pixels are written to
    such places, too.
    """
    final = last - 63
    fill(flat, first, value)
    place = (first | 63) + 1
    while place < final:
        fill(flat, place, value)
        place += 64
    fill(flat, final, value)


@kernel(inline=True, inner=True)
def first_of(one: int, two: int) -> int:
    """Return the lower first pixel of two crossings."""
    return (min(one, two) >> 32) - 1


@kernel(inline=True, inner=True)
def last_of(one: int, two: int) -> int:
    """Return the higher last pixel of two crossings."""
    return max(one & 0xFFFFFFFF, two & 0xFFFFFFFF) - 1


@kernel("void(int64[::1], int64[::1], int64, int64, int64)", inline=True, inner=True)
def push(starts: NDArray[np.int64], crossings: NDArray[np.int64], y: int, first: int, last: int) -> None:
    """Add a crossing to row ``y``, where ``starts`` says."""
    push_packed(starts, crossings, y, crossing(first, last))


@kernel("void(int64[::1], int64[::1], int64, int64)", inline=True, inner=True)
def push_packed(starts: NDArray[np.int64], crossings: NDArray[np.int64], y: int, packed: int) -> None:
    """Add a crossing, packed already, to row ``y``."""
    place = np.uint64(starts[np.uint64(y)])
    crossings[place] = packed
    starts[np.uint64(y)] = place + np.uint64(1)


@kernel("UniTuple(int64, 3)(int64[::1], int64[::1], int64, int64, int64)", inner=True)
def plan_band(
    changes: NDArray[np.int64], starts: NDArray[np.int64], band: int, last: int, active: int
) -> tuple[int, int, int]:
    """Choose the rows of a band, from ``band`` on and before ``last``, and prepare their ``starts``.

    ``active`` edges are met in the row before. Returns the row after the band, the number of edges met in
    its last row, and how many crossings it has.
    """
    total = 0
    y = band
    while y < last:
        following = active + changes[np.uint64(y)]
        if y > band and total + following > MOST_CROSSINGS:
            break
        active = following
        starts[np.uint64(y)] = total
        total += active
        y += 1
    return y, active, total


@kernel("void(int64[::1], int64, int64, int64[::1], boolean)", inner=True, hot=True)
def sort_as_before(
    keys: NDArray[np.int64], start: int, stop: int, places: NDArray[np.int64], fresh: bool
) -> None:
    """Sort ``keys[start:stop]``, at most :data:`MOST_PLACES`, in place, beginning with last time's order.

    From row to row, edges come in the same order and seldom change places: insertion sort then has next to
    nothing to do. ``places`` remembers that order, unless it is ``fresh``, in its first half.
    """
    count = stop - start
    if fresh:
        for i in range(count):
            places[i] = i
    for i in range(count):
        place = places[i]
        moving = keys[start + place]
        k = i
        while k > 0 and places[MOST_PLACES + k - 1] > moving:
            places[MOST_PLACES + k] = places[MOST_PLACES + k - 1]
            places[k] = places[k - 1]
            k -= 1
        places[MOST_PLACES + k] = moving
        places[k] = place
    for i in range(count):
        keys[start + i] = places[MOST_PLACES + i]


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
        first = (crossings[i] >> 32) - 1
        end = crossings[i] & 0xFFFFFFFF
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
    hot=True,
)
def paint_rows(
    flat: NDArray[np.uint8],
    width: int,
    top: int,
    bottom: int,
    active: int,
    changes: NDArray[np.int64],
    crossings: NDArray[np.int64],
    steps: NDArray[np.int64],
    places: NDArray[np.int64],
    value: int,
) -> None:
    """Paint the rows top to bottom - 1, whose crossings follow one another.

    ``active`` crossings were in the row before ``top``; ``changes`` says by how much their number changes.
    """
    start = 0
    fresh = True
    for y in range(top, bottom):
        change = changes[np.uint64(y)]
        active += change
        stop = start + active
        if active > 2:
            if 8 * active > width:
                sweep_row(flat, y * width, width, crossings, start, stop, steps, value)
                start = stop
                continue
            if active == 4:
                order(crossings, start, start + 1)
                order(crossings, start + 2, start + 3)
                order(crossings, start, start + 2)
                order(crossings, start + 1, start + 3)
                order(crossings, start + 1, start + 2)
            elif FEWEST_PLACES <= active <= MOST_PLACES:
                sort_as_before(crossings, start, stop, places, fresh or change != 0)
                fresh = False
            else:
                sort_range(crossings, start, stop)
                fresh = True
        while start < stop:
            one = crossings[np.uint64(start)]
            two = crossings[np.uint64(start + 1)]
            first = first_of(one, two)
            last = max(last_of(one, two), first - 1)
            if last - first >= 63:
                paint_wide_span(flat, y * width + first, y * width + last, value)
            else:
                paint_span(flat, y * width + first, y * width + last, value)
            start += 2
