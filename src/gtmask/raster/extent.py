"""Whether rings lie within an image: one pass over all vertices, for mostly there is nothing to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel
from gtmask.raster.arguments import as_kernel_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: What :func:`note_rings` notes.
OUTSIDE, FAR, FRACTION = 1, 2, 4


def note_rings(
    points: NDArray[np.float64], ring_offsets: NDArray[np.int32], width: float, height: float, far: float
) -> int:
    """Note what any of the rings is by its bounding box.

    Parameters
    ----------
    points
        float64 (n, 2): vertices in pixels.
    ring_offsets
        int32 (rings + 1,): ring i is ``points[ring_offsets[i]:ring_offsets[i + 1]]``.
    width, height
        The image's size in pixels.
    far
        How far beyond the image is far, in shares of its sides.

    Returns
    -------
    int
        The sum of :data:`OUTSIDE`, where all of a ring is half a pixel or more beyond one side, :data:`FAR`,
        where some of it is far beyond, and :data:`FRACTION`, where all of its numbers lie between 0 and 1.
    """
    vertices = as_kernel_array(points, np.float64, 2, "points")
    rings = as_kernel_array(ring_offsets, np.int32, 1, "ring_offsets")
    # As the kernel has it: for an int it would be compiled once more, after any warm-up.
    return note(vertices, rings, float(width), float(height), float(far))


@kernel("int64(float64[:, ::1], int32[::1], float64, float64, float64)", lean=True)
def note(
    points: NDArray[np.float64], ring_offsets: NDArray[np.int32], width: float, height: float, far: float
) -> int:
    """Do what :func:`note_rings` says."""
    noted = 0
    for ring in range(len(ring_offsets) - 1):
        left, top = points[ring_offsets[ring]]
        right, bottom = left, top
        for i in range(ring_offsets[ring] + 1, ring_offsets[ring + 1]):
            left, right = min(left, points[i, 0]), max(right, points[i, 0])
            top, bottom = min(top, points[i, 1]), max(bottom, points[i, 1])
        if right < -0.5 or bottom < -0.5 or left > width - 0.5 or top > height - 0.5:
            noted |= OUTSIDE
        if left < -far * width or top < -far * height:
            noted |= FAR
        if right > (1 + far) * width or bottom > (1 + far) * height:
            noted |= FAR
        if left >= 0 and top >= 0 and right <= 1 and bottom <= 1:
            noted |= FRACTION
    return noted
