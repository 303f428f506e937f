"""VIA 3 projects: regions in ``metadata`` name a view, views name files, attributes resolve option ids.

Source: VIA 3 ``_via_data.js``. The document's tables come in any order and are joined here with an index
of the regions' places; only the table of attributes is held by the reader.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from gtmask.errors import DamagedExportError
from gtmask.findings import Finding
from gtmask.formats.jsonstream import Document, members
from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.per_image import BadFile, load_part
from gtmask.formats.reading.reader import BaseReader
from gtmask.formats.reading.rows import header
from gtmask.formats.reading.typed import Header, get_any
from gtmask.formats.via.attributes import LOOKED_AT, Census, ClassAttribute, class_of, named_attributes
from gtmask.formats.via.regions import add_coordinates
from gtmask.model import ImageNames, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.formats.base import ReadOptions
    from gtmask.formats.export import Export

#: Keys that only version 3 has together.
KEYS = frozenset({"metadata", "view", "file"})
_BY_URI = (2, 3)
#: How the anchors of attributes of regions end; others belong to whole files or times.
_DRAWN = "XY1"


class Via3Reader(BaseReader):
    """Reads a project; a unit is (image, its other name, byte ranges of its regions)."""

    def __init__(
        self, export: Export, options: ReadOptions, name: str, attributes: dict[str, Any], reporter: Header
    ) -> None:
        super().__init__(export, options, "VIA 3", findings=reporter.findings)
        self.name = name
        self.attributes = {key: reporter.as_object(value, key) for key, value in attributes.items()}
        self._header = reporter.findings
        self._document = Document(export, name)
        self.attribute = self._choose()

    def _choose(self) -> ClassAttribute:
        """Return the attribute that holds the class, by the first regions."""
        census, nobody = Census(), Header(self.name)
        with suppress(DamagedExportError, BadFile):
            for _, start, stop in islice(members(self.export, self.name, ("metadata",)), LOOKED_AT):
                region = load_part(self._document.read(start, stop))
                if get_any(region, "xy"):
                    census.add(named_attributes(nobody, nobody.get_object(region, "av"), self.attributes))
        return census.choose(self.options.class_attribute)

    def units(self) -> Iterator[tuple[str, str, tuple[tuple[int, int], ...]]]:
        """Yield one unit per view, in the order of the views."""
        reporter = Header(self.name)
        self.findings = list(self._header)
        places: dict[str, list[tuple[int, int]]] = {}
        with self.up_to_damage():
            for _, start, stop in members(self.export, self.name, ("metadata",)):
                places.setdefault(self._view_of(start, stop), []).append((start, stop))
        top = header(self.export, self.name, ("file", "view"))
        files, views = reporter.get_object(top, "file"), reporter.get_object(top, "view")
        for key in views:
            shown = reporter.get_list(reporter.get_object(views, key), "fid_list")
            first = next(iter(shown), None)
            if len(shown) > 1:
                detail = (
                    f"view {key:.40} shows {len(shown)} files: its regions were taken to lie on the first"
                )
                reporter.finding("task-image-guessed", detail)
            file = reporter.get_object(files, str(first))
            names = [reporter.get_text(file, field) for field in ("fname", "src")]
            image, other = reversed(names) if get_any(file, "loc") in _BY_URI else names
            yield image or other, other if image else "", tuple(places.pop(key, ()))
        self.findings += reporter.findings
        lost = sum(map(len, places.values()))
        if lost:
            self.findings.append(Finding("annotation-orphan", f"{lost} regions of views that are not listed"))

    def _view_of(self, start: int, stop: int) -> str:
        try:
            return str(get_any(load_part(self._document.read(start, stop)), "vid"))
        except BadFile:
            return ""

    def names_of(self, unit: tuple[str, str, Any]) -> ImageNames | None:
        """Return the image and its other name: the unit holds both."""
        image, other, _ = unit
        return ImageNames(image, (other,) if other and other != image else ())

    def record(self, unit: tuple[str, str, tuple[tuple[int, int], ...]]) -> Record:
        """Read one view's regions and build its record."""
        image, other, places = unit
        where = f"{self.name}, {image!r:.200}"
        aliases = (other,) if other and other != image else ()
        builder = RecordBuilder(image, grid="displayed", where=where, aliases=aliases)
        if not image:
            builder.finding("image-name-bad", f"{where}: the view names no file")
        builder.account(places, lambda place: self._region(builder, place), "region")
        if not places:
            builder.finding("image-unannotated", where)
        return builder.build()

    def _region(self, builder: RecordBuilder, place: tuple[int, int]) -> None:
        """Add one region; without coordinates it describes the whole file and draws nothing."""
        region = load_part(self._document.read(*place))
        values = builder.get_object(region, "av")
        if not (xy := builder.get_list(region, "xy")):
            anchors = [
                builder.get_text(builder.get_object(self.attributes, key), "anchor_id") for key in values
            ]
            if get_any(region, "xy") is None or any(anchor.endswith(_DRAWN) for anchor in anchors):
                builder.finding("shape-no-geometry", f"{builder.place}: no coordinates")
            builder.describes()
            return
        if builder.get_list(region, "z"):
            builder.finding("shape-kind-unsupported", "a region of a moment in a video")
            return
        label = class_of(builder, named_attributes(builder, values, self.attributes), self.attribute)
        add_coordinates(builder, xy, label)
