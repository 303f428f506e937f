"""Where rings lie by their bounding boxes: one pass over all vertices, as mostly there is nothing to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gtmask.jit import kernel
from gtmask.raster.arguments import as_kernel_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: What :func:`note_rings` notes.
OUTSIDE, FAR, FRACTION = 1, 2, 4


class Noted(NamedTuple):
    """What rings are by their bounding boxes: all together, and each one (uint8).

    ``boxes`` is float64 (rings, 4): left, top, right, bottom.
    """

    any: int
    rings: NDArray[np.uint8]
    boxes: NDArray[np.float64]


def note_rings(
    points: NDArray[np.float64], ring_offsets: NDArray[np.int32], width: float, height: float, far: float
) -> Noted:
    """Note what each of the rings is by its bounding box.

    The note of a ring is the sum of :data:`OUTSIDE`, where all of it is half a pixel or more beyond one side,
    :data:`FAR`, where some of it is far beyond, and :data:`FRACTION`, where all of its numbers lie between 0
    and 1.

    - ``points``: float64 (n, 2): vertices in pixels.
    - ``ring_offsets``: int32 (rings + 1,): ring i is ``points[ring_offsets[i]:ring_offsets[i + 1]]``.
    - ``width``, ``height``: the image's size in pixels.
    - ``far``: how far beyond the image is far, in shares of its sides.
    """
    vertices = as_kernel_array(points, np.float64, 2, "points")
    rings = as_kernel_array(ring_offsets, np.int32, 1, "ring_offsets")
    count = len(rings) - 1
    notes, boxes = np.empty(count, np.uint8), np.empty((count, 4), np.float64)
    # As the kernel has them: for an int it would be compiled once more, after any warm-up.
    found = note(vertices, rings, float(width), float(height), float(far), notes, boxes)
    return Noted(found, notes, boxes)


@kernel("int64(float64[:, ::1], int32[::1], float64, float64, float64, uint8[::1], float64[:, ::1])")
def note(
    points: NDArray[np.float64],
    ring_offsets: NDArray[np.int32],
    width: float,
    height: float,
    far: float,
    notes: NDArray[np.uint8],
    boxes: NDArray[np.float64],
) -> int:
    """Do what :func:`note_rings` says; the sum over all rings is returned."""
    noted = 0
    for ring in range(len(ring_offsets) - 1):
        left, top = points[ring_offsets[ring]]
        right, bottom = left, top
        for i in range(ring_offsets[ring] + 1, ring_offsets[ring + 1]):
            left, right = min(left, points[i, 0]), max(right, points[i, 0])
            top, bottom = min(top, points[i, 1]), max(bottom, points[i, 1])
        found = 0
        if right < -0.5 or bottom < -0.5 or left > width - 0.5 or top > height - 0.5:
            found |= OUTSIDE
        if max(-left, right - width) > far * width or max(-top, bottom - height) > far * height:
            found |= FAR
        if left >= 0 and top >= 0 and right <= 1 and bottom <= 1:
            found |= FRACTION
        boxes[ring, 0], boxes[ring, 1], boxes[ring, 2], boxes[ring, 3] = left, top, right, bottom
        notes[ring] = found
        noted |= found
    return noted
