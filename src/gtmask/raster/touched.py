"""The touched rule: every pixel that a polygon touches, as Scalabel's and BDD100K's exporters paint.

They draw with matplotlib, not anti-aliased and with snapping on
(``scalabel:scalabel/label/transforms.py``), and what reaches the picture follows from Agg, matplotlib's
rasterizer:

- vertices are rounded to pixel *corners*, halves up; edges are cut at the frame of the image;
- each pixel's covered area is summed up with its sign, by the winding of the ring, on a grid of 256 x 256
  positions per pixel, and cut down to 256 steps;
- a pixel is painted when a step is left. A pixel is touched, then, from 1/256 of its area on in a ring
  that runs clockwise on the screen, and from next to nothing on in one that runs the other way.

This module decides to keep one number per pixel and no lists of cells: an edge adds to two neighbouring
pixels how much its stretch there changes the area to its right, and summing up along the row gives the
covered area itself.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: How many pixels are worked on at once: large masks are painted in bands of rows, in the cache's reach.
BAND_PIXELS = 1 << 17


@kernel("void(int32[:, ::1], int64, int64, int64, int64)", inline=True)
def add_cell(steps: NDArray[np.int32], row: int, column: int, rise: int, area: int) -> None:
    """Add an edge's stretch within one pixel: its rise, and twice the area between it and the left side."""
    steps[row, column] += (rise << 9) - area
    steps[row, column + 1] += area


@kernel("void(int32[:, ::1], int64, int64, int64, int64, int64, int64)")
def add_stretch(steps: NDArray[np.int32], row: int, x0: int, y0: int, x1: int, y1: int, sign: int) -> None:
    """Add the stretch of an edge within one row: x in 1/256 pixel, y in 1/256 pixel of this row."""
    rise = y1 - y0
    if rise == 0:
        return
    column, last = x0 >> 8, x1 >> 8
    if column == last:
        add_cell(steps, row, column, sign * rise, sign * rise * ((x0 & 255) + (x1 & 255)))
        return
    leaving = 256 if x1 > x0 else 0
    forward = 1 if x1 > x0 else -1
    run = abs(x1 - x0)
    climb = rise * ((256 - (x0 & 255)) if x1 > x0 else (x0 & 255))
    entering = x0 & 255
    y = y0
    while column != last:
        next_y = y0 + climb // run
        add_cell(steps, row, column, sign * (next_y - y), sign * (next_y - y) * (entering + leaving))
        y = next_y
        climb += 256 * rise
        entering = 256 - leaving
        column += forward
    add_cell(steps, row, last, sign * (y1 - y), sign * (y1 - y) * (entering + (x1 & 255)))


@kernel("void(int32[:, ::1], int64, int64, int64, int64, int64)")
def add_line(steps: NDArray[np.int32], x0: int, y0: int, x1: int, y1: int, sign: int) -> None:
    """Add what of an edge lies in the rows of ``steps``; x, y in 1/256 pixel from its top-left corner."""
    rows = len(steps)
    row, last = y0 >> 8, y1 >> 8
    if max(row, last) < 0 or min(row, last) >= rows:
        return
    if row == last:
        add_stretch(steps, row, x0, y0 & 255, x1, y1 & 255, sign)
        return
    leaving = 256 if y1 > y0 else 0
    downward = 1 if y1 > y0 else -1
    height = abs(y1 - y0)
    run = (x1 - x0) * ((256 - (y0 & 255)) if y1 > y0 else (y0 & 255))
    entering = y0 & 255
    x = x0
    skipped = max(-row, 0) if downward > 0 else max(row - rows + 1, 0)
    if skipped > 0:
        row += skipped * downward
        run += 256 * (x1 - x0) * skipped
        x = x0 + (run - 256 * (x1 - x0)) // height
        entering = 256 - leaving
    while row != last:
        if row < 0 or row >= rows:
            return
        next_x = x0 + run // height
        add_stretch(steps, row, x, entering, next_x, leaving, sign)
        x = next_x
        run += 256 * (x1 - x0)
        entering = 256 - leaving
        row += downward
    if 0 <= last < rows:
        add_stretch(steps, last, x, entering, x1, y1 & 255, sign)


@kernel("void(int32[:, ::1], int64[::1], float64, float64, float64, float64, int64, int64)")
def add_between(
    steps: NDArray[np.int32],
    window: NDArray[np.int64],
    x0: float,
    y0: float,
    x1: float,
    y1: float,
    height: int,
    sign: int,
) -> None:
    """Add an edge whose x lie within the frame, cut at the frame's top and bottom."""
    if max(y0, y1) < 0 or min(y0, y1) > height:
        return
    ends = (x0, y0, x1, y1)
    if y0 < 0 or y0 > height:
        border = 0.0 if y0 < 0 else float(height)
        x0, y0 = ends[0] + (border - ends[1]) * (ends[2] - ends[0]) / (ends[3] - ends[1]), border
    if y1 < 0 or y1 > height:
        border = 0.0 if y1 < 0 else float(height)
        x1, y1 = ends[0] + (border - ends[1]) * (ends[2] - ends[0]) / (ends[3] - ends[1]), border
    left, top = window[0] << 8, window[2] << 8
    add_line(
        steps,
        math.floor(x0 * 256 + 0.5) - left,
        math.floor(y0 * 256 + 0.5) - top,
        math.floor(x1 * 256 + 0.5) - left,
        math.floor(y1 * 256 + 0.5) - top,
        sign,
    )


