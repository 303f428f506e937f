"""What a record is made of while a reader collects it, and how it is put together in the end.

Coordinates are collected in one flat list and checked once per record: flattening once per record and not
once per polygon is what keeps reading within twice the cost of parsing the JSON. What cannot be painted is
left out here, with a finding that names the shape; nothing raises.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.findings import is_reject
from gtmask.formats.reading.accounts import Accounts
from gtmask.formats.reading.boxes import Comparison, corners, extent_of_points, extent_of_runs
from gtmask.formats.reading.geometry import LIMIT
from gtmask.formats.reading.rings import as_reals, judge_rings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gtmask.model import Record, Shape

#: Boxes of a record that are compared with their outlines.
_BOXES = 8


class Collected(Accounts):
    """The shapes of one image and the rings of their parts.

    Shapes are painted in the order in which they are added, unless a ``z`` is given: then in ascending ``z``,
    ties in the order of adding.
    """

    __slots__ = ("_boxes", "_flat", "_least", "_part_rings", "_ring_ends", "_z", "group", "record", "z")

    def __init__(self, record: Record) -> None:
        self.record = record
        super().__init__(record.findings)
        self._flat: list[float] = []
        self._ring_ends: list[int] = [0]
        self._least = bytearray()
        self._part_rings: list[int] = [0]
        self._z: list[float] = []
        #: The first shapes that have a box beside them, with its left, top, right and bottom.
        self._boxes: list[tuple[Shape, tuple[Any, Any, Any, Any]]] = []
        #: Painting depth of the shapes that are added from now on, and :attr:`gtmask.model.Shape.group`.
        self.z, self.group = 0.0, 0

    def _add(self, shape: Shape) -> Shape:
        shape.group = self.group
        self._shapes.append(shape)
        self._z.append(self.z)
        return shape

    def boxed(self, shape: Shape | None, left: Any, top: Any, right: Any, bottom: Any) -> None:
        """Note the box that the tool has computed of a shape's outline; it draws nothing.

        Where most of a record's first boxes lie elsewhere than their outlines, that is told.
        """
        if shape is not None and len(self._boxes) < _BOXES:
            self._boxes.append((shape, (left, top, right, bottom)))

    def _compare_boxes(self) -> None:
        comparison = Comparison()
        for shape, box in self._boxes:
            with suppress(ValueError, TypeError):
                if shape.runs is not None:
                    comparison.look(corners(*box), extent_of_runs(shape.runs))
                else:
                    first, last = (self._ring_ends[self._part_rings[part]] for part in shape.parts)
                    outline = as_reals(self._flat[2 * first : 2 * last]).reshape(-1, 2)
                    comparison.look(corners(*box), extent_of_points(outline))
        if detail := comparison.verdict():
            self.finding("boxes-differ", detail)

    def build(self, scale: tuple[float, float] | None = None) -> Record:
        """Return the record; coordinates are multiplied by ``scale`` (x, y) first, if it is given."""
        record = self.record
        record.shapes = self._shapes
        record.balance = self._balance
        assert not self._balance.handed or self._ends[-1] == len(self._shapes), "a shape of no element"
        if not self._balance.handed and not self._shapes and not self.findings:
            self.finding("image-unannotated", "nothing is listed for it")
        if self._boxes:
            self._compare_boxes()
        if record.width is None or record.height is None:
            self._take_size()
        if self._flat:
            points, bad = self._numbers()
            if scale is not None:
                points *= scale
            offsets = np.array(self._ring_ends, np.int32)
            least = np.frombuffer(self._least, np.uint8)
            verdict = judge_rings(points, offsets, least, LIMIT)
            if bad:
                verdict[bad] = 1
            record.points, record.ring_offsets = points, offsets
            record.part_offsets = np.array(self._part_rings, np.int32)
            if any(verdict.tobytes()):
                self._drop(verdict)
        if any(self._z):
            order = sorted(range(len(self._z)), key=self._z.__getitem__)
            record.shapes = [record.shapes[i] for i in order]
        return record

    def _take_size(self) -> None:
        """Where the export tells no size, masks of the whole image do, if they agree."""
        masks = [shape.runs for shape in self._shapes if shape.runs is not None and shape.runs.whole]
        sizes = {(runs.width, runs.height) for runs in masks}
        if len(sizes) == 1 and not is_reject(self.findings):
            self.record.width, self.record.height = sizes.pop()

    def _numbers(self) -> tuple[NDArray[np.float64], list[int]]:
        """Return all vertices, and the rings that hold something other than numbers."""
        try:
            return as_reals(self._flat).reshape(-1, 2), []
        except (TypeError, OverflowError):
            pass
        bad: list[int] = []
        values = np.full(len(self._flat), np.nan)
        for ring, (start, stop) in enumerate(pairwise(self._ring_ends)):
            try:
                values[2 * start : 2 * stop] = as_reals(self._flat[2 * start : 2 * stop])
            except (TypeError, OverflowError):
                bad.append(ring)
        return values.reshape(-1, 2), bad

    def _drop(self, verdict: NDArray[np.uint8]) -> None:
        """Leave out bad rings (all of a part where its exterior is bad), and shapes without parts."""
        record = self.record
        lost: dict[int, str] = {}
        points, offsets = record.points, record.ring_offsets
        kept_rings: list[int] = []
        part_rings = [0]
        shapes: list[Shape] = []
        depths: list[float] = []
        for number, (shape, z) in enumerate(zip(self._shapes, self._z, strict=True)):
            first, last = shape.parts
            code = ""
            start = len(part_rings) - 1
            for part in range(first, last):
                rings = range(self._part_rings[part], self._part_rings[part + 1])
                for ring in rings:
                    if verdict[ring]:
                        code = "shape-bad-number" if verdict[ring] == 1 else "shape-few-points"
                        self.finding(
                            code, f"{shape.label}: ring of {offsets[ring + 1] - offsets[ring]} points"
                        )
                good = [] if verdict[rings[0]] else [ring for ring in rings if not verdict[ring]]
                if good:
                    kept_rings += good
                    part_rings.append(len(kept_rings))
            shape.parts = (start, len(part_rings) - 1)
            if first == last or shape.parts[0] < shape.parts[1]:
                shapes.append(shape)
                depths.append(z)
            else:
                lost[number] = code
        for first, last in pairwise([0, *self._ends]):
            if first < last and all(number in lost for number in range(first, last)):
                self._balance.leave_out(lost[first])
        pieces = [points[offsets[ring] : offsets[ring + 1]] for ring in kept_rings]
        record.points = np.concatenate(pieces) if pieces else np.empty((0, 2))
        record.ring_offsets = np.cumsum([0, *map(len, pieces)], dtype=np.int32)
        record.part_offsets = np.array(part_rings, np.int32)
        record.shapes = self._shapes = shapes
        self._z = depths
