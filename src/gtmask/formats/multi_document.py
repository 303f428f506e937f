"""Several documents of one format read as one export: COCO's train and val files, a folder of NDJSON."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from gtmask.formats.base import NamesImages
from gtmask.formats.reading.per_image import beside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.findings import Finding
    from gtmask.formats.base import Reader
    from gtmask.formats.export import Export
    from gtmask.formats.jsonstream.texts import Texts
    from gtmask.model import Record

#: Images of each document that are looked for beside it.
_TRIES = 3


class ManyReader:
    """Chains the readers of several documents; a unit is (index of the document, its reader's unit).

    What a document calls ``a.jpg`` may be ``train/a.jpg``: where its first images lie beside it, all of
    them are called by that path, so that ``train/a.jpg`` and ``val/a.jpg`` stay apart; else that path is
    an alias.

    Parameters
    ----------
    export
        The files.
    names, readers
        The documents, and what reads them.
    findings
        What detection found about the export's other files.
    """

    def __init__(
        self,
        export: Export,
        names: tuple[str, ...],
        readers: list[Reader],
        findings: tuple[Finding, ...] = (),
    ) -> None:
        self.names = names
        self.readers = readers
        self.title = readers[0].title
        lists = [reader.labels for reader in readers if reader.labels is not None]
        #: Class names of all documents, in the order of their first mention.
        self.labels = list(dict.fromkeys(label for labels in lists for label in labels)) if lists else None
        self._own = findings
        self._beside = [
            "/" in name and _has_images_beside(export, name, reader)
            for name, reader in zip(names, readers, strict=True)
        ]

    @property
    def findings(self) -> list[Finding]:
        """What detection and the documents' readers found."""
        return [*self._own, *(finding for reader in self.readers for finding in reader.findings)]

    def count(self) -> int | None:
        """Return the sum of the documents' counts where all are known."""
        counts = [reader.count() for reader in self.readers]
        return None if None in counts else sum(count for count in counts if count is not None)

    def units(self) -> Iterator[tuple[int, Any]]:
        """Yield the units of one document after the other."""
        for index, reader in enumerate(self.readers):
            for unit in reader.units():
                yield index, unit

    def image_names(self) -> Iterator[Texts] | None:
        """Chain what the documents' readers tell; None where one cannot, or names are to be completed."""
        found = [reader.image_names() for reader in self.readers if isinstance(reader, NamesImages)]
        if any(self._beside) or len(found) < len(self.readers) or None in found:
            return None
        return (texts for names in found if names is not None for texts in names)

    def image_of(self, unit: tuple[int, Any]) -> str | None:
        """Return what the document's own reader says, completed where the images lie beside it."""
        index, inner = unit
        image = self.readers[index].image_of(inner)
        return beside(self.names[index], image) if image and self._beside[index] else image

    def record(self, unit: tuple[int, Any]) -> Record:
        """Read one record, and name its image by its path beside the document, too."""
        index, inner = unit
        record = self.readers[index].record(inner)
        image = record.image
        path = beside(self.names[index], image) if "/" in self.names[index] else image
        if image and path != image:
            if self._beside[index]:
                record.image, path = path, image
            record.aliases = (path, *record.aliases)
        return record


def _has_images_beside(export: Export, name: str, reader: Reader) -> bool:
    """Say whether one of a document's first images lies where the document would have it."""
    for unit in islice(reader.units(), _TRIES):
        image = reader.image_of(unit) or reader.record(unit).image
        path = beside(name, image)
        if path not in {image, "."} and export.exists(path):
            return True
    return False
