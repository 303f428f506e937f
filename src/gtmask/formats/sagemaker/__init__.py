"""SageMaker Ground Truth: an augmented manifest whose masks are read again.

- One JSON object per line: ``source-ref``, ``<name>-ref`` (the mask) and ``<name>-ref-metadata`` with
  ``internal-color-map`` {"1": {class-name, hex-color}}. The last line may lack its line end.
- Pixels are resolved by **colour**: maps differ from line to line, and jobs of June to September 2020
  wrote wrong indices (amazon-sagemaker-examples, pull requests 1503 and 1506). Only in a mask without
  a palette and without colours (grey) the index is all there is.
- **Which attribute counts** where a line has several: the newest of those that did not fail, as the
  metadata tells (:mod:`gtmask.manifest.newest`); ``class_attribute`` names another one. Where a job
  answered other lines and not this one, or failed on it, the label before the job counts, and that is told.
- **Which line counts** where several are of one image, as in merged manifests of several jobs: the one whose
  label is the newest. It comes first, and the first of an image's records becomes the mask.
- An attribute with ``failure-reason`` has no labels; a line whose attributes all failed is rejected.
- Where masks are looked for: :mod:`gtmask.formats.sagemaker.masks`. Their keys hold ``:``.
- BACKGROUND (index 0) is no shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gtmask.errors import PASSING, StorageError
from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import rgb_key
from gtmask.formats.reading.classes import report_duplicates
from gtmask.formats.reading.malformed import MALFORMED
from gtmask.formats.reading.rows import Row, RowsReader
from gtmask.formats.sagemaker.masks import MaskFiles
from gtmask.formats.sagemaker.overview import Overview, Repeats, is_good
from gtmask.manifest.contract import ATTRIBUTE_SUFFIX, BACKGROUND, COLOR_MAP, METADATA_SUFFIX, SOURCE_REF
from gtmask.manifest.line import ManifestLine, read_values
from gtmask.manifest.palette import doubts_about
from gtmask.model import Bitmap, Record, Select
from gtmask.png.header import SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gtmask.formats.base import Reader, ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.manifest.color_map import ColorMapEntry
    from gtmask.manifest.label import Label
    from gtmask.manifest.newest import Attributes

TITLE = "SageMaker Ground Truth manifest"
#: Where a PNG's colour type stands, and the types without colours.
_COLOR_TYPE, _GREY_TYPES = 25, (b"\x00", b"\x04")


@dataclass(frozen=True, slots=True)
class _Context:
    """What every line of a manifest is read with: ``wanted`` is the attribute that was asked for."""

    wanted: str | None
    attributes: Attributes
    masks: MaskFiles


def sniff(sample: Sample) -> str | None:
    """Recognize ``source-ref``."""
    return TITLE if SOURCE_REF in sample.keys or SOURCE_REF in sample.element else None


class ManifestRows(RowsReader):
    """The lines of manifests; those of which another line of the same image is newer come last."""

    #: As :attr:`Overview.repeats`; of several manifests that are read as one export, those of all.
    repeats: Repeats

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in super().__getstate__().items() if key != "repeats"}

    def units(self) -> Iterator[Row]:
        """Yield where each line stands."""
        yield from self.first_units()
        yield from self.last_units()

    def first_units(self) -> Iterator[Row]:
        """Yield where those lines stand that count."""
        older = self.repeats.older
        return (row for row in super().units() if row.start not in older.get(row.name, ()))

    def last_units(self) -> Iterator[Row]:
        """Yield where those lines stand that newer ones replace."""
        older = self.repeats.older
        rows = super().units() if older else iter(())
        return (row for row in rows if row.start in older.get(row.name, ()))


def compare(readers: Sequence[Reader[Any]]) -> None:
    """Let the newest line of an image count, in whichever of several manifests it stands."""
    joined = Repeats()
    for reader in readers:
        if isinstance(reader, ManifestRows):
            joined.join(reader.repeats)
            reader.repeats = joined


def read(export: Export, options: ReadOptions) -> RowsReader:
    """Open a manifest. All of it is looked at once: one line does not tell which attribute is the newest."""
    wanted = options.class_attribute
    if wanted is not None and not wanted.endswith(ATTRIBUTE_SUFFIX):
        wanted += ATTRIBUTE_SUFFIX
    overview = Overview(export, wanted)
    masks = MaskFiles(export, options.masks, options.s3, overview.shared)
    context = _Context(wanted, overview.attributes, masks)
    reader = ManifestRows(
        export, options, TITLE, parse=parse, called=("line",), labels=overview.labels(), context=context
    )
    reader.repeats = overview.repeats
    return reader


def parse(value: dict[str, Any], reader: RowsReader, unit: Row) -> Record:  # noqa: ARG001 (RowsReader's form)
    """Build the record of one line."""
    builder = RecordBuilder("")
    builder.record.image = builder.get_text(value, SOURCE_REF)
    if not builder.record.image:
        return builder.reject("image-name-bad", f"the line has no {SOURCE_REF}")
    context: _Context = reader.context
    label = choose_label(builder, read_values(value), context)
    if label is None:
        return builder.record
    builder.record.statuses = (label.adjustment_status,) if label.adjustment_status else ()
    reference = label.mask or ""
    try:
        data = context.masks.read(reference)
    except PASSING:
        raise
    except StorageError as error:
        return builder.reject("mask-missing", f"{label.attribute}: {reference:.300}: {error}"[:500])
    builder.record.files = lambda _name: data
    grey = data.startswith(SIGNATURE) and data[_COLOR_TYPE : _COLOR_TYPE + 1] in _GREY_TYPES
    entries = label.color_map or []
    if doubts := doubts_about(data, entries):
        builder.finding("mask-reading-guessed", f"{reference:.200}: {'; '.join(doubts)}"[:400])
    _add_classes(builder, entries, reference, grey=grey)
    return builder.build()


def choose_label(builder: RecordBuilder, line: ManifestLine, context: _Context) -> Label | None:
    """Return the label attribute that counts, or None after telling why there is none."""
    attributes, wanted = context.attributes, context.wanted
    _report_unusable(builder, line)
    known = [label for label in line.labels if wanted in {None, label.attribute}]
    good = [label for label in known if is_good(label)]
    failed = [label for label in known if label.failure_reason is not None]
    if not good:
        reasons = "; ".join(f"{label.attribute}: {label.failure_reason}" for label in failed)
        if failed:
            builder.reject("object-unlabeled", reasons[:300])
        else:
            builder.reject("record-unannotated", f"no {wanted or 'segmentation attribute'} on this line")
        return None
    label = attributes.newest_of(good)
    if label is None:
        names = ", ".join(attributes.newest_first([label.attribute for label in good]))
        builder.reject("attribute-undecided", names)
        return None
    if wanted is None:
        _report_choice(builder, line, label, attributes, several=len(good) > 1)
    return label


def _report_choice(
    builder: RecordBuilder, line: ManifestLine, label: Label, attributes: Attributes, *, several: bool
) -> None:
    """Tell where the label is not what the last job made of this object, or only its date is newer."""
    answer = attributes.answer
    if answer is None or label.attribute == answer:
        for other in line.labels:
            if other.failure_reason is not None and not attributes.age(other.attribute).created:
                failure = f"{other.attribute}, at an unknown time: {other.failure_reason:.200}"
                builder.finding("answer-failed", f"{failure}; {label.attribute} is used")
        if several and not attributes.age(label.attribute).adjusts:
            builder.finding("annotation-chosen", f"{label.attribute}, by its creation-date")
        return
    failed = line.label(answer)
    if failed is not None and failed.failure_reason is not None:
        builder.finding("answer-failed", f"{answer}: {failed.failure_reason:.200}; {label.attribute} is used")
    else:
        builder.finding("answer-missing", f"no {answer}; {label.attribute} is used")


def _report_unusable(builder: RecordBuilder, line: ManifestLine) -> None:
    """Tell of attributes that look like masks and cannot be used as such."""
    names = {label.attribute for label in line.labels}
    for label in line.labels:
        if label.failure_reason is None and not is_good(label):
            what = "mask" if label.mask is None else COLOR_MAP
            builder.finding("annotation-bad", f"{label.attribute} has no usable {what}")
    for key in line.values:
        base = key.removesuffix(METADATA_SUFFIX)
        if base.endswith(ATTRIBUTE_SUFFIX) and base not in {SOURCE_REF, *names}:
            names.add(base)
            builder.finding("annotation-bad", f"{base} and its metadata are no label of a mask")


def _add_classes(builder: RecordBuilder, entries: list[ColorMapEntry], picture: str, *, grey: bool) -> None:
    """Add one shape per class of the color map; all of one picture, which is painted in one pass."""
    background = 0 if grey else _background(entries)
    report_duplicates(builder, {entry.key: entry.name for entry in entries if entry.name != BACKGROUND})

    def add(entry: ColorMapEntry) -> None:
        if entry.name == BACKGROUND:
            builder.describes()
            return
        if grey and entry.id is None:
            raise ValueError(f"the color map's key {entry.key!r:.40} is no class id")
        how = Select("id", entry.id or 0 if grey else rgb_key(entry.color))
        if how.value == background:
            mark = "value 0" if grey else entry.color
            builder.finding("segment-id-shared", f"{BACKGROUND}, {entry.name}: {mark} in {picture}"[:300])
        bitmap = Bitmap(file=picture, select=how, whole=True, background=background, optional=True)
        builder.bitmap(entry.name, bitmap)

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
