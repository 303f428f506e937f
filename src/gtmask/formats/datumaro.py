"""Datumaro JSON: one document per subset, items with their annotations, labels by index.

Masks are COCO run-length masks; ``z_order`` decides who lies on top, ties in list order. ``group`` joins
what belongs to one object: a box in a group that has a polygon or a mask is not painted. The attribute
``is_crowd`` is COCO's ``iscrowd`` (datumaro ``coco_format/base.py``). CVAT, which
writes most of these files, measures images as EXIF turns them, and so does datumaro's own image loader.
"""

from __future__ import annotations

from posixpath import basename, splitext
from typing import TYPE_CHECKING, Any

from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import numbers, real
from gtmask.formats.reading.classes import report_duplicates
from gtmask.formats.reading.geometry import rotated_corners
from gtmask.formats.reading.rle import add_runs
from gtmask.formats.reading.rows import Row, RowsReader, header
from gtmask.formats.reading.typed import Header, get_any

if TYPE_CHECKING:
    from gtmask.formats.base import Reader, ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.model import Record, Shape

CROWD = "is_crowd"
_AREAS = {"polygon", "mask", "ellipse"}
_TAGS = {"label", "caption", "feature_vector", "hash_key"}
_KINDS = _AREAS | {"bbox", "rotated_bbox", "polyline", "points"}


def sniff(sample: Sample) -> str | None:
    """Recognize Datumaro by its items and the nesting of its categories."""
    keys = sample.keys
    if "dm_format_version" in keys and "items" in keys:
        return "Datumaro"
    item = set(keys.get("items", ()))
    if {"id", "annotations"} <= item and ("label" in keys.get("categories", ()) or "attr" in item):
        return "Datumaro"
    return "Datumaro" if "items" in keys and "label" in keys.get("categories", ()) else None


def read(export: Export, options: ReadOptions) -> Reader[Any]:
    """Open a Datumaro export.

    Raises
    ------
    DamagedExportError
        The document breaks off before its categories.
    """
    name = next(iter(export.names()))
    reporter = Header(name)
    categories = reporter.get_object(header(export, name, ("categories",)), "categories")
    entries = reporter.get_list(reporter.get_object(categories, "label"), "labels")
    names = [_label(reporter, entry, index) for index, entry in enumerate(entries)]
    report_duplicates(reporter, dict(enumerate(names)))
    return RowsReader(
        export, options, "Datumaro", parse=parse, path=("items",), context=names,
        labels=names if options.class_attribute is None else None, findings=reporter.findings,
    )  # fmt: skip


def _label(reporter: Header, entry: Any, index: int) -> str:
    """Return a label's name; one without goes by its index, which is told."""
    name = reporter.get_label(reporter.as_object(entry, f"labels[{index}]"), "name")
    if not name:
        reporter.finding("label-number", f"label {index} has no name")
    return name or str(index)


def parse(item: dict[str, Any], reader: RowsReader, row: Row) -> Record:
    """Build the record of one item."""
    builder = RecordBuilder("", grid="displayed", source_fill="coco")
    image, number = builder.get_object(item, "image"), builder.get_text(item, "id")
    builder.record.where = f"{row.name}, item {number}"
    subset = splitext(basename(row.name))[0]
    path = builder.get_text(image, "path").replace("\\", "/")
    if path:
        aliases: tuple[str, ...] = (f"images/{subset}/{path}", f"{subset}/{path}")
    else:
        path, aliases = number, (f"{number}.jpg", f"{number}.png", f"images/{subset}/{number}.jpg")
    builder.record.image, builder.record.aliases, builder.record.scope = path, aliases, subset
    if not image and any(key in item for key in ("point_cloud", "video", "pcd")):
        return builder.reject("record-bad", f"item {number} is no image")
    if not path:
        return builder.reject("image-name-bad", "the item has neither an image path nor an id")
    size = builder.get_list(image, "size")
    if len(size) == 2:
        builder.set_size(size[1], size[0])
    elif size:
        builder.finding("record-size-bad", f"size {size!r:.60} is not [height, width]")
    annotations = builder.get_list(item, "annotations")
    areas = [one for one in annotations if isinstance(one, dict) and get_any(one, "type") in tuple(_AREAS)]
    grouped = {_group(builder, one) for one in areas} - {0}
    builder.each(annotations, lambda entry: _add(builder, entry, reader, grouped), "annotation")
    return builder.build()


def _group(builder: RecordBuilder, entry: dict[str, Any]) -> int:
    """Return the group of an annotation; 0 is none."""
    return builder.get_whole(entry, "group") or 0


def _add(builder: RecordBuilder, entry: dict[str, Any], reader: RowsReader, grouped: set[int]) -> None:
    names: list[str] = reader.context
    kind = builder.get_text(entry, "type")
    where = f"{kind} {get_any(entry, 'id')!r:.40}"
    index = builder.get_whole(entry, "label_id")
    if kind in _TAGS:
        builder.finding("shape-no-geometry", where)
        return
    if kind not in _KINDS:
        builder.finding("shape-kind-unsupported", where)
        return
    if index is not None and not 0 <= index < len(names):
        builder.finding("shape-no-label", f"{where}: label {index!r:.40} is not listed")
        return
    label = "" if index is None else names[index]
    attributes = builder.get_object(entry, "attributes")
    if "track_id" in attributes and get_any(attributes, "outside") is True:
        builder.finding("shape-deleted", f"{label}: {where} is outside in this frame")
        return
    if reader.options.asks_attributes:
        builder.note_attributes(builder.get_object(entry, "attributes"))
    if reader.options.class_attribute is not None:
        label = builder.attribute_of(entry, reader.options.class_attribute)
    builder.z = builder.get_number(entry, "z_order")
    if kind.endswith("bbox") and _group(builder, entry) in grouped:
        builder.finding("box-grouped", f"{label}: {where}")
    elif (shape := _add_shape(builder, label, entry, kind)) is not None:
        shape.ignore = builder.get_flag(attributes, CROWD)


def _add_shape(builder: RecordBuilder, label: str, entry: dict[str, Any], kind: str) -> Shape | None:
    if kind == "mask":
        return add_runs(builder, label, entry["rle"])
    if kind.endswith("bbox"):
        return _add_box(builder, label, entry, kind)
    points = numbers(entry["points"])
    if kind == "ellipse":
        x0, y0, x1, y1 = map(real, points)
        return builder.ellipse(label, ((x0 + x1) / 2, (y0 + y1) / 2), (abs(x1 - x0) / 2, abs(y1 - y0) / 2))
    if kind == "points":
        return builder.polygon(label, points, "point")
    return builder.polygon(label, points, "polygon" if kind == "polygon" else "polyline")


def _add_box(builder: RecordBuilder, label: str, entry: dict[str, Any], kind: str) -> Shape | None:
    """Add a box; CVAT's are turned about their centre by an attribute, datumaro's own by an angle."""
    if kind == "bbox":
        x, y, width, height = map(real, numbers(entry["bbox"]))
        degrees = builder.get_number(builder.get_object(entry, "attributes"), "rotation")
    else:
        cx, cy, width, height, degrees = map(real, numbers(get_any(entry, "bbox", "points")))
        x, y = cx - width / 2, cy - height / 2
    builder.finding("box-painted", f"{label}: box of {width:g} x {height:g}")
    if degrees:
        pivot = (x + width / 2, y + height / 2)
        corners = rotated_corners(x, y, width, height, degrees, pivot)
        return builder.polygon(label, corners, "rotated_rectangle")
    return builder.box(label, x, y, width, height)
