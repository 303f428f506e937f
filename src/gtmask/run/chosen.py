"""Of the records of an export, those whose images are chosen: by a file of names, by labels, by a status.

All names are looked at before anything is decided, and all records are read where conditions ask for it
(``--where``, ``--status``); from then on the export has the chosen records only, so that survey, chunks and
updates need not know of the choice. It takes two bytes for each record. Units are the export's own: workers
are sent its reader. A record that cannot be read stays chosen: it is told as what it is, a reject.
"""

from __future__ import annotations

import pickle
from collections import Counter
from dataclasses import dataclass, field
from itertools import compress
from typing import TYPE_CHECKING, Any

from gtmask.errors import UsageError
from gtmask.findings import Finding
from gtmask.formats.base import AnnotationChoices, Reader, suggested
from gtmask.formats.conditions import Condition, as_written
from gtmask.formats.export import take_read
from gtmask.formats.several import Joins
from gtmask.formats.sources import spoken
from gtmask.run.survey import BATCH, all_names, batches, kept_reader
from gtmask.text import escape_unprintable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gtmask.class_map import SuggestedClass
    from gtmask.images.listed import ListedImages
    from gtmask.model import ImageNames, Record
    from gtmask.progress import Progress
    from gtmask.workers import Pool

#: What is there to choose from is named up to here.
MOST_SHOWN = 12
#: Of a record: it meets all conditions; it cannot be read, so that nobody knows.
MET, UNTOLD = 2, 1


class ChosenReader:
    """A reader that has some of another's records, in their order.

    - ``reader``: reads the export.
    - ``chosen``: for each of its records 1 if it is wanted, else 0.
    - ``findings``: what the choice has to tell.
    """

    def __init__(self, reader: Reader[Any], chosen: bytearray, findings: Sequence[Finding]) -> None:
        self.reader = reader
        self.title = reader.title
        self.labels = reader.labels
        self._chosen = chosen
        self._count = sum(chosen)
        self._findings = list(findings)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as the export's own reader: whoever has a unit needs no choice."""
        return _itself, (self.reader,)

    @property
    def findings(self) -> list[Finding]:
        """Findings about the export as a whole, and about the choice."""
        return [*self.reader.findings, *self._findings]

    def count(self) -> int:
        """Return the number of chosen records."""
        return self._count

    def units(self) -> Iterator[Any]:
        """Yield one unit per chosen record."""
        return compress(self.reader.units(), self._chosen)

    def names_of(self, unit: Any) -> ImageNames | None:
        """Return what the record calls its image where the unit tells it."""
        return self.reader.names_of(unit)

    def record(self, unit: Any) -> Record:
        """Read one record."""
        return self.reader.record(unit)

    @property
    def names(self) -> tuple[str, ...]:
        """What the exports are called that are read as one; one that is alone needs no name."""
        return self.reader.names if isinstance(self.reader, Joins) else ("",)

    def source_of(self, unit: Any) -> int:
        """Return the number of the export that a unit is of."""
        return self.reader.source_of(unit) if isinstance(self.reader, Joins) else 0

    def suggest(self, labels: Sequence[str]) -> list[SuggestedClass]:
        """Return the classes of these labels, as the export's reader does."""
        return suggested(self.reader, labels)


def _itself(reader: Reader[Any]) -> Reader[Any]:
    return reader


@dataclass(slots=True)
class Looked:
    """What one batch of records tells: names of images, which meet the conditions, and what was said of them.

    ``met`` has a byte for each record: :data:`MET`, :data:`UNTOLD` where the record cannot be read, or 0.
    ``said`` counts images by what each condition looks at.
    """

    images: list[ImageNames] = field(default_factory=list)
    met: bytearray = field(default_factory=bytearray)
    said: list[Counter[str]] = field(default_factory=list)


def look(pickled_reader: bytes, units: tuple[Any, ...], wanted: tuple[Condition, ...]) -> Looked:
    """Read a batch of records for what conditions ask; what a pool calls."""
    reader = kept_reader(pickled_reader)
    found = Looked(said=[Counter() for _ in wanted])
    for unit in units:
        record = reader.record(unit)
        found.images.append(record.names)
        verdict = MET
        for one, counts in zip(wanted, found.said, strict=True):
            said = one.said_of(record)
            counts.update(said or ())
            verdict = min(verdict, UNTOLD if said is None else MET if one.met(said) else 0)
        found.met.append(verdict)
    # What a chunk reads is looked at again; what was read here need not be kept in mind.
    take_read()
    return found


