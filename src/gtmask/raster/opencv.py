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

from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.jit import kernel
from gtmask.raster.arguments import fill_arrays, refuse_offsets, wrong_offsets
from gtmask.raster.clipping import TALLEST, needs_clipping, place_clipped
from gtmask.raster.rows import paint_rows, paint_span, plan_band, push

if TYPE_CHECKING:
    from numpy.typing import NDArray


def fill_polygons(
    mask: NDArray[np.uint8], points: Any, ring_offsets: Any, part_offsets: Any, values: Any
) -> None:
    """Paint all parts of an image as one ``cv2.fillPoly`` call per part would, in order, in place.

    Parameters
    ----------
    mask
        uint8 (height, width), C-contiguous; painted in place.
    points
        int32 (n, 2): vertices (x, y) in pixels, (0, 0) being the centre of the top-left pixel.
    ring_offsets
        int32 (rings + 1,): ring i is ``points[ring_offsets[i]:ring_offsets[i + 1]]``, closed by itself.
    part_offsets
        int32 (parts + 1,): part p is rings ``part_offsets[p]`` to ``part_offsets[p + 1] - 1``, even-odd.
    values
        uint8 (parts,): what each part paints.

    Raises
    ------
    ValueError
        If an argument has a wrong shape or dtype, or an offset points outside its array.
    """
    vertices, rings, parts, ids = fill_arrays(mask, points, ring_offsets, part_offsets, values, np.int32)
    refuse_offsets(fill_parts(mask, vertices, rings, parts, ids), vertices, rings)


@kernel("int64(uint8[:, ::1], int32[:, ::1], int32[::1], int32[::1], uint8[::1])")
def fill_parts(
    mask: NDArray[np.uint8],
    points: NDArray[np.int32],
    ring_offsets: NDArray[np.int32],
    part_offsets: NDArray[np.int32],
    values: NDArray[np.uint8],
) -> int:
    """Paint all parts, unless :func:`wrong_offsets` finds something wrong; return what it finds."""
    wrong = wrong_offsets(ring_offsets, part_offsets, len(points), len(values))
    if wrong:
        return int(wrong)
    height = int(mask.shape[0])
    width = int(mask.shape[1])
    flat = mask.reshape(-1)
    changes = np.zeros(height + 2, np.int64)
    starts = np.empty(height + 2, np.int64)
    steps = np.zeros(width + 1, np.int64)
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
                place_rings(
                    flat, width, height, points, rings, inside, band, stop, starts, crossings, values[part]
                )
                if total > 1:
                    paint_rows(
                        flat, width, band, stop, before, changes, starts, crossings, steps, values[part]
                    )
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
            clipped = not inside and needs_clipping(width, height, x0, y0, x1, y1)
            if y0 == y1 and not clipped:
                low, high, x0 = min(low, x1), max(high, x1), x1
                continue
            rows = abs(y1 - y0)
            columns = abs(x1 - x0)
            side = 1 if x1 > x0 else -1
            step, reach, rest = first_run(rows, columns, int(x1 < x0))
            end = x0 + side * reach
            if not clipped:
                low = min(low, end)
                high = max(high, end)
                met += int(y1 > y0)
            if met == 0:
                paint_inside(flat, width, height, y0, low, high, value)
            elif band <= y0 < stop:
                for _ in range(met):
                    push(flat, width, starts, crossings, y0, low, high, value)
            low = high = x1
            met = int(y1 < y0)
            if clipped:
                place_clipped(flat, width, height, x0, y0, x1, y1, band, stop, starts, crossings, value)
                met = 0
            elif columns < rows:
                place_steep(
                    flat, width, starts, crossings, end, y0, side, 1 - 2 * met, rows, columns, rest,
                    band, stop, value,
                )  # fmt: skip
            else:
                end = place_shallow(
                    flat, width, starts, crossings, end, y0, side, 1 - 2 * met, rows, columns, rest, step,
                    band, stop, value,
                )  # fmt: skip
                low = min(end + side, x1)
                high = max(end + side, x1)
            x0 = x1
            y0 = y1
        if met == 0:
            paint_inside(flat, width, height, y0, low, high, value)
        elif band <= y0 < stop:
            push(flat, width, starts, crossings, y0, low, high, value)


@kernel(inline=True, inner=True)
def first_run(rows: int, columns: int, back: int) -> tuple[int, int, int]:
    """Return by how much a line's runs grow from row to row, how far the first one reaches, and the rest.

    Bresenham's line from its end, ``back`` where it runs leftwards: halves are then rounded the other way.
    """
    if columns < rows:
        return 0, 0, rows - 1 + back
    step = int(columns / max(rows, 1))
    reach = (step - back) >> 1
    rest = columns - back - 2 * rows * reach
    over = int(rest >= 2 * rows)
    return step, reach + over, rest - 2 * rows * over


@kernel("void(uint8[::1], int64, int64, int64, int64, int64, uint8)", inline=True, inner=True)
def paint_inside(
    flat: NDArray[np.uint8], width: int, height: int, y: int, low: int, high: int, value: int
) -> None:
    """Paint columns low to high of row y, all of them inside the mask or all outside."""
    if y < 0 or y >= height or low < 0 or high >= width:
        y = low = 0
        high = -1
    paint_span(flat, y * width + low, y * width + high, value)


@kernel(inline=True, inner=True)
def place_steep(
    flat: NDArray[np.uint8],
    width: int,
    starts: NDArray[np.int64],
    crossings: NDArray[np.int64],
    x: int,
    y: int,
    side: int,
    down: int,
    rows: int,
    columns: int,
    rest: int,
    band: int,
    stop: int,
    value: int,
) -> None:
    """Place one pixel in each row between the ends of a line with more rows than columns."""
    for _ in range(rows - 1):
        rest += 2 * columns
        over = int(rest >= 2 * rows)
        rest -= 2 * rows * over
        x += side * over
        y += down
        if band <= y < stop:
            push(flat, width, starts, crossings, y, x, x, value)


@kernel(inline=True, inner=True)
def place_shallow(
    flat: NDArray[np.uint8],
    width: int,
    starts: NDArray[np.int64],
    crossings: NDArray[np.int64],
    end: int,
    y: int,
    side: int,
    down: int,
    rows: int,
    columns: int,
    rest: int,
    step: int,
    band: int,
    stop: int,
    value: int,
) -> int:
    """Place a run in each row between the ends of a line with no more rows than columns.

    ``end`` is the last pixel of the run in the first row; returned is that of the last run placed.
    """
    step_rest = 2 * (columns - step * rows)
    for _ in range(rows - 1):
        begin = end + side
        rest += step_rest
        over = int(rest >= 2 * rows)
        rest -= 2 * rows * over
        end += side * (step + over)
        y += down
        if band <= y < stop:
            push(flat, width, starts, crossings, y, min(begin, end), max(begin, end), value)
    return end
