"""How readers make records: coordinates are collected in one flat list and checked once per record.

Readers hand over geometry as the export has it. What cannot be painted is left out here, with a finding
that names the shape; nothing raises. Flattening once per record and not once per polygon is what keeps
reading within twice the cost of parsing the JSON.
"""

from __future__ import annotations

import math
from array import array
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.findings import Finding
from gtmask.jit import kernel
from gtmask.model import Record, Shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from gtmask.model import Bitmap, FillRule, Grid, Kind, Runs

#: Coordinates beyond this are findings: OpenCV's rule is exact in 16.16 fixed point only below it.
LIMIT = float(1 << 30)
#: A curve becomes a polygon that leaves it by at most this many pixels.
CURVE_ERROR = 1 / 16

_LEAST = {"polyline": 2, "point": 1}


class RecordBuilder:
    """Collects the shapes of one image and builds the record.

    The parameters are those of :class:`gtmask.model.Record`. Shapes are painted in the order in which
    they are added, unless a ``z`` is given: then in ascending ``z``, ties in the order of adding.
    """

    __slots__ = ("_flat", "_least", "_part_rings", "_ring_ends", "_shapes", "_z", "findings", "record", "z")

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
        self.findings = self.record.findings
        self._flat: list[float] = []
        self._ring_ends: list[int] = [0]
        self._least: list[int] = []
        self._part_rings: list[int] = [0]
        self._shapes: list[Shape] = []
        self._z: list[float] = []
        #: Painting depth of the shapes that are added from now on.
        self.z = 0.0

    def finding(self, code: str, detail: str = "") -> None:
        """Tell something about the record or one of its shapes."""
        self.findings.append(Finding(code, detail))

    def reject(self, code: str, detail: str = "") -> Record:
        """Tell why there can be no mask, and return the record without shapes."""
        self.finding(code, detail)
        return self.record

    def polygon(self, label: str, flat: Sequence[float], kind: Kind = "polygon") -> None:
        """Add a shape of one ring (or of one open line) from flat coordinates x, y, x, y, ..."""
        before = len(self._ring_ends)
        self._ring(label, flat, 3 if kind == "polygon" else _LEAST.get(kind, 3))
        if len(self._ring_ends) > before:
            parts = len(self._part_rings)
            self._part_rings.append(before)
            self._shapes.append(Shape(label, kind, (parts - 1, parts)))
            self._z.append(self.z)

    def polygon_pairs(self, label: str, points: list[list[float]], kind: Kind = "polygon") -> None:
        """Add a shape of one ring from ``[[x, y], ...]`` without a flat list in between.

        Raises
        ------
        ValueError, TypeError
            A point is not a pair: its numbers would shift all that follow.
        """
        count = len(points)
        if count < 3 or type(points) is not list or set(map(len, points)) != {2}:
            if points and set(map(len, points)) != {2}:
                raise ValueError("a point has not exactly two coordinates")
            self.polygon(label, flatten(points), kind)
            return
        self._flat.extend(chain.from_iterable(points))
        parts = len(self._part_rings)
        self._part_rings.append(len(self._ring_ends))
        self._ring_ends.append(self._ring_ends[-1] + count)
        self._least.append(3)
        self._shapes.append(Shape(label, kind, (parts - 1, parts)))
        self._z.append(self.z)

    def polygons(
        self, label: str, parts: Iterable[Iterable[Sequence[float]]], kind: Kind = "polygon"
    ) -> None:
        """Add a shape of several parts, each an exterior ring and its holes as flat coordinates.

        A part without a good exterior ring is left out as a whole: its holes are no areas.
        """
        first, told = len(self._part_rings) - 1, len(self.findings)
        for part in parts:
            for position, flat in enumerate(part):
                if not self._ring(label, flat, _LEAST.get(kind, 3)) and position == 0:
                    break
            if len(self._ring_ends) - 1 > self._part_rings[-1]:
                self._part_rings.append(len(self._ring_ends) - 1)
        last = len(self._part_rings) - 1
        if last > first:
            self._add(Shape(label, kind, (first, last)))
        elif len(self.findings) == told:
            self.finding("shape-no-geometry", label)

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
    ) -> None:
        """Add a box by two opposite corners in any order.

        ``inclusive`` says that the numbers are pixel indices and that both ends are painted; such a box
        is exact under every fill rule.
        """
        try:
            left, right, top, bottom = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
            if inclusive:
                left, top, right, bottom = (
                    math.floor(left + 0.5), math.floor(top + 0.5),
                    math.floor(right + 0.5) + 1, math.floor(bottom + 0.5) + 1,
                )  # fmt: skip
        except (TypeError, ValueError, OverflowError):
            self.finding("shape-bad-number", f"{label}: rectangle {[x0, y0, x1, y1]!r:.80}")
            return
        before = len(self._shapes)
        self.polygon(label, (left, top, right, top, right, bottom, left, bottom), "rectangle")
        if inclusive and len(self._shapes) > before:
            self._shapes[-1].fill = "center"

    def ellipse(
        self,
        label: str,
        center: tuple[float, float],
        radii: tuple[float, float],
        degrees: float = 0.0,
        kind: Kind = "ellipse",
    ) -> None:
        """Add a circle or an ellipse, turned clockwise (y points down) about its centre."""
        try:
            x, y, rx, ry, turn = map(float, (*center, *radii, degrees))
            curve = (x, y, abs(rx), abs(ry), turn)
            flat = ellipse_ring(*curve)
        except (TypeError, ValueError, OverflowError):
            self.finding("shape-bad-number", f"{label}: {kind} {[center, radii, degrees]!r:.80}")
            return
        before = len(self._shapes)
        self.polygon(label, flat, kind)
        if len(self._shapes) > before:
            self._shapes[-1].curve = curve

    def runs(self, label: str, runs: Runs) -> None:
        """Add a run-length mask; one without pixels has no geometry."""
        if not self._is_near(label, runs.x, runs.y):
            return
        if not runs.counts[1::2].any():
            self.finding("shape-no-geometry", f"{label}: a mask without pixels")
            return
        self._add(Shape(label, "runs", runs=runs))

    def bitmap(self, label: str, bitmap: Bitmap) -> None:
        """Add a bitmap."""
        if self._is_near(label, bitmap.x, bitmap.y):
            self._add(Shape(label, "bitmap", bitmap=bitmap))

    def _is_near(self, label: str, x: int, y: int) -> bool:
        """Say whether a mask's corner can be counted in, or tell that it cannot."""
        if max(abs(x), abs(y)) <= LIMIT:
            return True
        self.finding("shape-bad-number", f"{label}: a mask at {float(x):.3g}, {float(y):.3g}")
        return False

    def last(self) -> Shape | None:
        """Return the shape added last, to set what few formats have."""
        return self._shapes[-1] if self._shapes else None

    def _add(self, shape: Shape) -> None:
        self._shapes.append(shape)
        self._z.append(self.z)

    def build(self, scale: tuple[float, float] | None = None) -> Record:
        """Return the record; coordinates are multiplied by ``scale`` (x, y) first, if it is given."""
        record = self.record
        record.shapes = self._shapes
        if self._flat:
            points, bad = self._numbers()
            if scale is not None:
                points *= scale
            offsets = np.array(self._ring_ends, np.int32)
            least = np.array(self._least, np.int32)
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

    def _numbers(self) -> tuple[NDArray[np.float64], list[int]]:
        """Return all vertices, and the rings that hold something other than numbers."""
        try:
            return np.frombuffer(array("d", self._flat), np.float64).reshape(-1, 2), []
        except (TypeError, OverflowError):
            pass
        bad: list[int] = []
        values = np.full(len(self._flat), np.nan)
        for ring, (start, stop) in enumerate(zip(self._ring_ends, self._ring_ends[1:], strict=False)):
            try:
                values[2 * start : 2 * stop] = array("d", self._flat[2 * start : 2 * stop])
            except (TypeError, OverflowError):
                bad.append(ring)
        return values.reshape(-1, 2), bad

    def _drop(self, verdict: NDArray[np.uint8]) -> None:
        """Leave out bad rings (all of a part where its exterior is bad), and shapes without parts."""
        record = self.record
        points, offsets = record.points, record.ring_offsets
        kept_rings: list[int] = []
        part_rings = [0]
        shapes: list[Shape] = []
        depths: list[float] = []
        for shape, z in zip(self._shapes, self._z, strict=True):
            first, last = shape.parts
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


