"""Which pixel of the stored grid a pixel of the displayed grid is, for the eight EXIF orientations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def turn(mask: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Bring a mask painted in the displayed grid back to the grid in which the file stores its pixels.

    A viewer that applies the orientation to the result sees ``mask`` again.

    Parameters
    ----------
    mask
        uint8 (height, width) as displayed.
    orientation
        EXIF tag 274: 1 to 8 (CIPA DC-008, 4.6.5.1.2).

    Returns
    -------
    numpy.ndarray
        uint8, C-contiguous; height and width are swapped for orientations 5 to 8. ``mask`` itself where
        nothing needs to turn.

    Raises
    ------
    ValueError
        If the orientation is none of the eight.

    Examples
    --------
    >>> import numpy as np
    >>> from gtmask.raster import turn
    >>> print(turn(np.array([[1, 2, 3], [4, 5, 6]], np.uint8), 6))
    [[3 6]
     [2 5]
     [1 4]]
    """
    if orientation == 1:
        turned = mask
    elif orientation == 2:
        turned = mask[:, ::-1]
    elif orientation == 3:
        turned = mask[::-1, ::-1]
    elif orientation == 4:
        turned = mask[::-1]
    elif orientation == 5:
        turned = mask.T
    elif orientation == 6:
        turned = mask.T[::-1]
    elif orientation == 7:
        turned = mask[::-1, ::-1].T
    elif orientation == 8:
        turned = mask.T[:, ::-1]
    else:
        raise ValueError(f"EXIF orientation is {orientation!r}, but must be 1 to 8")
    return np.ascontiguousarray(turned)
