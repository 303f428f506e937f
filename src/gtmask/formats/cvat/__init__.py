"""CVAT's XML 1.1, for images and for video: one record per image or frame.

Sources: CVAT ``dataset_manager/formats/cvat.py``; XML format documentation. Higher ``z_order`` lies over
lower, negative values too; ties keep the document's order.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from gtmask.errors import DamagedExportError
from gtmask.findings import Finding
from gtmask.formats.cvat.classes import class_of, listed_classes, shape_attributes
from gtmask.formats.cvat.shapes import add_shape, between
from gtmask.formats.cvat.tracks import Clock, Drawn, TrackIndex, Video
from gtmask.formats.jsonstream import Document
from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.malformed import MALFORMED, describe
from gtmask.formats.reading.per_image import BadFile
from gtmask.formats.reading.reader import BaseReader
from gtmask.formats.reading.xmlstream import Piece, encoding_of, parse_piece, pieces
from gtmask.model import Grid, ImageNames, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from xml.etree.ElementTree import Element

    from gtmask.formats.base import Reader, ReadOptions, Sample
    from gtmask.formats.export import Export

_ROOT = re.compile(r"<annotations[\s>]")
_CHILD = re.compile(r"<(version|meta|image|track)[\s>/]")
#: What CVAT has saved the frames of videos as, over the years.
FRAMES = (".png", ".PNG", ".jpg", ".jpeg")
#: Months: no server turned images before the first, all that were kept up did from the second on.
_TURNED_SINCE, _CERTAIN_SINCE = "2022-04", "2023-01"
#: From when until when some were forgotten, with time for servers to be brought up to date.
_FORGOTTEN = ("2023-11", "2024-03")
_MONTH = re.compile(r"[12][0-9]{3}-[01][0-9]")


def sniff(sample: Sample) -> str | None:
    """Recognize the root element and one of its children."""
    text = sample.text.lstrip()
    if not text.startswith("<") or not (root := _ROOT.search(text)):
        return None
    if not _CHILD.search(text, root.end()):
        return None
    return "CVAT XML for video" if re.search(r"<track[\s>]", text) else "CVAT XML"


def read(export: Export, options: ReadOptions) -> Reader[Any]:
    """Open a CVAT document."""
    return CvatReader(export, options, next(iter(export.names())))


class CvatReader(BaseReader):
    """Reads one document; a unit is an image's byte range and name, or a frame and its shapes' ranges."""

    def __init__(self, export: Export, options: ReadOptions, name: str) -> None:
        super().__init__(export, options, "CVAT XML for images")
        self.name = name
        self._asks_attributes = options.asks_attributes
        self._document = Document(export, name)
        self.encoding = encoding_of(export.read(name, 0, 1024))
        self.size: tuple[str | None, str | None] = (None, None)
        self.sizes: dict[str, tuple[str | None, str | None]] = {}
        self.grid: tuple[Grid, bool] = ("displayed", False)
        self.clocks = {"": Clock()}
        #: Subsets of a project that have several tasks.
        self._crowded: frozenset[str] = frozenset()
        self.video = False
        self._read_header()
        if self.video:
            self.title = "CVAT XML for video"

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
        self.labels = listed_classes(meta, self.options.class_attribute)
        self.grid = grid_of(meta)
        sizes = {(size.findtext("width"), size.findtext("height")) for size in meta.iter("original_size")}
        if len(sizes) == 1:
            self.size = sizes.pop()
        self.clocks[""] = _clock(meta)
        tasks = Counter(task.findtext("subset") or "" for task in meta.iter("task"))
        self._crowded = frozenset(subset for subset, count in tasks.items() if count > 1)
        # A project's videos may differ in size, length and step.
        for task in meta.iter("task"):
            size, identity = task.find("original_size"), task.findtext("id")
            if identity:
                self.clocks[identity] = _clock(task)
            if size is not None and identity:
                self.sizes[identity] = (size.findtext("width"), size.findtext("height"))

    def units(self) -> Iterator[tuple[Any, ...]]:
        """Yield one unit per image or frame."""
        self.findings = []
        with self.up_to_damage():
            if self.video:
                yield from self._frames()
            else:
                for piece in self._known(pieces(self.export, self.name, 2), "image"):
                    if piece.tag == "image":
                        attributes = piece.attributes
                        name, subset = attributes.get("name", ""), attributes.get("subset", "")
                        # Images of two tasks of one subset may have one name.
                        task = attributes.get("task_id", "") if subset in self._crowded else ""
                        scope = f"{subset}/task_{task}".strip("/") if task else subset
                        yield "image", piece.start, piece.stop, name, subset, scope

    def _known(self, found: Iterator[Piece], wanted: str) -> Iterator[Piece]:
        """Pass elements on, and tell in the end of those below the root that are not read."""
        others: Counter[str] = Counter()
        for piece in found:
            if piece.depth == 2 and piece.tag not in {"version", "meta", wanted}:
                others[piece.tag] += 1
            yield piece
        for tag, count in others.items():
            what = f"{self.name}: {count} elements {tag!r:.40} beside those called {wanted!r} were not read"
            self.findings.append(Finding("annotation-bad", what))

    def _frames(self) -> Iterator[tuple[Any, ...]]:
        index = TrackIndex(self._track_pieces())
        if index.bad:
            self.findings.append(Finding("annotation-bad", f"{index.bad} shapes without a frame number"))
        if index.doubled:
            what = f"{self.name}: {index.doubled} shapes in frames in which their track has another one"
            self.findings.append(Finding("annotation-bad", what))
        if index.odd:
            what = f"{self.name}: 'outside' of {index.odd} shapes is neither 0 nor 1"
            self.findings.append(Finding("value-type", what))
        subsets = Counter(video.subset for video in index.videos)
        passed = 0
        for video, tracks in index.videos.items():
            # The frames of two tasks of one subset bear the same names: only their task tells them apart.
            scope = f"{video.subset}/task_{video.task}" if subsets[video.subset] > 1 else video.subset
            clock = self.clocks[video.task if video.task in self.clocks else ""]
            between = self.options.interpolate
            for frame in tracks.frames(clock, between=between):
                yield "frame", frame, tuple(tracks.shapes(frame, clock)), video, scope.strip("/")
            if not between:
                every = sum(1 for _ in tracks.frames(clock, between=True))
                passed += every - sum(1 for _ in tracks.frames(clock, between=False))
        if passed:
            self.findings.append(Finding("frame-not-annotated", f"{self.name}: {passed} whole frames"))

    def _track_pieces(self) -> Iterator[Piece]:
        """Yield what the index needs; a damaged end does not lose the tracks before it, when so asked."""
        with self.up_to_damage():
            yield from self._known(pieces(self.export, self.name, 3), "track")

    def names_of(self, unit: tuple[Any, ...]) -> ImageNames | None:
        """Return the image's names: the unit holds what they are made of."""
        if unit[0] == "image":
            return image_names(*unit[3:])
        _, frame, _, video, scope = unit
        return frame_names(frame, video[0], scope)

    def record(self, unit: tuple[Any, ...]) -> Record:
        """Read and build one record."""
        return self._image(*unit[1:]) if unit[0] == "image" else self._frame(*unit[1:])

    def _image(self, start: int, stop: int, name: str, subset: str, scope: str) -> Record:
        where = f"{self.name}, image {name!r:.200}"
        names = image_names(name, subset, scope)
        builder = self._builder(where, names)
        try:
            element = self._element(start, stop)
        except BadFile as error:
            return builder.reject("record-bad", f"{where}: {error}")
        if not name:
            builder.finding("image-name-bad", where)
        builder.set_size(element.get("width"), element.get("height"))
        builder.account(list(element), lambda child: self._add_to_image(builder, child), "element")
        if not len(element):
            builder.finding("image-unannotated", where)
        return builder.build()

    def _frame(self, frame: int, shapes: tuple[Drawn, ...], video: Video, scope: str) -> Record:
        where = f"{self.name}, frame {frame}{f' of {scope}' if scope else ''}"
        subset, task = video
        builder = self._builder(where, frame_names(frame, subset, scope))
        builder.set_size(*self.sizes.get(task, self.size))
        builder.account(shapes, lambda drawn: self._draw(builder, frame, Drawn._make(drawn)), "shape")
        return builder.build()

    def _draw(self, builder: RecordBuilder, frame: int, drawn: Drawn) -> None:
        """Add what one track shows in a frame."""
        if drawn.share is not None and (drawn.doubtful or not self.options.interpolate):
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
        self._add(builder, element, attributes, drawn.label)

    def _builder(self, where: str, names: ImageNames) -> RecordBuilder:
        grid, known = self.grid
        builder = RecordBuilder("", grid=grid, source_fill="coco", where=where)
        record = builder.record
        record.image, record.aliases, record.scope = names[:3]
        record.grid_known = known
        return builder

    def _add_to_image(self, builder: RecordBuilder, element: Element) -> None:
        """Add a shape of an image; one of a track may be outside there, as in videos."""
        attributes, label = element.attrib, element.get("label", "")
        outside = attributes.get("outside", "0")
        if outside == "1":
            builder.finding("shape-deleted", f"{label}: {element.tag:.40} is outside")
            return
        if outside != "0":
            builder.finding("value-type", f"'outside' of {builder.place} is {outside!r:.40}, neither 0 nor 1")
        self._add(builder, element, attributes, label)

    def _add(
        self, builder: RecordBuilder, element: Element, attributes: Mapping[str, str], label: str
    ) -> None:
        if self._asks_attributes and element.tag != "tag":
            builder.note_attributes(shape_attributes(element))
        if self.options.class_attribute is not None:
            label = class_of(builder, element, label, self.options.class_attribute)
        add_shape(builder, element.tag, attributes, label)

    def _element(self, start: int, stop: int) -> Element:
        return parse_piece(self._document.read(start, stop), self.encoding)


