"""One pass over a COCO document: its small tables, and whose each annotation is, without parsing it.

Tables may stand in any order and annotations in any order; ids may be numbers or strings. What is
remembered is 8 bytes per image and 20 per annotation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.errors import DamagedExportError, ExportError
from gtmask.findings import Finding
from gtmask.formats.jsonstream import (
    Batch,
    Container,
    Cursor,
    Document,
    Entry,
    elements,
    load,
    parse_elements,
)
from gtmask.formats.jsonstream.ids import MISSING, id_key, keys_of, normal_id
from gtmask.formats.jsonstream.joins import Column, Index, is_sorted
from gtmask.formats.jsonstream.segments import mapped
from gtmask.formats.jsonstream.texts import Texts, texts_of
from gtmask.formats.reading.typed import get_any
from gtmask.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from gtmask.formats.base import ReadOptions

_ARRAY, _OBJECT = b"[{"
#: Members of an annotation that say whose it is; in results lists of semantic segmentation (detectron2,
#: SemSegEvaluator) it is the image's name alone.
OWNERS = ("image_id", "file_name")
#: A small table (info, licenses, categories) of more than this is no small table.
_LARGEST_TABLE = 64 << 20


@dataclass
class Tables:
    """What one pass found.

    ``images_at`` is the offset of the image table (None: there is none), ``images`` its ids as keys,
    ``shared`` the keys that several images have and what those images are called, ``index`` the joined
    annotations by their member ``owned_by``, ``small`` the parsed small tables, ``named`` whether
    annotations of a document without an image table say what the images are called, ``ends`` where the two
    large arrays end.
    """

    document: Document
    index: Index
    images: NDArray[np.int64]
    images_at: int | None = None
    small: dict[str, Any] = field(default_factory=dict)
    shared: dict[int, set[tuple[Any, str]]] = field(default_factory=dict)
    repeated: int = 0
    findings: list[Finding] = field(default_factory=list)
    bare: bool = False
    owned_by: str = OWNERS[0]
    named: bool = False
    ends: dict[str, int] = field(default_factory=dict)

    def image_batches(self) -> Iterator[tuple[int, list[Any]]]:
        """Yield the parsed entries of the image table: (ordinal of the first, entries)."""
        ordinal = 0
        if self.images_at is None:
            return
        for batch in Cursor(self.document, self.images_at).container().batches():
            yield ordinal, parse_batch(batch)
            ordinal += len(batch)
            if ordinal >= len(self.images):
                return

    def image_texts(self, wanted: str, otherwise: Callable[[Any], str]) -> Iterator[Texts]:
        """Yield one member of all entries of the image table: see :func:`texts_of`."""
        left = len(self.images)
        assert self.images_at is not None
        for batch in Cursor(self.document, self.images_at).container().batches(wanted):
            yield texts_of(batch, otherwise)
            left -= len(batch)
            if left <= 0:
                return


def parse_batch(batch: Batch) -> list[Any]:
    """Parse all elements of a batch of an array at once."""
    start, stop = int(batch.rows[0, 2]) - batch.base, int(batch.rows[-1, 3]) - batch.base
    return parse_elements(batch.data[start:stop].tobytes())


def element_at(document: Document, start: int, stop: int) -> dict[str, Any]:
    """Return an element of an array that is an object, or an empty one."""
    found = parse_elements(document.read(start, stop))
    return found[0] if found and isinstance(found[0], dict) else {}


def read_tables(document: Document, options: ReadOptions, marker: str) -> Tables:
    """Read a COCO document once from front to back.

    Raises DamagedExportError: the document breaks off or is malformed. Raises ExportError: the tables are not
    arrays, or these are annotations of the other kind.

    - ``options``: ``memory_limit`` for the index; ``keep_going`` makes a damaged document end at the damage.
    - ``marker``: a key that every annotation of this kind has been seen without is told: "segmentation" for
      instances, "segments_info" for panoptic.
    """
    scan = _Scan(document, options, marker)
    try:
        scan.run()
    except DamagedExportError as error:
        if not options.keep_going:
            raise
        scan.tables.findings.append(Finding("document-damaged", one_line(error)))
    return scan.finish()


def _owned_ranges(batch: Batch) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the owners' keys of annotations, and where they start and stop."""
    return keys_of(batch), batch.rows[:, 2].copy(), batch.rows[:, 3].copy()


