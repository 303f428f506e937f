"""Label Studio's regions: percent of the image's size become shapes in pixels.

Sources: ``label_studio_sdk/converter`` and the frontend's region classes. All numbers are percent of the
natural image with its origin at the top-left corner. A rectangle turns clockwise about its top-left
corner and in pixels: turning in percent would shear it on images that are not square. An ellipse's x, y
is its centre. ``image_rotation`` turns only what the annotator saw, never the numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gtmask.formats.label_studio.brush import brush_runs
from gtmask.formats.reading.checks import are_fractions, decode_base64, drawn_pixels, reals
from gtmask.formats.reading.geometry import ellipse_ring, refuse_negative, rotated_corners
from gtmask.formats.reading.malformed import type_name
from gtmask.formats.reading.typed import get_any
from gtmask.model import Bitmap, Record, Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gtmask.formats.reading.build import RecordBuilder

#: Result types that describe the image or a region but draw nothing.
_SILENT = frozenset({
    "choices", "taxonomy", "textarea", "rating", "number", "datetime", "relation", "ranker", "pairwise",
    "labels", "chat", "reactcode",
})  # fmt: skip
#: Result types that draw, but not on an image.
_ELSEWHERE = frozenset({
    "videorectangle", "timeserieslabels", "timelinelabels", "hypertextlabels", "paragraphlabels",
})  # fmt: skip
#: Keys of a value that mark it as such a description where JSON-MIN has no types.
_SILENT_KEYS = frozenset({"choices", "taxonomy", "text", "rating", "number", "datetime", "ranker"})


class Regions:
    """Collects the regions of one image.

    - ``builder``: takes the shapes.
    - ``results``: the results of one annotation that lie on this image, in painting order.
    - ``lost``: those of the results that lie on no image of the task: they are told.
    - ``groups``: the groups of the results, where not all are of one (:attr:`gtmask.model.Shape.group`).
    """

    def __init__(
        self, builder: RecordBuilder, results: list[Any], lost: Sequence[Any] = (), groups: Sequence[int] = ()
    ) -> None:
        self.builder = builder
        self._groups = iter(groups)
        self.results = results
        self._lost = set(map(id, lost))
        alike = set(map(type, results)) <= {dict}
        self.regions = results if alike else [result for result in results if isinstance(result, dict)]
        self.width, self.height = _first_size(self.regions)
        self._labels: dict[str, str] | None = None

    def build(self) -> Record:
        """Return the record. Without any size in the export, coordinates stay fractions of the image."""
        builder, record = self.builder, self.builder.record
        builder.each(self.results, self._add, "result")
        for region in self.regions:
            if turned := get_any(region, "image_rotation"):
                builder.finding("image-rotation", f"{turned!r:.20} degrees")
                break
        percent = (0.01, 0.01)
        if self.width is None or self.height is None:
            record.units = "fraction"
        else:
            record.width, record.height = self.width, self.height
            percent = (self.width / 100, self.height / 100)
        builder.build(percent)
        if are_fractions(record, percent):
            builder.finding(
                "fraction-suspected", f"{len(record.shapes)} regions within a percent of the image"
            )
        return record

    def _add(self, result: dict[str, Any]) -> None:
        builder, value = self.builder, get_any(result, "value")
        builder.group = next(self._groups, 0)
        if not self._lost and type(value) is dict and "polygonlabels" in value and "points" in value:
            # Nearly every region: a polygon of one label, and of the type that says so.
            names = value["polygonlabels"]
            usual = type(names) is list and len(names) == 1 and type(names[0]) is str
            if usual and get_any(result, "type") == "polygonlabels":
                self.polygon(names[0], value)
                return
        kind = builder.get_text(result, "type")
        if self._lost and id(result) in self._lost:
            builder.finding("annotation-orphan", f"{builder.record.where}: {builder.place} is on no image")
            return
        if kind in _SILENT:
            if kind == "labels":
                builder.joins()
            else:
                builder.describes()
            return
        if not isinstance(value, dict):
            raise TypeError(f"'value' is {type_name(value)}, not an object")
        add = Regions.polygon if "points" in value else _geometry(value)
        if not kind and _SILENT_KEYS & value.keys():
            builder.describes()
            return
        label = self._label(result, kind, value)
        if add is None and not kind:
            builder.finding("shape-no-geometry", f"{label}: {builder.place}")
        elif add is None or kind in _ELSEWHERE:
            builder.finding("shape-kind-unsupported", f"{label}: {kind!r:.40}")
        else:
            add(self, label, value)

    def _label(self, result: dict[str, Any], kind: str, value: dict[str, Any]) -> str:
        """Return a region's label: in its value, or in a ``labels`` result of the same region id."""
        names = get_any(value, kind)
        if isinstance(names, list) and len(names) == 1 and isinstance(names[0], str):
            return names[0]
        names = _label_list(self.builder, value, kind)
        if len(names) > 1:
            self.builder.finding("label-several", ", ".join(map(str, names))[:200])
        if names:
            return self.builder.as_label(names[0], "label")
        if self._labels is None:
            self._labels = {}
            for other in self.regions:
                inner, identity = get_any(other, "value"), self.builder.get_text(other, "id")
                found = _label_list(self.builder, inner) if identity and isinstance(inner, dict) else []
                if found:
                    self._labels.setdefault(identity, self.builder.as_label(found[0], "label"))
        return self._labels.get(self.builder.get_text(result, "id"), "")

    def polygon(self, label: str, value: dict[str, Any]) -> None:
        """Add a polygon; the format has no holes. One that was left open is drawn as a line by the tool."""
        if get_any(value, "closed") is not None and not self.builder.get_flag(value, "closed"):
            self.builder.finding("polygon-open", f"{label}: {len(value['points'])} points")
        self.builder.polygon_pairs(label, value["points"])

    def line(self, label: str, value: dict[str, Any]) -> None:
        """Add a line or, where it is closed, the polygon that it is."""
        vertices, is_ring = _along(value["vertices"])
        if any(self.builder.get_flag(vertex, "isBezier") for vertex in vertices):
            self.builder.finding("shape-kind-unsupported", f"{label}: a line with Bézier vertices")
            return
        flat = [vertex[axis] for vertex in vertices for axis in ("x", "y")]
        closed = self.builder.get_flag(value, "closed") or is_ring
        self.builder.polygon(label, flat, "polygon" if closed else "polyline")

    def rectangle(self, label: str, value: dict[str, Any]) -> None:
        """Add a rectangle, turned about its top-left corner in pixels."""
        x, y, width, height = reals(value, ("x", "y", "width", "height"))
        degrees = self.builder.get_number(value, "rotation")
        if not degrees:
            self.builder.box(label, x, y, width, height)
            return
        sx, sy = self._scale(label)
        if sx:
            corners = rotated_corners(x * sx, y * sy, width * sx, height * sy, degrees, (x * sx, y * sy))
            self._pixels(label, corners, "rotated_rectangle")

    def ellipse(self, label: str, value: dict[str, Any]) -> None:
        """Add an ellipse about its centre."""
        x, y, rx, ry = reals(value, ("x", "y", "radiusX", "radiusY"))
        refuse_negative("an ellipse", rx, ry)
        degrees = self.builder.get_number(value, "rotation")
        sx, sy = self._scale(label)
        if not sx:
            return
        curve = (x * sx, y * sy, abs(rx) * sx, abs(ry) * sy, degrees)
        shape = self._pixels(label, ellipse_ring(*curve), "ellipse")
        if shape is not None:
            shape.curve = curve
            if not degrees:
                self.builder.tell_rotation(label)

    def point(self, label: str, value: dict[str, Any]) -> None:
        """Add a key point."""
        self.builder.polygon(label, [value["x"], value["y"]], "point")

    def brush(self, label: str, value: dict[str, Any]) -> None:
        """Add a brush mask; an empty one is a region without geometry."""
        rle = get_any(value, "rle")
        if not rle:
            self.builder.finding("shape-no-geometry", f"{label}: an empty brush mask")
        elif self.width is None or self.height is None:
            self.builder.finding("runs-bad", f"{label}: the brush mask has no original_width and _height")
        else:
            try:
                self.builder.runs(label, brush_runs(rle, self.width, self.height))
            except ValueError as error:
                self.builder.finding("runs-bad", f"{label}: {error}"[:200])

    def bitmask(self, label: str, value: dict[str, Any]) -> None:
        """Add a bitmask: a whole-image picture in a data URL, black on transparent (docs/tags/bitmask)."""
        try:
            data = decode_base64(value["imageDataURL"])
        except (TypeError, ValueError) as error:
            self.builder.finding("bitmap-unreadable", f"{label}: {error}"[:200])
            return
        self.builder.bitmap(label, Bitmap(data, select=drawn_pixels(data), whole=True))

    def _scale(self, label: str) -> tuple[float, float]:
        """Return pixels per percent; zeros, with a finding, where the export tells no size."""
        if self.width is None or self.height is None:
            self.builder.finding(
                "shape-bad-geometry", f"{label}: needs the image's size, and the export tells none"
            )
            return 0.0, 0.0
        return self.width / 100, self.height / 100

    def _pixels(self, label: str, flat: list[float], kind: Any) -> Shape | None:
        """Add a ring that is in pixels already."""
        sx, sy = self._scale(label)
        flat[0::2] = [x / sx for x in flat[0::2]]
        flat[1::2] = [y / sy for y in flat[1::2]]
        return self.builder.polygon(label, flat, kind)


