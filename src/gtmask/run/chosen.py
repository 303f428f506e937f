"""Of the records of an export, those whose images a file names (``--only``).

All names are looked at before anything is decided; from then on the export has the chosen records only, so
that survey, chunks and updates need not know of the choice. It takes a byte for each record. Units are the
export's own: workers are sent its reader.
"""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, Any

from gtmask.errors import UsageError
from gtmask.findings import Finding
from gtmask.formats.base import suggested
from gtmask.run.survey import all_names
from gtmask.text import escape_unprintable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gtmask.formats.base import Reader
    from gtmask.images.listed import ListedImages
    from gtmask.model import ImageNames, Record, SuggestedClass
    from gtmask.progress import Progress
    from gtmask.workers import Pool


class ChosenReader:
    """A reader that has some of another's records, in their order.

    Parameters
    ----------
    reader
        Reads the export.
    chosen
        For each of its records 1 if it is wanted, else 0.
    findings
        What the choice has to tell.
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

    def suggest(self, labels: Sequence[str]) -> list[SuggestedClass]:
        """Return the classes of these labels, as the export's reader does."""
        return suggested(self.reader, labels)


def _itself(reader: Reader[Any]) -> Reader[Any]:
    return reader


def choose_listed(
    source: str, reader: Reader[Any], listed: ListedImages, pool: Pool, progress: Progress
) -> ChosenReader:
    """Return a reader of the records whose images are listed.

    Parameters
    ----------
    source
        The export, for messages.
    reader
        Reads it.
    listed
        Names images.
    pool
        Where records are read, if units do not tell the names of their images.
    progress
        Hears how the looking gets on.

    Raises
    ------
    UsageError
        No record is chosen.
    """
    progress.stage("choose", reader.count())
    chosen = bytearray()
    for batch in all_names(reader, pool):
        chosen += bytes(map(listed.look, batch))
        progress.advance(len(batch))
    for number in listed.settle():
        chosen[number] = 1
    if not any(chosen):
        seen = f"{len(chosen):,} images of {escape_unprintable(source)}"
        first = escape_unprintable(listed.first)
        raise UsageError(
            f"--only names none of the {seen} (it names {first}, for example): write the names as "
            "the export does, or globs such as *.jpg."
        )
    told = [
        Finding(code, f"{len(lines):,} of {len(listed):,} names, such as {escape_unprintable(lines[0])}")
        for code, lines in (("only-unmet", listed.unmet()), ("only-several", listed.several()))
        if lines
    ]
    return ChosenReader(reader, chosen, told)
