"""What formats with many images per document share: one unit is one element's byte range.

A document is laid out in one of three ways, told by its first bytes:

- an array of records, or an object that holds that array under a known path;
- JSON Lines: the first line alone is a whole JSON value;
- one object that is itself one record (exports "split" into one file per asset).

A format gives one module-level function (readers are pickled to workers by reference)
``parse(value, reader, unit) -> Record``; ``value`` is the record's object, ``unit`` its :class:`Row`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import orjson

from gtmask.errors import DamagedExportError
from gtmask.findings import Finding
from gtmask.formats.jsonstream import Container, Document, elements, load, open_document
from gtmask.formats.reading.companions import left_out
from gtmask.formats.reading.per_image import BadFile, load_part
from gtmask.formats.reading.reader import BaseReader, Told
from gtmask.formats.reading.typed import get_any
from gtmask.model import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gtmask.formats.base import ReadOptions
    from gtmask.formats.export import Export

#: Bytes that are searched for line ends at a time.
PIECE = 4 << 20
#: A first line longer than this is not tried: the document is then no JSON Lines.
LONGEST_LINE = 64 << 20
SUFFIXES = (".json", ".jsonl", ".ndjson", ".manifest")


class Row(NamedTuple):
    """Where one record stands: bytes [start, stop) of a file; ``number`` counts from 1 in its file.

    ``part`` tells the images of one element apart where a format has several, or says what else of it stands
    around the record.
    """

    name: str
    start: int
    stop: int
    number: int
    part: int = 0


class RowsReader(BaseReader):
    """Reads exports of many records per document.

    - ``parse``: see the module's docstring; a module-level function.
    - ``path``: the keys under which the array of records stands where the document is an object.
    - ``ranges``: finds the byte ranges of a file's records where they are not the elements of one array, and
      perhaps the ``part`` of each; a module-level function.
    - ``called``: what the tool calls a record, and the members that hold its id there, for messages; inner
      members with dots between.
    - ``wanted``: says of a file, by its name, whether it may hold records; a module-level function.
    """

    def __init__(
        self,
        export: Export,
        options: ReadOptions,
        title: str,
        *,
        parse: Callable[[dict[str, Any], RowsReader, Row], Record],
        called: tuple[str, ...] = ("record",),
        wanted: Callable[[str], bool] | None = None,
        path: tuple[str, ...] | None = None,
        ranges: Callable[[Export, str], Iterator[tuple[int, ...]]] | None = None,
        **told: Unpack[Told],
    ) -> None:
        super().__init__(export, options, title, **told)
        self._parse = parse
        self._called = called
        self._wanted = wanted or by_suffix
        # Who knows the format's files knows also which of them are no annotations.
        self._suffix = ".json" if wanted is not None else ""
        self._path = path
        self._ranges = ranges or self._elements
        self._documents: dict[str, Document] = {}
        self._others: list[Finding] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_ranges"} | {"_documents": {}}

    def units(self) -> Iterator[Row]:
        """Yield where each record stands, without parsing any."""
        names = list(self.export.names())
        wanted = [name for name in names if self._wanted(name) or len(names) == 1]
        for name in wanted:
            yield from self._rows(name)
        if self._others is None:
            self._others = left_out(
                self.export, [name for name in names if name not in set(wanted)], self._suffix
            )
            self.findings += self._others

    def _rows(self, name: str) -> Iterator[Row]:
        number = 0
        with self.up_to_damage():
            for start, stop, *part in self._ranges(self.export, name):
                number += 1
                yield Row(name, start, stop, number, *part)
            empty = Finding("document-empty", name)
            if not number and empty not in self.findings:
                self.findings.append(empty)

    def _elements(self, export: Export, name: str) -> Iterator[tuple[int, int]]:
        """Yield the byte range of each record of a file."""
        cursor = open_document(export, name)
        document, first = cursor.document, cursor.offset
        if cursor.peek() == ord("["):
            yield from elements(export, name)
        elif self._path and _has(export, name, self._path[0]):
            yield from elements(export, name, self._path)
        elif lines_of(document, first):
            yield from lines(document, first)
        else:
            yield first, document.size

    def document(self, name: str) -> Document:
        """Return a file of the export, kept open for the next record."""
        document = self._documents.get(name)
        if document is None:
            if len(self._documents) >= 8:
                self._documents.clear()
            document = self._documents[name] = Document(self.export, name)
        return document

    def place(self, value: dict[str, Any], unit: Row) -> str:
        """Return where a record stands, as the tool itself calls it: by its id, else by its number."""
        what, *keys = self._called
        for key in keys:
            inner: Any = value
            for step in key.split("."):
                inner = get_any(inner, step) if isinstance(inner, dict) else None
            if isinstance(inner, str | int) and inner != "":
                return f"{unit.name}, {what} {inner!s:.100}"
        return f"{unit.name}, {what} {'number ' if keys else ''}{unit.number}"

    def record(self, unit: Row) -> Record:
        """Read one record's bytes and build it."""
        value: dict[str, Any] = {}
        try:
            value = load_part(self.document(unit.name).read(unit.start, unit.stop))
            record = self._parse(value, self, unit)
        except BadFile as error:
            where = self.place(value, unit) if value else f"{unit.name}, record {unit.number}"
            return Record("", where=where, findings=[Finding("record-bad", f"{where}: {error}")])
        record.where = record.where or self.place(value, unit)
        return record


