"""COCO instances, with the dialects of CVAT, Label Studio, Roboflow and others, and results lists.

One pass finds the tables and joins annotations to images (:mod:`gtmask.formats.coco.tables`); a unit then
is an image's name and size and the byte ranges of its annotations, and a worker reads just those.

Grid: COCO speaks of the pixels as stored. Label Studio is one exception: its exporter multiplies
fractions of the *displayed* image by the size of the *stored* one (label-studio-sdk, converter.py,
convert_to_coco; label-studio #6608), so its coordinates are divided by the recorded size again and read
as fractions of the displayed image, which is right whether or not EXIF turns it: the size proves nothing
there. CVAT is the other: since
2022 it shows, measures and exports images as EXIF turns them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import chain, islice, pairwise
from struct import Struct
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.errors import DamagedExportError
from gtmask.findings import Finding
from gtmask.formats.coco import boxes
from gtmask.formats.coco.plain import fill_plain
from gtmask.formats.coco.shapes import add_segmentation
from gtmask.formats.coco.tables import OWNERS, Tables, element_at, read_tables
from gtmask.formats.coco.units import OTHER_NAMES, has_several, image_spellings, unit_of
from gtmask.formats.jsonstream import Document, parse_elements, paused_gc
from gtmask.formats.jsonstream.ids import id_key, normal_id
from gtmask.formats.reading.browsers import turns_images
from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import are_fractions, are_scored
from gtmask.formats.reading.companions import is_twin
from gtmask.formats.reading.typed import Header, get_any
from gtmask.kernels import READER_MODULES, compile_kernels
from gtmask.model import Grid, ImageNames, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from gtmask.formats.base import Reader, ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.formats.jsonstream.texts import Texts

_CVAT = re.compile(r'"licenses"\s*:\s*\[\s*\{(?=[^}]*"name"\s*:\s*"")(?=[^}]*"id"\s*:\s*0\b)[^}]*\}\s*\]')
_LABEL_STUDIO = re.compile(r'"contributor"\s*:\s*"Label Studio"')
_ROBOFLOW = re.compile(r"roboflow\.(ai|com)|\.rf\.[0-9a-f]{8,}\.", re.IGNORECASE)
#: Image units that are computed at a time.
_STEP = 1 << 13
#: A range of bytes: two integers of 64 bits.
_RANGE = Struct("2q")


def sniff(sample: Sample) -> str | None:
    """Recognize COCO instances and results lists."""
    element = sample.element.keys()
    if "category_id" in element and element & set(OWNERS) and "segments_info" not in element:
        return "COCO results list" if "segmentation" in element else None
    keys = sample.keys
    annotation, image = keys.get("annotations", ()), keys.get("images", ())
    if "segments_info" in annotation or "caption" in annotation or "image" in keys or is_twin(sample):
        return None
    if annotation and not {"image_id", "category_id"} <= set(annotation):
        return None
    # Where the first annotation is still to come, only its keys will tell.
    if not annotation and (sample.more or "images" not in keys):
        return None
    if (
        not annotation
        and "file_name" not in image
        and not {"images", "annotations", "categories"} <= keys.keys()
    ):
        return None
    if sample.whole and "annotations" not in keys:
        return None
    if not annotation and not sample.whole and "panoptic" in sample.name.lower():
        return None
    return _title(sample.text)


@lru_cache(4)  # detection asks it of one head several times, and so does the reader
def _title(head: str) -> str:
    """Name the dialect by the marks that tools leave at the beginning of a document."""
    marks = (("Roboflow", _ROBOFLOW), ("Label Studio", _LABEL_STUDIO), ("CVAT", _CVAT))
    dialect = next((name for name, mark in marks if mark.search(head)), None)
    return f"COCO instances, {dialect} dialect" if dialect else "COCO instances"


def read(export: Export, options: ReadOptions) -> Reader[Any]:
    """Open a COCO export: its one JSON document.

    Raises
    ------
    DamagedExportError
        The document breaks off or is malformed, and ``options.keep_going`` is not set.
    ExportError
        It is no COCO document at all.
    """
    return CocoReader(export, next(iter(export.names())), options)


class CocoReader:
    """Reads one COCO document. See :class:`gtmask.formats.base.Reader`."""

    marker = "segmentation"
    #: Whether annotations may be read by the fast way.
    plain = True

    def __init__(self, export: Export, name: str, options: ReadOptions) -> None:
        # Compiled once, here: worker processes then load the kernels from the cache.
        compile_kernels(READER_MODULES)
        self.options = options
        self.document = Document(export, name)
        tables = read_tables(self.document, options, self.marker)
        self._tables: Tables | None = tables
        #: Which member of an annotation says whose it is.
        self.owned_by = tables.owned_by
        self.findings = tables.findings
        self.ends = tables.ends
        head = self.document.read(0, 1 << 16).decode("utf-8", "replace")
        reporter = Header(name)
        info = reporter.get_object(tables.small, "info")
        studio = reporter.get_text(info, "contributor") == "Label Studio"
        self.fractions = studio
        self.turned = studio and turns_images(get_any(info, "date_created"))
        #: Whether there is no image table: then ids are all that is known of the images.
        self.bare = tables.images_at is None
        #: Whether it is a file of a model's results: a list of annotations, without any tables.
        self.results = tables.bare
        self.title = self._name(head, tables, studio=studio)
        self.grid: Grid = "displayed" if studio or "CVAT" in self.title else "stored"
        self.categories: dict[int | str, str] = {}
        listed = self._read_categories(reporter, tables.small)
        self.labels = listed if options.class_attribute is None else None
        self.findings += reporter.findings
        self._compare_boxes(tables)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_tables": None}

    def _name(self, head: str, tables: Tables, *, studio: bool) -> str:
        if tables.bare:
            return "COCO results list"
        return "COCO instances, Label Studio dialect" if studio else _title(head)

    def _compare_boxes(self, tables: Tables) -> None:
        """Tell of boxes that do not fit the outlines of the first annotations."""
        ranges = tables.index.ranges(0, min(len(tables.images), boxes.MOST))[0].tolist()
        read = (self.document.read(start, min(stop, start + boxes.MOST_BYTES)) for start, stop in ranges)
        first = islice(chain.from_iterable(map(parse_elements, read)), boxes.MOST)
        if detail := boxes.unlike_boxes(first):
            self.findings.append(Finding("boxes-differ", f"{self.document.name}: {detail}"))

    def _read_categories(self, reporter: Header, small: dict[str, Any]) -> list[str] | None:
        """Fill ``categories`` (id to name) and return the names in order, each once.

        Where none are listed it is None, and ids stand for names.
        """
        labels: dict[str, list[str]] = {}
        rows: list[tuple[int | str, str, str]] = []
        for entry in reporter.get_objects(small, "categories"):
            number, name = normal_id(get_any(entry, "id")), reporter.get_label(entry, "name")
            if number is None:
                self.findings.append(Finding("annotation-bad", f"category {name!r:.60} has no id"))
                continue
            if not name:
                self.findings.append(Finding("label-number", f"category {number} has no name"))
            rows.append((number, name or str(number), reporter.get_text(entry, "supercategory")))
        if not rows and self.options.keep_going and any(f.code == "document-damaged" for f in self.findings):
            self.findings.append(Finding("classes-lost", self.document.name))
            return None
        if not rows:
            self.findings.append(Finding("label-number", "no categories are listed, so ids are the classes"))
            return None
        groups = {group for number, _, group in rows if number != 0}
        for number, name, group in rows:
            if self.categories.setdefault(number, name) != name:
                both = f"{number}: {self.categories[number]}, {name}"
                self.findings.append(Finding("label-id-shared", both))
                continue
            placeholder = number == 0 and group == "none" and name in groups
            if placeholder and "Roboflow" in self.title:
                self.findings.append(Finding("label-placeholder", name))
            else:
                labels.setdefault(name, []).append(str(number))
        for name, ids in labels.items():
            if len(ids) > 1:
                self.findings.append(Finding("label-duplicate", f"{name}: ids {', '.join(ids)}"))
        return list(labels)

    def _survey(self) -> Tables:
        """Return the tables, read again where this reader was sent to another process."""
        if self._tables is None:
            self._tables = read_tables(self.document, self.options, self.marker)
        return self._tables

    def count(self) -> int:
        """Return the number of images."""
        tables = self._survey()
        return len(tables.images) - tables.repeated

    def units(self) -> Iterator[tuple[Any, ...]]:
        """Yield (id, image, width, height, aliases, finding, byte ranges) of each image."""
        tables = self._survey()
        if tables.images_at is None:
            yield from self._bare_units(tables)
            return
        done: set[tuple[Any, str]] = set()
        try:
            for first, entries in tables.image_batches():
                ranges, offsets = tables.index.ranges(first, first + len(entries))
                places = pairwise((offsets * _RANGE.size).tolist())
                packed = ranges.tobytes()
                for entry, (start, stop) in zip(entries, places, strict=True):
                    own = packed[start:stop]
                    if tables.shared and isinstance(entry, dict):
                        identity = (normal_id(get_any(entry, "id")), str(get_any(entry, "file_name")))
                        names = tables.shared.get(id_key(get_any(entry, "id")))
                        if names is not None:
                            if identity in done:
                                continue
                            done.add(identity)
                            own = self._first_ranges(tables, id_key(get_any(entry, "id")))
                            shared = has_several(identity, names) and own
                            yield unit_of(entry, own, "image-id-shared" if shared else "image-duplicate")
                            continue
                    yield unit_of(entry, own)
        except DamagedExportError:
            if not self.options.keep_going:
                raise

    def image_names(self) -> Iterator[Texts | None] | None:
        """Yield the image references of all units; None where they do not follow the image table."""
        tables = self._survey()
        if tables.images_at is None or tables.shared:
            return None
        return self._image_names(tables)

    def weights(self, together: int) -> NDArray[np.int64] | None:
        """Return the bytes of annotations of so many images each; None where units are not the images."""
        tables = self._survey()
        if tables.images_at is None or tables.shared:
            return None
        return tables.index.weights(len(tables.images), together)

    def _image_names(self, tables: Tables) -> Iterator[Texts | None]:
        try:
            for texts in tables.image_texts("file_name", lambda entry: unit_of(entry, b"")[1]):
                spelled = texts.data.tobytes()
                yield None if any(b'"%s"' % key.encode() in spelled for key in OTHER_NAMES) else texts
        except DamagedExportError:
            if not self.options.keep_going:
                raise

    def _first_ranges(self, tables: Tables, key: int) -> bytes:
        """Return the ranges of the first image with this key: the join gave it all annotations."""
        ordinal = int(np.flatnonzero(tables.images == key)[0])
        return bytes(tables.index.ranges(ordinal, ordinal + 1)[0].tobytes())

    def _bare_units(self, tables: Tables) -> Iterator[tuple[Any, ...]]:
        """Yield units of a document without an image table: annotations name the images, or ids do."""
        for first in range(0, len(tables.images), _STEP):
            keys = tables.images[first : first + _STEP].tolist()
            ranges, offsets = tables.index.ranges(first, first + len(keys))
            for i, key in enumerate(keys):
                own = ranges[offsets[i] : offsets[i + 1]]
                # Names stand in an image's first annotation.
                told = tables.named or abs(key) >= 1 << 62
                entry = element_at(self.document, *own[0].tolist()) if told else {}
                number = self.owner(entry) if entry else key
                name = get_any(entry, "file_name") if tables.named else None
                reporter = (name,) if isinstance(name, str) and name else ()
                names = list(dict.fromkeys([*reporter, *image_spellings(number)]))
                yield number, names[0], None, None, tuple(names[1:]), None, own.tobytes()

    def owner(self, annotation: Any) -> int | str | None:
        """Return the id of an annotation's image, or its name where that is all there is."""
        return normal_id(get_any(annotation, self.owned_by)) if isinstance(annotation, dict) else None

    def names_of(self, unit: tuple[Any, ...]) -> ImageNames | None:
        """Return the image's ``file_name`` and its other names."""
        return ImageNames(unit[1], unit[4])

    def record(self, unit: tuple[Any, ...]) -> Record:
        """Read the annotations of one image and build its record."""
        number, image, width, height, aliases, code, ranges = unit
        where = f"{self.document.name}, image {number}"
        builder = RecordBuilder(image, grid=self.grid, source_fill="coco", where=where, aliases=aliases)
        builder.record.predicted = self.results
        if width is not None or height is not None:
            builder.set_size(width, height)
        if code == "image-duplicate":
            builder.finding(code, f"id {number}")
        elif code is not None:
            return builder.reject(code, f"id {number}")
        if not image:
            return builder.reject("image-name-bad", "the image has no file_name")
        body = b",".join([self.document.read(start, stop) for start, stop in _RANGE.iter_unpack(ranges)])
        if not body:
            return self._finished(builder.build())
        plain = self.plain and self.options.class_attribute is None and not self.options.asks_attributes
        if plain and fill_plain(builder.record, body, str(number).encode(), self.categories):
            return self._finished(builder.record)
        with paused_gc():
            self._add_annotations(builder, number, body)
            return self._finished(builder.build())

    def _finished(self, record: Record) -> Record:
        """Return the record with its units settled."""
        if self.fractions and record.width and record.height:
            record.units, record.size_in_grid, record.grid_known = "fraction", False, self.turned
            record.points = record.points * (1 / record.width, 1 / record.height)
            if are_fractions(record, (0.01, 0.01)):
                told = f"{len(record.shapes)} shapes within a percent of the image"
                record.findings.append(Finding("fraction-suspected", told))
        return record

    def _add_annotations(self, builder: RecordBuilder, number: Any, body: bytes) -> None:
        """Add the shapes of one image's annotations; ids of other images may have the same key."""
        own = [
            item for item in parse_elements(body) if not isinstance(item, dict) or self.owner(item) == number
        ]
        if self.bare:
            names = {str(get_any(item, "file_name")) for item in own if isinstance(item, dict)}
            if len(names) > 1:
                builder.reject("image-id-shared", f"id {number}: {', '.join(sorted(names)):.200}")
                return
        scored = self.results and are_scored(own)
        builder.each(own, lambda item: self._add(builder, item, scored=scored), "annotation")

    def _add(self, builder: RecordBuilder, annotation: dict[str, Any], *, scored: bool) -> None:
        """Add the shape of one annotation; ``scored`` ones lie the higher the surer they are."""
        builder.z = float(annotation["score"]) if scored else 0.0
        if self.options.asks_attributes:
            builder.note_attributes(builder.get_object(annotation, "attributes"))
        label = self.label_of(builder, annotation)
        if label is not None:
            add_segmentation(builder, label, annotation)

    def label_of(self, builder: RecordBuilder, item: dict[str, Any]) -> str | None:
        """Return the name of an item's category, "" where it has none; None, told, where it is not listed.

        Where ``--class-attribute`` names one, the class is that attribute (CVAT, datumaro).
        """
        if self.options.class_attribute is not None:
            return builder.attribute_of(item, self.options.class_attribute)
        number = normal_id(get_any(item, "category_id"))
        if number is None:
            return ""
        label = self.categories.get(number)
        if label is None:
            if self.labels is None:
                return str(number)
            what = f"category {number} is not listed"
            builder.finding("shape-no-label", f"annotation {get_any(item, 'id')!r:.40}: {what}")
        return label
