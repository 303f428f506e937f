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

The fixed-point error stays below one pixel in 65,536 rows, so masks may be up to 32,767 pixels wide
and high. Exact for coordinates within +-2**30; beyond, OpenCV itself overflows and nothing is promised but
that no byte outside the mask is touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.jit import kernel
from gtmask.raster.arguments import fill_arguments
from gtmask.raster.rows import crossing, paint_rows, paint_span

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Crossings that are kept at once (8 bytes each): parts with more of them are painted in bands of rows.
MOST_CROSSINGS = 1 << 20


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
    fill_parts(mask, *fill_arguments(mask, points, ring_offsets, part_offsets, values, np.int32))


@kernel("void(uint8[:, ::1], int32[:, ::1], int32[::1], int32[::1], uint8[::1])")
def fill_parts(
    mask: NDArray[np.uint8],
    points: NDArray[np.int32],
    ring_offsets: NDArray[np.int32],
    part_offsets: NDArray[np.int32],
    values: NDArray[np.uint8],
) -> None:
    """Paint all parts; the arguments are those of :func:`fill_polygons`, and right."""
    height = int(mask.shape[0])
    width = int(mask.shape[1])
    flat = mask.reshape(-1)
    changes = np.zeros(height + 2, np.int64)
    starts = np.zeros(height + 2, np.int64)
    crossings = np.empty(1 << 10, np.int64)
    for part in range(len(values)):
        rings = ring_offsets[part_offsets[part] : part_offsets[part + 1] + 1]
        left, top, right, bottom = count_changes(points, rings, height, changes)
        if right >= 0 and bottom >= 0 and left < width and top < height:
            inside = left >= 0 and top >= 0 and right < width and bottom < height
            band = max(top, 0)
            last = min(bottom, height)
            active = 0
            while True:
                stop, active, total = plan_band(changes, starts, band, last, active)
                if total > len(crossings):
                    crossings = np.empty(max(total, min(2 * total, MOST_CROSSINGS)), np.int64)
                place_rings(
                    flat, width, height, points, rings, inside, band, stop, starts, crossings, values[part]
                )
                paint_rows(flat, width, band, stop, starts, crossings, values[part])
                band = stop
                if band >= last:
                    break
        changes[max(top, 0) : min(max(bottom, 0), height) + 1] = 0


@kernel("UniTuple(int64, 4)(int32[:, ::1], int32[::1], int64, int64[::1])")
def count_changes(
    points: NDArray[np.int32], rings: NDArray[np.int32], height: int, changes: NDArray[np.int64]
) -> tuple[int, int, int, int]:
    """Add to ``changes`` by how much the number of edges met changes at each row, and return the bounds."""
    left = top = 1 << 32
    right = bottom = -(1 << 32)
    for ring in range(len(rings) - 1):
        if rings[ring] == rings[ring + 1]:
            continue
        y0 = int(points[rings[ring + 1] - 1, 1])
        for i in range(rings[ring], rings[ring + 1]):
            x1 = int(points[i, 0])
            y1 = int(points[i, 1])
            left = min(left, x1)
            right = max(right, x1)
            top = min(top, y1)
            bottom = max(bottom, y1)
            above = max(min(y0, y1), 0)
            below = min(max(y0, y1), height)
            if above < below:
                changes[above] += 1
                changes[below] -= 1
            y0 = y1
    return left, top, right, bottom


@kernel("UniTuple(int64, 3)(int64[::1], int64[::1], int64, int64, int64)")
def plan_band(
    changes: NDArray[np.int64], starts: NDArray[np.int64], band: int, last: int, active: int
) -> tuple[int, int, int]:
    """Choose the rows of a band, from ``band`` on and before ``last``, and set where their crossings end.

    Returns the row after the band, the number of edges met in its last row, and that of its crossings.
    """
    total = 0
    y = band
    while y < last:
        following = active + changes[y]
        if y > band and total + following > MOST_CROSSINGS:
            break
        active = following
        total += active
        starts[y] = total
        y += 1
    starts[y] = total
    return y, active, total


