"""Where shapes of a record lie by their bounding boxes: outside the image, beyond its edge, or in one pixel.

A shape that lies outside leaves no pixel. One that reaches far beyond the edge, and one whose numbers all
lie between 0 and 1, are what other pixels than those of this image look like: a copy that was scaled after
it was labeled, or fractions in a format that counts in pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtmask.findings import Finding
from gtmask.raster.extent import FAR as IS_FAR
from gtmask.raster.extent import FRACTION, OUTSIDE, note_rings

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from gtmask.model import Record, Runs, Shape


#: How far a shape may reach beyond the image, in shares of the side: tools let people draw a little over it.
FAR = 0.1
#: In an image this small a shape of one pixel is nothing odd.
SMALLEST = 8


def misplaced(record: Record, points: NDArray[np.float64], shapes: list[Shape]) -> list[Finding]:
    """Tell of shapes that lie outside the image, reach far beyond it, or are fractions by their numbers.

    - ``record``: its width and height are those of the image.
    - ``points``: float64 (n, 2): the record's vertices in pixels.
    - ``shapes``: shapes of the record.
    """
    width, height = record.width or 0, record.height or 0
    gone = [shape for shape in shapes if shape.runs is not None and _is_outside(shape.runs, width, height)]
    if not len(points):
        return _gone(gone)
    noted = note_rings(points, record.ring_offsets, width, height, FAR)
    if not noted.any:
        return _gone(gone)
    notes, parts = noted.rings.tolist(), record.part_offsets.tolist()
    counts_pixels = record.units == "pixel" and min(width, height) > SMALLEST
    cut: list[Finding] = []
    fractions: list[Finding] = []
    for shape in shapes:
        rings = _deciding(shape, parts)
        if not rings:
            continue
        of_all = of_any = notes[rings[0]]
        for ring in rings[1:]:
            of_all, of_any = of_all & notes[ring], of_any | notes[ring]
        if of_all & OUTSIDE:
            gone.append(shape)
            continue
        if of_any & IS_FAR:
            said = f"{shape.label}: {_box(rings, noted.boxes)}, image {width}x{height}"
            cut.append(Finding("shape-cut", said))
        if of_all & FRACTION and counts_pixels:
            fractions.append(Finding("fraction-suspected", f"{shape.label}: {shape.kind}"))
    return [*_gone(gone), *cut, *fractions]


def _box(rings: Sequence[int], boxes: NDArray[np.float64]) -> str:
    """Return the bounding box of some rings by those of all rings, for people."""
    (x0, y0, x1, y1), *others = (boxes[ring].tolist() for ring in rings)
    for left, top, right, bottom in others:
        x0, y0, x1, y1 = min(x0, left), min(y0, top), max(x1, right), max(y1, bottom)
    return f"{x0:.6g},{y0:.6g} to {x1:.6g},{y1:.6g}"


def _gone(shapes: list[Shape]) -> list[Finding]:
    """Tell of shapes that no pixel of the image can belong to."""
    return [Finding("shape-outside", f"{shape.label}: {shape.kind}") for shape in shapes]


def _is_outside(runs: Runs, width: int, height: int) -> bool:
    return runs.x >= width or runs.y >= height or runs.x + runs.width <= 0 or runs.y + runs.height <= 0


def _deciding(shape: Shape, parts: list[int]) -> Sequence[int]:
    """Return the rings that decide where a shape lies: all, or its exteriors where holes are taken out."""
    first, last = shape.parts
    return parts[first:last] if shape.subtract else range(parts[first], parts[last])
