"""Which shapes of a record lie wholly outside the image, and so leave no pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gtmask.model import Record, Shape


def outside(record: Record, points: NDArray[np.float64], shapes: list[Shape]) -> list[Shape]:
    """Return those of the shapes whose bounding box no pixel of the image can belong to.

    Parameters
    ----------
    record
        Its width and height are those of the image.
    points
        float64 (n, 2): the record's vertices in pixels.
    shapes
        Shapes of the record.

    Notes
    -----
    A vertex paints the pixel that it rounds to, so half a pixel beyond the border still counts as inside.
    """
    width, height = record.width or 0, record.height or 0
    found = [
        shape
        for shape in shapes
        if shape.runs is not None
        and (
            shape.runs.x >= width
            or shape.runs.y >= height
            or shape.runs.x + shape.runs.width <= 0
            or shape.runs.y + shape.runs.height <= 0
        )
    ]
    if len(points):
        starts = record.ring_offsets[:-1]
        low = np.minimum.reduceat(points, starts)
        high = np.maximum.reduceat(points, starts)
        left_or_above = np.less(high, -0.5).any(axis=1)
        right_or_below = np.greater(low, (width - 0.5, height - 0.5)).any(axis=1)
        beyond: NDArray[np.bool_] = np.logical_or(left_or_above, right_or_below)
        if beyond.any():
            parts = record.part_offsets
            found += [
                shape
                for shape in shapes
                if shape.parts[0] < shape.parts[1] and beyond[_deciding(shape, parts)].all()
            ]
    return found


def _deciding(shape: Shape, parts: NDArray[np.int32]) -> slice | NDArray[np.int32]:
    """Return the rings that decide where a shape lies: all, or its exteriors where holes are taken out."""
    first, last = shape.parts
    return parts[first:last] if shape.subtract else slice(parts[first], parts[last])