def choose(
    source: str,
    reader: Reader[Any],
    listed: ListedImages | None,
    options: AnnotationChoices,
    pool: Pool,
    progress: Progress,
) -> Reader[Any]:
    """Return a reader of the records whose images are chosen; the same one where nothing is asked.

    Raises UsageError: no record is chosen; the sentence says what there is to choose from.

    - ``source``: the export, for messages.
    - ``listed``: names images; None: all are meant.
    - ``options``: says what they must meet.
    """
    wanted = options.conditions
    if listed is None and not wanted:
        return reader
    progress.stage("choose", reader.count())
    chosen, met = bytearray(), bytearray()
    said: list[Counter[str]] = [Counter() for _ in wanted]
    for batch in _look(reader, wanted, pool):
        if listed is not None:
            chosen += bytes(map(listed.look, batch.images))
        met += batch.met
        for counts, more in zip(said, batch.said, strict=True):
            counts.update(more)
        progress.advance(len(batch.images))
    if listed is not None:
        for number in listed.settle():
            chosen[number] = 1
        if not any(chosen):
            raise UsageError(_names_none(source, listed, len(chosen)))
    if wanted:
        chosen = bytearray(a and b for a, b in zip(chosen, met, strict=True)) if chosen else met
        if MET not in chosen:
            raise UsageError(_meets_none(source, wanted, said, len(met), listed is not None))
    told = [*_names_told(listed), *_values_told(wanted, said)]
    if left := chosen.count(0):
        by = ["--only"] * (listed is not None) + [one.text for one in wanted]
        detail = f"{left:,} of {len(chosen):,} images, by {', '.join(by)}{_exports_left_out(reader, chosen)}"
        told.append(Finding("images-left-out", detail))
    return ChosenReader(reader, bytearray(map(bool, chosen)), told)


def _exports_left_out(reader: Reader[Any], chosen: bytearray) -> str:
    """Return a phrase about exports none of whose images is chosen, of several that are read as one."""
    if not isinstance(reader, Joins):
        return ""
    left = set(range(len(reader.names))).difference(map(reader.source_of, compress(reader.units(), chosen)))
    names = [escape_unprintable(reader.names[number]) for number in sorted(left)]
    return f"; no image of {spoken(names)} is chosen" if names else ""


def _look(reader: Reader[Any], wanted: tuple[Condition, ...], pool: Pool) -> Iterator[Looked]:
    """Yield what all records tell; they are read only where names alone do not do."""
    if not wanted:
        for images in all_names(reader, pool):
            yield Looked(images)
        return
    pickled = pickle.dumps(reader)
    yield from pool.map(look, ((pickled, batch, wanted) for batch in batches(reader, BATCH, None)))


def _names_none(source: str, listed: ListedImages, count: int) -> str:
    first = escape_unprintable(listed.first)
    return (
        f"--only names none of the {count:,} images of {escape_unprintable(source)} (it names {first}, for "
        "example): write the names as the export does, or globs such as *.jpg."
    )


def _meets_none(
    source: str, wanted: Sequence[Condition], said: Sequence[Counter[str]], count: int, listed: bool
) -> str:
    """Return the sentence for conditions that no image meets, with what is there to choose from."""
    where = f"none of the {count:,} images of {escape_unprintable(source)}"
    for one, counts in zip(wanted, said, strict=True):
        if not one.met(counts):
            most = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
            there = _some([f"{as_written(value)} ({number:,})" for value, number in most])
            kind = {"label": "labels", "status": "statuses"}.get(one.what, f"values of {one.attribute}")
            known = f"the {kind} there are {there}" if there else f"there are no {kind}"
            return f"{one.text} fits {where}: {known}."
    return (
        f"{' and '.join(one.text for one in wanted)}{' and --only' if listed else ''} together fit {where}, "
        "though each of them fits some: leave one out."
    )


def _names_told(listed: ListedImages | None) -> Iterator[Finding]:
    if listed is None:
        return
    for code, lines in (("only-unmet", listed.unmet()), ("only-several", listed.several())):
        if lines:
            first = escape_unprintable(lines[0])
            yield Finding(code, f"{len(lines):,} of {len(listed):,} names, such as {first}")


def _values_told(wanted: Sequence[Condition], said: Sequence[Counter[str]]) -> Iterator[Finding]:
    """Tell of alternatives that no image has."""
    for one, counts in zip(wanted, said, strict=True):
        if lost := [value for value in one.values if value not in one.met(counts)]:
            yield Finding("choice-unmet", f"{one.text}: {_some(list(map(as_written, lost)))}")


def _some(texts: Sequence[str]) -> str:
    shown = ", ".join(escape_unprintable(text) for text in texts[:MOST_SHOWN])
    return f"{shown} and {len(texts) - MOST_SHOWN:,} more" if len(texts) > MOST_SHOWN else shown
