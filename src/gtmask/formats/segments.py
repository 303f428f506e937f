"""Segments.ai release files: ``dataset.samples[]`` with one label per label set.

Confirmed by the tool's documentation ("Structure of the release file", "Label formats") and by public
code that reads such files; there is no real file among our samples.

- ``dataset.task_attributes.categories`` [{id, name}]; a category that is not listed, such as 0, is
  unlabelled.
- ``labels.<label set>.attributes.annotations[]`` {id, category_id}: with ``segmentation_bitmap.url`` a
  32-bit RGBA PNG whose id is R + 256 G + 65536 B; or ``type`` polygon, bbox, polyline, point with
  ``points`` [[x, y], ...].
- **Which label counts**: the label set "ground-truth", else the first; ``annotator`` names another one.
  ``label_status`` SKIPPED and REJECTED do not count; PRELABELED is a prediction.
- Bitmaps are looked for beside the release file (:mod:`gtmask.formats.reading.pictures`), also under the name
  that the tool's own download gives them: ``<sample>_label_<label set>.png``.
- Labels fit the image as EXIF turns it, and so does the SDK turn it (``dataset.py``).
"""

from __future__ import annotations

from posixpath import splitext
from typing import TYPE_CHECKING, Any, NamedTuple

from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import pairs
from gtmask.formats.reading.classes import class_names
from gtmask.formats.reading.pictures import Pictures
from gtmask.formats.reading.rows import Row, RowsReader, header, only_document
from gtmask.formats.reading.typed import Header, get_any
from gtmask.model import Bitmap, Record, Select

if TYPE_CHECKING:
    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export

GROUND_TRUTH = "ground-truth"
_LEFT_OUT = frozenset({"SKIPPED", "REJECTED"})
_LINES = {"polyline": "polyline", "point": "point", "keypoint": "point"}


class _Context(NamedTuple):
    """What every sample is read with: class names by id, and what finds bitmaps."""

    categories: dict[int, str]
    pictures: Pictures


def sniff(sample: Sample) -> str | None:
    """Recognize ``dataset`` with ``task_type`` or ``samples``."""
    inner = set(sample.keys.get("dataset", ()))
    return "Segments.ai release" if inner & {"task_type", "task_attributes"} or "samples" in inner else None


def read(export: Export, options: ReadOptions) -> RowsReader:
    """Open a release file."""
    dataset = header(
        export, only_document(export), ("task_attributes",), ("dataset",), keep_going=options.keep_going
    )
    reporter = Header(only_document(export) or "the export")
    rows = reporter.get_objects(reporter.get_object(dataset, "task_attributes"), "categories")
    listed = ((reporter.get_whole(row, "id"), get_any(row, "name")) for row in rows)
    categories = class_names(reporter, ((number, name) for number, name in listed if number is not None))
    return RowsReader(
        export, options, "Segments.ai release", parse=parse, path=("dataset", "samples"),
        called=("sample", "uuid", "name"),
        labels=categories.values(), context=_Context(categories, Pictures(export)),
        findings=reporter.findings,
    )  # fmt: skip


def parse(value: dict[str, Any], reader: RowsReader, unit: Row) -> Record:  # noqa: ARG001 (RowsReader's form)
    """Build the record of one sample."""
    builder = RecordBuilder("", grid="displayed")
    builder.record.files = reader.export.read
    image = builder.get_object(builder.get_object(value, "attributes"), "image")
    name = builder.get_text(value, "name")
    builder.name_image((name, builder.get_text(image, "url")), "sample")
    builder.size_from(image)
    chosen = choose_label(builder, builder.get_object(value, "labels"), reader.options)
    if chosen is None:
        return builder.build()
    label_set, label = chosen
    attributes = builder.get_object(label, "attributes")
    if "frames" in attributes:
        return builder.reject("record-bad", "the labels of a sequence cannot be read")
    address = builder.get_text(builder.get_object(attributes, "segmentation_bitmap"), "url")
    picture = None
    if address:
        stem = splitext(name)[0]
        own = [f"{stem}.png"] if f"{stem}.png" != name else []
        picture = reader.context.pictures.find(address, [f"{stem}_label_{label_set}.png", *own])
        if picture is None:
            builder.finding("bitmap-missing", address.partition("?")[0][:200])
            return builder.reject("record-bad", "its bitmap is not among the files of the export")
        builder.record.pictures = (picture,)

    def add(item: dict[str, Any]) -> None:
        _add_annotation(builder, item, reader.context.categories, picture)

    builder.each(builder.get_list(attributes, "annotations"), add, "annotation")
    return builder.build()


def choose_label(
    builder: RecordBuilder, labels: dict[str, Any], options: ReadOptions
) -> tuple[str, dict[str, Any]] | None:
    """Return the label set and its label that counts, or None after telling why there is none."""
    given = {name: builder.as_object(label, name) for name, label in labels.items() if label is not None}
    wanted = options.annotator or (GROUND_TRUTH if GROUND_TRUTH in given else next(iter(given), None))
    if wanted is None or wanted not in given:
        code = "image-unannotated" if options.include_unannotated else "record-unannotated"
        builder.finding(code, f"no label in {wanted or 'any label set'}")
        return None
    status = builder.get_text(given[wanted], "label_status")
    builder.record.statuses = (status,) if status else ()
    if status in _LEFT_OUT:
        builder.finding("record-skipped", f"{wanted}: {status}")
        return None
    if status == "PRELABELED" and not options.include_predictions:
        builder.finding("prediction-left-out", f"{wanted}: {status}")
        builder.finding("record-unannotated", "the only label is a prediction")
        return None
    builder.record.predicted = status == "PRELABELED"
    if options.annotator is None and (len(given) > 1 or wanted != GROUND_TRUTH):
        builder.finding("annotation-chosen", f"label set {wanted}, 1 of {len(given)}")
    return wanted, given[wanted]


def _add_annotation(
    builder: RecordBuilder, item: dict[str, Any], categories: dict[int, str], picture: str | None
) -> None:
    category = builder.get_whole(item, "category_id")
    label = categories.get(category, "") if category is not None else ""
    if not label and category is not None:
        builder.finding("shape-no-label", f"{builder.place}: category {category}")
        return
    kind = builder.get_text(item, "type")
    if picture is not None and not kind:
        number = item["id"]
        if not isinstance(number, int) or not 0 < number < 1 << 24:
            raise ValueError(f"id {number!r:.40} fits no picture")
        builder.bitmap(label, Bitmap(file=picture, select=Select("id", number), whole=True))
    elif kind == "bbox":
        left, top, right, bottom = pairs(item["points"])
        builder.rectangle(label, left, top, right, bottom)
    elif kind == "polygon":
        builder.polygon(label, pairs(item["points"]))
    elif kind in _LINES:
        builder.polygon(label, pairs(item["points"]), "point" if _LINES[kind] == "point" else "polyline")
    else:
        builder.finding("shape-kind-unsupported", f"{label}: {kind or 'no bitmap and no points'}")
