"""Labelbox: NDJSON export v2 (one data row per line) and the JSON array of v1.

v2: ``data_row``, ``media_attributes``, ``projects.<id>.labels[].annotations.objects[]`` with
``annotation_kind``: ImagePolygon ``polygon`` [{x, y}], ImageBoundingBox ``bounding_box`` {top, left,
height, width}, ImageSegmentationMask ``mask.url`` and/or ``composite_mask`` {url, color_rgb},
ImagePolyline, ImagePoint. Pixels, origin at the top-left corner; polygons have no holes.

v1: ``DataRow ID``, ``Labeled Data``, ``External ID``, ``Label.objects[]`` with ``title``, ``value`` and
``polygon``, ``bbox``, ``line``, ``point`` or ``instanceURI``. ``Label`` may be "Skip" or ``{}``.

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

from gtmask.formats.reading.build import RecordBuilder, flatten_xy
from gtmask.formats.reading.checks import each, inner_table, listing, real, set_size, table, text
from gtmask.formats.reading.per_image import BadFile
from gtmask.formats.reading.pictures import find_picture
from gtmask.formats.reading.rows import RowsReader
from gtmask.model import Bitmap, Select

if TYPE_CHECKING:
    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.formats.reading.rows import Row
    from gtmask.model import Record

_UPRIGHT = (None, "", "0", "1", 0, 1)


def sniff(sample: Sample) -> str | None:
    """Recognize ``data_row`` with ``projects`` (v2), or ``DataRow ID`` with ``Label`` (v1)."""
    for keys in (sample.keys, sample.element):
        if "data_row" in keys and ("projects" in keys or "media_attributes" in keys):
            return "Labelbox v2"
        if "DataRow ID" in keys and ("Labeled Data" in keys or "Label" in keys):
            return "Labelbox v1"
    return None


def read(export: Export, options: ReadOptions) -> RowsReader:
    """Open a Labelbox export."""
    return RowsReader(export, options, "Labelbox", parse=parse)


def parse(value: Any, reader: RowsReader, unit: Row) -> Record:  # noqa: ARG001 (RowsReader's form)
    """Build the record of one data row."""
    if not isinstance(value, dict):
        raise BadFile(f"a data row was expected, not {type(value).__name__}")
    if "DataRow ID" in value or "Labeled Data" in value:
        return _record_v1(value, reader)
    return _record_v2(value, reader)


def _record_v2(row: dict[str, Any], reader: RowsReader) -> Record:
    data_row, media = table(row.get("data_row")), table(row.get("media_attributes"))
    names = [data_row.get(key) for key in ("external_id", "global_key", "row_data", "id")]
    builder = _builder(reader, names, turned=media.get("exif_rotation") not in _UPRIGHT)
    set_size(builder, media.get("width"), media.get("height"))
    labels = [
        table(label)
        for project in table(row.get("projects")).values()
        for label in listing(table(project).get("labels"))
    ]
    label = choose_label(builder, labels, reader.options)
    if label is None:
        return builder.build()
    annotations = inner_table(builder, label, "annotations")
    if "frames" in annotations:
        return builder.reject("record-bad", "the labels of a video cannot be read")
    each(
        builder,
        annotations.get("objects"),
        lambda item: _add_v2(builder, item, text(label.get("id")), reader),
    )
    return builder.build()


def _builder(reader: RowsReader, names: list[Any], *, turned: bool = False) -> RecordBuilder:
    """Return a builder for the image of these names: external id, global key, address, id."""
    known = list(dict.fromkeys(name for name in map(text, names) if name))
    paths = [last for name in known if "://" in name and (last := _last_part(name))]
    known = list(dict.fromkeys([*known, *paths]))
    builder = RecordBuilder(
        known[0] if known else "", grid="displayed" if turned else "stored", aliases=tuple(known[1:])
    )
    if not known:
        builder.finding("image-name-bad", "the data row names no image")
    builder.record.files = reader.export.read
    return builder


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
    kept = [label for label in labels if not _detail(label, "skipped")]
    for _ in range(len(labels) - len(kept)):
        builder.finding("annotation-cancelled", "the label was skipped")
    if options.annotator is not None:
        kept = [label for label in kept if _detail(label, "created_by") == options.annotator]
    if not kept:
        why = "every label was skipped" if options.annotator is None else f"no label by {options.annotator}"
        builder.finding("record-skipped", why)
        return None
    # Of equals the last one in the row wins: max() keeps the first, hence the reversal.
    best: dict[str, Any] = max(reversed(kept), key=_rank)
    if len(kept) > 1:
        who = text(_detail(best, "created_by"))
        builder.finding("annotation-chosen", f"1 of {len(kept)} labels{f', by {who}' if who else ''}")
    return best


def _rank(label: dict[str, Any]) -> tuple[bool, float, str]:
    score = _detail(label, "consensus_score")
    benchmark = _detail(label, "is_benchmark_reference") or label.get("label_kind") == "Benchmark"
    newest = text(_detail(label, "updated_at")) or text(_detail(label, "created_at"))
    scored = isinstance(score, int | float) and not isinstance(score, bool)
    return bool(benchmark), float(score) if scored else -1.0, newest


def _detail(label: dict[str, Any], key: str) -> Any:
    """Return what a label tells of itself, wherever the export's version puts it."""
    for place in (label, table(label.get("label_details")), table(label.get("performance_details"))):
        if key in place:
            return place[key]
    return None


