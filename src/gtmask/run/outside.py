"""Where shapes of a record lie by their bounding boxes: outside the image, beyond its edge, or in one pixel.

A shape that lies outside leaves no pixel. One that reaches far beyond the edge, and one whose numbers all
lie between 0 and 1, are what other pixels than those of this image look like: a copy that was scaled after
it was labeled, or fractions in a format that counts in pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.findings import Finding
from gtmask.raster.extent import FAR as IS_FAR
from gtmask.raster.extent import FRACTION, OUTSIDE, note_rings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from gtmask.model import Record, Runs, Shape


#: How far a shape may reach beyond the image, in shares of the side: tools let people draw a little over it.
FAR = 0.1
#: In an image this small a shape of one pixel is nothing odd.
SMALLEST = 8


def misplaced(record: Record, points: NDArray[np.float64], shapes: list[Shape]) -> list[Finding]:
    """Tell of shapes that lie outside the image, reach far beyond it, or are fractions by their numbers.

    Parameters
    ----------
    record
        Its width and height are those of the image.
    points
        float64 (n, 2): the record's vertices in pixels.
    shapes
        Shapes of the record.
    """
    width, height = record.width or 0, record.height or 0
    noted = note_rings(points, record.ring_offsets, width, height, FAR) if len(points) else 0
    gone = [shape for shape in shapes if shape.runs is not None and _is_outside(shape.runs, width, height)]
    if not noted:
        return _gone(gone)
    starts, parts = record.ring_offsets[:-1], record.part_offsets.tolist()
    low, high = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    if noted & OUTSIDE:
        beyond = _beyond(low, high, width, height)
        gone += [one for one in _drawn(shapes, set()) if all(map(beyond.__getitem__, _deciding(one, parts)))]
    found = _gone(gone)
    left = {id(shape) for shape in gone}
    if noted & IS_FAR:
        far, least, most = _far(low, high, width, height), low.tolist(), high.tolist()
        found += [
            Finding("shape-cut", f"{one.label}: {_box(rings, least, most)}, image {width}x{height}")
            for one in _drawn(shapes, left)
            if any(map(far.__getitem__, rings := _deciding(one, parts)))
        ]
    if noted & FRACTION and record.units == "pixel" and min(width, height) > SMALLEST:
        inside = np.logical_and(low.min(axis=1) >= 0, high.max(axis=1) <= 1).tolist()
        found += [
            Finding("fraction-suspected", f"{one.label}: {one.kind}")
            for one in _drawn(shapes, left)
            if all(map(inside.__getitem__, _deciding(one, parts)))
        ]
    return found


def _box(rings: Sequence[int], low: list[list[float]], high: list[list[float]]) -> str:
    """Return the bounding box of some rings by those of all rings, for people."""
    x0, y0 = (min(low[ring][axis] for ring in rings) for axis in (0, 1))
    x1, y1 = (max(high[ring][axis] for ring in rings) for axis in (0, 1))
    return f"{x0:.6g},{y0:.6g} to {x1:.6g},{y1:.6g}"


def _gone(shapes: list[Shape]) -> list[Finding]:
    """Tell of shapes that no pixel of the image can belong to."""
    return [Finding("shape-outside", f"{shape.label}: {shape.kind}") for shape in shapes]


def _drawn(shapes: list[Shape], gone: set[int]) -> Iterator[Shape]:
    """Yield the shapes with vertices, but for those that are told already."""
    return (shape for shape in shapes if shape.parts[0] < shape.parts[1] and id(shape) not in gone)


def _is_outside(runs: Runs, width: int, height: int) -> bool:
    return runs.x >= width or runs.y >= height or runs.x + runs.width <= 0 or runs.y + runs.height <= 0


def _beyond(low: NDArray[np.float64], high: NDArray[np.float64], width: int, height: int) -> list[bool]:
    """Say of each ring whether no pixel of the image can belong to it, by its bounding box.

    A vertex paints the pixel that it rounds to, so half a pixel beyond the border still counts as inside.
    """
    left_or_above = np.less(high, -0.5).any(axis=1)
    right_or_below = np.greater(low, (width - 0.5, height - 0.5)).any(axis=1)
    beyond: list[bool] = np.logical_or(left_or_above, right_or_below).tolist()
    return beyond


def _far(low: NDArray[np.float64], high: NDArray[np.float64], width: int, height: int) -> list[bool]:
    """Say of each ring whether it reaches far beyond the image."""
    size = np.array((width, height), np.float64)
    beyond: NDArray[np.bool_] = np.maximum(-low, high - size) > FAR * size
    far: list[bool] = np.logical_or(beyond[:, 0], beyond[:, 1]).tolist()
    return far


def _deciding(shape: Shape, parts: list[int]) -> Sequence[int]:
    """Return the rings that decide where a shape lies: all, or its exteriors where holes are taken out."""
    first, last = shape.parts
    return parts[first:last] if shape.subtract else range(parts[first], parts[last])