def _along(vertices: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], bool]:
    """Return the vertices of a line as they follow each other, each naming the one before it.

    Also returned is whether they say that the line is closed: the first one names the last. Raises
    ValueError: the line branches, or is in several pieces.
    """
    if not any("prevPointId" in vertex for vertex in vertices):
        return vertices, False
    after = {get_any(vertex, "prevPointId"): vertex for vertex in vertices}
    is_ring = None not in after
    begin = before = get_any(vertices[0], "prevPointId") if is_ring else None
    found: list[dict[str, Any]] = []
    while len(found) < len(vertices) and before in after:
        found.append(after[before])
        before = after[before]["id"]
    if (
        len(after) < len(vertices)
        or len(found) < len(vertices)
        or len({id(one) for one in found}) < len(found)
        or (is_ring and before != begin)
    ):
        raise ValueError("its vertices do not follow each other as one line")
    return found, is_ring


def _geometry(value: dict[str, Any]) -> Callable[[Regions, str, dict[str, Any]], None] | None:
    """Return what adds a value's geometry other than a polygon, told by its keys: JSON-MIN has no types."""
    if "rle" in value or get_any(value, "format") == "rle":
        return Regions.brush
    if "imageDataURL" in value:
        return Regions.bitmask
    if "radiusX" in value:
        return Regions.ellipse
    if "vertices" in value:
        return Regions.line
    if "height" in value and "x" in value:
        return Regions.rectangle
    return Regions.point if "x" in value and "y" in value else None


def _label_list(builder: RecordBuilder, value: dict[str, Any], kind: str = "") -> list[Any]:
    """Return the labels in a value: under ``polygonlabels``, ``labels``, ``BrushLabels`` and the like.

    Where there are several such members, that one counts which is called like the region's type.
    """
    keys = sorted(key for key in value if key.lower().endswith("labels"))
    lists = {key: names for key in keys if (names := builder.as_list(value[key], key))}
    return lists[kind] if kind in lists else [name for names in lists.values() for name in names]


def _first_size(results: Iterable[dict[str, Any]]) -> tuple[int | None, int | None]:
    """Return the image size of the first result that tells one (key points may lack it)."""
    for result in results:
        sides = width, height = get_any(result, "original_width"), get_any(result, "original_height")
        if type(width) is type(height) is int and 0 < width < 1 << 31 and 0 < height < 1 << 31:
            return width, height  # nearly every task
        whole = [type(side) is int or (type(side) is float and side.is_integer()) for side in sides]
        if all(whole) and min(sides) > 0 and max(sides) < 1 << 31:
            return int(sides[0]), int(sides[1])
    return None, None
