"""The rule of most runs as a function; the others, which few runs call, are in :mod:`gtmask.raster.rules`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.raster import opencv
from gtmask.raster.arguments import NATIVE, fill

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BYTE, _INT = NATIVE[np.uint8], NATIVE[np.int32]


def fill_polygons(
    mask: NDArray[np.uint8], points: Any, ring_offsets: Any, part_offsets: Any, values: Any
) -> None:
    """Paint all parts of an image as one ``cv2.fillPoly`` call per part would, in order, in place.

    Parameters
    ----------
    mask
        Integers (height, width), painted in place; best uint8 and C-contiguous.
    points
        Integers (n, 2): vertices (x, y) in pixels, (0, 0) being the centre of the top-left pixel; best int32.
    ring_offsets
        Integers (rings + 1,), best int32: ring i is ``points[ring_offsets[i]:ring_offsets[i + 1]]``, closed
        by itself.
    part_offsets
        Integers (parts + 1,), best int32: part p is rings ``part_offsets[p]`` to ``part_offsets[p + 1] - 1``,
        even-odd.
    values
        Integers (parts,), 0 to 255: what each part paints; best uint8.

    Raises
    ------
    ValueError
        If the mask cannot be painted in place, an argument has a wrong shape, is not of integers or has one
        that int32 (points, offsets) or the mask (values) cannot hold, or an offset points outside its array.

    Notes
    -----
    Arguments of other types and layouts than the best are copied once: offsets and values in a few
    microseconds, points and masks in at most a nanosecond per number.

    Examples
    --------
    >>> import numpy as np
    >>> from gtmask.raster import fill_polygons
    >>> mask = np.zeros((5, 7), np.uint8)
    >>> fill_polygons(mask, [[1, 1], [4, 1], [4, 3], [1, 3]], [0, 4], [0, 1], [7])
    >>> print(mask)
    [[0 0 0 0 0 0 0]
     [0 7 7 7 7 0 0]
     [0 7 7 7 7 0 0]
     [0 7 7 7 7 0 0]
     [0 0 0 0 0 0 0]]
    """
    try:
        as_it_is = (
            mask.dtype is _BYTE and points.dtype is _INT and values.dtype is _BYTE
            and ring_offsets.dtype is _INT and part_offsets.dtype is _INT
            and mask.ndim == 2 and points.ndim == 2 and values.ndim == 1
            and ring_offsets.ndim == 1 and part_offsets.ndim == 1
            and mask.flags.carray and points.flags.carray and values.flags.carray
            and ring_offsets.flags.carray and part_offsets.flags.carray
        )  # fmt: skip
    except AttributeError:  # a list
        as_it_is = False
    # The usual call takes a microsecond; what is to convert or to refuse is kept out of it.
    if not as_it_is or opencv.fill_parts(mask, points, ring_offsets, part_offsets, values):
        fill(opencv.fill_parts, mask, points, ring_offsets, part_offsets, values, np.int32)
