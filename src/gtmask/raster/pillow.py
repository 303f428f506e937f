"""The Pillow rule: polygons as ``ImageDraw.polygon(xy, outline=c, fill=c)`` of Pillow 13 paints them.

The rule (``python-pillow:src/libImaging/Draw.c`` and ``PIL/ImageDraw.py``):

- vertices are truncated towards zero to pixel indices; an outline of the colour of the fill is not drawn,
  so that ``polygon(fill=c)`` and ``polygon(fill=c, outline=c)`` are the same picture;
- a horizontal edge paints its pixels;
- every other edge crosses all rows from its upper to its lower vertex, *both included*, at x positions in
  single precision; at its lower vertex it counts twice unless the polygon ends in that row;
- where an edge starts or ends in a row and meets an earlier edge of the ring that does so too, at the same
  pixel, the crossing may be moved along, so that corners do not come apart;
- a row's sorted crossings are taken in pairs, halves rounded outwards, both ends included.

This module decides how to get there row by row from a list of the edges met, in the ring's order, because
the corner rule asks for *earlier* edges. Crossings become integers before they are sorted: both
roundings are monotone, so they sort as the positions do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel
from gtmask.raster.rows import crossing, paint_span, sort_range

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ONE = np.float32(1)
_HALF = np.float32(0.5)


@kernel("float32(float32)", inline=True)
def round_away(x: np.float32) -> np.float32:
    """Round to nearest, halves away from zero: C's ``roundf``."""
    whole = np.float32(math.trunc(float(x)))
    if abs(x - whole) >= _HALF:
        return np.float32(whole + math.copysign(_ONE, x))
    return whole


@kernel("int64(float32, int64)", inline=True)
def span_ends(x: np.float32, width: int) -> int:
    """Return a crossing as the pixel it starts a span with and the one that it ends a span with.

    The two halves are taken in the precisions in which Pillow's macros take them.
    """
    if x >= 0:
        first = math.floor(x + _HALF)
        last = math.ceil(x - _HALF)
    else:
        first = -math.floor(abs(float(x)) + 0.5)
        last = -math.ceil(abs(float(x)) - 0.5)
    return crossing(min(max(first, -1), width), min(max(last, -1), width))


@kernel("float32(int64[:, ::1], float32[::1], int64, int64)", inline=True)
def edge_at(edges: NDArray[np.int64], slopes: NDArray[np.float32], i: int, row: int) -> np.float32:
    """Return where edge i (or the line through it) crosses a row, in single precision."""
    return np.float32(np.float32(row - edges[i, 1]) * slopes[i] + np.float32(edges[i, 0]))


@kernel("float32(int64[:, ::1], float32[::1], int64[::1], int64, int64)")
def join_corner(
    edges: NDArray[np.int64], slopes: NDArray[np.float32], active: NDArray[np.int64], rank: int, row: int
) -> np.float32:
    """Return where the edge ``active[rank]``, which starts or ends in this row, crosses it.

    Moved to the neighbour of where the corner's two edges are in the next row (the row before, if the
    edge ends here), when both of them lie more than a pixel away on the same side.
    """
    edge = active[rank]
    x = edge_at(edges, slopes, edge, row)
    near = row - 1 if row == edges[edge, 3] else row + 1
    here = edge_at(edges, slopes, edge, near)
    for k in range(rank):
        other = active[k]
        if slopes[other] == 0 or (row != edges[other, 2] and row != edges[other, 3]):
            continue
        if round_away(x) != round_away(edge_at(edges, slopes, other, row)):
            continue
        if edges[other, 2] <= near <= edges[other, 3]:
            there = edge_at(edges, slopes, other, near)
            if x > here + _ONE and x > there + _ONE:
                return round_away(max(here, there)) + _ONE
            if x < here - _ONE and x < there - _ONE:
                return round_away(min(here, there)) - _ONE
            return x
    return x


@kernel(
    "int64(uint8[:, ::1], int64[:, ::1], float32[::1], int64[::1], int64, int64, int64, int64, int64, uint8)"
)
def add_edge(
    mask: NDArray[np.uint8],
    edges: NDArray[np.int64],
    slopes: NDArray[np.float32],
    events: NDArray[np.int64],
    count: np.int64,
    x0: int,
    y0: int,
    x1: int,
    y1: int,
    value: int,
) -> np.int64:
    """Paint the edge if it is horizontal, else append it, if rows of the mask meet it; return the count."""
    height, width = mask.shape
    low, high = min(y0, y1), max(y0, y1)
    if high < 0 or low >= height:
        return count
    if low == high:
        first, last = max(min(x0, x1), 0), min(max(x0, x1), width - 1)
        if first <= last:
            paint_span(mask.reshape(-1), y0 * width + first, y0 * width + last, value)
        return count
    edges[count, 0] = x0
    edges[count, 1] = y0
    edges[count, 2] = low
    edges[count, 3] = high
    slopes[count] = np.float32(x1 - x0) / np.float32(y1 - y0)
    events[count] = max(low, 0) << 32 | count
    return count + np.int64(1)


