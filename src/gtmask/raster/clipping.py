"""Edges of the OpenCV rule that reach outside the mask: clipped as OpenCV clips them, and then placed.

The rule is told in :mod:`gtmask.raster.opencv`; clipping rounds towards zero in float64, first both ends to
the rows of the mask, then to its columns, and an edge is met where the *clipped* line would meet it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtmask.jit import kernel
from gtmask.raster.lines import end_of_run, start_of_line
from gtmask.raster.rows import paint_span, push

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Rows of an edge from which on the 16.16 fixed point may be half a pixel off.
TALLEST = 1 << 15


@kernel(inline=True, inner=True)
def needs_clipping(width: int, top: int, bottom: int, x0: int, y0: int, x1: int, y1: int) -> bool:
    """Tell whether an edge reaches outside columns 0 to width - 1 or rows top to bottom, or is too tall."""
    out = min(x0, x1) < 0 or min(y0, y1) < top or max(x0, x1) >= width or max(y0, y1) > bottom
    return bool(out or abs(y1 - y0) >= TALLEST)


@kernel(
    "void(uint8[::1], int64, int64, int64, int64, int64, int64, int64, int64, int64[::1], int64[::1], uint8)",
    inner=True,
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
    """Place the runs of a line that is inside and not level; in rows from ``met`` on, paint them at once."""
    if y0 > y1:
        x0, y0, x1, y1 = x1, y1, x0, y0
    rows = y1 - y0
    columns = abs(x1 - x0)
    back = int(x1 < x0)
    start = start_of_line(rows, columns, back)
    scale = 0.5 / rows
    first_row = max(y0, band)
    before = -1 if first_row == y0 else end_of_run(start, scale, columns, first_row - 1 - y0)
    for y in range(first_row, min(y1 + 1, stop + int(met == y1 == stop))):
        end = columns if y == y1 else end_of_run(start, scale, columns, y - y0)
        begin = end if columns < rows else before + 1
        before = end
        first = x0 - end if back else x0 + begin
        last = x0 - begin if back else x0 + end
        if y < met:
            push(starts, crossings, y, first, last)
        else:
            paint_span(flat, y * width + first, y * width + last, value)


@kernel("UniTuple(int64, 5)(int64, int64, int64, int64, int64, int64)", inner=True)
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


@kernel(inline=True, inner=True)
def outside(position: int, last: int) -> int:
    """Return 1 before 0, 2 after last, else 0."""
    return int(position < 0) + 2 * int(position > last)


@kernel(
    "void(uint8[::1], int64, int64, int64, int64, int64, int64, int64, int64, int64[::1], int64[::1], uint8)",
    inner=True,
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
    # Met somewhere else than where it is drawn, or too tall for the fixed point: drawn on its own.
    apart = top == bottom or bottom - top >= TALLEST
    if visible and top == bottom:
        paint_span(flat, top * width + min(cx0, cx1), top * width + max(cx0, cx1), value)
    elif visible and apart:
        place_line(flat, width, cx0, cy0, cx1, cy1, min(top, 0), top, bottom + 1, starts, crossings, value)
    elif visible:
        place_line(flat, width, cx0, cy0, cx1, cy1, met, band, stop, starts, crossings, value)
    if y0 == y1:
        return
    drawn = visible and not apart
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
        if not (drawn and top <= y <= bottom):
            x = from_x + (y - from_y) * slope
            first = min(max((x + 0xFFFF) >> 16, 0), width)
            push(starts, crossings, y, first, min(max(x >> 16, -1), width - 1))
