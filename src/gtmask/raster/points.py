"""How float vertices become the integer vertices of the OpenCV rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def round_points(points: NDArray[np.float64]) -> NDArray[np.int32]:
    """Round vertices to the nearest integers, halves to even, as ``np.round`` before ``cv2.fillPoly`` does.

    Parameters
    ----------
    points
        float64 (n, 2), finite, within +-2**31.

    Returns
    -------
    numpy.ndarray
        int32 (n, 2), C-contiguous.

    Examples
    --------
    >>> import numpy as np
    >>> from gtmask.raster import round_points
    >>> round_points(np.array([[0.5, 1.5], [2.4, -2.6]])).tolist()
    [[0, 2], [2, -3]]
    """
    return np.rint(points).astype(np.int32, order="C")


def trunc_points(points: NDArray[np.float64]) -> NDArray[np.int32]:
    """Cut vertices towards zero, as tools do that cast to integers; else as :func:`round_points`.

    Examples
    --------
    >>> import numpy as np
    >>> from gtmask.raster import trunc_points
    >>> trunc_points(np.array([[0.5, 1.5], [2.4, -2.6]])).tolist()
    [[0, 1], [2, -2]]
    """
    return points.astype(np.int32, order="C")