@kernel("int64(int64[:, ::1], int64[::1], int64, int64)")
def drop_ended(edges: NDArray[np.int64], active: NDArray[np.int64], count: np.int64, row: int) -> np.int64:
    """Take the edges that ended before this row out of the active ones, and return how many stay."""
    kept = np.int64(0)
    for k in range(count):
        active[kept] = active[k]
        if edges[active[k], 3] >= row:
            kept += 1
    return kept


@kernel("void(int64[::1], int64, int64)", inline=True)
def insert_ordered(active: NDArray[np.int64], count: np.int64, edge: int) -> None:
    """Insert an edge among ``count`` active ones, which are in the ring's order."""
    place = count
    while place > 0 and active[place - 1] > edge:
        active[place] = active[place - 1]
        place -= 1
    active[place] = edge


@kernel(
    "void(uint8[:, ::1], int64[:, ::1], float32[::1], int64[::1], int64[::1], int64[::1],int64, int64, uint8)"
)
def paint_edges(
    mask: NDArray[np.uint8],
    edges: NDArray[np.int64],
    slopes: NDArray[np.float32],
    events: NDArray[np.int64],
    active: NDArray[np.int64],
    crossings: NDArray[np.int64],
    count: int,
    last_row: int,
    value: int,
) -> None:
    """Scan the rows that the edges meet; ``last_row`` is the polygon's lowest, at most the height."""
    height, width = mask.shape
    flat = mask.reshape(-1)
    sort_range(events, 0, int(count))
    coming = met = np.int64(0)
    row = events[0] >> 32
    while row <= min(last_row, height - 1):
        met = drop_ended(edges, active, met, row)
        while coming < count and events[coming] >> 32 == row:
            insert_ordered(active, met, events[coming] & 0xFFFFFFFF)
            met += 1
            coming += 1
        found = np.int64(0)
        for k in range(met):
            edge = active[k]
            ends = row == edges[edge, 3]
            twice = ends and row < last_row
            if not twice and (ends or row == edges[edge, 2]) and slopes[edge] != 0:
                x = join_corner(edges, slopes, active, k, row)
            else:
                x = edge_at(edges, slopes, edge, row)
            crossings[found] = span_ends(x, width)
            found += 1
            if twice:
                crossings[found] = crossings[found - 1]
                found += 1
        sort_range(crossings, 0, int(found))
        for k in range(1, found, 2):
            first = max((crossings[k - 1] >> 32) - 1, 0)
            last = min((crossings[k] & 0xFFFFFFFF) - 1, width - 1)
            if first <= last:
                paint_span(flat, row * width + first, row * width + last, value)
        row += 1


@kernel("void(uint8[:, ::1], float64[:, ::1], int32[::1], int32[::1], uint8[::1])", arrays=True)
def paint_parts(
    mask: NDArray[np.uint8],
    points: NDArray[np.float64],
    ring_offsets: NDArray[np.int32],
    part_offsets: NDArray[np.int32],
    values: NDArray[np.uint8],
) -> None:
    """Paint all parts; the arguments are those of :func:`fill_pillow`, and right."""
    most = 0
    for part in range(len(values)):
        most = max(most, ring_offsets[part_offsets[part + 1]] - ring_offsets[part_offsets[part]])
    edges = np.empty((most, 4), np.int64)
    slopes = np.empty(most, np.float32)
    events = np.empty(most, np.int64)
    active = np.empty(most, np.int64)
    crossings = np.empty(2 * most, np.int64)
    for part in range(len(values)):
        # Not a plain zero: Numba would compile the callees once more, for the constant.
        count = np.int64(0)
        last_row = 0
        for ring in range(part_offsets[part], part_offsets[part + 1]):
            start, stop = ring_offsets[ring], ring_offsets[ring + 1]
            for i in range(start, stop):
                x0, y0 = int(points[i, 0]), int(points[i, 1])
                after = i + 1 if i + 1 < stop else start
                x1, y1 = int(points[after, 0]), int(points[after, 1])
                # Pillow leaves out a closing edge without length; one between other vertices is a dot.
                if after != start or x0 != x1 or y0 != y1:
                    last_row = max(last_row, y0, y1)
                    count = add_edge(mask, edges, slopes, events, count, x0, y0, x1, y1, values[part])
        if count:
            last_row = min(last_row, mask.shape[0])
            paint_edges(mask, edges, slopes, events, active, crossings, int(count), last_row, values[part])
