"""Labelbox's NDJSON: one data row per line, and which of its labels counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import real, reals
from gtmask.formats.reading.geometry import flatten_xy
from gtmask.formats.reading.times import moment
from gtmask.model import Bitmap, Record, Select

if TYPE_CHECKING:
    from gtmask.formats.base import ReadOptions
    from gtmask.formats.reading.rows import RowsReader

#: What labels of one data row are compared by.
_RANKED = ("consensus_score", "is_benchmark_reference", "updated_at", "created_at")


def record_v2(row: dict[str, Any], reader: RowsReader) -> Record:
    """Build the record of one data row."""
    builder = new_builder(reader)
    data_row = builder.get_object(row, "data_row")
    media = builder.get_object(row, "media_attributes")
    dataset = builder.get_text(builder.get_object(data_row, "details"), "dataset_name")
    names = builder.first_texts(data_row, ("external_id", "global_key", "row_data", "id"))
    name_image(builder, names, dataset)
    builder.size_from(media)
    projects = [
        builder.as_object(project, key) for key, project in builder.get_object(row, "projects").items()
    ]
    details = [builder.get_object(project, "project_details") for project in projects]
    builder.record.statuses = tuple(
        filter(None, (builder.get_text(detail, "workflow_status") for detail in details))
    )
    labels = [label for project in projects for label in builder.get_objects(project, "labels")]
    label = choose_label(builder, labels, reader.options)
    if label is None:
        return builder.build()
    annotations = builder.get_object(label, "annotations")
    if "frames" in annotations:
        return builder.reject("record-bad", "the labels of a video cannot be read")
    builder.each(
        builder.get_list(annotations, "objects"),
        lambda item: _add_v2(builder, item, builder.get_text(label, "id"), reader),
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
        who = builder.as_text(_detail(builder, best, "created_by"), "created_by")
        builder.finding("annotation-chosen", f"1 of {len(kept)} labels{f', by {who}' if who else ''}")
    return best


def _rank(builder: RecordBuilder, label: dict[str, Any]) -> tuple[bool, float, tuple[float, str]]:
    details = {key: _detail(builder, label, key) for key in _RANKED}
    benchmark = builder.get_flag(details, "is_benchmark_reference")
    benchmark = benchmark or builder.get_text(label, "label_kind") == "Benchmark"
    newest = builder.get_text(details, "updated_at") or builder.get_text(details, "created_at")
    return benchmark, builder.get_number(details, "consensus_score", -1.0), moment(newest)


def _detail(builder: RecordBuilder, label: dict[str, Any], key: str) -> Any:
    """Return what a label tells of itself, wherever the export's version puts it."""
    details = (builder.get_object(label, name) for name in ("label_details", "performance_details"))
    return next((place[key] for place in (label, *details) if key in place), None)


def _add_v2(builder: RecordBuilder, item: dict[str, Any], label_id: str, reader: RowsReader) -> None:
    label = builder.get_label(item, "name") or builder.get_label(item, "value")
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
        kind = builder.get_text(item, "annotation_kind") or "no geometry"
        builder.finding("shape-kind-unsupported", f"{label}: {kind}")


def _add_mask(
    builder: RecordBuilder, label: str, item: dict[str, Any], label_id: str, reader: RowsReader
) -> None:
    """Add a mask from its own picture where that lies beside the export, else from the label's."""
    own = builder.get_text(builder.get_object(item, "mask"), "url")
    whole = builder.get_object(item, "composite_mask")
    found = reader.context.find(own, named_file(builder.get_text(item, "feature_id"))) if own else None
    select = Select("nonzero")
    address = builder.get_text(whole, "url")
    if found is None and whole:
        red, green, blue = (int(real(value)) & 255 for value in whole["color_rgb"])
        found = reader.context.find(address, named_file(label_id))
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
