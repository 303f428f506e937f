"""Ultralytics NDJSON, which the Ultralytics Platform exports: a line about the data set, then one per image.

Source: ultralytics ``data/converter.py`` (convert_ndjson_to_yolo).

- First line: ``type`` "dataset", ``task``, ``class_names`` {"0": name}, ``kpt_shape`` for key points.
- The others: ``file``, ``url``, ``width``, ``height``, ``split`` and ``annotations`` {"segments": [[class,
  x, y, ...], ...]}. The rows are those of YOLO's label files (:mod:`gtmask.formats.yolo`) and painted alike.
- Where ``annotations`` has several lists, the segments count, else the first list, as in the tool.
- The tool puts images in ``images/<split>``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from gtmask.formats.jsonstream import Document
from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import inner_table, listing, set_size, table, text
from gtmask.formats.reading.per_image import BadFile
from gtmask.formats.reading.rows import RowsReader, lines
from gtmask.formats.yolo import Classes, add_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.formats.reading.rows import Row
    from gtmask.model import Record

SEGMENTS, POSE, CLASSIFICATION = "segments", "pose", "classification"


def sniff(sample: Sample) -> str | None:
    """Recognize the line about the data set."""
    keys = sample.keys
    if not {"type", "class_names"} <= keys.keys() or not {"task", "name"} & keys.keys():
        return None
    return "Ultralytics NDJSON"


def read(export: Export, options: ReadOptions) -> RowsReader:
    """Open a data set: its first line is read at once."""
    names: dict[int, str] = {}
    pose = False
    for name in export.names():
        document = Document(export, name)
        start, stop = next(lines(document, document.first()), (0, 0))
        first = _dataset(document.read(start, stop)) or {}
        given = first.get("class_names")
        rows = enumerate(given) if isinstance(given, list) else table(given).items()
        numbered = [(str(key), text(value) or str(key)) for key, value in rows]
        names.update({int(key): value for key, value in numbered if key.isdecimal() and len(key) < 10})
        pose = pose or "kpt_shape" in first or first.get("task") == POSE
    labels = [names[key] for key in sorted(names)]
    return RowsReader(
        export, options, "Ultralytics NDJSON", parse=parse, ranges=image_lines,
        labels=list(dict.fromkeys(labels)) or None, context=Classes(names, pose),
    )  # fmt: skip


def image_lines(export: Export, name: str) -> Iterator[tuple[int, int]]:
    """Yield the byte range of each line but the one about the data set."""
    document = Document(export, name)
    for number, (start, stop) in enumerate(lines(document, document.first())):
        if number or _dataset(document.read(start, stop)) is None:
            yield start, stop


def _dataset(line: bytes) -> dict[str, Any] | None:
    """Return the line about the data set; None for any other line."""
    try:
        value = table(orjson.loads(line))
    except orjson.JSONDecodeError:
        return None
    return value if value.get("type") == "dataset" else None


def parse(value: Any, reader: RowsReader, unit: Row) -> Record:  # noqa: ARG001 (RowsReader's form)
    """Build the record of one image."""
    if not isinstance(value, dict):
        raise BadFile(f"an image was expected, not {type(value).__name__}")
    file, split = text(value.get("file")), text(value.get("split"))
    places = [f"images/{split}/{file}", f"{split}/{file}"] if file and split else []
    names = [name for name in (*places, file, text(value.get("url"))) if name]
    builder = RecordBuilder(
        names[0] if names else "", grid="displayed", source_fill="opencv-trunc", aliases=tuple(names[1:])
    )
    if not names:
        builder.finding("image-name-bad", "the line names no image")
    set_size(builder, value.get("width"), value.get("height"))
    builder.record.units = "fraction"
    annotations = inner_table(builder, value, "annotations")
    chosen = SEGMENTS if SEGMENTS in annotations else next(iter(annotations), SEGMENTS)
    for key, rows in annotations.items():
        if key != chosen:
            builder.finding("annotation-superseded", f"{key}: {chosen} count")
        elif key == CLASSIFICATION:
            builder.finding("shape-no-geometry", "a class of the whole image")
        elif rows is not None:
            _add_rows(builder, key, rows, reader.context)
    if not any(map(listing, annotations.values())):
        builder.finding("image-unannotated", "no annotations")
    return builder.build()


def _add_rows(builder: RecordBuilder, key: str, rows: Any, classes: Classes) -> None:
    """Add the shapes of a list of rows."""
    if not isinstance(rows, list):
        builder.finding("annotation-bad", f"{key}: a list was expected, not {type(rows).__name__}")
        return
    if key == POSE:
        classes = Classes(classes.names, pose=True)
    boxes = 0
    for number, row in enumerate(rows, 1):
        if isinstance(row, list) and row:
            boxes += add_row(builder, list(map(str, row)), number, classes)
        else:
            builder.finding(
                "annotation-bad", f"{key}, row {number} is {type(row).__name__}, not a list of numbers"
            )
    if boxes:
        builder.finding("box-painted", f"{boxes} of {len(rows)} rows are boxes")
