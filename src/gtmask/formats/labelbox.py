"""Labelbox: NDJSON export v2 (one data row per line) and the JSON array of v1.

v2: ``data_row``, ``media_attributes``, ``projects.<id>.labels[].annotations.objects[]`` with
``annotation_kind``: ImagePolygon ``polygon`` [{x, y}], ImageBoundingBox ``bounding_box`` {top, left,
height, width}, ImageSegmentationMask ``mask.url`` and/or ``composite_mask`` {url, color_rgb},
ImagePolyline, ImagePoint. Pixels, origin at the top-left corner; polygons have no holes.

v1: ``DataRow ID``, ``Labeled Data``, ``External ID``, ``Label.objects[]`` with ``title``, ``value`` and
``polygon``, ``bbox``, ``line``, ``point`` or ``instanceURI``. ``Label`` may be "Skip" or ``{}``.

2018 and before: ``Label`` has the geometries under the names of classes, as lists of {x, y} or as well-known
text, bare or as ``geometry``. There y grows **upwards** from the image's bottom edge: the vendor's own
exporters of that time (labelbox-python, ``labelbox/exporters``) write ``height - y``, and the image's height,
which the export does not tell, is that of the stored pixels. Answers to questions stand between them as text.

**Which label counts** where a data row has several (consensus, benchmark, several projects), after
skipped ones are left out: with ``annotator`` the newest of that person (``created_by``); else the
benchmark reference; else the highest consensus score; else the newest. One is chosen, never merged.

Mask addresses need a key and expire: masks are taken from files beside the export, see
:mod:`gtmask.formats.reading.pictures`; they may be named ``<feature id>.png``.

``exif_rotation`` says that the annotator saw the image turned, and the geometry speaks of that image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import real, reals, size_from
from gtmask.formats.reading.geometry import flatten_xy
from gtmask.formats.reading.pictures import find_picture
from gtmask.formats.reading.rows import RowsReader
from gtmask.formats.reading.typed import (
    as_list,
    as_object,
    as_text,
    each,
    first_texts,
    get_any,
    get_flag,
    get_label,
    get_list,
    get_number,
    get_object,
    get_objects,
    get_text,
)
from gtmask.formats.reading.wkt import is_wkt, parse_wkt
from gtmask.model import Bitmap, Select

if TYPE_CHECKING:
    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.formats.reading.rows import Row
    from gtmask.model import Record

_UPRIGHT = ("", "0", "1")
#: What labels of one data row are compared by.
_RANKED = ("consensus_score", "is_benchmark_reference", "updated_at", "created_at")


def sniff(sample: Sample) -> str | None:
    """Recognize ``data_row`` with ``projects`` (v2), or ``DataRow ID`` with ``Label`` (v1)."""
    for keys in (sample.keys, sample.element):
        if "data_row" in keys and ("projects" in keys or "media_attributes" in keys):
            return "Labelbox v2"
        if "Label" in keys and ("DataRow ID" in keys or "Labeled Data" in keys):
            return "Labelbox v1"
        if "DataRow ID" in keys and "Labeled Data" in keys:
            return "Labelbox v1"
    return None


def read(export: Export, options: ReadOptions) -> RowsReader:
    """Open a Labelbox export."""
    return RowsReader(export, options, "Labelbox", parse=parse)


def parse(value: dict[str, Any], reader: RowsReader, unit: Row) -> Record:  # noqa: ARG001 (RowsReader's form)
    """Build the record of one data row."""
    if "DataRow ID" in value or "Labeled Data" in value:
        return _record_v1(value, reader)
    return _record_v2(value, reader)


def _record_v2(row: dict[str, Any], reader: RowsReader) -> Record:
    builder = _builder(reader)
    data_row = get_object(builder, row, "data_row")
    media = get_object(builder, row, "media_attributes")
    _name(builder, first_texts(builder, data_row, ("external_id", "global_key", "row_data", "id")))
    if get_text(builder, media, "exif_rotation") not in _UPRIGHT:
        builder.record.grid = "displayed"
    size_from(builder, media)
    labels = [
        label
        for key, project in get_object(builder, row, "projects").items()
        for label in get_objects(builder, as_object(builder, project, key), "labels")
    ]
    label = choose_label(builder, labels, reader.options)
    if label is None:
        return builder.build()
    annotations = get_object(builder, label, "annotations")
    if "frames" in annotations:
        return builder.reject("record-bad", "the labels of a video cannot be read")
    each(
        builder,
        get_list(builder, annotations, "objects"),
        lambda item: _add_v2(builder, item, get_text(builder, label, "id"), reader),
    )
    return builder.build()


def _builder(reader: RowsReader) -> RecordBuilder:
    builder = RecordBuilder("")
    builder.record.files = reader.export.read
    return builder


def _name(builder: RecordBuilder, names: list[str]) -> None:
    """Name the image: external id, global key, address, id, and what addresses end in."""
    builder.name_image([*names, *(_last_part(name) for name in names if "://" in name)], "data row")


def _last_part(address: str) -> str:
    try:
        return unquote(urlsplit(address).path).rpartition("/")[2]
    except ValueError:
        return ""


def choose_label(
    builder: RecordBuilder, labels: list[dict[str, Any]], options: ReadOptions
) -> dict[str, Any] | None:
    """Return the label that counts, or None after telling why there is none; see the module's docstring."""
    if not labels:
        code = "image-unannotated" if options.include_unannotated else "record-unannotated"
        builder.finding(code, "the data row has no label")
        return None
    kept = [label for label in labels if not _detail(builder, label, "skipped")]
    for _ in range(len(labels) - len(kept)):
        builder.finding("annotation-cancelled", "the label was skipped")
    if options.annotator is not None:
        kept = [label for label in kept if _detail(builder, label, "created_by") == options.annotator]
    if not kept:
        why = "every label was skipped" if options.annotator is None else f"no label by {options.annotator}"
        builder.finding("record-skipped", why)
        return None
    # Of equals the last one in the row wins: max() keeps the first, hence the reversal.
    best: dict[str, Any] = max(reversed(kept), key=lambda label: _rank(builder, label))
    if len(kept) > 1:
        who = as_text(builder, _detail(builder, best, "created_by"), "created_by")
        builder.finding("annotation-chosen", f"1 of {len(kept)} labels{f', by {who}' if who else ''}")
    return best


