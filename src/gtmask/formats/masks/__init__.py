"""Ready-made masks as an export: PNGs of classes, with the class lists that tools write beside them.

One unit is one mask and the image it belongs to (:mod:`gtmask.formats.masks.layout`); which class a pixel has
says :mod:`gtmask.formats.masks.meaning` by the class list that lies nearest above the mask
(:mod:`gtmask.formats.masks.class_lists`). Label Studio's brush PNGs, one per region, are put together by
task (:mod:`gtmask.formats.masks.brush`).
"""

from __future__ import annotations

from itertools import islice
from posixpath import dirname
from typing import TYPE_CHECKING, Any

from gtmask.class_map import SuggestedClass
from gtmask.errors import PASSING, NotFoundError, StorageError
from gtmask.formats.masks.brush import Region, Task, images_of_tasks, region_of, tasks_of
from gtmask.formats.masks.class_lists import NAMES, ClassList, Entry, is_class_list, parse_class_list
from gtmask.formats.masks.known import known_classes
from gtmask.formats.masks.layout import Layout, Pair, arrange
from gtmask.formats.masks.meaning import BACKGROUND, KEEP, VOID, add_pixels, class_values, is_background
from gtmask.formats.masks.pictures import NotAMask, Pixel, decode, palette_color
from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.companions import left_out, note
from gtmask.formats.reading.per_image import BadFile, rejected
from gtmask.formats.reading.typed import Header
from gtmask.formats.text import decode_text
from gtmask.kernels import MASK_MODULES, compile_kernels
from gtmask.model import Bitmap, ImageNames, Record, Select
from gtmask.png import PngHeader, read_header

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gtmask.findings import Finding
    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export

TITLE = "Masks"
#: Names of one export that the search for class lists and masks looks at before the format is known.
_TRIES = 3
_HEAD = 1 << 16
#: Lists of the names of images that belong to a subset (Pascal VOC, CVAT).
_SUBSETS = "ImageSets/Segmentation/"


def sniff(sample: Sample) -> str | None:  # noqa: ARG001 (the registry's form)
    """Return None: a PNG alone may be an image; :func:`looks_like_masks` sees the whole tree."""
    return None


def looks_like_masks(export: Export, names: Sequence[str]) -> bool:
    """Say whether a tree without any annotation holds masks: its first pictures can be decoded as such."""
    if any(region_of(name) for name in names):
        return True
    tried = 0
    for pair in islice(arrange(names).pairs, _TRIES):
        try:
            decode(export.read(pair.mask))
        except NotAMask:
            return False
        except BadFile:
            continue
        tried += 1
    return tried > 0


def read(export: Export, options: ReadOptions) -> MasksReader:
    """Open a tree of masks; the class lists are read at once."""
    compile_kernels(MASK_MODULES)
    return MasksReader(export, options)


