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

from typing import TYPE_CHECKING, Any

import orjson

from gtmask.errors import StorageError
from gtmask.formats.jsonstream import Document
from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import rgb_key
from gtmask.formats.reading.malformed import MALFORMED
from gtmask.formats.reading.pictures import find_picture
from gtmask.formats.reading.rows import RowsReader, lines
from gtmask.formats.reading.typed import get_text
from gtmask.manifest.color_map import find_classes
from gtmask.manifest.contract import ATTRIBUTE_SUFFIX, BACKGROUND, SOURCE_REF
from gtmask.manifest.line import read_values
from gtmask.model import Bitmap, Select
from gtmask.png.header import SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.formats.reading.rows import Row
    from gtmask.manifest.color_map import ColorMapEntry
    from gtmask.manifest.line import Label, ManifestLine
    from gtmask.model import Record

TITLE = "SageMaker Ground Truth manifest"
_PNG_HEAD = 26
_GREY_TYPES = (0, 4)


def sniff(sample: Sample) -> str | None:
    """Recognize ``source-ref``."""
    return TITLE if SOURCE_REF in sample.keys or SOURCE_REF in sample.element else None


def read(export: Export, options: ReadOptions) -> RowsReader:
    """Open a manifest. All of it is scanned once for the classes of its colour maps."""
    attribute = options.class_attribute
    if attribute is not None and not attribute.endswith(ATTRIBUTE_SUFFIX):
        attribute += ATTRIBUTE_SUFFIX
    classes = {found for name in export.names() for found in _classes(export, name, attribute)}
    labels = list(dict.fromkeys(name for _, name in sorted(classes)))
    return RowsReader(export, options, TITLE, parse=parse, labels=labels or None, context=attribute)


def _classes(export: Export, name: str, attribute: str | None) -> Iterator[tuple[int, str]]:
    """Yield id and name of each class of the color maps of a manifest, the background left out."""
    seen: set[tuple[int, bytes]] = set()
    document = Document(export, name)
    for start, stop in lines(document, document.first()):
        for number, raw in find_classes(document.read(start, stop), attribute):
            if (number, raw) not in seen:
                seen.add((number, raw))
                label = _decoded(raw)
                if label and label != BACKGROUND:
                    yield number, label


def _decoded(raw: bytes) -> str:
    try:
        return str(orjson.loads(raw))
    except orjson.JSONDecodeError:
        return ""


def parse(value: dict[str, Any], reader: RowsReader, unit: Row) -> Record:  # noqa: ARG001 (RowsReader's form)
    """Build the record of one line."""
    builder = RecordBuilder("")
    builder.record.image = get_text(builder, value, SOURCE_REF)
    builder.record.files = reader.export.read
    if not builder.record.image:
        return builder.reject("image-name-bad", f"the line has no {SOURCE_REF}")
    label = choose_label(builder, read_values(value), reader.context)
    if label is None:
        return builder.record
    picture = find_picture(reader.export, label.mask) if label.mask else None
    if picture is None:
        builder.finding("bitmap-missing", f"{label.attribute}: {label.mask or '':.300}")
        return builder.reject("record-bad", "its mask is not among the files beside the manifest")
    try:
        head = reader.export.read(picture, 0, _PNG_HEAD)
    except StorageError as error:
        return builder.reject("record-bad", f"its mask cannot be read: {error}"[:200])
    grey = head.startswith(SIGNATURE) and len(head) == _PNG_HEAD and head[25] in _GREY_TYPES
    _add_classes(builder, label.color_map or [], picture, grey=grey)
    return builder.build()


def choose_label(builder: RecordBuilder, line: ManifestLine, wanted: str | None) -> Label | None:
    """Return the label attribute that counts, or None after telling why there is none."""
    known = [label for label in line.labels if wanted in {None, label.attribute}]
    failed = [label for label in known if label.failure_reason is not None]
    good = [label for label in known if label.failure_reason is None and label.color_map is not None]
    for label in failed:
        builder.finding("annotation-cancelled", f"{label.attribute}: {label.failure_reason:.200}")
    if good:
        if failed or len(good) > 1:
            builder.finding("annotation-chosen", f"{good[-1].attribute}, 1 of {len(known)} attributes")
        return good[-1]
    if failed:
        builder.finding("record-skipped", f"labeling failed for {failed[-1].attribute}")
    else:
        builder.finding("record-unannotated", f"no {wanted or 'segmentation attribute'} on this line")
    return None


def _add_classes(builder: RecordBuilder, entries: list[ColorMapEntry], picture: str, *, grey: bool) -> None:
    """Add one shape per class of the color map; all of one picture, which is painted in one pass."""
    background = 0 if grey else _background(entries)

    def add(entry: ColorMapEntry) -> None:
        if entry.name == BACKGROUND:
            builder.describes()
            return
        if grey and entry.id is None:
            raise ValueError(f"the color map's key {entry.key!r:.40} is no class id")
        how = Select("id", entry.id or 0 if grey else rgb_key(entry.color))
        builder.bitmap(entry.name, Bitmap(file=picture, select=how, whole=True, background=background))

    builder.account(entries, add, "class")


def _background(entries: list[ColorMapEntry]) -> int:
    """Return the key of the background's color: white, where the map tells none."""
    for entry in entries:
        if entry.name == BACKGROUND:
            try:
                return rgb_key(entry.color)
            except MALFORMED:
                break
    return rgb_key("#ffffff")