class _Scan:
    def __init__(self, document: Document, options: ReadOptions, marker: str) -> None:
        self.tables = Tables(document, Index(options.memory_limit), np.empty(0, np.int64))
        self._limit = options.memory_limit
        self._marker = marker
        self._images = Column(np.int64)

    def run(self) -> None:
        """Walk the document."""
        tables = self.tables
        cursor = Cursor(tables.document, tables.document.first())
        top = cursor.container("an array or an object")
        if not top.is_object:
            tables.bare = True
            span = next(elements(tables.document.export, tables.document.name), (0, 0))
            first = element_at(tables.document, *span)
            tables.owned_by = next((key for key in OWNERS if key in first), OWNERS[0])
            self._annotations(top)
        else:
            for entry in top.entries():
                self._table(entry)
        cursor.finish()

    def _table(self, entry: Entry) -> None:
        tables = self.tables
        if entry.key in ("images", "annotations"):
            if entry.kind == _ARRAY:
                if entry.key == "images":
                    tables.images_at, self._images = entry.container.cursor.offset, Column(np.int64)
                    for keys in mapped(entry.enter(), "id", keys_of):
                        self._images.append(keys)
                else:
                    tables.index = Index(self._limit)
                    self._annotations(entry.enter())
                tables.ends[entry.key] = entry.container.cursor.offset
            elif entry.load() != b"null":
                raise ExportError(
                    f'"{entry.key}" in {tables.document.name} is no array, so this is no COCO export.'
                )
        elif entry.key in ("info", "licenses", "categories"):
            data = entry.load()
            if len(data) <= _LARGEST_TABLE:
                tables.small[entry.key] = load(data, f'"{entry.key}" in {tables.document.name}')

    def _annotations(self, container: Container) -> None:
        tables, index = self.tables, self.tables.index
        for keys, starts, stops in mapped(container, tables.owned_by, _owned_ranges):
            if not len(index):
                first = element_at(tables.document, int(starts[0]), int(stops[0]))
                self._check_kind(first)
                tables.named = "file_name" in first and self._marker == "segmentation"
            index.append(keys, starts, stops)

    def _check_kind(self, first: dict[str, Any]) -> None:
        other = "segments_info" if self._marker == "segmentation" else "segmentation"
        if other in first and self._marker not in first:
            name = "coco_panoptic" if other == "segments_info" else "coco"
            raise ExportError(f"{self.tables.document.name} is of the other COCO kind: use --format {name}.")

    def finish(self) -> Tables:
        """Join annotations to images."""
        tables = self.tables
        if tables.images_at is not None:
            tables.images = self._images.values
        elif len(tables.index):
            keys, first = np.unique(tables.index.keys, return_index=True)
            tables.images = keys[np.argsort(first)]
            tables.images = tables.images[tables.images != MISSING]
        tables.index.join(tables.images)
        if tables.index.orphans:
            what = "no image" if tables.images_at is None else "an image that is not listed"
            tables.findings.append(
                Finding("annotation-orphan", f"annotations that name {what}: {tables.index.orphans}")
            )
        self._find_shared()
        return tables

    def _find_shared(self) -> None:
        """Find the images whose id another image has, too."""
        tables = self.tables
        if tables.images_at is None:
            return
        ranked = tables.images if is_sorted(tables.images) else np.sort(tables.images)
        shared = ranked[1:][(ranked[1:] == ranked[:-1]) & (ranked[1:] != MISSING)]
        if not len(shared):
            return
        rows = np.flatnonzero(np.isin(tables.images, shared))
        for ordinal, entries in tables.image_batches():
            low, high = np.searchsorted(rows, [ordinal, ordinal + len(entries)]).tolist()
            for row in rows[low:high].tolist():
                entry = entries[row - ordinal]
                if not isinstance(entry, dict):
                    continue
                identity = (normal_id(get_any(entry, "id")), str(get_any(entry, "file_name")))
                names = tables.shared.setdefault(id_key(get_any(entry, "id")), set())
                tables.repeated += identity in names
                names.add(identity)