class MasksReader:
    """Reads masks. A unit is a :class:`Pair`, or a :class:`Task` of Label Studio's brush PNGs."""

    def __init__(self, export: Export, options: ReadOptions) -> None:
        self.export = export
        self.options = options
        self.title = TITLE
        self.findings: list[Finding] = []
        self._layout: Layout | None = None
        self._tasks: list[Task] | None = None
        names = list(export.names())
        reporter = Header("class lists")
        self.lists = _read_lists(export, names, reporter)
        self._header = reporter.findings
        self._arrange(names)
        pairs: list[Pair] = [] if self._layout is None else self._layout.pairs
        header = self._header_of(pairs[0].mask) if pairs else None
        self.palette = None if header is None else header.palette
        #: The lists that name the classes of the masks; None among them: some masks have no list.
        self.used = list(dict.fromkeys(self.classes_of(pair.mask) for pair in pairs))
        self.labels = self._labels()

    def __getstate__(self) -> dict[str, Any]:
        """Leave what was listed to the parent: units carry it."""
        return {**self.__dict__, "_layout": None, "_tasks": None}

    def _arrange(self, names: Sequence[str]) -> None:
        """Find the units, and what is to be told of the tree as a whole."""
        reporter = Header(self.export.location)
        documents: list[str] = []
        regions = [region for name in names if (region := region_of(name)) is not None]
        if regions:
            documents += [
                name for name in names if name.lower().endswith(".json") and not is_class_list(name)
            ]
            images = images_of_tasks(reporter, self.export, documents, self.options.memory_limit)
            self._tasks = tasks_of(regions, images, self.options.annotator)
            self.title = "Label Studio brush masks"
        else:
            self._layout = arrange(names, elsewhere=self.options.images is not None)
            _report_missing(self.export, names, self._layout, reporter)
        reporter.findings += _unread(self.export, names, self._layout, self.lists, documents)
        self.findings = [*self._header, *reporter.findings]

    def count(self) -> int:
        """Return the number of masks."""
        return sum(1 for _ in self.units())

    def units(self) -> Iterator[Pair | Task]:
        """Yield masks in the order of their names."""
        if self._layout is None and self._tasks is None:
            self._arrange(list(self.export.names()))
        yield from self._layout.pairs if self._layout is not None else self._tasks or ()

    def names_of(self, unit: Pair | Task) -> ImageNames:
        """Return what the image may be called that a mask belongs to."""
        return ImageNames(unit.image, unit.aliases)

    def classes_of(self, name: str) -> ClassList | None:
        """Return the list that names a mask's classes: the nearest one in the folders above it."""
        folder = dirname(name)
        while folder not in self.lists:
            if not folder:
                only = list(dict.fromkeys(self.lists.values()))
                return only[0] if len(only) == 1 else known_classes(name)
            folder = dirname(folder)
        return self.lists[folder]

    def record(self, unit: Pair | Task) -> Record:
        """Decode one mask and name its classes."""
        if isinstance(unit, Task):
            return self._brushed(unit)
        builder = RecordBuilder(unit.image, where=unit.mask, aliases=unit.aliases)
        if unit.trouble is not None:
            return builder.reject(*unit.trouble)
        try:
            picture = class_values(decode(self.export.read(unit.mask)), unit.by)
        except NotFoundError:
            return rejected(unit.mask, "the file is gone")
        except BadFile as error:
            return rejected(unit.mask, f"{error}")
        height, width = picture.plane.values.shape
        builder.record.width, builder.record.height = width, height
        classes = self.classes_of(unit.mask)
        if classes is not None and classes.assumed:
            builder.finding("classes-assumed", f"{unit.mask}: {classes.source}")

        def add(label: str, pixel: Pixel) -> None:
            select = Select("index", pixel.number)
            shape = builder.bitmap(label, Bitmap(plane=picture.plane, select=select, whole=True))
            if shape is not None:
                shape.marks = pixel.marks

        add_pixels(builder, unit.mask, picture, classes, self.options.void, unit.by, add)
        return builder.build()

    def _brushed(self, task: Task) -> Record:
        """Return the record of a task: each of its regions is drawn where its picture is not 0."""
        builder = RecordBuilder(task.image, where=f"task {task.number}", aliases=task.aliases)
        builder.record.files = self.export.read
        if not task.regions:
            return builder.reject("record-skipped", f"none of its annotations is by {self.options.annotator}")
        if task.pictures > 1:
            builder.finding("task-image-guessed", f"the first of the {task.pictures} images of the task")
        if task.others:
            detail = f"annotation {task.regions[0].annotation}, 1 of {task.others + 1}"
            builder.finding("annotation-chosen", detail)
        if (header := self._header_of(task.regions[0].name)) is not None:
            builder.record.width, builder.record.height = header.width, header.height
        labels = list(dict.fromkeys(region.label for region in task.regions))

        def add(region: Region) -> None:
            # The order in which they were drawn stands in no name.
            builder.group = labels.index(region.label)
            builder.bitmap(region.label, Bitmap(file=region.name, whole=True))

        builder.account(task.regions, add, "region")
        return builder.build()

    def suggest(self, labels: Sequence[str]) -> list[SuggestedClass]:
        """Return the classes of labels with the ids that are their values, and the masks' own colours."""
        entries: dict[str, Entry] = {}
        for classes in filter(None, self.used):
            for entry in classes.entries:
                entries.setdefault(entry.name, entry)
        return [self._suggestion(label, entries.get(label)) for label in labels]

    def _suggestion(self, label: str, entry: Entry | None) -> SuggestedClass:
        if entry is not None:
            color = self._painted(entry.value) if entry.color is None else entry.color
            return SuggestedClass(label, entry.value, _hex(color))
        if label.isdigit():
            value = int(label)
            return SuggestedClass(label, value, _hex(self._painted(value)), value)
        return SuggestedClass(label, color=label if label.startswith("#") else None)

    def _painted(self, value: int | None) -> int | None:
        """Return the colour that the first mask's palette gives to a value."""
        return None if value is None else palette_color(self.palette, value)

    def _header_of(self, name: str) -> PngHeader | None:
        """Return a picture's header; None where it has none, which is told where it is decoded."""
        try:
            return read_header(self.export.read(name, 0, _HEAD))
        except PASSING:
            raise
        except (ValueError, StorageError):
            return None

    def _labels(self) -> list[str] | None:
        """Return the names of all lists but background and void; None where a mask has no list."""
        if self._tasks is not None:
            return list(
                dict.fromkeys(sorted(region.label for task in self._tasks for region in task.regions))
            )
        if None in self.used or not self.used:
            return None
        void = self.options.void
        names = [entry.name for classes in filter(None, self.used) for entry in classes.entries
                 if not is_background(entry, classes) and not (entry.is_void and void != KEEP)]  # fmt: skip
        names += [] if void == BACKGROUND else [VOID if void == KEEP else void]
        return list(dict.fromkeys(names))