def by_suffix(name: str) -> bool:
    """Say by its name whether a file may hold records."""
    return name.lower().endswith(SUFFIXES)


def _has(export: Export, name: str, key: str) -> bool:
    """Say whether a document that is an object has this key, or is damaged before it can tell."""
    try:
        for entry in open_document(export, name).container().entries():
            if entry.key == key:
                return True
    except DamagedExportError:
        return True
    return False


def lines_of(document: Document, first: int) -> bool:
    """Say whether a document is JSON Lines: its first line that is not blank is a whole JSON value."""
    for start, stop in lines(document, first, LONGEST_LINE):
        try:
            orjson.loads(document.read(start, stop))
        except orjson.JSONDecodeError:
            # A lone damaged line is still a line where a second one follows that begins like a record.
            return document.read(stop, stop + 2).strip()[:1] == b"{"
        return True
    return False


def lines(document: Document, first: int, limit: int | None = None) -> Iterator[tuple[int, int]]:
    """Yield the byte range of each line that is not blank; the last one may lack its line end."""
    start = position = first
    end = document.size if limit is None else min(document.size, first + limit)
    while position < end:
        piece = document.read(position, min(position + PIECE, end))
        if not piece:
            break
        found = piece.find(b"\n")
        while found >= 0:
            stop = position + found
            if not _blank(document, start, stop):
                yield start, stop
            start = stop + 1
            found = piece.find(b"\n", found + 1)
        position += len(piece)
    if start < end and not _blank(document, start, end):
        yield start, end


def _blank(document: Document, start: int, stop: int) -> bool:
    return stop - start < 64 and not document.read(start, stop).strip()


def only_document(export: Export) -> str | None:
    """Return the name of the export's one document, or None where it has several."""
    names = [name for name in export.names() if by_suffix(name)]
    return names[0] if len(names) == 1 else None


def header(
    export: Export,
    name: str | None,
    keys: tuple[str, ...],
    path: tuple[str, ...] = (),
    *,
    keep_going: bool = False,
) -> dict[str, Any]:
    """Return these members of a document's object, parsed; all others are skipped.

    Raises DamagedExportError: the document is damaged before all members were found, and ``keep_going`` is
    not set.

    - ``name``: the document; None returns nothing.
    - ``keys``: the members to return; what is not there is left out.
    - ``path``: the keys under which the object stands; the top-level object by default.
    - ``keep_going``: a damaged document ends at the damage.
    """
    found: dict[str, Any] = {}
    if name is None:
        return found
    cursor = open_document(export, name)
    try:
        if cursor.peek() == ord("{"):
            _gather(cursor.container(), keys, path, found, top=True)
    except DamagedExportError:
        if not keep_going:
            raise
    return found


def _gather(
    container: Container, keys: tuple[str, ...], path: tuple[str, ...], found: dict[str, Any], *, top: bool
) -> None:
    """Collect the members; inner objects are walked to their end, for what stands twice in them."""
    for entry in container.entries():
        if not path and entry.key in keys:
            found[entry.key] = load(entry.load(), f"{container.cursor.document.name}, {entry.key!r}")
        elif path and entry.key == path[0] and entry.kind == ord("{"):
            _gather(entry.enter(), keys, path[1:], found, top=False)
        if top and len(found) == len(keys):
            return
