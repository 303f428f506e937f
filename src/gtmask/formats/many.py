"""Several documents of one format read as one export: COCO's train and val files, a folder of NDJSON."""

from __future__ import annotations

from posixpath import dirname, join
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.findings import Finding
    from gtmask.formats.base import Reader
    from gtmask.model import Record


class ManyReader:
    """Chains the readers of several documents; a unit is (index of the document, its reader's unit).

    Images that a document names relative to itself get that path as an alias, so that ``train/a.jpg``
    and ``val/a.jpg`` stay apart although both documents say ``a.jpg``.
    """

    def __init__(self, names: tuple[str, ...], readers: list[Reader]) -> None:
        self.names = names
        self.readers = readers
        self.title = readers[0].title
        lists = [reader.labels for reader in readers if reader.labels is not None]
        #: Class names of all documents, in the order of their first mention.
        self.labels = list(dict.fromkeys(label for labels in lists for label in labels)) if lists else None
        self.findings: list[Finding] = []

    def count(self) -> int | None:
        """Return the sum of the documents' counts where all are known."""
        counts = [reader.count() for reader in self.readers]
        return None if None in counts else sum(count for count in counts if count is not None)

    def units(self) -> Iterator[tuple[int, Any]]:
        """Yield the units of one document after the other."""
        for index, reader in enumerate(self.readers):
            for unit in reader.units():
                yield index, unit
        self.findings = [finding for reader in self.readers for finding in reader.findings]

    def image_of(self, unit: tuple[int, Any]) -> str | None:
        """Return what the document's own reader says."""
        return self.readers[unit[0]].image_of(unit[1])

    def record(self, unit: tuple[int, Any]) -> Record:
        """Read one record, and add the image's path relative to its document."""
        index, inner = unit
        record = self.readers[index].record(inner)
        folder = dirname(self.names[index])
        image = record.image
        if folder and image and "://" not in image and not image.startswith("/"):
            record.aliases = (join(folder, image), *record.aliases)
        return record
