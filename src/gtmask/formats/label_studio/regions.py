"""Label Studio's regions: percent of the image's size become shapes in pixels.

Sources: ``label_studio_sdk/converter`` and the frontend's region classes. All numbers are percent of the
natural image with its origin at the top-left corner. A rectangle turns clockwise about its top-left
corner and in pixels: turning in percent would shear it on images that are not square. An ellipse's x, y
is its centre. ``image_rotation`` turns only what the annotator saw, never the numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gtmask.formats.label_studio.brush import brush_runs
from gtmask.formats.reading.build import RecordBuilder, ellipse_ring, rotated_corners
from gtmask.formats.reading.checks import MALFORMED, decode_base64, describe, drawn_pixels, real, text
from gtmask.model import Bitmap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gtmask.model import Record

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

    Parameters
    ----------
    builder
        Takes the shapes.
    results
        The region objects of one annotation that lie on this image, in painting order.
    """

    def __init__(self, builder: RecordBuilder, results: list[dict[str, Any]]) -> None:
        self.builder = builder
        self.results = results
        self.width, self.height = _first_size(results)
        self._labels: dict[str, str] | None = None

    def build(self) -> Record:
        """Return the record. Without any size in the export, coordinates stay fractions of the image."""
        builder, record = self.builder, self.builder.record
        for index, result in enumerate(self.results):
            try:
                self._add(result)
            except MALFORMED as error:
                builder.finding("shape-bad-geometry", f"result {index}: {describe(error)}")
        turned = next((r["image_rotation"] for r in self.results if r.get("image_rotation")), None)
        if turned is not None:
            builder.finding("image-rotation", f"{turned!r:.20} degrees")
        if self.width is None or self.height is None:
            record.units = "fraction"
            return builder.build((0.01, 0.01))
        record.width, record.height = self.width, self.height
        return builder.build((self.width / 100, self.height / 100))

    def _add(self, result: dict[str, Any]) -> None:
        value = result.get("value")
        kind = result.get("type")
        if kind in _SILENT:
            return
        if not isinstance(value, dict):
            raise TypeError(f"{kind!r:.40} has no value")
        add = Regions.polygon if "points" in value else _geometry(value)
        if kind is None and (add is None or _SILENT_KEYS & value.keys()):
            return
        label = self._label(result, value)
        if not label:
            self.builder.finding("shape-no-label", f"{kind or 'region'} {result.get('id', '')!r:.40}")
        elif add is None or kind in _ELSEWHERE:
            self.builder.finding("shape-kind-unsupported", f"{label}: {kind!r:.40}")
        else:
            add(self, label, value)

    def _label(self, result: dict[str, Any], value: dict[str, Any]) -> str:
        """Return a region's label: in its value, or in a ``labels`` result of the same region id."""
        names = value.get(str(result.get("type")))
        if isinstance(names, list) and len(names) == 1 and isinstance(names[0], str):
            return names[0]
        names = _label_list(value)
        if len(names) > 1:
            self.builder.finding("label-several", ", ".join(map(str, names))[:200])
        if names:
            return text(names[0])
        if self._labels is None:
            self._labels = {}
            for other in self.results:
                inner = other.get("value")
                found = _label_list(inner) if isinstance(inner, dict) else []
                if found:
                    self._labels.setdefault(str(other.get("id")), text(found[0]))
        return self._labels.get(str(result.get("id")), "")

    def polygon(self, label: str, value: dict[str, Any]) -> None:
        """Add a polygon; the format has no holes."""
        points = value["points"]
        if not isinstance(points, list):
            raise TypeError(f"a list of points was expected, not {type(points).__name__}")
        self.builder.polygon_pairs(label, points)

    def line(self, label: str, value: dict[str, Any]) -> None:
        """Add a line or, where it is closed, the polygon that it is."""
        vertices = value["vertices"]
        if any(vertex.get("isBezier") for vertex in vertices):
            self.builder.finding("shape-kind-unsupported", f"{label}: a line with Bézier vertices")
            return
        flat = [vertex[axis] for vertex in vertices for axis in ("x", "y")]
        self.builder.polygon(label, flat, "polygon" if value.get("closed") else "polyline")

    def rectangle(self, label: str, value: dict[str, Any]) -> None:
        """Add a rectangle, turned about its top-left corner in pixels."""
        x, y, width, height = (real(value[key]) for key in ("x", "y", "width", "height"))
        degrees = real(value.get("rotation") or 0)
        if not degrees:
            self.builder.rectangle(label, x, y, x + width, y + height)
            return
        sx, sy = self._scale(label)
        if sx:
            corners = rotated_corners(x * sx, y * sy, width * sx, height * sy, degrees, (x * sx, y * sy))
            self._pixels(label, corners, "rotated_rectangle")

    def ellipse(self, label: str, value: dict[str, Any]) -> None:
        """Add an ellipse about its centre."""
        x, y, rx, ry = (real(value[key]) for key in ("x", "y", "radiusX", "radiusY"))
        degrees = real(value.get("rotation") or 0)
        sx, sy = self._scale(label)
        if not sx:
            return
        curve = (x * sx, y * sy, abs(rx) * sx, abs(ry) * sy, degrees)
        before = self.builder.last()
        self._pixels(label, ellipse_ring(*curve), "ellipse")
        last = self.builder.last()
        if last is not None and last is not before:
            last.curve = curve

    def point(self, label: str, value: dict[str, Any]) -> None:
        """Add a key point."""
        self.builder.polygon(label, [value["x"], value["y"]], "point")

    def brush(self, label: str, value: dict[str, Any]) -> None:
        """Add a brush mask; an empty one is a region without geometry."""
        rle = value.get("rle")
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

    def _pixels(self, label: str, flat: list[float], kind: Any) -> None:
        """Add a ring that is in pixels already."""
        sx, sy = self._scale(label)
        flat[0::2] = [x / sx for x in flat[0::2]]
        flat[1::2] = [y / sy for y in flat[1::2]]
        self.builder.polygon(label, flat, kind)


def _geometry(value: dict[str, Any]) -> Callable[[Regions, str, dict[str, Any]], None] | None:
    """Return what adds a value's geometry other than a polygon, told by its keys: JSON-MIN has no types."""
    if "rle" in value or value.get("format") == "rle":
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


def _label_list(value: dict[str, Any]) -> list[Any]:
    """Return the labels in a value: under ``polygonlabels``, ``labels``, ``BrushLabels`` and the like."""
    for key, names in value.items():
        if key.lower().endswith("labels") and names:
            return names if isinstance(names, list) else [names]
    return []


def _first_size(results: Iterable[dict[str, Any]]) -> tuple[int | None, int | None]:
    """Return the image size of the first result that tells one (key points may lack it)."""
    for result in results:
        width, height = result.get("original_width"), result.get("original_height")
        if isinstance(width, float) and width.is_integer():
            width = int(width)
        if isinstance(height, float) and height.is_integer():
            height = int(height)
        good = all(
            isinstance(n, int) and not isinstance(n, bool) and 0 < n < 1 << 31 for n in (width, height)
        )
        if good:
            return width, height
    return None, None