def _rank(builder: RecordBuilder, label: dict[str, Any]) -> tuple[bool, float, str]:
    details = {key: _detail(builder, label, key) for key in _RANKED}
    benchmark = get_flag(builder, details, "is_benchmark_reference")
    benchmark = benchmark or get_text(builder, label, "label_kind") == "Benchmark"
    newest = get_text(builder, details, "updated_at") or get_text(builder, details, "created_at")
    return benchmark, get_number(builder, details, "consensus_score", -1.0), newest


def _detail(builder: RecordBuilder, label: dict[str, Any], key: str) -> Any:
    """Return what a label tells of itself, wherever the export's version puts it."""
    details = (get_object(builder, label, name) for name in ("label_details", "performance_details"))
    return next((place[key] for place in (label, *details) if key in place), None)


def _add_v2(builder: RecordBuilder, item: dict[str, Any], label_id: str, reader: RowsReader) -> None:
    label = get_label(builder, item, "name") or get_label(builder, item, "value")
    if "polygon" in item:
        builder.polygon(label, flatten_xy(item["polygon"]))
    elif "bounding_box" in item:
        _add_box(builder, label, item["bounding_box"])
    elif "mask" in item or "composite_mask" in item:
        _add_mask(builder, label, item, label_id, reader)
    elif "line" in item:
        builder.polygon(label, flatten_xy(item["line"]), "polyline")
    elif "point" in item:
        builder.polygon(label, flatten_xy([item["point"]]), "point")
    else:
        kind = get_text(builder, item, "annotation_kind") or "no geometry"
        builder.finding("shape-kind-unsupported", f"{label}: {kind}")


