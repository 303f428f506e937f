"""The OpenCV rule: pixel for pixel what ``cv2.fillPoly`` paints (OpenCV 4.11 to 5.0, lineType 8, shift 0).

The rule (modules/imgproc/src/drawing.cpp: CollectPolyEdges, FillEdgeCollection, clipLine, LineIterator):

- the outline is drawn: every edge as an 8-connected line between its end points, clipped to the mask;
- between the edges of a row, taken in pairs from left to right, pixels ceil(left) to floor(right) are
  painted; an edge is met in rows y0 <= y < y1, at x = x0 + (y - y0) * slope in 16.16 fixed point, the
  slope cut towards zero, and x0 and slope are those of the clipped end points.

Both are one here. In a row, the line of an edge covers a run of pixels [a, b] that lies next to the place
where the edge is met: ceil(x) is in [a, b + 1] and floor(x) in [a - 1, b]. So the span of a pair of edges
and their two runs are one run without a gap, from the lower ``a`` to the higher ``b``, and where runs of
different pairs touch, it does not matter which is sorted first. An edge that is met in a row without
being drawn there (its line was clipped away) counts as the empty run [ceil(x), floor(x)]. What is drawn in
a row without being met (the lowest row of an edge, horizontal edges) is painted at once.

The fixed-point error stays below half a pixel in 32,767 rows; taller edges are drawn on their own. Exact
for coordinates within +-2**30; beyond, OpenCV itself overflows and nothing is promised but that no byte
outside the mask is touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel
from gtmask.raster.arguments import wrong_offsets
from gtmask.raster.clipping import TALLEST, needs_clipping, place_clipped
from gtmask.raster.lines import fixed_line
from gtmask.raster.rows import FIRST, MOST_PLACES, paint_rows, paint_span, plan_band, push, push_packed

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel("int64(uint8[:, ::1], int32[:, ::1], int32[::1], int32[::1], uint8[::1])", arrays=True)
def fill_parts(
    mask: NDArray[np.uint8],
    points: NDArray[np.int32],
    ring_offsets: NDArray[np.int32],
    part_offsets: NDArray[np.int32],
    values: NDArray[np.uint8],
) -> int:
    """Paint all parts and return 0, or nothing and return 1 if an offset or a shape is wrong."""
    if points.shape[1] != 2 or wrong_offsets(ring_offsets, part_offsets, len(points), len(values)):
        return 1
    if mask.size == 0:
        return 0
    height = int(mask.shape[0])
    width = int(mask.shape[1])
    flat = mask.reshape(-1)
    scratch = np.empty(2 * (height + 2) + width + 1, np.int64)
    for i in range(len(scratch)):
        scratch[i] = 0
    changes = scratch[: height + 2]
    starts = scratch[height + 2 : 2 * height + 4]
    steps = scratch[2 * height + 4 :]
    places = np.empty(2 * MOST_PLACES, np.int64)
    crossings = np.empty(1 << 10, np.int64)
    for part in range(len(values)):
        rings = ring_offsets[part_offsets[part] : part_offsets[part + 1] + 1]
        left, top, right, bottom = count_changes(points, rings, height, changes)
        if right >= 0 and bottom >= 0 and left < width and top < height:
            inside = left >= 0 and top >= 0 and right < width and bottom < min(height, TALLEST)
            band = max(top, 0)
            last = min(bottom, height)
            active = 0
            while True:
                before = active
                stop, active, total = plan_band(changes, starts, band, last, active)
                if total > len(crossings):
                    crossings = np.empty(2 * total, np.int64)
                whole = inside and band == top and stop == last
                place_rings(
                    flat, width, height, points, rings, whole, band, stop, starts, crossings, values[part]
                )
                paint_rows(flat, width, band, stop, before, changes, crossings, steps, places, values[part])
                band = stop
                if band >= last:
                    break
        changes[max(top, 0) : min(max(bottom, 0), height) + 1] = 0
    return 0


@kernel("UniTuple(int64, 4)(int32[:, ::1], int32[::1], int64, int64[::1])", inner=True)
def count_changes(
    points: NDArray[np.int32], rings: NDArray[np.int32], height: int, changes: NDArray[np.int64]
) -> tuple[int, int, int, int]:
    """Add to ``changes`` by how much the number of edges met changes at each row, and return the bounds.

    An edge that goes down is met from the row in which it starts, one that goes up from the row in which
    it ends; so at each vertex the number changes by the difference of the two directions.
    """
    left = top = 1 << 32
    right = bottom = -(1 << 32)
    for ring in range(len(rings) - 1):
        if rings[ring] == rings[ring + 1]:
            continue
        here = min(max(int(points[rings[ring + 1] - 1, 1]), 0), height)
        before = 0
        for i in range(rings[ring], rings[ring + 1]):
            x = int(points[i, 0])
            y = int(points[i, 1])
            left = min(left, x)
            right = max(right, x)
            top = min(top, y)
            bottom = max(bottom, y)
            following = min(max(y, 0), height)
            direction = int(following > here) - int(following < here)
            changes[np.uint64(here)] += direction - before
            before = direction
            here = following
        changes[np.uint64(here)] -= before
    return left, top, right, bottom


@kernel(
    "void(uint8[::1], int64, int64, int32[:, ::1], int32[::1], boolean,"
    " int64, int64, int64[::1], int64[::1], uint8)",
    inner=True,
    hot=True,
)
def place_rings(
    flat: NDArray[np.uint8],
    width: int,
    height: int,
    points: NDArray[np.int32],
    rings: NDArray[np.int32],
    inside: bool,
    band: int,
    stop: int,
    starts: NDArray[np.int64],
    crossings: NDArray[np.int64],
    value: int,
) -> None:
    """Put the crossings of all edges with rows band to stop - 1 into their rows.

    ``low`` to ``high`` is the run around the vertex (x0, y0), to which the edge before and the edge after it
    contribute; it becomes a crossing for each of the two that is met there, or else is painted at once.
    """
    for ring in range(len(rings) - 1):
        if rings[ring] == rings[ring + 1]:
            continue
        x0 = low = high = int(points[rings[ring + 1] - 1, 0])
        y0 = int(points[rings[ring + 1] - 1, 1])
        met = 0
        for i in range(rings[ring], rings[ring + 1]):
            x1, y1 = int(points[i, 0]), int(points[i, 1])
            clipped = not inside and needs_clipping(width, band, min(stop, height - 1), x0, y0, x1, y1)
            if y0 == y1 and not clipped:
                low, high, x0 = min(low, x1), max(high, x1), x1
                continue
            rows = abs(y1 - y0)
            back = int(x1 < x0)
            left, slope, right = fixed_line(rows, abs(x1 - x0), x0, back)
            if not clipped:
                end = ((left if back else left + right) >> 32) - 1
                low = min(low, end)
                high = max(high, end)
                met += int(y1 > y0)
            if met == 0:
                paint_inside(flat, width, height, y0, low, high, value)
            elif band <= y0 < stop:
                for _ in range(met):
                    push(starts, crossings, y0, low, high)
            low = high = x1
            met = int(y1 < y0)
            if clipped:
                place_clipped(flat, width, height, x0, y0, x1, y1, band, stop, starts, crossings, value)
                met = 0
            else:
                y = y0
                for _ in range(rows - 1):
                    left += slope
                    y += 1 - 2 * met
                    push_packed(starts, crossings, y, (left & FIRST) | ((left + right) >> 32))
                left += slope
                end = ((left + right if back else left) >> 32) - 1
                low = min(end, x1)
                high = max(end, x1)
            x0 = x1
            y0 = y1
        if met == 0:
            paint_inside(flat, width, height, y0, low, high, value)
        elif band <= y0 < stop:
            push(starts, crossings, y0, low, high)


@kernel("void(uint8[::1], int64, int64, int64, int64, int64, uint8)", inline=True, inner=True)
def paint_inside(
    flat: NDArray[np.uint8], width: int, height: int, y: int, low: int, high: int, value: int
) -> None:
    """Paint columns low to high of row y, all of them inside the mask or all outside."""
    if y < 0 or y >= height or low < 0 or high >= width:
        y = low = 0
        high = -1
    paint_span(flat, y * width + low, y * width + high, value)
