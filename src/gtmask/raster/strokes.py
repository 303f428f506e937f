"""Strokes: polylines and points become areas of a given width.

A pixel belongs to a stroke when its centre lies within half the width of the line, half the width itself
included; ends and joints are therefore round, and a point becomes a disc. No tool's exporter is imitated
here.

This module decides how a row finds its pixels: what lies within a distance of a segment is convex, so a row
has one run of such pixels, whose ends are estimated and then settled by the very test that defines the rule.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.jit import kernel
from gtmask.raster.arguments import LIMIT, fill
from gtmask.raster.rows import paint_span

if TYPE_CHECKING:
    from numpy.typing import NDArray


def stroke_lines(mask: NDArray[np.uint8], points: Any, line_offsets: Any, width: float, values: Any) -> None:
    """Paint open polylines, in order, in place.

    Parameters
    ----------
    mask
        uint8 (height, width), C-contiguous; painted in place.
    points
        float64 (n, 2): vertices (x, y) in pixels, (0, 0) being the top-left corner of the image. A line
        of one vertex is a disc.
    line_offsets
        int32 (lines + 1,): line i is ``points[line_offsets[i]:line_offsets[i + 1]]``.
    width
        Width of the strokes in pixels, more than 0 and at most 2**30.
    values
        uint8 (lines,): what each line is painted with.

    Raises
    ------
    ValueError
        If an argument has a wrong shape or dtype, an offset points outside its array, a coordinate is
        not a number or beyond 2**30, or so is the width, or it is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from gtmask.raster import stroke_lines
    >>> mask = np.zeros((5, 7), np.uint8)
    >>> stroke_lines(mask, [[1.5, 2.5], [5.5, 2.5]], [0, 2], 2.0, [7])
    >>> print(mask)
    [[0 0 0 0 0 0 0]
     [0 7 7 7 7 7 0]
     [7 7 7 7 7 7 7]
     [0 7 7 7 7 7 0]
     [0 0 0 0 0 0 0]]
    """
    if not 0 < width <= LIMIT:
        raise ValueError(f"The width of a stroke must be above 0 and at most 2**30 pixels, not {width}.")

    def paint(canvas: Any, vertices: Any, lines: Any, _: Any, ids: Any) -> None:
        paint_lines(canvas, vertices, lines, float(width), ids)

    each = np.arange(len(line_offsets), dtype=np.int32)
    fill(paint, mask, points, line_offsets, each, values, np.float64, LIMIT)


def stroke_points(mask: NDArray[np.uint8], points: Any, width: float, values: Any) -> None:
    """Paint a disc of diameter ``width`` around every point, in order, in place.

    Parameters
    ----------
    mask, width
        As in :func:`stroke_lines`.
    points
        float64 (n, 2): the discs' centres.
    values
        uint8 (n,): what each disc is painted with.

    Raises
    ------
    ValueError
        As :func:`stroke_lines` does.

    Examples
    --------
    >>> import numpy as np
    >>> from gtmask.raster import stroke_points
    >>> mask = np.zeros((5, 5), np.uint8)
    >>> stroke_points(mask, [[2.5, 2.5]], 3.0, [7])
    >>> print(mask)
    [[0 0 0 0 0]
     [0 7 7 7 0]
     [0 7 7 7 0]
     [0 7 7 7 0]
     [0 0 0 0 0]]
    """
    each = np.arange(len(points) + 1, dtype=np.int32)
    stroke_lines(mask, points, each, width, values)


@kernel("boolean(float64, float64, float64, float64, float64)", inline=True)
def is_near(x: float, y: float, run: float, rise: float, radius: float) -> bool:
    """Tell whether (x, y) lies within the radius of the segment from the origin to (run, rise).

    Distances are compared as squares and nothing is divided, so that whole and half pixels are exact.
    """
    length = run * run + rise * rise
    along = x * run + y * rise
    if along <= 0:
        return x * x + y * y <= radius * radius
    if along >= length:
        return (x - run) * (x - run) + (y - rise) * (y - rise) <= radius * radius
    across = x * rise - y * run
    return across * across <= radius * radius * length


@kernel("UniTuple(float64, 2)(float64, float64, float64, float64)")
def near_interval(y: float, run: float, rise: float, radius: float) -> tuple[float, float]:
    """Return about where a horizontal line comes within the radius and leaves it: inf, -inf if never."""
    low, high = np.inf, -np.inf
    for k in range(2):
        reach = radius * radius - (y - k * rise) * (y - k * rise)
        if reach >= 0:
            low = min(low, k * run - math.sqrt(reach))
            high = max(high, k * run + math.sqrt(reach))
    length = math.sqrt(run * run + rise * rise)
    if length > 0:
        # The two sides of the segment: the segment itself, moved by the radius to either hand.
        for side in (-radius, radius):
            from_x, from_y = -side * rise / length, side * run / length
            if rise != 0 and 0 <= (y - from_y) / rise <= 1:
                x = from_x + (y - from_y) / rise * run
                low = min(low, x)
                high = max(high, x)
    return low, high


@kernel("void(uint8[:, ::1], float64, float64, float64, float64, float64, uint8)")
def stroke_segment(
    mask: NDArray[np.uint8], x0: float, y0: float, x1: float, y1: float, radius: float, value: int
) -> None:
    """Paint the pixels whose centres lie within the radius of the segment from (x0, y0) to (x1, y1)."""
    height, width = mask.shape
    flat = mask.reshape(-1)
    run, rise = x1 - x0, y1 - y0
    top = int(min(max(math.floor(min(y0, y1) - radius) - 1, 0), height))
    bottom = int(min(max(math.ceil(max(y0, y1) + radius) + 1, 0), height))
    for row in range(top, bottom):
        y = row + 0.5 - y0
        low, high = near_interval(y, run, rise, radius)
        if low > high:
            continue
        # One pixel more on either side, should the estimate have lost a centre that lies on the rim.
        first = int(min(max(math.floor(x0 + low - 0.5) - 1, 0), width))
        last = int(max(min(math.ceil(x0 + high - 0.5) + 1, width - 1), -1))
        while first <= last and not is_near(first + 0.5 - x0, y, run, rise, radius):
            first += 1
        while first <= last and not is_near(last + 0.5 - x0, y, run, rise, radius):
            last -= 1
        if first <= last:
            paint_span(flat, row * width + first, row * width + last, value)


@kernel("void(uint8[:, ::1], float64[:, ::1], int32[::1], float64, uint8[::1])")
def paint_lines(
    mask: NDArray[np.uint8],
    points: NDArray[np.float64],
    line_offsets: NDArray[np.int32],
    width: float,
    values: NDArray[np.uint8],
) -> None:
    """Paint all lines; the arguments are those of :func:`stroke_lines`, and right."""
    radius = width / 2
    for line in range(len(values)):
        start, stop = line_offsets[line], line_offsets[line + 1]
        for i in range(min(start + 1, stop - 1), stop):
            before = max(i - 1, start)
            x0, y0, x1, y1 = points[before, 0], points[before, 1], points[i, 0], points[i, 1]
            stroke_segment(mask, x0, y0, x1, y1, radius, values[line])
