"""Labelbox's NDJSON: one data row per line, and which of its labels counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import real, reals, size_from
from gtmask.formats.reading.geometry import flatten_xy
from gtmask.formats.reading.pictures import find_picture
from gtmask.formats.reading.times import moment
from gtmask.formats.reading.typed import (
    as_object,
    as_text,
    each,
    first_texts,
    get_flag,
    get_label,
    get_list,
    get_number,
    get_object,
    get_objects,
    get_text,
)
from gtmask.model import Bitmap, Select

if TYPE_CHECKING:
    from gtmask.formats.base import ReadOptions
    from gtmask.formats.reading.rows import RowsReader
    from gtmask.model import Record

_UPRIGHT = ("", "0", "1")
#: What labels of one data row are compared by.
_RANKED = ("consensus_score", "is_benchmark_reference", "updated_at", "created_at")


def record_v2(row: dict[str, Any], reader: RowsReader) -> Record:
    """Build the record of one data row."""
    builder = new_builder(reader)
    data_row = get_object(builder, row, "data_row")
    media = get_object(builder, row, "media_attributes")
    dataset = get_text(builder, get_object(builder, data_row, "details"), "dataset_name")
    names = first_texts(builder, data_row, ("external_id", "global_key", "row_data", "id"))
    name_image(builder, names, dataset)
    if get_text(builder, media, "exif_rotation") not in _UPRIGHT:
        builder.record.grid = "displayed"
    size_from(builder, media)
    projects = [
        as_object(builder, project, key) for key, project in get_object(builder, row, "projects").items()
    ]
    details = [get_object(builder, project, "project_details") for project in projects]
    builder.record.statuses = tuple(
        filter(None, (get_text(builder, detail, "workflow_status") for detail in details))
    )
    labels = [label for project in projects for label in get_objects(builder, project, "labels")]
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


def new_builder(reader: RowsReader) -> RecordBuilder:
    """Return a builder whose bitmaps are files of the export."""
    builder = RecordBuilder("")
    builder.record.files = reader.export.read
    return builder


def name_image(builder: RecordBuilder, names: list[str], dataset: str) -> None:
    """Name the image: external id, global key, address, id, and what addresses end in.

    External ids are unique within a data set at most.
    """
    ends = [_last_part(name) for name in names if "://" in name]
    builder.name_image([*names, *ends], "data row", scope=dataset)


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


def _rank(builder: RecordBuilder, label: dict[str, Any]) -> tuple[bool, float, tuple[float, str]]:
    details = {key: _detail(builder, label, key) for key in _RANKED}
    benchmark = get_flag(builder, details, "is_benchmark_reference")
    benchmark = benchmark or get_text(builder, label, "label_kind") == "Benchmark"
    newest = get_text(builder, details, "updated_at") or get_text(builder, details, "created_at")
    return benchmark, get_number(builder, details, "consensus_score", -1.0), moment(newest)


def _detail(builder: RecordBuilder, label: dict[str, Any], key: str) -> Any:
    """Return what a label tells of itself, wherever the export's version puts it."""
    details = (get_object(builder, label, name) for name in ("label_details", "performance_details"))
    return next((place[key] for place in (label, *details) if key in place), None)


def _add_v2(builder: RecordBuilder, item: dict[str, Any], label_id: str, reader: RowsReader) -> None:
    label = get_label(builder, item, "name") or get_label(builder, item, "value")
    builder.name_class(item, "feature_schema_id", label)
    if "polygon" in item:
        builder.polygon(label, flatten_xy(item["polygon"]))
    elif "bounding_box" in item:
        add_box(builder, label, item["bounding_box"])
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
    found = (
        find_picture(reader.export, own, named_file(get_text(builder, item, "feature_id"))) if own else None
    )
    select = Select("nonzero")
    address = get_text(builder, whole, "url")
    if found is None and whole:
        red, green, blue = (int(real(value)) & 255 for value in whole["color_rgb"])
        found = find_picture(reader.export, address, named_file(label_id))
        select = Select("id", red | green << 8 | blue << 16)
    add_picture(builder, label, found, select, own or address)


def named_file(identity: str) -> list[str]:
    """Return what a mask's file is called by who downloads masks by their id."""
    return [f"{identity}.png"] if identity else []


def add_picture(builder: RecordBuilder, label: str, found: str | None, select: Select, address: str) -> None:
    """Add a picture that was found beside the export, or tell that it was not."""
    if found is None:
        builder.finding("bitmap-missing", f"{label}: {address.partition('?')[0]:.200}")
    else:
        builder.bitmap(label, Bitmap(file=found, select=select, whole=True))


def add_box(builder: RecordBuilder, label: str, box: dict[str, Any]) -> None:
    """Add a bounding box."""
    left, top, width, height = reals(box, ("left", "top", "width", "height"))
    builder.box(label, left, top, width, height)
