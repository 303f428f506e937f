"""How readers make records: the shapes that tools know become parts of rings, run-length masks and bitmaps.

Readers hand over geometry as the export has it. What cannot be painted is left out, with a finding that names
the shape; nothing raises.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gtmask.formats.reading.checks import pixels_of
from gtmask.formats.reading.collected import Collected
from gtmask.formats.reading.geometry import LIMIT, ellipse_ring, flatten, refuse_negative, refuse_truth
from gtmask.formats.reading.malformed import type_name
from gtmask.model import Bitmap, FillRule, Grid, Kind, Record, Runs, Shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_LEAST = {"polyline": 2, "point": 1}


class RecordBuilder(Collected):
    """Collects the shapes of one image and builds the record.

    The parameters are those of :class:`gtmask.model.Record`.
    """

    __slots__ = ()

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
        super().__init__(
            Record(image, width, height, grid, source_fill=source_fill, where=where, aliases=aliases)
        )

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

    def size_from(self, outer: dict[str, Any], width: str = "width", height: str = "height") -> None:
        """Set the record's size by these two members of an object."""
        self.set_size(outer.get(width), outer.get(height))

    def set_size(self, width: Any, height: Any) -> None:
        """Set the record's size where the export tells one; what is no size at all is a reject.

        Zero and less is what converters write that never saw the image: its header may tell.
        """
        if width is None or height is None:
            return
        wide, tall = pixels_of(width), pixels_of(height)
        if wide is None or tall is None:
            self.finding("record-size-bad", f"{width!r:.40} x {height!r:.40}")
        elif wide <= 0 or tall <= 0:
            self.finding("record-size-none", f"{width!r:.40} x {height!r:.40}")
        else:
            self.record.width, self.record.height = wide, tall

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

        Raises ValueError or TypeError: a point is not a pair: its numbers would shift all that follow.
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
        shape = Shape(label, "polygon", (parts - 1, parts), group=self.group)
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
        if shape is not None:
            self.tell_rotation(label)
            if inclusive:
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
            if not turn and kind == "ellipse":
                self.tell_rotation(label)
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