def _add_mask(
    builder: RecordBuilder, label: str, item: dict[str, Any], label_id: str, reader: RowsReader
) -> None:
    """Add a mask from its own picture where that lies beside the export, else from the label's."""
    own = get_text(builder, get_object(builder, item, "mask"), "url")
    whole = get_object(builder, item, "composite_mask")
    found = find_picture(reader.export, own, _named(get_text(builder, item, "feature_id"))) if own else None
    select = Select("nonzero")
    address = get_text(builder, whole, "url")
    if found is None and whole:
        red, green, blue = (int(real(value)) & 255 for value in whole["color_rgb"])
        found = find_picture(reader.export, address, _named(label_id))
        select = Select("id", red | green << 8 | blue << 16)
    _add_picture(builder, label, found, select, own or address)


def _named(identity: str) -> list[str]:
    return [f"{identity}.png"] if identity else []


def _add_picture(builder: RecordBuilder, label: str, found: str | None, select: Select, address: str) -> None:
    if found is None:
        builder.finding("bitmap-missing", f"{label}: {address.partition('?')[0]:.200}")
    else:
        builder.bitmap(label, Bitmap(file=found, select=select, whole=True))


def _add_box(builder: RecordBuilder, label: str, box: dict[str, Any]) -> None:
    left, top, width, height = reals(box, ("left", "top", "width", "height"))
    builder.rectangle(label, left, top, left + width, top + height)


def _record_v1(row: dict[str, Any], reader: RowsReader) -> Record:
    builder = _builder(reader)
    _name(builder, first_texts(builder, row, ("External ID", "Labeled Data", "DataRow ID")))
    size_from(builder, get_object(builder, row, "Media Attributes"))
    label = get_any(row, "Label")
    if get_flag(builder, row, "Skipped") or label == "Skip":
        return builder.reject("record-skipped", "the label was skipped")
    if not label:
        code = "image-unannotated" if reader.options.include_unannotated else "record-unannotated"
        builder.finding(code, "the data row has no label")
        return builder.build()
    if isinstance(label, dict) and "objects" not in label:
        _add_oldest(builder, label)
    else:
        objects = get_list(builder, as_object(builder, label, "Label"), "objects")
        each(builder, objects, lambda item: _add_v1(builder, item, reader))
    return builder.build()


def _add_oldest(builder: RecordBuilder, label: dict[str, Any]) -> None:
    """Add the shapes of exports of 2018, which stand under the names of their classes."""
    builder.record.units = "upward"
    for name, shapes in label.items():
        listed = [shapes] if isinstance(shapes, str) else as_list(builder, shapes, name)

        def add(entry: Any, name: str = name) -> None:
            _add_geometry(builder, name, entry["geometry"] if isinstance(entry, dict) else entry)

        builder.account(listed, add, name)


def _add_geometry(builder: RecordBuilder, name: str, geometry: Any) -> None:
    """Add a ring, a point, or what well-known text says."""
    if isinstance(geometry, str):
        if not is_wkt(geometry):
            builder.finding("shape-no-geometry", f"{name}: the text {geometry!r:.60}")
            return
        found = parse_wkt(geometry)
        builder.polygons(name, found.parts, found.kind)
    elif isinstance(geometry, dict):
        builder.polygon(name, flatten_xy([geometry]), "point")
    else:
        builder.polygon(name, flatten_xy(geometry))


def _add_v1(builder: RecordBuilder, item: dict[str, Any], reader: RowsReader) -> None:
    label = get_label(builder, item, "title") or get_label(builder, item, "value")
    if "polygon" in item:
        builder.polygon(label, flatten_xy(item["polygon"]))
    elif "bbox" in item:
        _add_box(builder, label, item["bbox"])
    elif "line" in item:
        builder.polygon(label, flatten_xy(item["line"]), "polyline")
    elif "point" in item:
        builder.polygon(label, flatten_xy([item["point"]]), "point")
    elif "instanceURI" in item:
        address = get_text(builder, item, "instanceURI")
        found = find_picture(reader.export, address, _named(get_text(builder, item, "featureId")))
        _add_picture(builder, label, found, Select("nonzero"), address)
    else:
        builder.finding("shape-kind-unsupported", f"{label}: no geometry")
