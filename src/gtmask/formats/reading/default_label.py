"""Shapes without a label get the one that the user gives: data sets of one class often name none.

Readers add such shapes with the label ""; without ``--default-label`` they are left out where they are
painted, and told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gtmask.findings import Finding
from gtmask.formats.base import Reader, suggested

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gtmask.class_map import SuggestedClass
    from gtmask.model import ImageNames, Record


class DefaultLabelReader:
    """A reader whose shapes all have a label.

    - ``reader``: reads the export.
    - ``label``: what shapes without a label are called.
    """

    def __init__(self, reader: Reader[Any], label: str) -> None:
        self.reader = reader
        self.label = label
        self.title = reader.title
        listed = reader.labels
        self.labels = None if listed is None else list(dict.fromkeys([*listed, label]))

    @property
    def findings(self) -> list[Finding]:
        """Findings about the export as a whole."""
        return self.reader.findings

    def count(self) -> int | None:
        """Return the number of records where it is known."""
        return self.reader.count()

    def units(self) -> Iterator[Any]:
        """Yield one unit per record."""
        return self.reader.units()

    def names_of(self, unit: Any) -> ImageNames | None:
        """Return what the record calls its image where the unit tells it."""
        return self.reader.names_of(unit)

    def suggest(self, labels: Sequence[str]) -> list[SuggestedClass]:
        """Return the classes of these labels, as the export's reader does."""
        return suggested(self.reader, labels)

    def record(self, unit: Any) -> Record:
        """Read one record, and label its shapes that have no label."""
        record = self.reader.record(unit)
        bare = [shape for shape in record.shapes if not shape.label.strip()]
        for shape in bare:
            shape.label = self.label
        if bare:
            record.findings.append(Finding("label-default", f"{len(bare)} shapes are {self.label}"))
        return record
