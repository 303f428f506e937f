"""Datumaro JSON: one document per subset, items with their annotations, labels by index.

Masks are COCO run-length masks; ``z_order`` decides who lies on top, ties in list order. ``group`` joins
what belongs to one object: a box in a group that has a polygon or a mask is not painted. CVAT, which
writes most of these files, measures images as EXIF turns them, and so does datumaro's own image loader.
"""

from __future__ import annotations

from posixpath import basename, splitext
from typing import TYPE_CHECKING, Any

from gtmask.findings import Finding
from gtmask.formats.reading.build import RecordBuilder, rotated_corners
from gtmask.formats.reading.checks import each, listing, numbers, real, set_size, table, text
from gtmask.formats.reading.per_image import BadFile
from gtmask.formats.reading.rle import read_runs
from gtmask.formats.reading.rows import RowsReader, header

if TYPE_CHECKING:
    from gtmask.formats.base import Reader, ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.formats.reading.rows import Row
    from gtmask.model import Record

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


def read(export: Export, options: ReadOptions) -> Reader:
    """Open a Datumaro export.

    Raises
    ------
    DamagedExportError
        The document breaks off before its categories.
    """
    name = next(iter(export.names()))
    categories = table(header(export, name, ("categories",)).get("categories"))
    entries = listing(table(categories.get("label")).get("labels"))
    names = [text(table(entry).get("name")) or str(index) for index, entry in enumerate(entries)]
    labels = list(dict.fromkeys(names))
    reader = RowsReader(
        export, options, "Datumaro", parse=parse, path=("items",), labels=labels or None, context=names
    )
    reader.findings += [
        Finding("label-duplicate", f"{label}: listed {names.count(label)} times")
        for label in labels
        if len(labels) < len(names) and names.count(label) > 1
    ]
    return reader


def parse(item: Any, reader: RowsReader, row: Row) -> Record:
    """Build the record of one item."""
    if not isinstance(item, dict):
        raise BadFile(f"an item is {type(item).__name__}, not an object")
    image, number = table(item.get("image")), text(item.get("id"))
    subset = splitext(basename(row.name))[0]
    path = text(image.get("path")).replace("\\", "/")
    if path:
        aliases: tuple[str, ...] = (f"images/{subset}/{path}", f"{subset}/{path}")
    else:
        path, aliases = number, (f"{number}.jpg", f"{number}.png", f"images/{subset}/{number}.jpg")
    builder = RecordBuilder(
        path, grid="displayed", source_fill="coco", where=f"{row.name}, item {number}", aliases=aliases
    )
    if not image and any(key in item for key in ("point_cloud", "video", "pcd")):
        return builder.reject("record-bad", f"item {number} is no image")
    if not path:
        return builder.reject("image-name-bad", "the item has neither an image path nor an id")
    size = listing(image.get("size"))
    if len(size) == 2:
        set_size(builder, size[1], size[0])
    annotations = item.get("annotations")
    grouped = {
        entry.get("group")
        for entry in listing(annotations)
        if isinstance(entry, dict)
        and text(entry.get("type")) in _AREAS
        and isinstance(entry.get("group"), int)
    } - {0}
    each(builder, annotations, lambda entry: _add(builder, entry, reader.context, grouped), "annotation")
    return builder.build()


def _add(builder: RecordBuilder, entry: dict[str, Any], names: list[str], grouped: set[Any]) -> None:
    kind = text(entry.get("type"))
    where = f"{kind} {entry.get('id')!r:.40}"
    index = entry.get("label_id")
    if kind in _TAGS:
        builder.finding("shape-no-geometry", where)
        return
    if kind not in _KINDS:
        builder.finding("shape-kind-unsupported", where)
        return
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(names):
        what = "no label" if index is None else f"label {index!r:.40} is not listed"
        builder.finding("shape-no-label", f"{where}: {what}")
        return
    builder.z = real(entry.get("z_order") or 0)
    if kind == "mask":
        _add_mask(builder, names[index], entry)
    elif kind.endswith("bbox"):
        if isinstance(entry.get("group"), int) and entry["group"] in grouped:
            builder.finding("box-grouped", f"{names[index]}: {where}")
        else:
            _add_box(builder, names[index], entry, kind)
    elif kind == "ellipse":
        x0, y0, x1, y1 = map(real, numbers(entry.get("points")))
        builder.ellipse(names[index], ((x0 + x1) / 2, (y0 + y1) / 2), ((x1 - x0) / 2, (y1 - y0) / 2))
    elif kind == "points":
        builder.polygon(names[index], numbers(entry["points"]), "point")
    else:
        builder.polygon(
            names[index], numbers(entry["points"]), "polygon" if kind == "polygon" else "polyline"
        )


def _add_mask(builder: RecordBuilder, label: str, entry: dict[str, Any]) -> None:
    runs = read_runs(table(entry.get("rle")), builder.record.width, builder.record.height)
    if isinstance(runs, Finding):
        builder.finding(runs.code, f"{label}: {runs.detail}")
    else:
        builder.runs(label, runs)


def _add_box(builder: RecordBuilder, label: str, entry: dict[str, Any], kind: str) -> None:
    """Add a box; CVAT's are turned about their centre by an attribute, datumaro's own by an angle."""
    if kind == "bbox":
        x, y, width, height = map(real, numbers(entry.get("bbox")))
        degrees = table(entry.get("attributes")).get("rotation") or 0
    else:
        cx, cy, width, height, degrees = map(real, numbers(entry.get("bbox") or entry.get("points")))
        x, y = cx - width / 2, cy - height / 2
    builder.finding("box-painted", f"{label}: box of {width:g} x {height:g}")
    if degrees:
        pivot = (x + width / 2, y + height / 2)
        corners = rotated_corners(x, y, width, height, real(degrees), pivot)
        builder.polygon(label, corners, "rotated_rectangle")
    else:
        builder.rectangle(label, x, y, x + width, y + height)
