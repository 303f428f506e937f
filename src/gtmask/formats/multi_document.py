"""Several documents of one format read as one export: COCO's train and val files, a folder of NDJSON."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from gtmask.formats.base import NamesImages, Reader
from gtmask.formats.reading.per_image import beside
from gtmask.model import ImageNames, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.findings import Finding
    from gtmask.formats.export import Export
    from gtmask.formats.jsonstream.texts import Texts

#: Images of each document that are looked for beside it.
_TRIES = 3


@runtime_checkable
class Replaces(Protocol):
    """A reader some of whose units are of images that others of its units, or of other readers', replace."""

    def first_units(self) -> Iterator[Any]:
        """Yield the units that count."""

    def last_units(self) -> Iterator[Any]:
        """Yield the units that others replace."""


class ManyReader:
    """Chains the readers of several documents; a unit is (index of the document, its reader's unit).

    What a document calls ``a.jpg`` may be ``train/a.jpg``: where its first images lie beside it, all of
    them are called by that path, so that ``train/a.jpg`` and ``val/a.jpg`` stay apart; else that path is
    an alias.

    - ``names``, ``readers``: the documents, and what reads them.
    - ``findings``: what detection found about the export's other files.
    """

    def __init__(
        self,
        export: Export,
        names: tuple[str, ...],
        readers: list[Reader[Any]],
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
        """Yield the units of one document after the other; those that others replace come after all."""
        for index, reader in enumerate(self.readers):
            for unit in reader.first_units() if isinstance(reader, Replaces) else reader.units():
                yield index, unit
        for index, reader in enumerate(self.readers):
            for unit in reader.last_units() if isinstance(reader, Replaces) else ():
                yield index, unit

    def image_names(self) -> Iterator[Texts | None] | None:
        """Chain what the documents' readers tell; None where one cannot, or images get another name here."""
        if any("/" in name for name in self.names):
            return None
        found = [reader.image_names() for reader in self.readers if isinstance(reader, NamesImages)]
        if len(found) < len(self.readers) or None in found:
            return None
        return (texts for names in found if names is not None for texts in names)

    def names_of(self, unit: tuple[int, Any]) -> ImageNames | None:
        """Return what the document's own reader says, and the path beside the document."""
        index, inner = unit
        names = self.readers[index].names_of(inner)
        return self._completed(index, names) if names is not None else None

    def record(self, unit: tuple[int, Any]) -> Record:
        """Read one record, and name its image by its path beside the document, too."""
        index, inner = unit
        record = self.readers[index].record(inner)
        record.image, record.aliases, record.scope = self._completed(index, record.names)[:3]
        return record

    def _completed(self, index: int, names: ImageNames) -> ImageNames:
        """Add an image's path beside its document: as its name where the images lie there, else an alias."""
        image, aliases, scope = names[:3]
        path = beside(self.names[index], image) if "/" in self.names[index] else image
        if not image or path == image:
            return names
        first, second = (path, image) if self._beside[index] else (image, path)
        return ImageNames(first, (second, *aliases), scope)


def _has_images_beside(export: Export, name: str, reader: Reader[Any]) -> bool:
    """Say whether one of a document's first images lies where the document would have it."""
    for unit in islice(reader.units(), _TRIES):
        image = (reader.names_of(unit) or reader.record(unit).names).image
        path = beside(name, image)
        if path not in {image, "."} and export.exists(path):
            return True
    return False