def _add_v2(builder: RecordBuilder, item: dict[str, Any], label_id: str, reader: RowsReader) -> None:
    label = text(item.get("name")) or text(item.get("value"))
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
        kind = text(item.get("annotation_kind")) or "no geometry"
        builder.finding("shape-kind-unsupported", f"{label}: {kind}")


def _add_mask(
    builder: RecordBuilder, label: str, item: dict[str, Any], label_id: str, reader: RowsReader
) -> None:
    """Add a mask from its own picture where that lies beside the export, else from the label's."""
    own, whole = text(table(item.get("mask")).get("url")), table(item.get("composite_mask"))
    found = find_picture(reader.export, own, _named(item.get("feature_id"))) if own else None
    select = Select("nonzero")
    if found is None and whole:
        red, green, blue = (int(real(value)) & 255 for value in whole["color_rgb"])
        found = find_picture(reader.export, text(whole.get("url")), _named(label_id))
        select = Select("id", red | green << 8 | blue << 16)
    _add_picture(builder, label, found, select, own or text(whole.get("url")))


def _named(identity: Any) -> list[str]:
    return [f"{text(identity)}.png"] if text(identity) else []


def _add_picture(builder: RecordBuilder, label: str, found: str | None, select: Select, address: str) -> None:
    if found is None:
        builder.finding("bitmap-missing", f"{label}: {address.partition('?')[0]:.200}")
    else:
        builder.bitmap(label, Bitmap(file=found, select=select, whole=True))


def _add_box(builder: RecordBuilder, label: str, box: dict[str, Any]) -> None:
    left, top, width, height = (real(box[key]) for key in ("left", "top", "width", "height"))
    builder.rectangle(label, left, top, left + width, top + height)


def _record_v1(row: dict[str, Any], reader: RowsReader) -> Record:
    builder = _builder(reader, [row.get("External ID"), row.get("Labeled Data"), row.get("DataRow ID")])
    media = table(row.get("Media Attributes"))
    set_size(builder, media.get("width"), media.get("height"))
    label = row.get("Label")
    if row.get("Skipped") is True or label == "Skip":
        return builder.reject("record-skipped", "the label was skipped")
    if not label:
        code = "image-unannotated" if reader.options.include_unannotated else "record-unannotated"
        builder.finding(code, "the data row has no label")
        return builder.build()
    if isinstance(label, dict) and "objects" not in label:
        _add_oldest(builder, label)
    else:
        each(builder, table(label).get("objects"), lambda item: _add_v1(builder, item, reader))
    return builder.build()


def _add_oldest(builder: RecordBuilder, label: dict[str, Any]) -> None:
    """Add the shapes of exports that list ``{"Car": [{"geometry": [{x, y}]}]}`` or the bare rings."""
    for name, shapes in label.items():
        rows = [entry if isinstance(entry, dict) else {"geometry": entry} for entry in listing(shapes)]

        def add(item: dict[str, Any], name: str = name) -> None:
            builder.polygon(name, flatten_xy(item["geometry"]))

        each(builder, rows, add, name)


def _add_v1(builder: RecordBuilder, item: dict[str, Any], reader: RowsReader) -> None:
    label = text(item.get("title")) or text(item.get("value"))
    if "polygon" in item:
        builder.polygon(label, flatten_xy(item["polygon"]))
    elif "bbox" in item:
        _add_box(builder, label, item["bbox"])
    elif "line" in item:
        builder.polygon(label, flatten_xy(item["line"]), "polyline")
    elif "point" in item:
        builder.polygon(label, flatten_xy([item["point"]]), "point")
    elif "instanceURI" in item:
        address = text(item["instanceURI"])
        found = find_picture(reader.export, address, _named(item.get("featureId")))
        _add_picture(builder, label, found, Select("nonzero"), address)
    else:
        builder.finding("shape-kind-unsupported", f"{label}: no geometry")