@kernel(
    "void(uint8[::1], int64, int64, int32[:, ::1], int32[::1], boolean,"
    " int64, int64, int64[::1], int64[::1], uint8)"
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
    """Put the crossings of all edges with rows band to stop - 1 into their rows."""
    for ring in range(len(rings) - 1):
        if rings[ring] == rings[ring + 1]:
            continue
        x0 = int(points[rings[ring + 1] - 1, 0])
        y0 = int(points[rings[ring + 1] - 1, 1])
        for i in range(rings[ring], rings[ring + 1]):
            x1 = int(points[i, 0])
            y1 = int(points[i, 1])
            if inside:
                place_line(flat, width, x0, y0, x1, y1, max(y0, y1), band, stop, starts, crossings, value)
            else:
                place_clipped(flat, width, height, x0, y0, x1, y1, band, stop, starts, crossings, value)
            x0 = x1
            y0 = y1


@kernel(
    "void(uint8[::1], int64, int64, int64, int64, int64, int64, int64, int64, int64[::1], int64[::1], uint8)"
)
def place_line(
    flat: NDArray[np.uint8],
    width: int,
    x0: int,
    y0: int,
    x1: int,
    y1: int,
    met: int,
    band: int,
    stop: int,
    starts: NDArray[np.int64],
    crossings: NDArray[np.int64],
    value: int,
) -> None:
    """Place the runs of an 8-connected line inside the mask; in rows from ``met`` on, paint them at once."""
    if y0 > y1:
        x0, y0, x1, y1 = x1, y1, x0, y0
    rows = y1 - y0
    if rows == 0:
        paint_span(flat, y0 * width + min(x0, x1), y0 * width + max(x0, x1), value)
        return
    columns = abs(x1 - x0)
    back = int(x1 < x0)
    first_row = max(y0, band)
    last_row = min(y1, stop - int(met != y1))
    if first_row > last_row:
        return
    skipped = first_row - y0
    double = 2 * rows
    if columns < rows:
        carry = 2 * skipped * columns + rows - 1 + back
        side = carry // double
        carry -= side * double
        for y in range(first_row, last_row + 1):
            x = x0 - side if back else x0 + side
            if y < met:
                place = starts[y] - 1
                starts[y] = place
                crossings[place] = crossing(x, x)
            else:
                flat[y * width + x] = value
            carry += 2 * columns
            if carry >= double:
                carry -= double
                side += 1
        return
    begin = 0
    step = columns // rows
    step_rest = 2 * (columns - step * rows)
    end = ((2 * skipped + 1) * columns - back) // double
    rest = (2 * skipped + 1) * columns - back - end * double
    if skipped > 0:
        begin = ((2 * skipped - 1) * columns - back) // double + 1
    for y in range(first_row, last_row + 1):
        if y == y1:
            end = columns
        first = x0 - end if back else x0 + begin
        final = x0 - begin if back else x0 + end
        if y < met:
            place = starts[y] - 1
            starts[y] = place
            crossings[place] = crossing(first, final)
        else:
            paint_span(flat, y * width + first, y * width + final, value)
        begin = end + 1
        end += step
        rest += step_rest
        if rest >= double:
            rest -= double
            end += 1


@kernel("UniTuple(int64, 5)(int64, int64, int64, int64, int64, int64)")
def clip_line(width: int, height: int, x0: int, y0: int, x1: int, y1: int) -> tuple[int, int, int, int, int]:
    """Return 1 if some of the line lies inside the mask, else 0, and the end points as far as clipped."""
    right = width - 1
    bottom = height - 1
    sides0 = outside(x0, right) + 4 * outside(y0, bottom)
    sides1 = outside(x1, right) + 4 * outside(y1, bottom)
    if (sides0 & sides1) == 0 and (sides0 | sides1) != 0:
        if sides0 & 12:
            edge = 0 if sides0 < 8 else bottom
            x0 += int(float(edge - y0) * float(x1 - x0) / float(y1 - y0))
            y0 = edge
            sides0 = outside(x0, right)
        if sides1 & 12:
            edge = 0 if sides1 < 8 else bottom
            x1 += int(float(edge - y1) * float(x1 - x0) / float(y1 - y0))
            y1 = edge
            sides1 = outside(x1, right)
        if (sides0 & sides1) == 0 and (sides0 | sides1) != 0:
            if sides0:
                edge = 0 if sides0 == 1 else right
                y0 += int(float(edge - x0) * float(y1 - y0) / float(x1 - x0))
                x0 = edge
                sides0 = 0
            if sides1:
                edge = 0 if sides1 == 1 else right
                y1 += int(float(edge - x1) * float(y1 - y0) / float(x1 - x0))
                x1 = edge
                sides1 = 0
    return int((sides0 | sides1) == 0), x0, y0, x1, y1


@kernel(inline=True)
def outside(position: int, last: int) -> int:
    """Return 1 before 0, 2 after last, else 0."""
    return int(position < 0) + 2 * int(position > last)


@kernel(
    "void(uint8[::1], int64, int64, int64, int64, int64, int64, int64, int64, int64[::1], int64[::1], uint8)"
)
def place_clipped(
    flat: NDArray[np.uint8],
    width: int,
    height: int,
    x0: int,
    y0: int,
    x1: int,
    y1: int,
    band: int,
    stop: int,
    starts: NDArray[np.int64],
    crossings: NDArray[np.int64],
    value: int,
) -> None:
    """Place the crossings of an edge that may reach outside the mask, and draw what is not met."""
    met = max(y0, y1)
    visible, cx0, cy0, cx1, cy1 = clip_line(width, height, x0, y0, x1, y1)
    top = min(cy0, cy1)
    bottom = max(cy0, cy1)
    if visible and (top == bottom or bottom - top > 32767):
        # Met somewhere else than where it is drawn, or too tall for the fixed point: drawn on its own.
        place_line(flat, width, cx0, cy0, cx1, cy1, -1, top, bottom + 1, starts, crossings, value)
        visible = 0
    if y0 == y1:
        return
    if visible:
        place_line(flat, width, cx0, cy0, cx1, cy1, met, band, stop, starts, crossings, value)
    first_row = max(min(y0, y1), band)
    last_row = min(met, stop) - 1
    downwards = y0 < y1
    if cy0 != cy1:
        y0, y1 = cy0, cy1
    slope = (abs(cx1 - cx0) << 16) // abs(y1 - y0)
    if (cx1 < cx0) != (y1 < y0):
        slope = -slope
    from_x, from_y = (cx0 << 16, y0) if downwards else (cx1 << 16, y1)
    for y in range(first_row, last_row + 1):
        if not (visible and top <= y <= bottom):
            x = from_x + (y - from_y) * slope
            place = starts[y] - 1
            starts[y] = place
            crossings[place] = crossing(min(max((x + 0xFFFF) >> 16, -1), width), min(max(x >> 16, -1), width))
