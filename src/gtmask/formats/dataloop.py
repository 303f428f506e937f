"""Dataloop: one JSON per item.

Confirmed by the tool's documentation ("Instance Segmentation - JSON"), its SDK
(``dtlpy/entities/annotation_definitions``) and the example in darwin-py's tests; there is no real file
among our samples.

- ``filename`` (from the data set's root), ``metadata.system.width/height``, ``annotations[]`` with
  ``type``, ``label``, ``coordinates`` in pixels.
- segment: [{x, y}] or a list of such rings, filled even-odd together, so that inner ones are holes;
  ``metadata.system.isOpen`` makes it a line. box: two corners, or four of a rotated box. ellipse:
  ``center``, ``rx``, ``ry``, ``angle`` in degrees. binary: an RGBA PNG of the whole image as a data URL,
  alpha counts. polyline and point have no area; class, cuboids and text cannot be painted.
- Order: list order.
"""

from __future__ import annotations

from posixpath import basename
from typing import TYPE_CHECKING, Any

from gtmask.formats.reading.build import RecordBuilder, flatten_xy
from gtmask.formats.reading.checks import decode_base64, describe, each, real, set_size, table, text
from gtmask.formats.reading.per_image import BadFile, PerImageReader, load_object
from gtmask.model import Bitmap, Select

if TYPE_CHECKING:
    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.model import Record

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
    return PerImageReader(export, options, "Dataloop", wanted=wanted, parse=parse)


def wanted(name: str) -> bool:
    """Say whether a file may be an annotation."""
    return name.lower().endswith(".json")


def parse(data: bytes, name: str, reader: PerImageReader) -> Record:  # noqa: ARG001 (PerImageReader's form)
    """Build the record of one file."""
    document = load_object(data)
    annotations = document.get("annotations")
    if not isinstance(annotations, list):
        raise BadFile("there is no list of annotations")
    inner = table(annotations[0]) if len(annotations) == 1 else {}
    if isinstance(inner.get("annotations"), list) and "filename" in inner:
        # The documentation wraps the item in a list of its own.
        document, annotations = inner, inner["annotations"]
    names = image_names(name, text(document.get("filename")))
    builder = RecordBuilder(names[0], aliases=names[1:])
    system = table(table(document.get("metadata")).get("system"))
    set_size(builder, system.get("width"), system.get("height"))
    if text(system.get("mimetype")).startswith("video"):
        return builder.reject("record-bad", "the annotations of a video cannot be read")
    each(builder, annotations, lambda item: _add_annotation(builder, item), "annotation")
    return builder.build()


def image_names(name: str, told: str) -> tuple[str, ...]:
    """Return where the image of an item may lie: where the item says, else beside the file."""
    if told:
        path = told.replace("\\", "/").lstrip("/")
        return tuple(dict.fromkeys((path, basename(path))))
    stem = name[: -len(".json")]
    return (stem,) if "." in basename(stem) else tuple(stem + suffix for suffix in (".jpg", ".png", ".jpeg"))


def _add_annotation(builder: RecordBuilder, item: dict[str, Any]) -> None:
    label, kind = text(item.get("label")), text(item.get("type"))
    coordinates: Any = item.get("coordinates", item.get("data"))
    if kind in {"segment", "polyline"}:
        rings = coordinates if isinstance(coordinates[0], list) else [coordinates]
        flat = [flatten_xy(ring) for ring in rings]
        if kind == "polyline" or table(table(item.get("metadata")).get("system")).get("isOpen") is True:
            for line in flat:
                builder.polygon(label, line, "polyline")
        else:
            builder.polygons(label, [flat])
    elif kind == "box":
        _add_box(builder, label, flatten_xy(coordinates))
    elif kind == "ellipse":
        center = coordinates["center"]
        radii = (real(coordinates["rx"]), real(coordinates["ry"]))
        degrees = real(coordinates.get("angle") or 0)
        builder.ellipse(label, (real(center["x"]), real(center["y"])), radii, degrees)
    elif kind == "binary":
        _add_binary(builder, label, coordinates)
    elif kind == "point":
        builder.polygon(label, flatten_xy([coordinates]), "point")
    elif kind == "class":
        builder.finding("shape-no-geometry", f"{label}: tag")
    else:
        builder.finding("shape-kind-unsupported", f"{label}: {kind or 'no type'}")


def _add_box(builder: RecordBuilder, label: str, corners: list[float]) -> None:
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
    builder.bitmap(label, Bitmap(data=data, select=Select("alpha"), whole=True))