def flatten(pairs: Iterable[Iterable[float]]) -> list[float]:
    """Return ``[[x, y], ...]`` as ``[x, y, ...]``; pairs longer than two make an odd or wrong count."""
    return list(chain.from_iterable(pairs))


def flatten_xy(points: Iterable[dict[str, Any]]) -> list[float]:
    """Return ``[{"x": x, "y": y}, ...]`` as ``[x, y, ...]``."""
    return [value for point in points for value in (point["x"], point["y"])]


def ellipse_ring(cx: float, cy: float, rx: float, ry: float, degrees: float = 0.0) -> list[float]:
    """Return an ellipse as flat coordinates of a polygon that leaves it by at most CURVE_ERROR pixels.

    The sagitta of a chord over the angle t on radius r is r (1 - cos(t / 2)).
    """
    radius = max(rx, ry)
    if not 0 < radius <= LIMIT:
        return []
    step = 2 * math.acos(max(1 - CURVE_ERROR / radius, 0.5))
    count = min(max(math.ceil(2 * math.pi / step), 8), 4096)
    turn = math.radians(degrees)
    cos, sin = math.cos(turn), math.sin(turn)
    flat: list[float] = []
    for i in range(count):
        angle = 2 * math.pi * i / count
        u, v = rx * math.cos(angle), ry * math.sin(angle)
        flat += (cx + u * cos - v * sin, cy + u * sin + v * cos)
    return flat


