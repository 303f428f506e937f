"""Several exports read as one: the records of one after the other, labels joined by name.

A unit is (number of the export, its reader's unit). Whatever is told of a record or of an export names it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from gtmask.class_map import SuggestedClass
from gtmask.errors import GtmaskError
from gtmask.formats.base import Reader, suggested

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gtmask.findings import Finding
    from gtmask.model import ImageNames, Record


@runtime_checkable
class Joins(Protocol):
    """A reader of several exports: ``names`` are theirs, the shortest ends of paths that tell them apart."""

    names: tuple[str, ...]

    def source_of(self, unit: Any) -> int:
        """Return the number of the export that a unit is of."""
        ...


class JoinedReader:
    """Reads several exports, one after the other.

    - ``names``, ``readers``: what the exports are called, and what reads them.
    - ``findings``: what is told of all of them together.
    """

    def __init__(
        self, names: Sequence[str], readers: Sequence[Reader[Any]], findings: Sequence[Finding] = ()
    ) -> None:
        self.names = tuple(names)
        self.readers = tuple(readers)
        self.title = " and ".join(dict.fromkeys(reader.title for reader in readers))
        lists = [reader.labels for reader in readers]
        #: Those of all exports, in the order of their first mention; None where one of them lists none.
        self.labels = None if None in lists else _once(lists)
        self._own = list(findings)
        self._told: bool | None = None

    @property
    def findings(self) -> list[Finding]:
        """What was found in the exports, each by its name."""
        pairs = [
            (name, one)
            for name, reader in zip(self.names, self.readers, strict=True)
            for one in reader.findings
        ]
        return [*self._own, *(replace(one, detail=_of(name, one.detail)) for name, one in pairs)]

    def source_of(self, unit: tuple[int, Any]) -> int:
        """Return the number of the export that a unit is of."""
        return unit[0]

    def count(self) -> int | None:
        """Return the sum of the exports' counts where all are known."""
        counts = [reader.count() for reader in self.readers]
        return None if None in counts else sum(count for count in counts if count is not None)

    def units(self) -> Iterator[tuple[int, Any]]:
        """Yield the units of one export after the other."""
        for number, (name, reader) in enumerate(zip(self.names, self.readers, strict=True)):
            with naming(name):
                for unit in reader.units():
                    yield number, unit

    def names_of(self, unit: tuple[int, Any]) -> ImageNames | None:
        """Return what the export calls its image; None where units of one of the exports do not tell it."""
        if self._told is None:
            self._told = all(map(_tells_names, self.names, self.readers))
        names = self.readers[unit[0]].names_of(unit[1]) if self._told else None
        return None if names is None else names._replace(source=unit[0])

    def record(self, unit: tuple[int, Any]) -> Record:
        """Read one record; where it stands begins with its export's name."""
        number, inner = unit
        name = self.names[number]
        with naming(name):
            record = self.readers[number].record(inner)
        record.source = number
        record.where = _of(name, record.where)
        # Ids and names of classes say something of each other within one export.
        record.class_ids = {
            (f"{name}: {identity}", f"{name}: {label}") for identity, label in record.class_ids
        }
        return record

    def suggest(self, labels: Sequence[str]) -> list[SuggestedClass]:
        """Return the classes that exports list, in the order of the exports, and after them these labels'."""
        ordered = _once([*(reader.labels for reader in self.readers), list(labels)])
        found: dict[str, SuggestedClass] = {}
        for reader in self.readers:
            for one in suggested(reader, ordered):
                if one != SuggestedClass(one.name):
                    found.setdefault(one.name, one)
        return [found.get(label, SuggestedClass(label)) for label in ordered]


def _tells_names(name: str, reader: Reader[Any]) -> bool:
    with naming(name):
        first = next(iter(reader.units()), None)
        return first is None or reader.names_of(first) is not None


def _once(lists: Sequence[list[str] | None]) -> list[str]:
    return list(dict.fromkeys(label for labels in lists for label in labels or ()))


def _of(name: str, detail: str) -> str:
    # One file is its export; that a file begins like its folder (b/b.json) says nothing.
    named = detail.startswith(name) and detail[len(name) :][:1] in {"", ",", ":", " "}
    return detail if not detail or named else f"{name}: {detail}"


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Have errors name the export that they are about."""
    try:
        yield
    except GtmaskError as error:
        if name not in str(error):
            error.args = (f"{name}: {error}", *error.args[1:])
        raise


def short_names(locations: Sequence[str]) -> tuple[str, ...]:
    """Return the shortest ends of paths that tell locations apart."""
    parts = [location.rstrip("/").split("/") for location in locations]
    for count in range(1, max(map(len, parts)) + 1):
        names = tuple("/".join(one[-count:]) for one in parts)
        if len(set(names)) == len(names):
            return names
    return tuple(locations)
