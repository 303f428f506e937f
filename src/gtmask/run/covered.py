"""How many pixels of each shape were covered by later ones.

Class ids do not tell shapes apart, so the shapes' numbers are painted a second time, low and high byte
into two canvases, by the same kernels in the same order. Right after a shape was painted, the pixels that
hold its number are its own; at the end, those that still do are what is seen of it. Only the shape's
bounding box is looked at, never the whole image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gtmask.findings import Finding
from gtmask.run.paint import Canvas, Painting

if TYPE_CHECKING:
    from gtmask.model import Record, Shape

#: Shapes that two bytes can number; the rest of a larger record is not counted.
MOST_SHAPES = (1 << 16) - 1


@dataclass(frozen=True, slots=True)
class Coverage:
    """Pixels that a shape was painted on, and those of them that later shapes left visible."""

    label: str
    painted: int
    visible: int


def measure(record: Record, chosen: list[Shape], rule: str, stroke: float) -> list[Coverage]:
    """Paint a record's shapes by number and count.

    - ``record``: with the size that its mask is painted in.
    - ``chosen``: the shapes that are painted, in painting order.
    - ``rule``, ``stroke``: as for the mask itself.
    """
    size = (record.height or 0, record.width or 0)
    canvases = [Canvas(record, Painting(np.zeros(size, np.uint8)), rule, stroke) for _ in range(2)]
    low, high = (canvas.mask for canvas in canvases)
    shapes = chosen[:MOST_SHAPES]
    boxes = [_box(record, shape, canvases[0]) for shape in shapes]
    painted = []
    for number, (shape, box) in enumerate(zip(shapes, boxes, strict=True), 1):
        for canvas, value in zip(canvases, (number & 255, number >> 8), strict=True):
            canvas.add(shape, value)
            canvas.flush()
        painted.append(_count(low[box], high[box], number))
    return [
        Coverage(shape.label, count, _count(low[box], high[box], number))
        for number, (shape, box, count) in enumerate(zip(shapes, boxes, painted, strict=True), 1)
    ]


def findings_of(coverage: list[Coverage]) -> list[Finding]:
    """Return a finding for each shape of which nothing is seen."""
    return [
        Finding("shape-covered", f"{item.label}: {item.painted} pixels")
        for item in coverage
        if item.painted and not item.visible
    ]


def _count(low: np.ndarray, high: np.ndarray, number: int) -> int:
    return int(np.count_nonzero((low == number & 255) & (high == number >> 8)))


def _box(record: Record, shape: Shape, canvas: Canvas) -> tuple[slice, slice]:
    """Return rows and columns that hold everything a shape paints."""
    if shape.runs is not None:
        runs = shape.runs
        return _clipped(runs.x, runs.y, runs.x + runs.width, runs.y + runs.height)
    first, last = shape.parts
    if shape.bitmap is not None or first == last:
        return slice(None), slice(None)
    rings, parts = record.ring_offsets, record.part_offsets
    points = canvas.points[rings[parts[first]] : rings[parts[last]]]
    # A rule may paint a pixel beyond a vertex, a stroke half its width.
    margin = 2 + canvas.stroke
    left, top = points.min(axis=0) - margin
    right, bottom = points.max(axis=0) + margin
    return _clipped(left, top, right, bottom)


def _clipped(left: float, top: float, right: float, bottom: float) -> tuple[slice, slice]:
    return (
        slice(max(int(top), 0), max(int(bottom) + 1, 0)),
        slice(max(int(left), 0), max(int(right) + 1, 0)),
    )