def rotated_corners(
    x: float, y: float, width: float, height: float, degrees: float, pivot: tuple[float, float]
) -> list[float]:
    """Return a box (x, y, width, height) turned clockwise about ``pivot``, as flat coordinates."""
    turn = math.radians(degrees)
    cos, sin = math.cos(turn), math.sin(turn)
    px, py = pivot
    flat: list[float] = []
    for cx, cy in ((x, y), (x + width, y), (x + width, y + height), (x, y + height)):
        flat += (px + (cx - px) * cos - (cy - py) * sin, py + (cx - px) * sin + (cy - py) * cos)
    return flat


@kernel("uint8[::1](float64[:, ::1], int32[::1], int32[::1], float64)")
def judge_rings(
    points: NDArray[np.float64], ring_offsets: NDArray[np.int32], least: NDArray[np.int32], limit: float
) -> NDArray[np.uint8]:
    """Judge each ring: 0 good, 1 a number that is not finite or beyond ``limit``, 2 too few distinct points.

    ``points`` float64 (n, 2), ``ring_offsets`` int32 (rings + 1,), ``least`` int32 (rings,): how many
    distinct points the ring needs, 1 to 3.
    """
    rings = least.shape[0]
    verdict = np.zeros(rings, np.uint8)
    for ring in range(rings):
        start, stop = ring_offsets[ring], ring_offsets[ring + 1]
        distinct = 0
        ax = ay = bx = by = 0.0
        for i in range(start, stop):
            x, y = points[i, 0], points[i, 1]
            if not (-limit <= x <= limit and -limit <= y <= limit):
                verdict[ring] = 1
                break
            if distinct == 0:
                ax, ay, distinct = x, y, 1
            elif distinct == 1:
                if x != ax or y != ay:
                    bx, by, distinct = x, y, 2
            elif distinct == 2 and (x != ax or y != ay) and (x != bx or y != by):
                distinct = 3
        if verdict[ring] == 0 and distinct < least[ring]:
            verdict[ring] = 2
    return verdict
