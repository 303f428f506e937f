"""Encord: a JSON array of label rows; each data unit of a row is one image.

Confirmed by the tool's documentation ("JSON Format Export"), by its SDK (``encord/objects/coordinates.py``,
``bitmask.py``) and its test data; there is no real file among our samples.

- ``data_units.<hash>``: ``data_title``, ``data_link``, ``width``, ``height``, ``labels.objects[]``.
- Coordinates are fractions of the image's width and height: ``polygon`` {"0": {x, y}, ...} (or a list);
  newer: ``polygons``, a list of polygons, each a list of rings, the first outside, the others taken out
  of it; ``boundingBox`` {x, y, w, h}; ``rotatableBoundingBox`` with ``theta`` degrees about the centre,
  turned in pixels; ``polyline`` and ``point`` have no area; skeletons cannot be painted.
- ``bitmask`` {top, left, width, height, rleString}: COCO's string coding, but along the **rows**.
- Objects with ``isDeleted`` do not count (SDK, ``objects/types.py``, "still being sent out").
- Images of a data group are ``spaces.<id>`` {space_type, child_info, width, height, labels {"0": ...}} of its
  label row (SDK, ``objects/spaces``); older ones have ``info`` in place of ``child_info``.
- Order: list order. Class: ``name``. Videos are told and left out.
- ``label_status`` of a label row is the status of its data units; where a project has a workflow, the SDK
  calls it wrong.
"""

from __future__ import annotations

from contextlib import suppress
from operator import sub
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.formats.jsonstream import Container, open_document
from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import numbers, pairs, reals
from gtmask.formats.reading.geometry import flatten_xy, rotated_corners
from gtmask.formats.reading.malformed import MALFORMED
from gtmask.formats.reading.rle import decode_counts
from gtmask.formats.reading.rows import Row, RowsReader
from gtmask.formats.reading.typed import get_any
from gtmask.model import Record, Runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export

_OBJECT, _TEXT = b'{"'
#: What ``label_status`` of a label row may be; first that it tells none.
STATUSES = ("", "NOT_LABELLED", "LABEL_IN_PROGRESS", "LABELLED", "REVIEW_IN_PROGRESS", "REVIEWED",
            "REVIEWED_TWICE")  # fmt: skip
#: What the place of the status in the list is raised by for a space; what a row of a data group is.
_SPACE, _GROUP = len(STATUSES), "group"
#: By how much coordinates of two forms differ that were rounded.
_ALIKE = 0.001
#: A bitmask may have at most this many pixels a side.
_LARGEST_SIDE = 1 << 20


def sniff(sample: Sample) -> str | None:
    """Recognize label rows by ``data_units``."""
    for keys in (sample.element, sample.keys):
        if "data_units" in keys and keys.keys() & {"label_hash", "data_hash", "dataset_hash", "data_title"}:
            return "Encord label rows"
    return None


def read(export: Export, options: ReadOptions) -> RowsReader:
    """Open exported label rows."""
    return RowsReader(
        export,
        options,
        "Encord label rows",
        parse=parse,
        ranges=data_units,
        called=("data unit", "data_hash", "data_title"),
    )


def data_units(export: Export, name: str) -> Iterator[tuple[int, ...]]:
    """Yield the byte range of each data unit and space of each label row, and the place of its status."""
    cursor = open_document(export, name)
    container = cursor.container()
    if container.is_object:
        yield from _units_of(container)
    else:
        for entry in container.entries():
            if entry.kind == _OBJECT:
                yield from _units_of(entry.enter())
    cursor.finish()


def _units_of(row: Container) -> Iterator[tuple[int, ...]]:
    found: dict[str, list[tuple[int, int]]] = {"data_units": [], "spaces": []}
    texts = {"label_status": "", "data_type": ""}
    try:
        for entry in row.entries():
            if entry.key in found and entry.kind == _OBJECT:
                for batch in entry.enter().batches(keep=False):
                    found[entry.key] += map(tuple, batch.rows[:, 2:4].tolist())
            elif entry.key in texts and entry.kind == _TEXT:
                texts[entry.key] = entry.load().strip(b'"').decode(errors="replace")
    finally:
        # Also those before a damage.
        status = STATUSES.index(texts["label_status"]) if texts["label_status"] in STATUSES else 0
        if not (found["spaces"] and texts["data_type"] == _GROUP):
            yield from ((start, stop, status) for start, stop in found["data_units"])
        yield from ((start, stop, status + _SPACE) for start, stop in found["spaces"])


