"""Run-length masks become pixels straight from their runs, which are never expanded.

Along the rows a run is a few spans. Down the columns, painting run by run would touch another line of
memory for each pixel; instead, each row remembers since which column it has been on, and only the pixels
at which a row turns on or off are visited: those where the runs differ from the runs one column before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.jit import kernel
from gtmask.raster.arguments import as_kernel_array, check_mask, painted
from gtmask.raster.rows import paint_span

if TYPE_CHECKING:
    from numpy.typing import NDArray


def paint_runs(
    mask: NDArray[np.uint8],
    counts: Any,
    height: int,
    width: int,
    x: int,
    y: int,
    column_major: bool,
    value: int,
) -> None:
    """Paint the pixels that a run-length mask has on; what lies outside ``mask`` is clipped.

    Parameters
    ----------
    mask
        uint8 (rows, columns), C-contiguous; painted in place.
    counts
        int64 (n,): lengths of runs, off first, then on, off, and so on. Runs beyond ``height * width``
        pixels are cut; negative ones count as 0.
    height, width
        Size of the run-length mask in pixels.
    x, y
        Column and row of ``mask`` at which its top-left pixel lies; may be negative.
    column_major
        Runs go down the columns (COCO), else along the rows.
    value
        What is painted, 0 to 255.

    Raises
    ------
    ValueError
        If an argument has a wrong shape or dtype, the size is negative, or the value is not 0 to 255.

    Examples
    --------
    >>> import numpy as np
    >>> from gtmask.raster import paint_runs
    >>> mask = np.zeros((2, 4), np.uint8)
    >>> paint_runs(mask, [1, 3, 4], 2, 4, 0, 0, True, 7)  # down the columns: one off, three on, four off
    >>> print(mask)
    [[0 7 0 0]
     [7 7 0 0]]
    """
    check_mask(mask)
    if height < 0 or width < 0:
        raise ValueError(f"A run-length mask must not be {height} x {width} pixels.")
    paint = paint_columns if column_major else paint_lines
    # As the kernels' signatures have it: for an int they would be compiled anew.
    byte: Any = np.uint8(painted(value))
    paint(mask, as_kernel_array(counts, np.int64, 1, "counts"), height, width, x, y, byte)


@kernel("void(uint8[:, ::1], int64[::1], int64, int64, int64, int64, uint8)")
def paint_lines(
    mask: NDArray[np.uint8], counts: NDArray[np.int64], height: int, width: int, x: int, y: int, value: int
) -> None:
    """Paint runs along the rows, one span for each row that a run reaches."""
    columns = int(mask.shape[1])
    flat = mask.reshape(-1)
    top = max(-y, 0)
    rest = height * width
    end = 0
    for i in range(len(counts)):
        start = end
        end += min(max(counts[i], 0), rest)
        rest -= end - start
        if i & 1 == 0 or start == end:
            continue
        first_row = max(start // width, top)
        last_row = min((end - 1) // width, mask.shape[0] - 1 - y)
        for row in range(first_row, last_row + 1):
            first = max(max(start - row * width, 0) + x, 0)
            last = min(min(end - row * width, width) + x, columns) - 1
            if first <= last:
                paint_span(flat, (row + y) * columns + first, (row + y) * columns + last, value)


@kernel("void(uint8[:, ::1], int64[::1], int64, int64, int64, int64, uint8)", arrays=True)
def paint_columns(
    mask: NDArray[np.uint8], counts: NDArray[np.int64], height: int, width: int, x: int, y: int, value: int
) -> None:
    """Paint runs down the columns by turning rows on and off.

    Going down column after column, pixel p is on when an odd number of run borders lie at or before p, and
    the pixel to its left when an odd number of borders, each moved on by one column, do. Both lists of
    borders ascend, so one merge gives the stretches of pixels at which rows turn.
    """
    top = max(-y, 0)
    bottom = min(height, mask.shape[0] - y)
    if height == 0 or top >= bottom:
        return
    since = np.zeros(bottom - top, np.int64)
    size = height * width
    ahead = behind = 0
    border = border_behind = 0
    if len(counts):
        border = min(max(counts[0], 0), size)
    border_behind = border + height
    on = left_on = False
    position = 0
    while ahead < len(counts) or behind < len(counts):
        following = border_behind
        if ahead < len(counts):
            following = min(border, border_behind)
        if on != left_on:
            turn_rows(mask, position, following, on, height, top, bottom, x, y, since, value)
        position = following
        if ahead < len(counts) and border <= border_behind:
            ahead += 1
            on = not on if ahead < len(counts) else False
            if ahead < len(counts):
                border += min(max(counts[ahead], 0), size - border)
        else:
            behind += 1
            left_on = not left_on if behind < len(counts) else False
            if behind < len(counts):
                border_behind += min(max(counts[behind], 0), size + height - border_behind)


@kernel("void(uint8[:, ::1], int64, int64, boolean, int64, int64, int64, int64, int64, int64[::1], uint8)")
def turn_rows(
    mask: NDArray[np.uint8],
    start: int,
    stop: int,
    on: bool,
    height: int,
    top: int,
    bottom: int,
    x: int,
    y: int,
    since: NDArray[np.int64],
    value: int,
) -> None:
    """Turn rows on or off at the pixels start to stop - 1, counted down the columns; paint what turns off."""
    columns = int(mask.shape[1])
    flat = mask.reshape(-1)
    while start < stop:
        column = start // height
        row = start - column * height
        rows = min(height - row, stop - start)
        start += rows
        for r in range(max(row, top), min(row + rows, bottom)):
            if on:
                since[r - top] = column
            else:
                first = max(since[r - top] + x, 0)
                last = min(column + x, columns) - 1
                if first <= last:
                    paint_span(flat, (r + y) * columns + first, (r + y) * columns + last, value)
