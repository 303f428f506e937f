"""Decoded pictures become pixels: where they are not zero, or by the class of the id at each pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.jit import kernel
from gtmask.raster.arguments import as_kernel_array, check_mask, painted

if TYPE_CHECKING:
    from numpy.typing import NDArray


def paint_bitmap(mask: NDArray[np.uint8], pixels: Any, x: int, y: int, value: int) -> None:
    """Paint where a picture is not zero; what lies outside ``mask`` is clipped.

    Parameters
    ----------
    mask
        uint8 (rows, columns), C-contiguous; painted in place.
    pixels
        uint8 or bool (h, w).
    x, y
        Column and row of ``mask`` at which the picture's top-left pixel lies; may be negative.
    value
        What is painted, 0 to 255.

    Raises
    ------
    ValueError
        If an argument has a wrong shape or dtype, or the value is not 0 to 255.

    Examples
    --------
    >>> import numpy as np
    >>> from gtmask.raster import paint_bitmap
    >>> mask = np.zeros((3, 5), np.uint8)
    >>> paint_bitmap(mask, np.eye(2, dtype=np.uint8), 2, 1, 7)
    >>> print(mask)
    [[0 0 0 0 0]
     [0 0 7 0 0]
     [0 0 0 7 0]]
    """
    check_mask(mask)
    # As the kernel's signature has it: for an int it would be compiled anew.
    byte: Any = np.uint8(painted(value))
    paint_nonzero(mask, as_kernel_array(pixels, np.uint8, 2, "pixels"), x, y, byte)


def paint_ids(mask: NDArray[np.uint8], ids: Any, x: int, y: int, keys: Any, values: Any) -> None:
    """Paint ``values[k]`` where a picture holds the id ``keys[k]``; other ids paint nothing.

    Parameters
    ----------
    mask
        uint8 (rows, columns), C-contiguous; painted in place.
    ids
        uint32 (h, w).
    x, y
        Column and row of ``mask`` at which the picture's top-left pixel lies; may be negative.
    keys
        uint32 (k,), ascending.
    values
        uint8 (k,).

    Raises
    ------
    ValueError
        If an argument has a wrong shape or dtype, or there are not as many values as keys.

    Examples
    --------
    >>> import numpy as np
    >>> from gtmask.raster import paint_ids
    >>> mask = np.zeros((2, 3), np.uint8)
    >>> paint_ids(mask, np.array([[0, 300, 9], [9, 300, 300]], np.uint32), 0, 0, [9, 300], [1, 2])
    >>> print(mask)
    [[0 2 1]
     [1 2 2]]
    """
    check_mask(mask)
    known = as_kernel_array(keys, np.uint32, 1, "keys")
    theirs = as_kernel_array(values, np.uint8, 1, "values")
    if len(known) != len(theirs):
        raise ValueError(f"There are {len(known)} keys, but {len(theirs)} values.")
    paint_known(mask, as_kernel_array(ids, np.uint32, 2, "ids"), x, y, known, theirs)


@kernel("void(uint8[:, ::1], uint8[:, ::1], int64, int64, uint8)")
def paint_nonzero(mask: NDArray[np.uint8], pixels: NDArray[np.uint8], x: int, y: int, value: int) -> None:
    """Paint ``value`` where ``pixels`` is not zero."""
    left = max(-x, 0)
    right = min(int(pixels.shape[1]), mask.shape[1] - x)
    if left >= right:
        return
    for row in range(max(-y, 0), min(int(pixels.shape[0]), mask.shape[0] - y)):
        source = pixels[row, left:right]
        target = mask[row + y, left + x : right + x]
        for i in range(len(source)):
            target[i] = value if source[i] else target[i]


@kernel("void(uint8[:, ::1], uint32[:, ::1], int64, int64, uint32[::1], uint8[::1])")
def paint_known(
    mask: NDArray[np.uint8],
    ids: NDArray[np.uint32],
    x: int,
    y: int,
    keys: NDArray[np.uint32],
    values: NDArray[np.uint8],
) -> None:
    """Paint the value of each id that is one of the keys, looked up once for a run of equal ids."""
    left = max(-x, 0)
    right = min(int(ids.shape[1]), mask.shape[1] - x)
    if left >= right or len(keys) == 0:
        return
    for row in range(max(-y, 0), min(int(ids.shape[0]), mask.shape[0] - y)):
        column = left
        while column < right:
            here = ids[row, column]
            end = column + 1
            while end < right and ids[row, end] == here:
                end += 1
            low = 0
            high = len(keys)
            while low < high:
                middle = (low + high) // 2
                if keys[middle] < here:
                    low = middle + 1
                else:
                    high = middle
            if low < len(keys) and keys[low] == here:
                mask[row + y, column + x : end + x] = values[low]
            column = end