def parse(value: dict[str, Any], reader: RowsReader, unit: Row) -> Record:  # noqa: ARG001 (RowsReader's form)
    """Build the record of one data unit."""
    builder = RecordBuilder("")
    is_space, status = divmod(unit.part, _SPACE)
    builder.record.statuses = (STATUSES[status],) if status else ()
    labels = builder.get_object(value, "labels")
    if is_space:
        kind, what = builder.get_text(value, "space_type").lower(), "space"
        about = [builder.get_object(value, key) for key in ("child_info", "root_info", "info")]
        builder.name_image([builder.get_text(one, "file_name") for one in about], what)
        labels = builder.get_object(labels, "0")
    else:
        kind, what = builder.get_text(value, "data_type").lower(), "data unit"
        builder.name_image(builder.first_texts(value, ("data_title", "data_link", "data_hash")), what)
    if kind and not kind.startswith(("image", "img")):
        return builder.reject("record-bad", f"a {what} of type {kind} is no image")
    builder.size_from(value)
    record = builder.record
    size = (float(record.width), float(record.height)) if record.width and record.height else None
    if size is None:
        record.units = "fraction"
    objects = builder.get_list(labels, "objects")
    builder.each(objects, lambda item: _add_object(builder, item, size))
    return builder.build(size)


def _add_object(builder: RecordBuilder, item: dict[str, Any], size: tuple[float, float] | None) -> None:
    """Add one object in fractions; the record is scaled as a whole where the size is known."""
    label = builder.get_label(item, "name") or builder.get_label(item, "value")
    builder.name_class(item, "featureHash", label)
    if builder.get_flag(item, "isDeleted"):
        builder.finding("shape-deleted", label)
        return
    if polygons := builder.get_list(item, "polygons"):
        parts = [[_ring(ring) for ring in polygon] for polygon in polygons]
        builder.polygons(label, parts, subtract=True)
        _compare(builder, label, get_any(item, "polygon"), parts)
    elif "polygon" in item:
        builder.polygon(label, _ring(item["polygon"]))
    elif "bitmask" in item:
        builder.runs(label, bitmask_runs(item["bitmask"]))
    elif "boundingBox" in item or "bounding_box" in item:
        x, y, w, h = reals(get_any(item, "boundingBox", "bounding_box"), "xywh")
        builder.box(label, x, y, w, h)
    elif "rotatableBoundingBox" in item:
        builder.polygon(label, _rotated(builder, item["rotatableBoundingBox"], size), "rotated_rectangle")
    elif "polyline" in item:
        builder.polygon(label, _ring(item["polyline"]), "polyline")
    elif "point" in item:
        builder.polygon(label, _ring(item["point"]), "point")
    else:
        kind = builder.get_text(item, "shape") or "no geometry"
        builder.finding("shape-kind-unsupported", f"{label}: {kind}")


def _compare(builder: RecordBuilder, label: str, older: Any, parts: list[list[list[float]]]) -> None:
    """Tell of an outline in the older form that is none of the newer form's, which counts (SDK, too)."""
    with suppress(*MALFORMED):  # it draws nothing
        ring = [] if older is None else _ring(older)
        rings = [other for part in parts for other in part if len(other) == len(ring)]
        if ring and not any(max(map(abs, map(sub, ring, other))) <= _ALIKE for other in rings):
            builder.finding("outlines-differ", f"{label}: polygon, polygons")


def _rotated(builder: RecordBuilder, box: dict[str, Any], size: tuple[float, float] | None) -> list[float]:
    """Return a rotated box in fractions, turned in pixels: turning fractions would shear it."""
    if size is None:
        raise ValueError("a rotated box needs the image's size")
    width, height = size
    x, y, w, h = (number * scale for number, scale in zip(reals(box, "xywh"), size * 2, strict=True))
    ring = rotated_corners(x, y, w, h, builder.get_number(box, "theta"), (x + w / 2, y + h / 2))
    return [value / (height if index & 1 else width) for index, value in enumerate(ring)]


def _ring(points: Any) -> list[float]:
    """Return a ring in any form that exports have had: {"0": {x, y}}, [{x, y}], [[x, y]], [x, y, ...]."""
    if isinstance(points, dict):
        numbered = sorted(points, key=int)
        if list(map(int, numbered)) != list(range(len(points))):
            raise ValueError("the points are not numbered from 0 on without a gap")
        points = [points[key] for key in numbered]
    if not isinstance(points, list) or not points:
        return numbers(points)
    if isinstance(points[0], dict):
        return flatten_xy(points)
    return pairs(points) if isinstance(points[0], list) else numbers(points)


def bitmask_runs(mask: dict[str, Any]) -> Runs:
    """Return a bitmask as runs along the rows.

    Raises KeyError, TypeError or ValueError where something is missing or malformed, or the runs do not add
    up to the bitmask's size.
    """
    top, left, height, width = map(int, reals(mask, ("top", "left", "height", "width")))
    string = mask["rleString"]
    if not isinstance(string, str) or not (0 < height <= _LARGEST_SIDE and 0 < width <= _LARGEST_SIDE):
        raise ValueError("the bitmask has no run string or no size")
    values = decode_counts(np.frombuffer(string.encode("utf-8", "replace"), np.uint8).copy())
    counts = values[1:]
    if values[0] < 0 or int(counts.sum()) != height * width:
        raise ValueError(f"the runs of a bitmask of {width} x {height} do not add up")
    return Runs(counts, height, width, "row", left, top)
