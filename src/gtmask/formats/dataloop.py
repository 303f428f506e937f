"""Dataloop: one JSON per item.

Confirmed by the tool's documentation ("Instance Segmentation - JSON"), its SDK
(``dtlpy/entities/annotation_definitions``) and the example in darwin-py's tests; there is no real file
among our samples.

- ``filename`` (from the data set's root), ``metadata.system.width/height`` (``itemMetadata`` in files of one
  item's annotations, empty or a list of nothing in those of darwin-py), ``annotations[]`` with
  ``type``, ``label``, ``coordinates`` in pixels.
- segment: [{x, y}] or a list of such rings, filled even-odd together, so that inner ones are holes;
  ``metadata.system.isOpen`` makes it a line. box: two corners, or four of a
  rotated box, or two and an angle in degrees, clockwise about its centre. ellipse:
  ``center``, ``rx``, ``ry``, ``angle`` in degrees. binary: an RGBA PNG of the whole image as a data URL,
  of which the SDK takes what has an alpha above 127 (``segmentation.py``): edges are soft. polyline and point
  have no area; class, cuboids and text cannot be painted.
- Order: list order.
"""

from __future__ import annotations

from posixpath import basename
from typing import TYPE_CHECKING, Any

from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import decode_base64, real, reals
from gtmask.formats.reading.geometry import flatten_xy, rotated_corners, upright
from gtmask.formats.reading.malformed import describe
from gtmask.formats.reading.per_image import PerImageReader, load_listed
from gtmask.formats.reading.typed import get_any
from gtmask.model import Bitmap, Record, Select

if TYPE_CHECKING:
    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export

#: Keys of an item that is wrapped in a list.
_ITEM = {"annotations", "filename"}
#: Under what a file tells of its item.
_ABOUT = ("metadata", "itemMetadata")
#: What an alpha must be above, so that the SDK counts the pixel.
_FAINT = 127
_MARKS = {"datasetId", "itemId", "openAnnotationVersion", "dataset"}


def sniff(sample: Sample) -> str | None:
    """Recognize ``annotations`` with ``type``, ``label`` and ``coordinates``, or a Dataloop item."""
    inner = set(sample.keys.get("annotations", ()))
    if {"type", "label"} <= inner and (inner & _MARKS or "coordinates" in inner):
        return "Dataloop"
    if {"filename", "datasetId"} <= sample.keys.keys() | inner and "annotations" in sample.keys:
        return "Dataloop"
    return None


def read(export: Export, options: ReadOptions) -> PerImageReader:
    """Open a folder of Dataloop items."""
    return PerImageReader(export, options, "Dataloop", parse=parse)


def parse(data: bytes, name: str, reader: PerImageReader) -> Record:  # noqa: ARG001 (PerImageReader's form)
    """Build the record of one file."""
    document, annotations = load_listed(data, "annotations")
    builder = RecordBuilder("")
    if len(annotations) == 1 and isinstance(annotations[0], dict) and annotations[0].keys() >= _ITEM:
        # The documentation wraps the item in a list of its own.
        document = annotations[0]
        annotations = builder.get_list(document, "annotations")
    builder.name_image(image_names(name, builder.get_text(document, "filename")), "item")
    told = next((key for key in _ABOUT if get_any(document, key)), _ABOUT[0])
    system = builder.get_object(builder.get_object(document, told), "system")
    builder.size_from(system)
    builder.record.statuses = _statuses(builder, system)
    # Whether size and shapes are those of the turned image is not known where EXIF turns it.
    builder.record.size_in_grid = get_any(builder.get_object(system, "exif"), "Orientation") in {None, 1}
    if builder.get_text(system, "mimetype").startswith("video"):
        return builder.reject("record-bad", "the annotations of a video cannot be read")
    count = builder.get_number(document, "annotationsCount")
    if count > 0 and not annotations:
        builder.finding("annotation-bad", f"the item has {count:g} annotations, and the file lists none")
    builder.each(annotations, lambda item: _add_annotation(builder, item), "annotation")
    return builder.build()


def _statuses(builder: RecordBuilder, system: dict[str, Any]) -> tuple[str, ...]:
    """Return how far the item's tasks and assignments are: completed, approved, discard, or own words."""
    references = builder.get_objects(system, "refs")
    found = (builder.get_text(builder.get_object(one, "metadata"), "status") for one in references)
    return tuple(dict.fromkeys(filter(None, found)))


def image_names(name: str, listed: str) -> tuple[str, ...]:
    """Return where the image of an item may lie: where the item says, else beside the file."""
    if listed:
        path = listed.replace("\\", "/").lstrip("/")
        return tuple(dict.fromkeys((path, basename(path))))
    stem = name[: -len(".json")]
    return (stem,) if "." in basename(stem) else tuple(stem + suffix for suffix in (".jpg", ".png", ".jpeg"))


def _add_annotation(builder: RecordBuilder, item: dict[str, Any]) -> None:
    label, kind = builder.get_label(item, "label"), builder.get_text(item, "type")
    coordinates = get_any(item, "coordinates", "data")
    if kind in {"segment", "polyline"}:
        rings = coordinates if isinstance(coordinates[0], list) else [coordinates]
        flat = [flatten_xy(ring) for ring in rings]
        if kind == "polyline" or _is_open(builder, item):
            for line in flat:
                builder.polygon(label, line, "polyline")
        else:
            builder.polygons(label, [flat])
    elif kind == "box":
        _add_box(builder, label, coordinates)
    elif kind == "ellipse":
        x, y = reals(coordinates["center"], "xy")
        rx, ry = reals(coordinates, ("rx", "ry"))
        builder.ellipse(label, (x, y), (rx, ry), builder.get_number(coordinates, "angle"))
    elif kind == "binary":
        _add_binary(builder, label, coordinates)
    elif kind == "point":
        builder.polygon(label, flatten_xy([coordinates]), "point")
    elif kind == "class":
        builder.finding("shape-no-geometry", f"{label}: tag")
    else:
        builder.finding("shape-kind-unsupported", f"{label}: {kind or 'no type'}")


def _is_open(builder: RecordBuilder, item: dict[str, Any]) -> bool:
    """Say whether a segment is a line."""
    system = builder.get_object(builder.get_object(item, "metadata"), "system")
    return builder.get_flag(system, "isOpen")


def _add_box(builder: RecordBuilder, label: str, coordinates: Any) -> None:
    if len(coordinates) == 3 and not isinstance(coordinates[2], dict):
        x0, y0, x1, y1 = map(real, flatten_xy(coordinates[:2]))
        pivot = ((x0 + x1) / 2, (y0 + y1) / 2)
        corners = rotated_corners(*upright(x0, y0, x1, y1), real(coordinates[2]), pivot)
        builder.polygon(label, corners, "rotated_rectangle")
        return
    corners = flatten_xy(coordinates)
    if len(corners) == 4:
        builder.rectangle(label, *map(real, corners))
    elif len(corners) == 8:
        builder.polygon(label, corners, "rotated_rectangle")
    else:
        raise ValueError(f"a box of {len(corners) // 2} corners")


def _add_binary(builder: RecordBuilder, label: str, value: Any) -> None:
    try:
        data = decode_base64(value["data"] if isinstance(value, dict) else value)
    except (KeyError, TypeError, ValueError) as error:
        builder.finding("bitmap-unreadable", f"{label}: {describe(error)}")
        return
    builder.bitmap(label, Bitmap(data=data, select=Select("alpha", _FAINT), whole=True))
