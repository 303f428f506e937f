"""VIA, the VGG Image Annotator: JSON of versions 1 and 2, projects and exports, and make-sense's VIA files.

Sources: VIA 2 ``via.js``. One object holds one member per image: ``{filename, size, regions,
file_attributes}``; ``regions`` is a list, or in version 1 an object. There are no image sizes. Version 3 is
in :mod:`gtmask.formats.via.version3`, CSV in :mod:`gtmask.formats.via.csv_export`.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from gtmask.errors import DamagedExportError
from gtmask.formats.jsonstream import Document, members
from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.per_image import BadFile, load_part
from gtmask.formats.reading.reader import BaseReader
from gtmask.formats.reading.rows import header
from gtmask.formats.reading.typed import Header, get_any
from gtmask.formats.via import csv_export, version3
from gtmask.formats.via.attributes import LOOKED_AT, Census, ClassAttribute, class_of, option_names
from gtmask.formats.via.regions import add_region

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.findings import Finding
    from gtmask.formats.base import Reader, ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.model import Record


def sniff(sample: Sample) -> str | None:
    """Recognize a project by its key, an export by what its first image holds, CSV by its header."""
    keys = sample.keys
    if "_via_img_metadata" in keys:
        return "VIA 2 project"
    if keys.keys() >= version3.KEYS:
        return "VIA 3 project"
    if any({"filename", "regions"} <= set(inner) for inner in keys.values()):
        return "VIA annotations"
    return csv_export.sniff(sample)


def read(export: Export, options: ReadOptions) -> Reader[Any]:
    """Open a VIA document."""
    name = next(iter(export.names()))
    head = export.read(name, 0, 4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head.startswith(b"{"):
        return csv_export.CsvReader(export, options, name)
    top = header(export, name, ("_via_attributes", "attribute"))
    reporter = Header(name)
    if "attribute" in top:
        return version3.Via3Reader(export, options, name, reporter.get_object(top, "attribute"), reporter)
    return ViaReader(export, options, name, reporter.get_object(top, "_via_attributes"), reporter)


class ViaReader(BaseReader):
    """Reads a document of version 1 or 2; a unit is (image's key, start, stop)."""

    def __init__(
        self, export: Export, options: ReadOptions, name: str, attributes: dict[str, Any], reporter: Header
    ) -> None:
        super().__init__(export, options, "VIA")
        self.name = name
        regions = reporter.get_object(attributes, "region")
        self._header: list[Finding] = []
        self._document = Document(export, name)
        self._path = ("_via_img_metadata",) if self._is_project() else ()
        self.attribute = self._choose()
        self.names = option_names(reporter, reporter.get_object(regions, self.attribute.name or ""))
        self.labels = list(self.names.values()) or None
        self._header = reporter.findings
        self.findings = list(reporter.findings)

    def _choose(self) -> ClassAttribute:
        """Return the attribute that holds the class, by the first images."""
        census = Census()
        nobody = RecordBuilder("")
        with suppress(DamagedExportError, BadFile):
            for _, start, stop in islice(self.units(), LOOKED_AT):
                image = load_part(self._document.read(start, stop))
                regions = nobody.as_list(_regions(image), "regions")
                for region in nobody.as_objects(regions, "regions"):
                    census.add(get_any(region, "region_attributes"))
        return census.choose(self.options.class_attribute)

    def units(self) -> Iterator[tuple[str, int, int]]:
        """Yield one unit per image."""
        self.findings = list(self._header)
        with self.up_to_damage():
            for key, start, stop in members(self.export, self.name, self._path):
                if self._path or not key.startswith("_via_"):
                    yield key, start, stop

    def _is_project(self) -> bool:
        """Say whether the images stand under a key; a document that breaks off is told when it is read."""
        with suppress(DamagedExportError):
            return any(key == "_via_img_metadata" for key, _, _ in members(self.export, self.name, ()))
        return False

    def record(self, unit: tuple[str, int, int]) -> Record:
        """Read one image's member and build its record."""
        key, start, stop = unit
        where = f"{self.name}, {key!r:.200}"
        builder = RecordBuilder("", grid="displayed", where=where)
        try:
            image = load_part(self._document.read(start, stop))
        except BadFile as error:
            return builder.reject("record-bad", f"{where}: {error}")
        builder.record.image = builder.get_text(image, "filename")
        if not builder.record.image:
            builder.finding("image-name-bad", where)
        # VIA tells images of one name apart by their sizes in bytes, which are no folders.
        builder.record.scope = f"\0{builder.get_text(image, 'size')}"
        if reference := builder.get_text(image, "fileref"):
            builder.record.aliases = (reference,)
        regions = _regions(image)
        if not regions:
            builder.finding("image-unannotated", where)
        builder.each(regions, lambda region: self._region(builder, region), "region")
        return builder.build()

    def _region(self, builder: RecordBuilder, region: dict[str, Any]) -> None:
        label = class_of(builder, get_any(region, "region_attributes"), self.attribute, self.names)
        add_region(builder, region["shape_attributes"], label)


def _regions(image: dict[str, Any]) -> Any:
    """Return an image's regions: a list, in version 1 an object.

    A browser walks through the object's numbers in their order, wherever they stand.
    """
    regions = get_any(image, "regions")
    if not isinstance(regions, dict):
        return regions
    numbered = sorted((key for key in regions if key.isascii() and key.isdecimal()), key=int)
    return [regions[key] for key in dict.fromkeys((*numbered, *regions))]
