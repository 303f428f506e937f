"""The coordinates that the source rules are made for: finite, and at most 2**30 pixels from the origin.

The libraries whose rules they are compute with C ints, single precision or fixed point, and have no result
that is worth the name beyond. Unlike the default rules, these kernels would not be safe there either, so the
domain is checked before they run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.jit import kernel
from gtmask.raster.arguments import fill_arguments

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The largest absolute value of a coordinate.
LIMIT = float(1 << 30)


def source_arguments(
    mask: NDArray[np.uint8], points: Any, ring_offsets: Any, part_offsets: Any, values: Any
) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32], NDArray[np.uint8]]:
    """Check the arguments of a fill, coordinates included, and return all but the mask as plain arrays.

    Raises
    ------
    ValueError
        If an argument has a wrong shape or dtype, an offset points outside its array, or a coordinate is
        not a number or beyond :data:`LIMIT`.
    """
    checked = fill_arguments(mask, points, ring_offsets, part_offsets, values, np.float64)
    if not all_within(checked[0], LIMIT):
        raise ValueError("points must be finite and at most 2**30 in absolute value")
    return checked


@kernel("boolean(float64[:, ::1], float64)")
def all_within(points: NDArray[np.float64], limit: float) -> bool:
    """Tell whether all coordinates are numbers and at most ``limit`` in absolute value."""
    outside = 0
    for i in range(len(points)):
        # NaN compares as false: it is not within.
        outside += not (abs(points[i, 0]) <= limit and abs(points[i, 1]) <= limit)
    return outside == 0
