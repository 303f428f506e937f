"""What formats with one file per image share: one unit is one file name, one record one parsed file.

A format gives one or two module-level functions (readers are pickled to workers by reference):

- ``wanted(name) -> bool``: may this file be an annotation, by its name alone? By default every file with the
  format's extension may; what has it and is not wanted is known to be none;
- ``parse(data, name, reader) -> Record``: build the record of one file. It may raise ``BadFile`` (a
  ``ValueError``) with a few words; orjson's error is one already.

A damaged file is a reject record that names the file; the run goes on.
"""

from __future__ import annotations

import csv
from contextlib import contextmanager
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING, Any, Unpack

import orjson
import yaml

from gtmask.errors import PASSING, NotFoundError, StorageError
from gtmask.findings import Finding
from gtmask.formats.doubled import DoubledKey
from gtmask.formats.jsonstream import loads
from gtmask.formats.reading.classes import load_yaml, report_duplicates
from gtmask.formats.reading.companions import COMPANIONS, IMAGES, left_out
from gtmask.formats.reading.malformed import type_name
from gtmask.formats.reading.reader import BaseReader, Told
from gtmask.formats.text import decode_json, guessed_encoding
from gtmask.model import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gtmask.formats.base import ReadOptions
    from gtmask.formats.export import Export
    from gtmask.formats.reading.typed import Header


YAML = (".yaml", ".yml")


class BadFile(ValueError):  # noqa: N818 (it is told as a finding, never raised to a user)
    """A file that is not of the form that its format prescribes; the message is a few words."""


class PerImageReader(BaseReader):
    """Reads exports of one file per image.

    - ``wanted``, ``parse``: see the module's docstring; module-level functions.
    - ``suffix``: the extension of the format's files.
    - ``says_encoding``: of files that name their encoding themselves, as XML does, none is guessed.
    - ``look``: takes the reader and the names of the files that are none of the format's, and tells of them.
    - ``counts_pictures``: images lie among the annotation files, one for each, and others are worth a word.
    """

    def __init__(
        self,
        export: Export,
        options: ReadOptions,
        title: str,
        *,
        parse: Callable[[bytes, str, PerImageReader], Record],
        wanted: Callable[[str], bool] | None = None,
        suffix: str = ".json",
        says_encoding: bool = False,
        look: Callable[[PerImageReader, list[str]], list[Finding]] | None = None,
        counts_pictures: bool = False,
        **told: Unpack[Told],
    ) -> None:
        super().__init__(export, options, title, **told)
        self._wanted = wanted
        self._parse = parse
        self._suffix = suffix
        self._says_encoding = says_encoding
        self._look = look
        self._counts_pictures = counts_pictures
        self._others: list[Finding] | None = None

    def count(self) -> int | None:
        """Return the number of files where listing is cheap (not on S3)."""
        if self.export.is_remote:
            return None
        return sum(map(self.is_wanted, self.export.names()))

    def is_wanted(self, name: str) -> bool:
        """Say by its name whether a file may be an annotation."""
        return self._wanted(name) if self._wanted is not None else name.lower().endswith(self._suffix)

    def units(self) -> Iterator[str]:
        """Yield the names of the annotation files; the others are told once all were listed."""
        others: list[str] = []
        files = pictures = 0
        for name in self.export.names():
            if self.is_wanted(name):
                files += 1
                yield name
            elif name.lower().endswith(IMAGES):
                pictures += 1
            elif not name.lower().endswith(COMPANIONS) or name.lower().endswith(YAML):
                others.append(name)
        if self._others is None:
            self._others = left_out(self.export, others, self._suffix)
            self._others += [] if self._look is None else self._look(self, others)
            if self._counts_pictures and pictures > files:
                told = f"pictures: {pictures:,}, annotation files: {files:,}"
                self._others.append(Finding("pictures-left-out", told))
            self.findings += self._others

    def record(self, unit: str) -> Record:
        """Read one file and build its record."""
        try:
            data = self.export.read(unit)
            record = self._parse(data, unit, self)
        except NotFoundError:
            return rejected(unit, "the file is gone")
        except BadFile as error:
            return rejected(unit, str(error))
        record.where = record.where or unit
        if not self._says_encoding:
            record.findings += encoding_findings(unit, data)
        return record