def _hex(color: int | None) -> str | None:
    return None if color is None else f"#{color:06x}"


def _read_lists(export: Export, names: Sequence[str], reporter: Header) -> dict[str, ClassList]:
    """Return the class list of each folder; of several in one folder the one that tells most."""
    candidates = sorted(
        filter(is_class_list, names), key=lambda name: NAMES.index(name.rpartition("/")[2].lower())
    )
    if not candidates:
        places = [f"{above}{name}" for above in ("", "../") for name in NAMES]
        candidates = list(filter(export.exists, places))
    lists: dict[str, ClassList] = {}
    for name in candidates:
        classes = parse_class_list(reporter, name, export.read(name))
        if classes is None:
            continue
        folder = "" if name.startswith("../") else dirname(name)
        first = lists.setdefault(folder, classes)
        if first.names != classes.names and first.classes != classes.classes:
            reporter.finding("classes-differ", f"{first.source} counts, not {name}")
    return lists


def _report_missing(export: Export, names: Sequence[str], layout: Layout, reporter: Header) -> None:
    """Tell of images, and of names in the lists of subsets, that have no mask."""
    missing = list(layout.bare)
    for name in names:
        if f"/{name}".rpartition("/")[0].endswith(f"/{_SUBSETS}".rstrip("/")) and name.endswith(".txt"):
            listed = [line.strip().strip('"') for line in decode_text(export.read(name)).splitlines()]
            missing += [f"{name}: {one}" for one in listed if one and one not in layout.keys]
    if missing:
        reporter.finding("image-maskless", f"{len(missing)} images, the first one {missing[0]}")


def _unread(
    export: Export,
    names: Sequence[str],
    layout: Layout | None,
    lists: dict[str, ClassList],
    documents: Sequence[str],
) -> list[Finding]:
    """Tell of the files that are neither masks nor images nor lists; ``documents`` were read."""
    known = {classes.source for classes in lists.values()} | set(documents)
    unread = [name for name in names if not is_class_list(name)
              and name not in known and f"/{_SUBSETS}" not in f"/{name}"]  # fmt: skip
    found = left_out(export, unread)
    return [*found, *(note(layout.left_out) if layout is not None else [])]