@kernel("void(int32[:, ::1], int64[::1], float64, float64, float64, float64, int64, int64, int64)")
def add_edge(
    steps: NDArray[np.int32],
    window: NDArray[np.int64],
    x0: float,
    y0: float,
    x1: float,
    y1: float,
    height: int,
    width: int,
    sign: int,
) -> None:
    """Add an edge, cut at the frame's sides: what lies beyond a side runs along it."""
    from_x, from_y = min(max(x0, 0.0), float(width)), y0
    for k in range(2):
        border = 0.0 if (k == 0) == (x1 > x0) else float(width)
        crosses = (x0 < border) != (x1 < border) if border == 0 else (x0 > border) != (x1 > border)
        if crosses:
            y = y0 + (border - x0) * (y1 - y0) / (x1 - x0)
            add_between(steps, window, from_x, from_y, border, y, height, sign)
            from_x, from_y = border, y
    add_between(steps, window, from_x, from_y, min(max(x1, 0.0), float(width)), y1, height, sign)


@kernel("void(int64[::1], float64[:, ::1], int32, int32, int64, int64)")
def find_window(
    window: NDArray[np.int64], points: NDArray[np.float64], start: int, stop: int, height: int, width: int
) -> None:
    """Set window to the (left, right, top, bottom) of ``points[start:stop]``, rounded and clipped."""
    window[0], window[1], window[2], window[3] = width, 0, height, 0
    for i in range(start, stop):
        x = int(min(max(math.floor(points[i, 0] + 0.5), 0.0), width))
        y = int(min(max(math.floor(points[i, 1] + 0.5), 0.0), height))
        window[0] = min(window[0], x)
        window[1] = max(window[1], x)
        window[2] = min(window[2], y)
        window[3] = max(window[3], y)


@kernel("float64(float64[:, ::1], int32, int32)")
def signed_area(points: NDArray[np.float64], start: int, stop: int) -> float:
    """Return twice the area of a ring, negative if it runs anti-clockwise on the screen."""
    area = 0.0
    for i in range(start + 1, stop - 1):
        area += (points[i, 0] - points[start, 0]) * (points[i + 1, 1] - points[start, 1])
        area -= (points[i + 1, 0] - points[start, 0]) * (points[i, 1] - points[start, 1])
    return area


@kernel("void(uint8[:, ::1], int32[:, ::1], int64[::1], uint8)")
def paint_covered(
    mask: NDArray[np.uint8], steps: NDArray[np.int32], window: NDArray[np.int64], value: int
) -> None:
    """Sum up the steps along the rows, paint where 1/256 of the area or more is covered, clear them."""
    left, right, top, bottom = window[0], window[1], window[2], window[3]
    for row in range(top, bottom):
        source = steps[row - top]
        target = mask[row, left:right]
        covered = np.int32(0)
        for i in range(right - left):
            covered += source[i]
            source[i] = 0
            target[i] = value if covered >> 9 else target[i]
        source[right - left] = 0
        source[right - left + 1] = 0


@kernel("void(int32[:, ::1], int64[::1], float64[:, ::1], int32[::1], int64, int64)")
def add_rings(
    steps: NDArray[np.int32],
    window: NDArray[np.int64],
    points: NDArray[np.float64],
    rings: NDArray[np.int32],
    height: int,
    width: int,
) -> None:
    """Add what of a part's rings lies in the window; height and width are the mask's."""
    for ring in range(len(rings) - 1):
        start, stop = rings[ring], rings[ring + 1]
        sign = 1
        if ring > 0 and signed_area(points, start, stop) * signed_area(points, rings[0], rings[1]) > 0:
            sign = -1
        for i in range(start, stop):
            before = i - 1 if i > start else stop - 1
            x0 = float(math.floor(points[before, 0] + 0.5))
            y0 = float(math.floor(points[before, 1] + 0.5))
            x1 = float(math.floor(points[i, 0] + 0.5))
            y1 = float(math.floor(points[i, 1] + 0.5))
            add_edge(steps, window, x0, y0, x1, y1, height, width, sign)


@kernel("void(uint8[:, ::1], float64[:, ::1], int32[::1], int32[::1], uint8[::1])", arrays=True)
def paint_parts(
    mask: NDArray[np.uint8],
    points: NDArray[np.float64],
    ring_offsets: NDArray[np.int32],
    part_offsets: NDArray[np.int32],
    values: NDArray[np.uint8],
) -> None:
    """Paint all parts; the arguments are those of :func:`fill_touched`, and right."""
    height, width = mask.shape
    window = np.zeros(4, np.int64)
    columns = rows = 1
    for part in range(len(values)):
        first, last = ring_offsets[part_offsets[part]], ring_offsets[part_offsets[part + 1]]
        find_window(window, points, first, last, height, width)
        columns = max(columns, window[1] - window[0])
        rows = max(rows, window[3] - window[2])
    steps = np.zeros((max(1, min(rows, BAND_PIXELS // columns)), columns + 2), np.int32)
    for part in range(len(values)):
        rings = ring_offsets[part_offsets[part] : part_offsets[part + 1] + 1]
        find_window(window, points, rings[0], rings[-1], height, width)
        if window[0] >= window[1]:
            continue
        bottom = window[3]
        for top in range(window[2], bottom, len(steps)):
            window[2] = top
            window[3] = min(top + len(steps), bottom)
            add_rings(steps, window, points, rings, height, width)
            paint_covered(mask, steps, window, values[part])