def rejected(name: str, detail: str) -> Record:
    """Return the reject record of a file that cannot be read."""
    return Record(name, where=name, findings=[Finding("record-bad", f"{name}: {detail}")])


def load_json(data: bytes) -> Any:
    """Parse one annotation file: UTF-8 with or without BOM, UTF-16, GBK; NaN and Infinity become null.

    Raises BadFile: the file is empty or no JSON, the message says where, or a key of it stands twice in one
    object.
    """
    try:
        return loads(data)
    except DoubledKey as error:
        raise BadFile(f"{error}") from error
    except orjson.JSONDecodeError:
        pass
    try:
        return decode_json(data)
    except ValueError as error:
        raise BadFile(str(error)) from error


def encoding_findings(name: str, data: bytes) -> list[Finding]:
    """Tell of a file whose encoding was guessed: names in it may be misspelt."""
    encoding = guessed_encoding(data)
    return [Finding("encoding-guessed", f"{name}: read as {encoding}")] if encoding else []


def load_part(data: bytes) -> dict[str, Any]:
    """Parse a part of a document, which must be a JSON object in UTF-8.

    Raises BadFile: it is not. Of a part nothing tells another encoding, and each would be guessed alone.
    """
    if guessed_encoding(data):
        raise BadFile("it is not in UTF-8: save the document as UTF-8")
    return load_object(data)


def load_object(data: bytes) -> dict[str, Any]:
    """Parse one annotation file that must be a JSON object."""
    document = load_json(data)
    if not isinstance(document, dict):
        raise BadFile(f"a JSON object was expected, not {type_name(document)}")
    return document


def load_listed(data: bytes, key: str) -> tuple[dict[str, Any], list[Any]]:
    """Parse one annotation file that must be an object with a list under ``key``; return both."""
    document = load_object(data)
    listed = document.get(key)
    if not isinstance(listed, list):
        met = f"`{key}` is {type_name(listed)}" if key in document else f"there is no `{key}`"
        raise BadFile(f"a list of {key} was expected, but {met}")
    return document, listed


def listed_names(
    reporter: Header, export: Export, places: Iterable[str], table: str, member: str
) -> list[str]:
    """Return the class names of a project's file: one member of each object of a list; none where it is not.

    What cannot be read is told: without its classes an export still has shapes, but in another order.

    - ``places``: where the file may be, in JSON or YAML; the first that is there counts.
    """
    for name in filter(export.exists, places):
        with unread_classes(reporter, name):
            data = export.read(name)
            is_yaml = name.lower().endswith(YAML)
            document = reporter.as_object(load_yaml(data), name) if is_yaml else load_object(data)
            reporter.findings += encoding_findings(name, data)
            names = [reporter.get_label(entry, member) for entry in reporter.get_objects(document, table)]
            report_duplicates(reporter, {number: name for number, name in enumerate(names) if name})
            return names
        break
    return []


@contextmanager
def unread_classes(reporter: Header, name: str) -> Iterator[None]:
    """Tell of a file that lists classes and cannot be read or parsed, instead of raising; ``name`` is its."""
    try:
        yield
    except PASSING:
        raise
    except (StorageError, ValueError, yaml.YAMLError, csv.Error, RecursionError) as error:
        reporter.finding("classes-unread", f"{name}: {error}"[:200].replace("\n", " "))


def beside(name: str, image: str) -> str:
    """Return an image path that an annotation file gives, relative to the export's root.

    Backslashes become slashes; absolute paths and URLs stay as they are.
    """
    path = image.replace("\\", "/")
    if not path or path.startswith("/") or ":" in path.split("/", 1)[0]:
        return path
    if "/" not in path and "/" not in name:  # nothing to join or to normalize
        return path
    return normpath(join(dirname(name), path))
