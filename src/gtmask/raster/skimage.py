"""The scikit-image rule: polygons as ``skimage.draw.polygon(ys, xs, shape)`` fills them.

The rule (``scikit-image:skimage/_shared/geometry.pyx``, after O'Rourke): pixels are *points* at whole
coordinates, so that pixel (column c, row r) is asked at (c, r). From there the crossings with the ring to the
right and to the left are counted, upper ends of edges open for the one count and lower ends for the other. A
pixel belongs when either count is odd, which includes pixels that lie on an edge, or when it lies within
10**-12 of a vertex.

This module decides how to ask once per row and edge and not once per pixel and edge: each edge is given the
last column that it lies to the right of, or the first that it lies to the left of, in the very arithmetic of
the rule. Each of the two counts then is an ordinary scan of spans.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel
from gtmask.raster.rows import crossing, paint_span, sort_range

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: How near a vertex must be to a pixel to be that pixel, on each axis.
VERTEX_ERROR = 1e-12


@kernel("int64(float64, int64, boolean)", inline=True)
def first_row(y: float, height: int, leftwards: bool) -> int:
    """Return the first row, 0 to height, that an edge which begins at y is met in.

    An edge is met in the rows from that of its upper end up to, without, that of its lower end.
    """
    if y >= height:
        return height
    if y < 0:
        return 0
    return min(math.floor(y) + 1 if leftwards else math.ceil(y), height)


@kernel("float64(float64, float64, float64, float64, int64)", inline=True)
def offset_at(x0: float, y0: float, x1: float, y1: float, column: int) -> float:
    """Return how far to the right of a column an edge crosses; its y are relative to the row."""
    left, right = x0 - column, x1 - column
    return (left * y1 - right * y0) / (y1 - y0)


@kernel("void(uint8[::1], int64, int64, int64, int64[::1], int64[::1], uint8)")
def paint_pairs(
    flat: NDArray[np.uint8],
    width: int,
    top: int,
    bottom: int,
    starts: NDArray[np.int64],
    crossings: NDArray[np.int64],
    value: int,
) -> None:
    """Paint rows top to bottom - 1 of the mask ``flat`` (row-major) between each two crossings."""
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


@kernel("int64(float64, float64, float64, float64, int64, boolean)")
def crossed_column(x0: float, y0: float, x1: float, y1: float, width: int, leftwards: bool) -> int:
    """Return the first column, 0 to width, that the crossing counts for (left) or no longer counts for.

    The estimate is off by far less than a column, so the two columns next to it settle the matter.
    """
    estimate = (x0 * y1 - x1 * y0) / (y1 - y0)
    if estimate < -1:
        return 0
    if estimate > width:
        return width
    column = math.floor(estimate) - 1
    if leftwards:
        while column < width and not offset_at(x0, y0, x1, y1, column) < 0:
            column += 1
    else:
        while column < width and offset_at(x0, y0, x1, y1, column) > 0:
            column += 1
    return max(column, 0)


@kernel("UniTuple(int64, 2)(float64[:, ::1], int32[::1], int64, int64[::1], boolean)")
def count_edges(
    points: NDArray[np.float64],
    rings: NDArray[np.int32],
    height: int,
    starts: NDArray[np.int64],
    leftwards: bool,
) -> tuple[int, int]:
    """Add to ``starts`` by how much the number of edges met changes at each row, and return the rows."""
    top = height
    bottom = 0
    for ring in range(len(rings) - 1):
        if rings[ring] == rings[ring + 1]:
            continue
        before = first_row(points[rings[ring + 1] - 1, 1], height, leftwards)
        for i in range(rings[ring], rings[ring + 1]):
            here = first_row(points[i, 1], height, leftwards)
            if before != here:
                top = min(top, before, here)
                bottom = max(bottom, before, here)
                starts[min(before, here)] += 1
                starts[max(before, here)] -= 1
            before = here
    return min(top, bottom), bottom


@kernel("void(int64, int64, float64[:, ::1], int32[::1], int64[::1], int64[::1], boolean)")
def place_edges(
    width: int,
    height: int,
    points: NDArray[np.float64],
    rings: NDArray[np.int32],
    starts: NDArray[np.int64],
    crossings: NDArray[np.int64],
    leftwards: bool,
) -> None:
    """Put each edge's column into each row that it is met in."""
    for ring in range(len(rings) - 1):
        previous = rings[ring + 1] - 1
        for i in range(rings[ring], rings[ring + 1]):
            # In the rule, (x0, y0) is the edge's end and (x1, y1) its start.
            x0, y0, x1, y1 = points[i, 0], points[i, 1], points[previous, 0], points[previous, 1]
            previous = i
            first = first_row(min(y0, y1), height, leftwards)
            stop = first_row(max(y0, y1), height, leftwards)
            for row in range(first, stop):
                column = crossed_column(x0, y0 - row, x1, y1 - row, width, leftwards)
                starts[row] -= 1
                crossings[starts[row]] = crossing(column, column - 1)


@kernel("void(uint8[:, ::1], float64[:, ::1], int32, int32, uint8)")
def paint_vertices(
    mask: NDArray[np.uint8], points: NDArray[np.float64], start: int, stop: int, value: int
) -> None:
    """Paint the pixels that lie within :data:`VERTEX_ERROR` of a vertex."""
    height, width = mask.shape
    for i in range(start, stop):
        x, y = points[i, 0], points[i, 1]
        if -1 < x < width and -1 < y < height:
            column = math.floor(x + 0.5)
            row = math.floor(y + 0.5)
            if 0 <= column < width and 0 <= row < height:
                if abs(x - column) < VERTEX_ERROR and abs(y - row) < VERTEX_ERROR:
                    mask[row, column] = value


@kernel("void(uint8[:, ::1], float64[:, ::1], int32[::1], int32[::1], uint8[::1])", arrays=True)
def paint_parts(
    mask: NDArray[np.uint8],
    points: NDArray[np.float64],
    ring_offsets: NDArray[np.int32],
    part_offsets: NDArray[np.int32],
    values: NDArray[np.uint8],
) -> None:
    """Paint all parts; the arguments are those of :func:`fill_skimage`, and right."""
    height, width = mask.shape
    flat = mask.reshape(-1)
    starts = np.zeros(height + 2, np.int64)
    crossings = np.empty(1 << 10, np.int64)
    for part in range(len(values)):
        rings = ring_offsets[part_offsets[part] : part_offsets[part + 1] + 1]
        for leftwards in (False, True):
            top, bottom = count_edges(points, rings, height, starts, leftwards)
            total = active = 0
            for row in range(top, bottom):
                active += starts[row]
                total += active
                starts[row] = total
            starts[bottom] = total
            if total > len(crossings):
                crossings = np.empty(2 * total, np.int64)
            place_edges(width, height, points, rings, starts, crossings, leftwards)
            paint_pairs(flat, width, top, bottom, starts, crossings, values[part])
            starts[top : bottom + 1] = 0
        paint_vertices(mask, points, rings[0], rings[-1], values[part])
