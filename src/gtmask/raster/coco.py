"""The COCO rule: polygons become pixels exactly as pycocotools' ``frPyObjects`` makes them.

The rule (``rleFrPoly`` in ``cocoapi:common/maskApi.c``): vertices are rounded to a grid five times as
fine as the pixels; the boundary is walked on that grid, along each edge's longer axis; wherever the walk
steps over the centre line of a column, it leaves a crossing at the first row whose centre lies on or
below the walk; a column's pixels between its first and second crossing, third and fourth, ... are
inside.

This module decides how to do that without walking: each edge is asked for its crossings column by
column, in the same double precision arithmetic, and every crossing flips one byte of a scratch picture.
Running an exclusive or down the rows then says for a whole row at once what is inside. Nothing is
sorted, rows are read and written in memory order, and rings of one part are even-odd by construction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel("int64(float64)", inline=True)
def to_grid(coordinate: float) -> int:
    """Round a coordinate to the grid of fifths; below zero the cast truncates upwards, as C's does."""
    return int(5.0 * coordinate + 0.5)


@kernel("int64(int64, int64, int64)", inline=True)
def clamp(value: int, low: int, high: int) -> int:
    """Return the value, or the bound that it lies beyond."""
    return min(max(value, low), high)


@kernel("void(uint8[:, ::1], int64[::1], int64, int64, int64, int64)")
def cross_flat(
    toggles: NDArray[np.uint8], window: NDArray[np.int64], x0: int, y0: int, x1: int, y1: int
) -> None:
    """Flip the crossings of an edge that is at least as wide as it is high; grid units."""
    if x0 > x1:
        x0, y0, x1, y1 = x1, y1, x0, y0
    left, top, bottom = window[0], window[2], window[3]
    slope = (y1 - y0) / (x1 - x0)
    for column in range(max(left, (x0 + 2) // 5), min(window[1] - 1, (x1 - 3) // 5) + 1):
        step = 5 * column + 2 - x0
        here = int(y0 + slope * step + 0.5)
        there = int(y0 + slope * (step + 1) + 0.5)
        row = max((min(here, there) + 2) // 5, top)
        if row < bottom:
            toggles[row - top, column - left] ^= 1


@kernel("void(uint8[:, ::1], int64[::1], int64, int64, int64, int64)")
def cross_steep(
    toggles: NDArray[np.uint8], window: NDArray[np.int64], x0: int, y0: int, x1: int, y1: int
) -> None:
    """Flip the crossings of an edge that is higher than it is wide; grid units."""
    if y0 > y1:
        x0, y0, x1, y1 = x1, y1, x0, y0
    left, top, bottom = window[0], window[2], window[3]
    slope = (x1 - x0) / (y1 - y0)
    low, high = min(x0, x1), max(x0, x1)
    for column in range(max(left, (low + 2) // 5), min(window[1] - 1, (high - 3) // 5) + 1):
        # The first step on the far side of the centre line: guessed, then found with the very
        # expression that the walk rounds with.
        line = 5 * column + 3
        step = int((line - 0.5 - x0) / slope)
        if slope > 0:
            while step > 0 and int(x0 + slope * (step - 1) + 0.5) >= line:
                step -= 1
            while int(x0 + slope * step + 0.5) < line:
                step += 1
        else:
            while step > 0 and int(x0 + slope * (step - 1) + 0.5) < line:
                step -= 1
            while int(x0 + slope * step + 0.5) >= line:
                step += 1
        row = max((step - 1 + y0 + 2) // 5, top)
        if row < bottom:
            toggles[row - top, column - left] ^= 1


@kernel("void(uint8[:, ::1], int64[::1], float64[:, ::1], int32, int32)")
def cross_ring(
    toggles: NDArray[np.uint8], window: NDArray[np.int64], points: NDArray[np.float64], start: int, stop: int
) -> None:
    """Flip the crossings of the closed ring ``points[start:stop]``."""
    x0 = to_grid(points[stop - 1, 0])
    y0 = to_grid(points[stop - 1, 1])
    for i in range(start, stop):
        x1 = to_grid(points[i, 0])
        y1 = to_grid(points[i, 1])
        width = abs(x1 - x0)
        if width >= abs(y1 - y0):
            if width > 0:
                cross_flat(toggles, window, x0, y0, x1, y1)
        elif width > 0:
            cross_steep(toggles, window, x0, y0, x1, y1)
        x0 = x1
        y0 = y1


@kernel("void(int64[::1], float64[:, ::1], int32, int32, int64, int64)")
def find_window(
    window: NDArray[np.int64], points: NDArray[np.float64], start: int, stop: int, height: int, width: int
) -> None:
    """Set window to the (left, right, top, bottom) that ``points[start:stop]`` can reach, clipped."""
    low_x = low_y = np.inf
    high_x = high_y = -np.inf
    for i in range(start, stop):
        low_x = min(low_x, points[i, 0])
        high_x = max(high_x, points[i, 0])
        low_y = min(low_y, points[i, 1])
        high_y = max(high_y, points[i, 1])
    window[:] = 0
    if start < stop:
        # Rounding to fifths and to rows moves nothing by more than two pixels.
        window[0] = clamp(int(low_x) - 2, 0, width)
        window[1] = clamp(int(high_x) + 3, 0, width)
        window[2] = clamp(int(low_y) - 2, 0, height)
        window[3] = clamp(int(high_y) + 3, 0, height)


@kernel("void(uint8[:, ::1], uint8[:, ::1], uint8[::1], int64[::1], uint8)")
def paint_toggled(
    mask: NDArray[np.uint8],
    toggles: NDArray[np.uint8],
    inside: NDArray[np.uint8],
    window: NDArray[np.int64],
    value: int,
) -> None:
    """Paint what lies after an odd number of toggles of its column, and clear the toggles."""
    left, right, top, bottom = window[0], window[1], window[2], window[3]
    width = right - left
    state = inside[:width]
    state[:] = 0
    for row in range(top, bottom):
        flips = toggles[row - top, :width]
        target = mask[row, left:right]
        for i in range(width):
            state[i] ^= flips[i]
            flips[i] = 0
            target[i] = value if state[i] else target[i]


@kernel("void(uint8[:, ::1], float64[:, ::1], int32[::1], int32[::1], uint8[::1])", arrays=True)
def paint_parts(
    mask: NDArray[np.uint8],
    points: NDArray[np.float64],
    ring_offsets: NDArray[np.int32],
    part_offsets: NDArray[np.int32],
    values: NDArray[np.uint8],
) -> None:
    """Paint all parts; the arguments are those of :func:`fill_coco`, and right."""
    height, width = mask.shape
    window = np.zeros(4, np.int64)
    most_rows = most_columns = 0
    for part in range(len(values)):
        first, last = ring_offsets[part_offsets[part]], ring_offsets[part_offsets[part + 1]]
        find_window(window, points, first, last, height, width)
        most_rows = max(most_rows, window[3] - window[2])
        most_columns = max(most_columns, window[1] - window[0])
    toggles = np.zeros((most_rows, most_columns), np.uint8)
    inside = np.zeros(most_columns, np.uint8)
    for part in range(len(values)):
        first, last = ring_offsets[part_offsets[part]], ring_offsets[part_offsets[part + 1]]
        find_window(window, points, first, last, height, width)
        if window[0] >= window[1] or window[2] >= window[3]:
            continue
        for ring in range(part_offsets[part], part_offsets[part + 1]):
            if ring_offsets[ring] < ring_offsets[ring + 1]:
                cross_ring(toggles, window, points, ring_offsets[ring], ring_offsets[ring + 1])
        paint_toggled(mask, toggles, inside, window, values[part])
