"""YOLO segmentation labels: one text file per image, one polygon per line, in fractions of the image.

Sources: ultralytics ``data/utils.py`` (verify_image_label, polygons2masks_overlap). A line is a class
number and coordinates: four numbers are a box (centre and size), six or more a polygon; an oriented box is
a polygon of four vertices, so that the two need not be told apart. Larger areas are painted first, as the
trainer does. Sizes are those of the image as EXIF turns it. ``labels/`` in a path is ``images/`` in the
image's. What the columns of a line are is decided in :mod:`gtmask.formats.yolo.columns`, where the names of
classes stand in :mod:`gtmask.formats.yolo.class_files`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import islice
from posixpath import basename, splitext
from typing import TYPE_CHECKING, Any

from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.per_image import YAML, PerImageReader
from gtmask.formats.reading.typed import Header
from gtmask.formats.text import decode_text
from gtmask.formats.yolo.class_files import NAMES, Classes, other_lists, read_classes
from gtmask.formats.yolo.columns import BOX, find_pairs, is_track, usual_columns
from gtmask.formats.yolo.lines import FARTHEST, add_lines

if TYPE_CHECKING:
    from gtmask.formats.base import Reader, ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.model import Record

#: Text files that stand beside labels and are none.
_OTHER = frozenset({
    *NAMES, "labels.txt", "train.txt", "val.txt", "valid.txt", "test.txt", "requirements.txt", "notes.txt",
    "license.txt", "licence.txt",
})  # fmt: skip
_EXTENSIONS = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG", ".bmp", ".webp", ".tif", ".tiff")
#: Label files that are looked at for what their columns are, and bytes of each.
_LOOKED_AT, _GLANCE = 8, 1 << 14


def sniff(sample: Sample) -> str | None:
    """Recognize lines of a class number and fractions, or the ``data.yaml`` that goes with them."""
    name = sample.name.lower()
    if name.endswith((".yaml", ".yml")):
        fits = re.search(r"^names:", sample.text, re.MULTILINE) and re.search(
            r"^(train|val|nc|path):", sample.text, re.MULTILINE
        )
        return "YOLO data.yaml" if fits else None
    if not wanted(name):
        return None
    lines = [line.split() for line in sample.text.splitlines()[:50] if line.strip()]
    if len(sample.head) == 1 << 16:
        lines = lines[:-1] or lines
    if not lines or not all(_fits(line) for line in lines):
        return None
    return "YOLO segmentation" if any(len(line) > 6 for line in lines) else "YOLO boxes"


def _fits(words: list[str]) -> bool:
    try:
        number, *flat = [float(word) for word in words]
    except ValueError:
        return False
    if len(flat) > BOX and flat[-1] > FARTHEST and is_track(flat[-1]):
        flat.pop()
    return (
        len(flat) >= BOX
        and number >= 0
        and number.is_integer()
        and all(-1 <= one <= FARTHEST for one in flat)
    )


def read(export: Export, options: ReadOptions) -> Reader[Any]:
    """Open a YOLO data set: its folder, its ``labels`` folder, a glob, or its ``data.yaml``."""
    first = list(islice(export.names(), 2))
    given = first[0] if len(first) == 1 and first[0].lower().endswith(YAML) else None
    if given is not None:
        export = export.select(None)
    reporter = Header("the class list")
    classes = read_classes(export, reporter, given, wanted)
    files = _first_lines(export)
    pairs = find_pairs([flat for rows in files for flat in rows])
    if pairs.possible and not pairs.certain and not classes.pose:
        reporter.place = export.location
        reporter.finding("key-points-suspected", "all points of the first lines lie in such boxes")
    return PerImageReader(
        export, options, "YOLO segmentation", wanted=wanted, parse=parse, suffix=".txt", look=other_lists,
        labels=classes.labels, findings=reporter.findings, counts_pictures=True,
        context=replace(classes, pose=classes.pose or pairs.certain, behind=usual_columns(files)),
    )  # fmt: skip


def _first_lines(export: Export) -> list[list[list[float]]]:
    """Return the numbers of each line of the first label files, without its class."""
    names = islice(filter(wanted, export.names()), _LOOKED_AT)
    glances = [export.read(name, 0, _GLANCE) for name in names]
    # The last line of a piece may be cut.
    files = [decode_text(data).splitlines()[: None if len(data) < _GLANCE else -1] for data in glances]
    return [[flat for line in lines if (flat := _numbers(line))] for lines in files]


def _numbers(line: str) -> list[float]:
    try:
        return [float(word) for word in line.split()[1:]]
    except ValueError:
        return []


def wanted(name: str) -> bool:
    """Say whether a file may hold labels: text files, but for the usual lists and readme files."""
    base = basename(name).lower()
    return base.endswith(".txt") and base not in _OTHER and not base.startswith("readme")


def parse(data: bytes, name: str, reader: PerImageReader) -> Record:
    """Build the record of one label file; an empty one is an image of background."""
    classes: Classes = reader.context.over(name)
    image, *aliases = image_names(name)
    builder = RecordBuilder(
        image, grid="displayed", source_fill="opencv-trunc", aliases=tuple(aliases), where=name
    )
    builder.record.units = "fraction"
    rows = [(number, line.split()) for number, line in enumerate(decode_text(data).splitlines(), 1)]
    add_lines(builder, [row for row in rows if row[1]], classes, "line")
    return builder.build()


def image_names(name: str) -> list[str]:
    """Return the names that a label file's image may have: ``images`` for ``labels``, any extension."""
    stem = splitext(name)[0]
    head, found, tail = f"/{stem}".rpartition("/labels/")
    stems = [f"{head}/images/{tail}".removeprefix("/"), stem] if found else [stem]
    return [one + extension for one in stems for extension in _EXTENSIONS]
