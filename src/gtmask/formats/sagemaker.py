"""SageMaker Ground Truth: an augmented manifest whose masks are read again.

- One JSON object per line: ``source-ref``, ``<name>-ref`` (the mask) and ``<name>-ref-metadata`` with
  ``internal-color-map`` {"1": {class-name, hex-color}}. The last line may lack its line end.
- Pixels are resolved by **colour**: maps differ from line to line, and jobs of June to September 2020
  wrote wrong indices (amazon-sagemaker-examples, pull requests 1503 and 1506). Only in a mask without
  a palette and without colours (grey) the index is all there is.
- **Which attribute counts** where a line has several: the newest, which is the last on the line, of
  those that did not fail; ``class_attribute`` names another one.
- An attribute with ``failure-reason`` has no labels; a line whose attributes all failed is rejected.
- Masks are looked for beside the manifest, see :mod:`gtmask.formats.reading.pictures`: with the folders of
  their ``s3://`` key or without them. Their keys hold ``:``.
- BACKGROUND (index 0) is no shape.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from gtmask.errors import StorageError
from gtmask.formats.jsonstream import Document
from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import MALFORMED, describe, rgb_key, table, text
from gtmask.formats.reading.per_image import BadFile
from gtmask.formats.reading.pictures import find_picture
from gtmask.formats.reading.rows import RowsReader, lines
from gtmask.model import Bitmap, Select

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.formats.reading.rows import Row
    from gtmask.model import Record

SOURCE = "source-ref"
METADATA = "-metadata"
COLOR_MAP = "internal-color-map"
BACKGROUND = "BACKGROUND"
#: A class in a colour map: its index and its name as JSON.
_CLASS = re.compile(rb'"(\d{1,5})"\s*:\s*\{[^{}]*?"class-name"\s*:\s*("(?:[^"\\]|\\.)*")')
_PNG_HEAD = 26
_GREY_TYPES = (0, 4)
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def sniff(sample: Sample) -> str | None:
    """Recognize ``source-ref``."""
    return "SageMaker Ground Truth manifest" if SOURCE in sample.keys or SOURCE in sample.element else None


def read(export: Export, options: ReadOptions) -> RowsReader:
    """Open a manifest. All of it is scanned once for the classes of its colour maps."""
    attribute = options.class_attribute
    classes = {found for name in export.names() for found in _classes(export, name, attribute)}
    labels = dict.fromkeys(name for _, name in sorted(classes))
    return RowsReader(
        export, options, "SageMaker Ground Truth manifest", parse=parse, labels=list(labels) or None,
        context=None if attribute is None else _with_ref(attribute),
    )  # fmt: skip


def _with_ref(attribute: str) -> str:
    return attribute if attribute.endswith("-ref") else f"{attribute}-ref"


def _classes(export: Export, name: str, attribute: str | None) -> Iterator[tuple[int, str]]:
    """Yield index and name of each class of the colour maps of a manifest, the background left out.

    The lines are searched, not parsed: that is ten times faster, and damaged lines do no harm. The map
    that counts is the last one of the line, or the first one after the name of the attribute asked for.
    """
    mark = orjson.dumps(COLOR_MAP)
    named = orjson.dumps(_with_ref(attribute) + METADATA) if attribute else b""
    seen: set[tuple[bytes, bytes]] = set()
    document = Document(export, name)
    for start, stop in lines(document, document.first()):
        line = document.read(start, stop)
        at = line.find(mark, max(line.find(named), 0)) if named else line.rfind(mark)
        after = line.find(mark, at + 1) if at >= 0 else -1
        for index, raw in _CLASS.findall(line, at, after if after >= 0 else stop) if at >= 0 else ():
            if (index, raw) not in seen:
                seen.add((index, raw))
                label = _decoded(raw)
                if label and label != BACKGROUND:
                    yield int(index), label


def _decoded(raw: bytes) -> str:
    try:
        return text(orjson.loads(raw))
    except orjson.JSONDecodeError:
        return ""


def parse(value: Any, reader: RowsReader, unit: Row) -> Record:  # noqa: ARG001 (RowsReader's form)
    """Build the record of one line."""
    if not isinstance(value, dict):
        raise BadFile(f"a manifest line is {type(value).__name__}, not an object")
    builder = RecordBuilder(text(value.get(SOURCE)))
    builder.record.files = reader.export.read
    if not builder.record.image:
        return builder.reject("image-name-bad", "the line has no source-ref")
    attribute = choose_attribute(builder, value, reader.context)
    if attribute is None:
        return builder.record
    address = text(value.get(attribute))
    picture = find_picture(reader.export, address) if address else None
    if picture is None:
        builder.finding("bitmap-missing", f"{attribute}: {address:.300}")
        return builder.reject("record-bad", "its mask is not among the files beside the manifest")
    try:
        head = reader.export.read(picture, 0, _PNG_HEAD)
    except StorageError as error:
        return builder.reject("record-bad", f"its mask cannot be read: {error}"[:200])
    grey = head.startswith(_PNG_SIGNATURE) and len(head) == _PNG_HEAD and head[25] in _GREY_TYPES
    _add_classes(builder, table(value[attribute + METADATA].get(COLOR_MAP)), picture, grey=grey)
    return builder.build()


def choose_attribute(builder: RecordBuilder, line: dict[str, Any], wanted: str | None) -> str | None:
    """Return the attribute that counts, or None after telling why there is none."""
    known = [
        key[: -len(METADATA)] for key, value in line.items()
        if key.endswith("-ref" + METADATA) and isinstance(value, dict)
    ]  # fmt: skip
    if wanted is not None:
        known = [name for name in known if name == wanted]
    failed = [name for name in known if "failure-reason" in line[name + METADATA]]
    good = [
        name for name in known
        if name not in failed and isinstance(line[name + METADATA].get(COLOR_MAP), dict)
    ]  # fmt: skip
    for name in failed:
        reason = text(line[name + METADATA]["failure-reason"])
        builder.finding("annotation-cancelled", f"{name}: {reason:.200}")
    if good:
        if failed or len(good) > 1:
            builder.finding("annotation-chosen", f"{good[-1]}, 1 of {len(known)} attributes")
        return good[-1]
    if failed:
        builder.finding("record-skipped", f"labeling failed for {failed[-1]}")
    else:
        builder.finding("record-unannotated", f"no {wanted or 'segmentation attribute'} on this line")
    return None


def _add_classes(builder: RecordBuilder, color_map: dict[str, Any], picture: str, *, grey: bool) -> None:
    """Add one shape per class of the colour map; all of one picture, which is painted in one pass."""
    for index, entry in color_map.items():
        name = text(table(entry).get("class-name"))
        if name == BACKGROUND:
            continue
        try:
            how = Select("index", int(index)) if grey else Select("id", rgb_key(entry["hex-color"]))
        except MALFORMED as error:
            builder.finding("shape-bad-geometry", f"{name}: {describe(error)}")
            continue
        builder.bitmap(name, Bitmap(file=picture, select=how, whole=True))
