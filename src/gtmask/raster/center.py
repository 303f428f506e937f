"""The centre rule: a pixel belongs to a part when its centre does.

Pixel (column c, row r) belongs when the point (c + 1/2, r + 1/2) lies inside by the even-odd rule, half-open
in both directions, which is decided so:

- an edge is met in row r when min(y0, y1) <= r + 1/2 < max(y0, y1);
- there it crosses at ``x = xt + (r + 1/2 - yt) * ((xb - xt) / (yb - yt))`` in float64, from its upper end
  (xt, yt) to its lower end (xb, yb), whichever way the ring runs;
- it counts for the columns from ``ceil(x - 1/2)`` on, and a pixel for which an odd number of edges counts
  belongs.

Two parts that share an edge compute the same column for it, bit by bit, so that polygons which tile a
plane paint each pixel exactly once. NaN and infinities paint something or nothing, but never outside.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel
from gtmask.raster.rows import MOST_PLACES, paint_rows, plan_band, push

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel(inline=True, inner=True)
def first_centre(position: float, most: int) -> int:
    """Return the first index i from 0 to ``most`` with i + 1/2 >= position; 0 for NaN."""
    if position >= most:
        return most
    if position > 0:
        return math.ceil(position - 0.5)
    return 0


@kernel("void(uint8[:, ::1], float64[:, ::1], int32[::1], int32[::1], uint8[::1])", arrays=True)
def fill_centers(
    mask: NDArray[np.uint8],
    points: NDArray[np.float64],
    ring_offsets: NDArray[np.int32],
    part_offsets: NDArray[np.int32],
    values: NDArray[np.uint8],
) -> None:
    """Paint all parts; the arguments are those of :func:`fill_center`, and right."""
    height = int(mask.shape[0])
    width = int(mask.shape[1])
    flat = mask.reshape(-1)
    changes = np.zeros(height + 2, np.int64)
    starts = np.empty(height + 2, np.int64)
    steps = np.zeros(width + 1, np.int64)
    places = np.empty(2 * MOST_PLACES, np.int64)
    crossings = np.empty(1 << 10, np.int64)
    for part in range(len(values)):
        rings = ring_offsets[part_offsets[part] : part_offsets[part + 1] + 1]
        band, bottom = count_edges(points, rings, height, changes)
        top = band
        active = 0
        while band < bottom:
            before = active
            stop, active, total = plan_band(changes, starts, band, bottom, active)
            if total > len(crossings):
                crossings = np.empty(2 * total, np.int64)
            place_edges(width, height, points, rings, band, stop, starts, crossings)
            paint_rows(flat, width, band, stop, before, changes, crossings, steps, places, values[part])
            band = stop
        changes[top : bottom + 1] = 0


@kernel("UniTuple(int64, 2)(float64[:, ::1], int32[::1], int64, int64[::1])", inner=True)
def count_edges(
    points: NDArray[np.float64], rings: NDArray[np.int32], height: int, changes: NDArray[np.int64]
) -> tuple[int, int]:
    """Add to ``changes`` by how much the number of edges met changes at each row, and return the rows."""
    top = height
    bottom = 0
    for ring in range(len(rings) - 1):
        if rings[ring] == rings[ring + 1]:
            continue
        before = first_centre(points[rings[ring + 1] - 1, 1], height)
        for i in range(rings[ring], rings[ring + 1]):
            here = first_centre(points[i, 1], height)
            if before != here:
                top = min(top, before, here)
                bottom = max(bottom, before, here)
                changes[min(before, here)] += 1
                changes[max(before, here)] -= 1
            before = here
    return min(top, bottom), bottom


@kernel("void(int64, int64, float64[:, ::1], int32[::1], int64, int64, int64[::1], int64[::1])", inner=True)
def place_edges(
    width: int,
    height: int,
    points: NDArray[np.float64],
    rings: NDArray[np.int32],
    band: int,
    stop: int,
    starts: NDArray[np.int64],
    crossings: NDArray[np.int64],
) -> None:
    """Put where each edge crosses the middle of a row, from row band to stop - 1, into that row."""
    for ring in range(len(rings) - 1):
        if rings[ring] == rings[ring + 1]:
            continue
        previous = rings[ring + 1] - 1
        before = first_centre(points[previous, 1], height)
        for i in range(rings[ring], rings[ring + 1]):
            here = first_centre(points[i, 1], height)
            # Compared as rows and not as numbers, so that the edges placed are those counted, NaN or not.
            upper, lower = (previous, i) if before < here else (i, previous)
            first = max(min(before, here), band)
            stop_row = min(max(before, here), stop)
            previous, before = i, here
            if first < stop_row:
                xt = points[upper, 0]
                yt = points[upper, 1]
                slope = (points[lower, 0] - xt) / (points[lower, 1] - yt)
                for y in range(first, stop_row):
                    column = first_centre(xt + (y + 0.5 - yt) * slope, width)
                    push(starts, crossings, y, column, column - 1)