def _clock(about: Element) -> Clock:
    """Return which frames a video has by its task; a project tells it of each of its tasks alone."""
    step = re.search(r"step=(\d{1,6})", about.findtext(".//frame_filter") or "")
    stops = [stop.text or "" for stop in about.iter("stop_frame")]
    known = len(stops) == 1 and re.fullmatch(r"\d{1,9}", stops[0].strip())
    return Clock(max(int(step[1]), 1) if step else 1, int(stops[0]) if known else None)


def grid_of(meta: Element) -> tuple[Grid, bool]:
    """Return which pixels a document's shapes mean by its ``meta``, and whether that is certain.

    - CVAT 2.1 of spring 2022 turns images when a task is made (cvat #4529). A task made before, or a document
      dumped before, speaks of the stored pixels.
    - A server may be older than the task. Labels have a ``type`` since 2.2: with it and a task of 2023 or
      later it is certain that images were turned, but for the end of 2023, when 2.9 forgot some (cvat #7162).
    """
    made = [found[0] for date in meta.iter("created") if (found := _MONTH.match((date.text or "").strip()))]
    dumped = _MONTH.match((meta.findtext("dumped") or "").strip())
    latest = [*([max(made)] if made else []), *([dumped[0]] if dumped else [])]
    if any(month < _TURNED_SINCE for month in latest):
        return "stored", True
    recent = meta.find(".//labels/label/type") is not None and bool(made) and min(made) >= _CERTAIN_SINCE
    return "displayed", recent and not any(_FORGOTTEN[0] <= month <= _FORGOTTEN[1] for month in made)


def image_names(name: str, subset: str = "", scope: str | None = None) -> ImageNames:
    """Return the names that CVAT's exports give an image; the images of a project have a subset.

    ``scope`` is that, unless several tasks have it.

    Frames of a video have a name without extension in the XML for images, too, and are saved with one.
    """
    scope = subset if scope is None else scope
    if not name:
        return ImageNames("", (), scope)
    bare = "." not in name.rpartition("/")[2]
    return _saved([name + ending for ending in FRAMES] if bare else [name], subset, scope, (name,) * bare)


def frame_names(frame: int, subset: str = "", scope: str = "") -> ImageNames:
    """Return the names under which CVAT saves a frame of a video."""
    return _saved([f"frame_{frame:06d}{ending}" for ending in FRAMES], subset, scope)


def _saved(files: list[str], subset: str, scope: str, more: tuple[str, ...] = ()) -> ImageNames:
    folders = ("", "images/", f"images/{subset}/", f"{subset}/") if subset else ("", "images/")
    image, *aliases = [folder + file for folder in folders for file in files]
    return ImageNames(image, (*aliases, *more), scope)
