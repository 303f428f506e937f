"""Pillow's ellipse: ``ImageDraw.ellipse(box, fill=c, outline=c)`` of Pillow 13, as labelme draws circles.

The rule (``python-pillow:src/libImaging/Draw.c``): the box is truncated towards zero to pixel indices, both
corners included. Positions count in half pixels from the box's centre. From the right end of the middle row,
or of the row below the middle, a walk goes towards the lower end: at each step to whichever of the pixel
below, the one diagonally below and the one to the left deviates least from the equation of the ellipse, in
whole numbers. In each row, everything up to the pixel at which the walk enters it is painted, mirrored to
all four quarters.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gtmask.jit import kernel
from gtmask.raster.arguments import LIMIT, check_mask, painted
from gtmask.raster.rows import paint_span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The longest axis for which the rule's products fit into 64 bits.
LONGEST_AXIS = 46340


def fill_pillow_ellipse(
    mask: NDArray[np.uint8], x0: float, y0: float, x1: float, y1: float, value: int
) -> None:
    """Paint an ellipse into its box as ``ImageDraw.ellipse`` does, in place.

    Parameters
    ----------
    mask
        uint8 (height, width), C-contiguous; painted in place.
    x0, y0, x1, y1
        The box's left, top, right and bottom in pixels, truncated to pixel indices by the rule itself. A
        box whose right lies left of its left, or whose bottom above its top, paints nothing.
    value
        0 to 255.

    Raises
    ------
    ValueError
        If the mask cannot be painted in place, a coordinate is not a number or beyond 2**30, or the value
        is not 0 to 255.

    Notes
    -----
    Axes longer than :data:`LONGEST_AXIS` pixels are painted by the equation of the ellipse, row by row,
    because Pillow's own integers overflow there.

    Examples
    --------
    >>> import numpy as np
    >>> from gtmask.raster import fill_pillow_ellipse
    >>> mask = np.zeros((5, 7), np.uint8)
    >>> fill_pillow_ellipse(mask, 1, 0, 5, 4, 7)
    >>> print(mask)
    [[0 0 7 7 7 0 0]
     [0 7 7 7 7 7 0]
     [0 7 7 7 7 7 0]
     [0 7 7 7 7 7 0]
     [0 0 7 7 7 0 0]]
    """
    check_mask(mask)
    if not all(abs(coordinate) <= LIMIT for coordinate in (x0, y0, x1, y1)):
        raise ValueError("The box of an ellipse must be finite and at most 2**30 in absolute value.")
    left, top = int(x0), int(y0)
    across, along = int(x1) - left, int(y1) - top
    paint = paint_walk if max(across, along) <= LONGEST_AXIS else paint_equation
    paint(mask, left, top, across, along, painted(value))


@kernel("void(uint8[:, ::1], int64, int64, int64, int64)", inline=True)
def paint_row(mask: NDArray[np.uint8], row: int, first: int, last: int, value: int) -> None:
    """Paint pixels first to last of a row, both included, as far as they lie within the mask."""
    height, width = mask.shape
    first, last = max(first, 0), min(last, width - 1)
    if 0 <= row < height and first <= last:
        paint_span(mask.reshape(-1), row * width + first, row * width + last, value)


@kernel("int64(int64, int64, int64, int64)", inline=True)
def deviation(x: int, y: int, across: int, along: int) -> int:
    """Return by how much (x, y) fails the equation of an ellipse with axes across and along."""
    return abs(across * across * y * y + along * along * x * x - across * across * along * along)


@kernel("void(uint8[:, ::1], int64, int64, int64, int64, int64)")
def paint_walk(mask: NDArray[np.uint8], left: int, top: int, across: int, along: int, value: int) -> None:
    """Paint the ellipse with axes across and along (last minus first pixel) into the box at (left, top)."""
    if across < 0 or along < 0 or across + along == 0:
        return
    x, y = across, along % 2
    while y <= along:
        first, last = left + (across - x) // 2, left + (across + x) // 2
        paint_row(mask, top + (along + y) // 2, first, last, value)
        paint_row(mask, top + (along - y) // 2, first, last, value)
        entered = y
        while y == entered:
            down = deviation(x, y + 2, across, along)
            step_x, step_y = x, y + 2
            if x > 1:
                diagonal = deviation(x - 2, y + 2, across, along)
                if down > diagonal:
                    step_x, down = x - 2, diagonal
                if down > deviation(x - 2, y, across, along):
                    step_x, step_y = x - 2, y
            x, y = step_x, step_y


@kernel("void(uint8[:, ::1], int64, int64, int64, int64, int64)")
def paint_equation(mask: NDArray[np.uint8], left: int, top: int, across: int, along: int, value: int) -> None:
    """Paint in each row what lies within the equation of the ellipse; arguments as for the walk."""
    if across < 0 or along < 0:
        return
    for row in range(max(top, 0), min(top + along + 1, mask.shape[0])):
        y = (2 * (row - top) - along) / max(along, 1)
        inset = math.ceil(across * (1.0 - math.sqrt(max(0.0, 1.0 - y * y))) / 2)
        paint_row(mask, row, left + inset, left + across - inset, value)
