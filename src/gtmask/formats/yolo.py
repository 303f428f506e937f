"""YOLO segmentation labels: one text file per image, one polygon per line, in fractions of the image.

Sources: ultralytics ``data/utils.py`` (verify_image_label, polygons2masks_overlap). A line is a class
number and coordinates: four numbers are a box (centre and size), six or more a polygon; an oriented box is
a polygon of four vertices, so that the two need not be told apart. Larger areas are painted first, as the
trainer does. Sizes are those of the image as EXIF turns it. ``labels/`` in a path is ``images/`` in the
image's.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import islice
from posixpath import basename, splitext
from typing import TYPE_CHECKING, Any

import yaml

from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.per_image import PerImageReader
from gtmask.formats.reading.typed import Header, as_object, get_any
from gtmask.formats.text import decode_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from gtmask.formats.base import Reader, ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.model import Record

#: Text files that stand beside labels and are none.
_OTHER = frozenset({
    "classes.txt", "labels.txt", "train.txt", "val.txt", "valid.txt", "test.txt", "requirements.txt",
    "notes.txt", "license.txt", "licence.txt", "_classes.txt", "class_names.txt", "obj_names.txt",
})  # fmt: skip
_CLASS_FILES = ("data.yaml", "data.yml", "dataset.yaml", "classes.txt", "obj.names", "_classes.txt")
_EXTENSIONS = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG", ".bmp", ".webp", ".tif", ".tiff")
#: Beyond this, coordinates are no fractions: someone wrote pixels.
FARTHEST = 2.0


@dataclass(frozen=True)
class Classes:
    """Class names by number, and whether lines hold key points behind a box (``kpt_shape``)."""

    names: dict[int, str]
    pose: bool = False


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
        numbers = [float(word) for word in words]
    except ValueError:
        return False
    return len(numbers) >= 5 and words[0].isdigit() and all(-1 <= number <= 2 for number in numbers[1:])


def read(export: Export, options: ReadOptions) -> Reader:
    """Open a YOLO data set: its folder, its ``labels`` folder, a glob, or its ``data.yaml``."""
    first = list(islice(export.names(), 2))
    given = first[0] if len(first) == 1 and first[0].lower().endswith((".yaml", ".yml")) else None
    if given is not None:
        export = export.select(None)
    told = Header("the class list")
    classes = read_classes(export, told, given)
    most = max(classes.names, default=-1)
    labels = [classes.names[i] for i in range(most + 1) if i in classes.names] if most < 10_000 else None
    return PerImageReader(
        export, options, "YOLO segmentation", wanted=wanted, parse=parse, labels=labels or None,
        context=classes, findings=told.findings,
    )  # fmt: skip


def wanted(name: str) -> bool:
    """Say whether a file may hold labels: text files, but for the usual lists and readme files."""
    base = basename(name).lower()
    return base.endswith(".txt") and base not in _OTHER and not base.startswith("readme")


def read_classes(export: Export, told: Header, given: str | None = None) -> Classes:
    """Return the class names from ``data.yaml``, ``classes.txt`` or the like, at most two folders up."""
    candidates = [given] if given is not None else []
    candidates += [up + name for up in ("", "../", "../../") for name in _CLASS_FILES]
    candidates += [name for name in islice(export.names(), 1000) if name.lower().endswith((".yaml", ".yml"))]
    for name in candidates:
        if name == given or export.exists(name):
            text = decode_text(export.read(name))
            is_yaml = name.lower().endswith((".yaml", ".yml"))
            found = _from_yaml(told, name, text) if is_yaml else _from_lines(text)
            if found.names:
                return found
    return Classes({})


def _from_lines(text: str) -> Classes:
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return Classes({index: line or str(index) for index, line in enumerate(lines)})


def _from_yaml(told: Header, file: str, text: str) -> Classes:
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        told.finding("classes-unread", f"{file}: {error}"[:200].replace("\n", " "))
        return Classes({})
    if not isinstance(document, dict):
        return Classes({})
    names = get_any(document, "names")
    rows = list(enumerate(names)) if isinstance(names, list) else []
    if not isinstance(names, list):
        for key, name in as_object(told, names, f"names of {file}").items():
            if str(key).isascii() and str(key).isdigit():
                rows.append((int(key), name))
            else:
                told.finding("classes-unread", f"{file}: class {key!r:.40} has no number")
    return Classes({key: str(name) for key, name in rows}, pose="kpt_shape" in document)


def parse(data: bytes, name: str, reader: PerImageReader) -> Record:
    """Build the record of one label file; an empty one is an image of background."""
    classes: Classes = reader.context
    image, *aliases = image_names(name)
    builder = RecordBuilder(
        image, grid="displayed", source_fill="opencv-trunc", aliases=tuple(aliases), where=name
    )
    builder.record.units = "fraction"
    rows = decode_text(data).splitlines()
    boxes = add_rows(builder, rows, str.split, classes, "line")
    lines = sum(1 for row in rows if row.strip())
    if boxes:
        builder.finding("box-painted", f"{name}: {boxes} of {lines} lines are boxes")
    if not lines:
        builder.finding("image-unannotated", name)
    return builder.build()


def add_rows(
    builder: RecordBuilder, rows: list[Any], words_of: Callable[[Any], list[str]], classes: Classes, what: str
) -> int:
    """Account for all rows of an image, and return how many of them are boxes.

    ``words_of`` cuts a row into words; one without any has told why, or is a blank line, which is none.
    """
    boxes = 0

    def add(numbered: tuple[int, Any]) -> None:
        nonlocal boxes
        words = words_of(numbered[1])
        if words:
            boxes += add_row(builder, words, numbered[0], classes)

    filled = [(number, row) for number, row in enumerate(rows, 1) if not isinstance(row, str) or row.strip()]
    builder.account(filled, add, what)
    return boxes


def add_row(builder: RecordBuilder, words: list[str], number: int, classes: Classes) -> bool:
    """Add one line's shape, and return whether it was a box."""
    try:
        numbers = [float(word) for word in words]
    except ValueError as error:
        builder.finding("annotation-bad", f"line {number}: {error}"[:200])
        return False
    if not numbers[0].is_integer() or numbers[0] < 0:
        builder.finding("annotation-bad", f"line {number}: class number {words[0]:.20}")
        return False
    key = int(numbers[0])
    label, flat = classes.names.get(key, str(key)), numbers[1:]
    if not all(math.isfinite(value) for value in flat):
        builder.finding("shape-bad-number", f"{label}: line {number}")
    elif max(map(abs, flat), default=0.0) > FARTHEST:
        builder.finding("shape-bad-geometry", f"{label}: line {number} has coordinates that are no fractions")
    elif len(flat) in {4, 5} or (classes.pose and len(flat) > 4):
        x, y, width, height = flat[:4]
        builder.z = -abs(width * height)
        builder.rectangle(label, x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        return True
    else:
        builder.z = -_area(flat)
        builder.polygon(label, flat)
    return False


def _area(flat: list[float]) -> float:
    """Return the area of a ring in fractions of the image (shoelace formula)."""
    xs, ys = flat[0::2], flat[1::2]
    pairs = zip(xs, ys[1:] + ys[:1], xs[1:] + xs[:1], ys, strict=False)
    return abs(sum(x * next_y - next_x * y for x, next_y, next_x, y in pairs)) / 2


def image_names(name: str) -> list[str]:
    """Return the names that a label file's image may have: ``images`` for ``labels``, any extension."""
    stem = splitext(name)[0]
    head, found, tail = f"/{stem}".rpartition("/labels/")
    stems = [f"{head}/images/{tail}".removeprefix("/"), stem] if found else [stem]
    return [one + extension for one in stems for extension in _EXTENSIONS]
