"""Parts of a record become pixels: which kernel a rule calls with which vertices, and what holes take away.

The rings of a part are even-odd in one call of the rule's kernel, unless the shape says that its holes are
subtracted: then the exterior is painted aside, each hole is painted out of it, and what is left is the part,
wherever its holes reach and however they overlap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask import raster

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gtmask.model import Record

#: Pixels by which a rule may paint beyond the bounding box of a ring's vertices.
_MARGIN = 2


class Filler:
    """Paints parts of one record by any rule.

    - ``record``: says which points are which ring's, and which rings which part's.
    - ``points``: float64 (n, 2): the record's vertices in pixels.
    - ``stroke``: width in pixels of lines and points.
    """

    def __init__(self, record: Record, points: NDArray[np.float64], stroke: float) -> None:
        self.points, self.stroke = points, stroke
        self.rings, self.parts = record.ring_offsets, record.part_offsets
        self._rounded: dict[str, NDArray[np.int32]] = {}
        self._aside: NDArray[np.uint8] | None = None

    def fill(
        self, mask: NDArray[np.uint8], rule: str, parts: NDArray[np.int32], values: NDArray[np.uint8]
    ) -> None:
        """Paint parts, given by their rings' offsets, in one kernel call; lines and points are rules, too."""
        rings = self.rings
        if rule == "polyline":
            # A line is one part of one ring, so parts and rings count alike here.
            raster.stroke_lines(mask, self.points, rings[parts[0] : parts[-1] + 1], self.stroke, values)
        elif rule == "point":
            raster.stroke_points(mask, self.points[rings[parts[0]] : rings[parts[-1]]], self.stroke,
                                 np.repeat(values, np.diff(rings[parts])))  # fmt: skip
        elif rule in {"opencv", "opencv-trunc"}:
            raster.fill_polygons(mask, self._integers(rule), rings, parts, values)
        else:
            getattr(raster, f"fill_{rule}")(mask, self._for_rule(rule), rings, parts, values)

    def has_holes(self, first: int, last: int) -> bool:
        """Say whether one of the parts has more than its exterior ring."""
        return int(self.parts[last] - self.parts[first]) > last - first

    def subtract(self, mask: NDArray[np.uint8], rule: str, part: int, value: int) -> bool:
        """Paint a part's exterior minus its holes; say whether its holes take away all of it."""
        first, last = int(self.parts[part]), int(self.parts[part + 1])
        box = self._box(mask, first)
        if self._aside is None or self._aside.shape != mask.shape:
            self._aside = np.zeros_like(mask)
        window = self._aside[box]
        self.fill(self._aside, rule, np.array([first, first + 1], np.int32), np.ones(1, np.uint8))
        drawn = bool(window.any())
        holes = np.arange(first + 1, last + 1, dtype=np.int32)
        self.fill(self._aside, rule, holes, np.zeros(len(holes) - 1, np.uint8))
        left = window != 0
        mask[box][left] = value
        window[...] = 0
        return drawn and not left.any()

    def _box(self, mask: NDArray[np.uint8], ring: int) -> tuple[slice, slice]:
        """Return rows and columns that hold all pixels of a ring."""
        points = self.points[self.rings[ring] : self.rings[ring + 1]]
        height, width = mask.shape
        left, top = np.clip(np.floor(points.min(axis=0)) - _MARGIN, 0, (width, height))
        right, bottom = np.clip(np.ceil(points.max(axis=0)) + _MARGIN + 1, 0, (width, height))
        return slice(int(top), int(bottom)), slice(int(left), int(right))

    def _integers(self, rule: str) -> NDArray[np.int32]:
        if rule not in self._rounded:
            convert = raster.round_points if rule == "opencv" else raster.trunc_points
            self._rounded[rule] = convert(self.points)
        return self._rounded[rule]

    def _for_rule(self, rule: str) -> NDArray[np.float64]:
        """Return the vertices as the rule's tool prepares them: ISAT truncates before scikit-image."""
        return np.trunc(self.points) if rule == "skimage" else self.points
