"""How readers make records: coordinates are collected in one flat list and checked once per record.

Readers hand over geometry as the export has it. What cannot be painted is left out here, with a finding
that names the shape; nothing raises.

Flattening once per record and not once per polygon is what keeps reading within twice the cost of parsing
the JSON.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.findings import is_reject
from gtmask.formats.reading.accounts import Accounts
from gtmask.formats.reading.geometry import LIMIT, ellipse_ring, flatten, refuse_negative, refuse_truth
from gtmask.formats.reading.malformed import type_name
from gtmask.formats.reading.rings import as_reals, judge_rings
from gtmask.model import Record, Shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from gtmask.model import Bitmap, FillRule, Grid, Kind, Runs


_LEAST = {"polyline": 2, "point": 1}


class RecordBuilder(Accounts):
    """Collects the shapes of one image and builds the record.

    The parameters are those of :class:`gtmask.model.Record`. Shapes are painted in the order in which
    they are added, unless a ``z`` is given: then in ascending ``z``, ties in the order of adding.
    """

    __slots__ = ("_flat", "_least", "_part_rings", "_ring_ends", "_z", "record", "z")

    def __init__(
        self,
        image: str,
        width: int | None = None,
        height: int | None = None,
        *,
        grid: Grid = "stored",
        source_fill: FillRule = "opencv",
        where: str = "",
        aliases: tuple[str, ...] = (),
    ) -> None:
        self.record = Record(
            image, width, height, grid, source_fill=source_fill, where=where, aliases=aliases
        )
        super().__init__(self.record.findings)
        self._flat: list[float] = []
        self._ring_ends: list[int] = [0]
        self._least = bytearray()
        self._part_rings: list[int] = [0]
        self._z: list[float] = []
        #: Painting depth of the shapes that are added from now on.
        self.z = 0.0

    def reject(self, code: str, detail: str = "") -> Record:
        """Tell why there can be no mask, and return the record without shapes."""
        self.finding(code, detail)
        return self.record

    def name_image(
        self, names: Iterable[str], what: str, scope: str = "", guesses: Iterable[str] = ()
    ) -> None:
        """Call the image by the first of these names that is not empty, the others being aliases.

        ``what`` is what the format calls a record, for the finding where there is no name; ``scope`` is
        :attr:`gtmask.model.Record.scope`; ``guesses`` are names after the annotation file's own.
        """
        self.record.scope = scope
        told = dict.fromkeys(filter(None, names))
        known = list(dict.fromkeys((*told, *filter(None, guesses))))
        self.record.guessed = len(known) - max(len(told), 1) if known else 0
        self.record.image, self.record.aliases = (known[0] if known else ""), tuple(known[1:])
        if not known:
            self.finding("image-name-bad", f"the {what} names no image")

    def name_class(self, item: dict[str, Any], key: str, label: str) -> None:
        """Note by which id of the tool's own a label's class goes: see :attr:`Record.class_ids`."""
        if key in item and isinstance(item[key], str | int) and item[key] not in {"", -1} and label:
            self.record.class_ids.add((str(item[key]), label))

    def name_color(self, label: str, color: str | None) -> None:
        """Note the colour of a label's class where the export tells one: see :attr:`Record.colors`."""
        if label and color is not None:
            self.record.colors.setdefault(label, color)

    def note_attributes(self, values: dict[str, Any]) -> None:
        """Note a shape's attributes for ``--where``: see :attr:`Record.attributes`.

        Flags are written as true and false. Of a list each element is a value, of an object each ticked key.
        """
        for name, value in values.items():
            if isinstance(value, dict):
                found = [key for key, ticked in value.items() if ticked is True]
            else:
                found = value if isinstance(value, list) else [value]
            for one in found:
                if isinstance(one, str | int | float):
                    text = str(one).lower() if isinstance(one, bool) else str(one).strip()
                    self.record.attributes.add((name.strip(), text))

    def polygon(self, label: str, flat: Sequence[float], kind: Kind = "polygon") -> Shape | None:
        """Add a shape of one ring (or of one open line) from flat coordinates x, y, x, y, ...

        Like all that add a shape, it returns the shape, or None after telling why there is none.
        """
        before = len(self._ring_ends)
        if not self._ring(label, flat, 3 if kind == "polygon" else _LEAST.get(kind, 3)):
            return None
        parts = len(self._part_rings)
        self._part_rings.append(before)
        return self._add(Shape(label, kind, (parts - 1, parts)))

    def polygon_pairs(self, label: str, points: list[list[float]]) -> Shape | None:
        """Add a shape of one ring from ``[[x, y], ...]`` without a flat list in between.

        Raises
        ------
        ValueError, TypeError
            A point is not a pair: its numbers would shift all that follow.
        """
        count = len(points) if type(points) is list else -1
        if count < 0:
            raise TypeError(f"the points are {type_name(points)}, not a list")
        flat = self._flat
        before, append = len(flat), flat.append
        try:
            # Faster than to look at all lengths first and to chain the points then.
            for x, y in points:
                append(x)
                append(y)
        except ValueError:
            del flat[before:]
            raise ValueError("a point has not exactly two coordinates") from None
        except TypeError:
            del flat[before:]
            raise
        if count < 3:
            del flat[before:]
            return self.polygon(label, flatten(points))
        parts = len(self._part_rings)
        self._part_rings.append(len(self._ring_ends))
        self._ring_ends.append(self._ring_ends[-1] + count)
        self._least.append(3)
        shape = Shape(label, "polygon", (parts - 1, parts))
        self._shapes.append(shape)
        self._z.append(self.z)
        return shape

    def polygons(
        self,
        label: str,
        parts: Iterable[Iterable[Sequence[float]]],
        kind: Kind = "polygon",
        *,
        subtract: bool = False,
    ) -> Shape | None:
        """Add a shape of several parts, each an exterior ring and its holes as flat coordinates.

        ``subtract`` says that holes are taken out of the exterior; otherwise the rings are even-odd. A part
        without a good exterior ring is left out as a whole: its holes are no areas. A ring that a part has
        twice counts once, and is told: as its own hole it would take away all that it draws.
        """
        first, known = len(self._part_rings) - 1, len(self.findings)
        for part in parts:
            rings = list(part)
            if len(rings) > 1:
                rings = self._distinct(label, rings)
            elif not rings:
                self.finding("shape-no-geometry", f"{label}: a part without rings")
            for position, flat in enumerate(rings):
                if not self._ring(label, flat, _LEAST.get(kind, 3)) and position == 0:
                    break
            if len(self._ring_ends) - 1 > self._part_rings[-1]:
                self._part_rings.append(len(self._ring_ends) - 1)
        last = len(self._part_rings) - 1
        if last > first:
            return self._add(Shape(label, kind, (first, last), subtract=subtract))
        if len(self.findings) == known:
            self.finding("shape-no-geometry", label)
        return None

    def _distinct(self, label: str, rings: list[Sequence[float]]) -> list[Sequence[float]]:
        """Return the rings of a part, each once."""
        known: set[tuple[float, ...]] = set()
        once = []
        for flat in rings:
            try:
                key = tuple(flat)
                new = not key or key not in known
                known.add(key)
            except TypeError:
                # It holds what is no number, which is told later.
                new = True
            if new:
                once.append(flat)
        if len(once) < len(rings):
            self.finding("ring-doubled", f"{label}: {len(rings) - len(once)} of {len(rings)} rings")
        return once

    def _ring(self, label: str, flat: Sequence[float], least: int) -> bool:
        """Add one ring, or tell why not and return False."""
        count = len(flat)
        if count & 1:
            self.finding("shape-odd-count", f"{label}: {count} numbers")
            return False
        if count < 2 * least:
            code = "shape-few-points" if count else "shape-no-geometry"
            self.finding(code, f"{label}: {count // 2} points")
            return False
        self._flat.extend(flat)
        self._ring_ends.append(self._ring_ends[-1] + count // 2)
        self._least.append(least)
        return True

    def rectangle(
        self, label: str, x0: float, y0: float, x1: float, y1: float, *, inclusive: bool = False
    ) -> Shape | None:
        """Add a box by two opposite corners in any order.

        ``inclusive`` says that the numbers are pixel indices and that both ends are painted; such a box
        is exact under every fill rule.
        """
        try:
            left, right, top, bottom = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
            refuse_truth(x0, y0, x1, y1)
            if inclusive:
                left, top, right, bottom = (
                    math.floor(left + 0.5), math.floor(top + 0.5),
                    math.floor(right + 0.5) + 1, math.floor(bottom + 0.5) + 1,
                )  # fmt: skip
        except (TypeError, ValueError, OverflowError):
            self.finding("shape-bad-number", f"{label}: rectangle {[x0, y0, x1, y1]!r:.80}")
            return None
        shape = self.polygon(label, (left, top, right, top, right, bottom, left, bottom), "rectangle")
        if inclusive and shape is not None:
            shape.fill = "center"
        return shape

    def box(self, label: str, x: float, y: float, width: float, height: float) -> Shape | None:
        """Add a box by its corner and its size, which is not below 0."""
        try:
            refuse_truth(x, y, width, height)
            refuse_negative("a box", width, height)
            return self.rectangle(label, x, y, x + width, y + height)
        except ValueError as error:
            self.finding("shape-bad-geometry", f"{label}: {error}")
        except TypeError:
            self.finding("shape-bad-number", f"{label}: box {[x, y, width, height]!r:.80}")
        return None

    def ellipse(
        self,
        label: str,
        center: tuple[float, float],
        radii: tuple[float, float],
        degrees: float = 0.0,
        kind: Kind = "ellipse",
    ) -> Shape | None:
        """Add a circle or an ellipse, turned clockwise (y points down) about its centre."""
        try:
            refuse_truth(*center, *radii, degrees)
            x, y, rx, ry, turn = map(float, (*center, *radii, degrees))
            curve = (x, y, rx, ry, turn)
            if min(rx, ry) < 0:
                self.finding("shape-bad-geometry", f"{label}: {kind} of {rx:.6g} x {ry:.6g}")
                return None
            flat = ellipse_ring(*curve) if min(rx, ry) else []
        except (TypeError, ValueError, OverflowError):
            self.finding("shape-bad-number", f"{label}: {kind} {[center, radii, degrees]!r:.80}")
            return None
        shape = self.polygon(label, flat, kind)
        if shape is not None:
            shape.curve = curve
        return shape

    def runs(self, label: str, runs: Runs) -> Shape | None:
        """Add a run-length mask; one without pixels has no geometry."""
        if not self._is_near(label, runs.x, runs.y):
            return None
        if not runs.counts[1::2].any():
            self.finding("shape-no-geometry", f"{label}: a mask without pixels")
            return None
        if not runs.counts[1:-1].all():
            self.finding("runs-doubtful", label)
        return self._add(Shape(label, "runs", runs=runs))

    def bitmap(self, label: str, bitmap: Bitmap) -> Shape | None:
        """Add a bitmap."""
        if self._is_near(label, bitmap.x, bitmap.y):
            return self._add(Shape(label, "bitmap", bitmap=bitmap))
        return None

    def _is_near(self, label: str, x: int, y: int) -> bool:
        """Say whether a mask's corner can be counted in, or tell that it cannot."""
        if max(abs(x), abs(y)) <= LIMIT:
            return True
        self.finding("shape-bad-number", f"{label}: a mask at {float(x):.3g}, {float(y):.3g}")
        return False

    def _add(self, shape: Shape) -> Shape:
        self._shapes.append(shape)
        self._z.append(self.z)
        return shape

    def build(self, scale: tuple[float, float] | None = None) -> Record:
        """Return the record; coordinates are multiplied by ``scale`` (x, y) first, if it is given."""
        record = self.record
        record.shapes = self._shapes
        record.balance = self._balance
        assert not self._balance.handed or self._ends[-1] == len(self._shapes), "a shape of no element"
        if not self._balance.handed and not self._shapes and not self.findings:
            self.finding("image-unannotated", "nothing is listed for it")
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
            record.shapes = [record.shapes[i] for i in order] if len(order) == len(record.shapes) else (
                _by_depth(record.shapes, self._shapes, self._z)
            )  # fmt: skip
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


def _by_depth(kept: list[Shape], shapes: list[Shape], depths: list[float]) -> list[Shape]:
    """Sort the kept shapes by depth, ties in their order."""
    depth = {id(shape): z for shape, z in zip(shapes, depths, strict=True)}
    return sorted(kept, key=lambda shape: depth[id(shape)])
