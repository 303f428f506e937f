"""Ultralytics NDJSON, which the Ultralytics Platform exports: a line about the data set, then one per image.

Source: ultralytics ``data/converter.py`` (convert_ndjson_to_yolo).

- First line: ``type`` "dataset", ``task``, ``class_names`` {"0": name}, ``kpt_shape`` for key points.
- The others: ``file``, ``url``, ``width``, ``height``, ``split`` and ``annotations`` {"segments": [[class,
  x, y, ...], ...]}. The rows are those of YOLO's label files (:mod:`gtmask.formats.yolo`) and painted alike.
- Where ``annotations`` has several filled lists, the segments count, else the first one.
- The tool puts images in ``images/<split>``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gtmask.errors import DamagedExportError
from gtmask.formats.doubled import DoubledKey
from gtmask.formats.jsonstream import Document, parse_value
from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.classes import class_names
from gtmask.formats.reading.malformed import type_name
from gtmask.formats.reading.rows import Row, RowsReader, lines
from gtmask.formats.reading.typed import Header, get_any
from gtmask.formats.yolo.class_files import Classes, numbered
from gtmask.formats.yolo.lines import add_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.model import Record

SEGMENTS, POSE, CLASSIFICATION = "segments", "pose", "classification"
#: How many coordinates the rows of a list have.
_EXACT = {"boxes": 4, "obb": 8}


def sniff(sample: Sample) -> str | None:
    """Recognize the line about the data set."""
    keys = sample.keys
    if not {"type", "class_names"} <= keys.keys() or not {"task", "name"} & keys.keys():
        return None
    return "Ultralytics NDJSON"


def read(export: Export, options: ReadOptions) -> RowsReader:
    """Open a data set: its first line is read at once."""
    reporter = Header("class_names")
    names: dict[int, str] = {}
    pose = False
    for name in export.names():
        reporter.place = name
        document = Document(export, name)
        start, stop = next(lines(document, document.first()), (0, 0))
        first = _dataset(document.read(start, stop)) or {}
        given = get_any(first, "class_names")
        rows = (
            enumerate(given) if isinstance(given, list) else reporter.as_object(given, "class_names").items()
        )
        for key, value in class_names(reporter, numbered(reporter, rows)).items():
            if names.setdefault(key, value) != value:
                reporter.finding("label-id-shared", f"class {key} is {names[key]!r:.60} and {value!r:.60}")
        pose = pose or "kpt_shape" in first or reporter.get_text(first, "task") == POSE
    if not names:
        reporter.finding("classes-missing", "the first line has no class_names")
    return RowsReader(
        export, options, "Ultralytics NDJSON", parse=parse, called=("image", "file"), ranges=image_lines,
        labels=[names[key] for key in sorted(names)], context=Classes(names, pose),
        findings=reporter.findings,
    )  # fmt: skip


def image_lines(export: Export, name: str) -> Iterator[tuple[int, int]]:
    """Yield the byte range of each line but the one about the data set."""
    document = Document(export, name)
    for number, (start, stop) in enumerate(lines(document, document.first())):
        if number or _dataset(document.read(start, stop)) is None:
            yield start, stop


def _dataset(line: bytes) -> dict[str, Any] | None:
    """Return the line about the data set; None for any other line.

    Raises DamagedExportError: a key of it stands twice.
    """
    value = parse_value(line)
    if isinstance(value, DoubledKey):
        raise DamagedExportError(
            f"The line about the data set is damaged: {value}; keep the one that is right."
        )
    return value if isinstance(value, dict) and get_any(value, "type") == "dataset" else None


def parse(value: dict[str, Any], reader: RowsReader, unit: Row) -> Record:  # noqa: ARG001 (RowsReader's form)
    """Build the record of one image."""
    builder = RecordBuilder("", grid="displayed", source_fill="opencv-trunc")
    file, split = builder.get_text(value, "file"), builder.get_text(value, "split")
    places = [f"images/{split}/{file}", f"{split}/{file}"] if file and split else []
    builder.name_image((*places, file, builder.get_text(value, "url")), "line")
    builder.size_from(value)
    builder.record.units = "fraction"
    annotations = builder.get_object(value, "annotations")
    filled = [key for key, rows in annotations.items() if rows]
    chosen = SEGMENTS if SEGMENTS in filled or not filled else filled[0]
    for key, rows in annotations.items():
        if key != chosen and key not in filled:
            continue
        if key != chosen:
            builder.finding("annotation-superseded", f"{key}: {chosen} count")
        elif key == CLASSIFICATION:
            builder.finding("shape-no-geometry", "a class of the whole image")
        elif rows is not None:
            _add_rows(builder, key, rows, reader.context)
    if not any(annotations.values()):
        builder.finding("image-unannotated", "no annotations")
    return builder.build()


def _add_rows(builder: RecordBuilder, key: str, rows: Any, classes: Classes) -> None:
    """Add the shapes of a list of rows."""
    listed = [(number, row) for number, row in enumerate(builder.as_list(rows, key), 1)]
    words = [(number, list(map(_word, row))) for number, row in listed if isinstance(row, list)]
    bad = [(number, row) for number, row in listed if not isinstance(row, list)]

    def report(row: tuple[int, Any]) -> None:
        builder.finding("annotation-bad", f"{builder.place} is {type_name(row[1])}, not a list of numbers")

    builder.account(bad, report, f"{key}, row")
    add_lines(
        builder, words, replace(classes, pose=classes.pose or key == POSE), f"{key}, row", _EXACT.get(key, 0)
    )


def _word(value: Any) -> str:
    """Return a number as it is written; anything else as what is no number."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else type_name(value)
