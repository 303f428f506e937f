"""CVAT's XML 1.1, for images and for video: one record per image or frame.

Sources: CVAT ``dataset_manager/formats/cvat.py``; XML format documentation. Higher ``z_order`` lies over
lower, negative values too; ties keep the document's order. Since 2022 CVAT annotates images as EXIF turns
them; documents dumped before speak of the stored pixels.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from gtmask.errors import DamagedExportError
from gtmask.findings import Finding
from gtmask.formats.cvat.shapes import add_shape, between
from gtmask.formats.cvat.tracks import Drawn, TrackIndex
from gtmask.formats.jsonstream import Document
from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import set_size
from gtmask.formats.reading.malformed import MALFORMED, describe
from gtmask.formats.reading.per_image import BadFile
from gtmask.formats.reading.xmlstream import Piece, encoding_of, parse_piece, pieces
from gtmask.model import ImageNames

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from gtmask.formats.base import Reader, ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.model import Grid, Record

_ROOT = re.compile(r"<annotations[\s>]")
_CHILD = re.compile(r"<(version|meta|image|track)[\s>/]")
#: Label types that have no area.
_NO_AREA = frozenset({"skeleton", "tag", "cuboid"})
#: CVAT 2.0 turned images by EXIF from this year on (cvat #4529).
TURNED_SINCE = "2022"


def sniff(sample: Sample) -> str | None:
    """Recognize the root element and one of its children."""
    text = sample.text.lstrip()
    if not text.startswith("<") or not (root := _ROOT.search(text)):
        return None
    if not _CHILD.search(text, root.end()):
        return None
    return "CVAT XML for video" if re.search(r"<track[\s>]", text) else "CVAT XML"


def read(export: Export, options: ReadOptions) -> Reader:
    """Open a CVAT document."""
    return CvatReader(export, options, next(iter(export.names())))


class CvatReader:
    """Reads one document; a unit is an image's byte range and name, or a frame and its shapes' ranges."""

    def __init__(self, export: Export, options: ReadOptions, name: str) -> None:
        self.export = export
        self.options = options
        self.name = name
        self.findings: list[Finding] = []
        self._document = Document(export, name)
        self.encoding = encoding_of(export.read(name, 0, 1024))
        self.labels: list[str] | None = None
        self.size: tuple[str | None, str | None] = (None, None)
        self.grid: Grid = "displayed"
        self.step = 1
        self.video = False
        self._read_header()
        self.title = "CVAT XML for video" if self.video else "CVAT XML for images"

    def _read_header(self) -> None:
        """Read ``meta``, and see whether images or tracks follow."""
        try:
            for piece in pieces(self.export, self.name, 2):
                if piece.depth == 2 and piece.tag == "meta":
                    self._read_meta(parse_piece(self.export.read(self.name, *piece[3:5]), self.encoding))
                if piece.tag in {"image", "track"}:
                    self.video = piece.tag == "track"
                    return
        except (DamagedExportError, BadFile):
            # Told by units(), which sees it too, with what can be done.
            return

    def _read_meta(self, meta: Element) -> None:
        labels = [
            (label.findtext("name") or "").strip()
            for label in meta.iterfind(".//labels/label")
            if label.find("parent") is None and label.findtext("type") not in _NO_AREA
        ]
        self.labels = [label for label in dict.fromkeys(labels) if label] or None
        sizes = {(size.findtext("width"), size.findtext("height")) for size in meta.iter("original_size")}
        if len(sizes) == 1:
            # A project's videos may differ in size; then the images must tell it.
            self.size = sizes.pop()
        dumped = (meta.findtext("dumped") or "")[:4]
        if dumped.isdigit() and dumped < TURNED_SINCE:
            self.grid = "stored"
        match = re.search(r"step=(\d{1,6})", meta.findtext(".//frame_filter") or "")
        self.step = max(int(match[1]), 1) if match else 1

    def count(self) -> int | None:
        """Return None: only a walk through the document would tell."""
        return None

    def units(self) -> Iterator[tuple[Any, ...]]:
        """Yield one unit per image or frame."""
        self.findings = []
        try:
            if self.video:
                yield from self._frames()
            else:
                tracks = 0
                for piece in pieces(self.export, self.name, 2):
                    if piece.tag == "image":
                        attributes = piece.attributes
                        name, subset = attributes.get("name", ""), attributes.get("subset", "")
                        yield "image", piece.start, piece.stop, name, subset
                    tracks += piece.tag == "track"
                if tracks:
                    what = f"{self.name}: {tracks} tracks in a document of images"
                    self.findings.append(Finding("annotation-bad", what))
        except DamagedExportError as error:
            if not self.options.keep_going:
                raise
            self.findings.append(Finding("record-bad", str(error)[:300]))

    def _frames(self) -> Iterator[tuple[Any, ...]]:
        index = TrackIndex(self._track_pieces())
        if index.bad:
            self.findings.append(Finding("annotation-bad", f"{index.bad} shapes without a frame number"))
        own = index.frames(self.step, between=False)
        passed = 0
        if not self.options.interpolate:
            every = sum(1 for _ in index.frames(self.step, between=True))
            passed = every - sum(1 for _ in index.frames(self.step, between=False))
        for frame in index.frames(self.step, between=True) if self.options.interpolate else own:
            yield "frame", frame, tuple(index.shapes(frame))
        if passed:
            self.findings.append(Finding("frame-not-annotated", f"{self.name}: {passed} whole frames"))

    def _track_pieces(self) -> Iterator[Piece]:
        """Yield what the index needs; a damaged end does not lose the tracks before it, when so asked."""
        try:
            yield from pieces(self.export, self.name, 3)
        except DamagedExportError as error:
            if not self.options.keep_going:
                raise
            self.findings.append(Finding("record-bad", str(error)[:300]))

    def names_of(self, unit: tuple[Any, ...]) -> ImageNames | None:
        """Return the image's names: the unit holds what they are made of."""
        return image_names(*unit[3:]) if unit[0] == "image" else frame_names(unit[1])

    def record(self, unit: tuple[Any, ...]) -> Record:
        """Read and build one record."""
        return self._image(*unit[1:]) if unit[0] == "image" else self._frame(*unit[1:])

    def _image(self, start: int, stop: int, name: str, subset: str) -> Record:
        where = f"{self.name}, image {name!r:.200}"
        names = image_names(name, subset)
        builder = RecordBuilder(name, grid=self.grid, source_fill="coco", where=where)
        builder.record.aliases, builder.record.scope = names.aliases, names.scope
        try:
            element = self._element(start, stop)
        except BadFile as error:
            return builder.reject("record-bad", f"{where}: {error}")
        if not name:
            builder.finding("image-name-bad", where)
        set_size(builder, element.get("width"), element.get("height"))
        builder.account(
            list(element),
            lambda child: add_shape(builder, child.tag, child.attrib, child.get("label", "")),
            "element",
        )
        if not len(element):
            builder.finding("image-unannotated", where)
        return builder.build()

    def _frame(self, frame: int, shapes: tuple[Drawn, ...]) -> Record:
        names = frame_names(frame)
        where = f"{self.name}, frame {frame}"
        builder = RecordBuilder(
            names.image, grid=self.grid, source_fill="coco", where=where, aliases=names.aliases
        )
        set_size(builder, *self.size)
        builder.account(shapes, lambda drawn: self._draw(builder, frame, Drawn._make(drawn)), "shape")
        return builder.build()

    def _draw(self, builder: RecordBuilder, frame: int, drawn: Drawn) -> None:
        """Add what one track shows in a frame."""
        if drawn.share is not None and not self.options.interpolate:
            builder.finding("frame-not-annotated", f"{drawn.label} in frame {frame}")
            return
        try:
            element = self._element(drawn.start, drawn.stop)
        except BadFile as error:
            builder.finding("annotation-bad", f"{builder.record.where}: {error}")
            return
        attributes: dict[str, str] = dict(element.attrib)
        if drawn.later is not None and drawn.share is not None:
            later = self._element(*drawn.later)
            try:
                attributes = between(element.tag, element.attrib, later.attrib, drawn.share)
            except MALFORMED as error:
                builder.finding("frame-not-annotated", f"{drawn.label} in frame {frame}: {describe(error)}")
                return
        add_shape(builder, element.tag, attributes, drawn.label)

    def _element(self, start: int, stop: int) -> Element:
        return parse_piece(self._document.read(start, stop), self.encoding)


def image_names(name: str, subset: str = "") -> ImageNames:
    """Return the names that CVAT's exports give an image; the images of a project have a subset."""
    folders = ("images", f"images/{subset}", subset) if subset else ("images",)
    return ImageNames(name, tuple(f"{folder}/{name}" for folder in folders if name), subset)


def frame_names(frame: int) -> ImageNames:
    """Return the names under which CVAT saves a frame of a video."""
    extensions = (".png", ".PNG", ".jpg", ".jpeg")
    image, *aliases = [
        f"{folder}frame_{frame:06d}{extension}" for folder in ("", "images/") for extension in extensions
    ]
    return ImageNames(image, tuple(aliases))
