"""Where shapes of a record lie by their bounding boxes: outside the image, beyond its edge, or in one pixel.

A shape that lies outside leaves no pixel. One that reaches far beyond the edge, and one whose numbers all
lie between 0 and 1, are what other pixels than those of this image look like: a copy that was scaled after
it was labeled, or fractions in a format that counts in pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from gtmask.model import Record, Shape


#: How far a shape may reach beyond the image, in shares of the side: tools let people draw a little over it.
FAR = 0.1
#: In an image this small a shape of one pixel is nothing odd.
SMALLEST = 8


def misplaced(record: Record, points: NDArray[np.float64], shapes: list[Shape]) -> list[Finding]:
    """Tell of shapes that lie outside the image, reach far beyond it, or are fractions by their numbers.

    The parameters are those of :func:`outside`.
    """
    gone = outside(record, points, shapes)
    found = [Finding("shape-outside", f"{shape.label}: {shape.kind}") for shape in gone]
    if not len(points):
        return found
    width, height = record.width or 0, record.height or 0
    starts = record.ring_offsets[:-1]
    low, high = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    left = {id(shape) for shape in gone}
    if (low < (-FAR * width, -FAR * height)).any() or (high > ((1 + FAR) * width, (1 + FAR) * height)).any():
        for shape in _drawn(shapes, left):
            rings = _deciding(shape, record.part_offsets)
            (x0, y0), (x1, y1) = low[rings].min(axis=0), high[rings].max(axis=0)
            if max(-x0, x1 - width) > FAR * width or max(-y0, y1 - height) > FAR * height:
                box = f"{x0:.6g},{y0:.6g} to {x1:.6g},{y1:.6g}"
                found.append(Finding("shape-cut", f"{shape.label}: {box}, image {width}x{height}"))
    inside: NDArray[np.bool_] = np.logical_and(low.min(axis=1) >= 0, high.max(axis=1) <= 1)
    if inside.any() and record.units == "pixel" and min(width, height) > SMALLEST:
        found += [
            Finding("fraction-suspected", f"{shape.label}: {shape.kind}")
            for shape in _drawn(shapes, left)
            if inside[_deciding(shape, record.part_offsets)].all()
        ]
    return found


def _drawn(shapes: list[Shape], gone: set[int]) -> Iterator[Shape]:
    """Yield the shapes with vertices, but for those that are told already."""
    return (shape for shape in shapes if shape.parts[0] < shape.parts[1] and id(shape) not in gone)


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
