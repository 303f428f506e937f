"""Files that name the classes of masks: which tools write them, and what they tell.

An entry has a name, a pixel value, and a colour where the file tells one. Where a file tells no values, an
entry's place in it is its value, counted from 0 (datumaro ``voc_format``, ``camvid_format``; labelme
``class_names.txt``; ultralytics ``names``), or from -1 in the lists that labelme is started with, which begin
with ``__ignore__`` (labelme ``labelme2voc.py``). The numbers of a YOLO data set are those of its lines: they
are values of masks for certain only where its YAML names the folder of masks (ultralytics ``masks_dir``).
"""

from __future__ import annotations

import csv
import io
import re
import tomllib
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import yaml

from gtmask.formats.reading.classes import Word, load_yaml, name_lines
from gtmask.formats.reading.per_image import encoding_findings
from gtmask.formats.reading.typed import Header, get_any
from gtmask.formats.text import decode_json, decode_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


#: Names of class lists, those that tell most first: of several in one folder the first counts.
NAMES = (
    "classes.toml", "labelmap.txt", "dataset_meta.json", "_classes.csv", "class_mapping.csv",
    "label_colors.txt", "class_dict.csv", "objectinfo150.txt", "label_map.json", "id2label.json",
    "config_v2.0.json", "config_v1.2.json", "config.json", "classes.json", "classes.csv", "data.yaml",
    "dataset.yaml", "data.yml", "dataset.yml", "classes.yaml", "classes.txt", "class_names.txt", "codes.txt",
    "labels.txt", "label_names.txt", "obj.names", "_classes.txt", "metadata.json",
)  # fmt: skip
#: Names that other files have, too: a file of such a name that tells no class is none.
DOUBTFUL = frozenset({"config.json", "metadata.json", "classes.json", "labels.txt"})

#: Where a YAML of ultralytics says that its classes are values of masks.
_MASKS_OF_YOLO = "masks_dir"
#: What labelme's own lists begin with, at -1.
LABELME_IGNORE = "__ignore__"
#: What -1 is in a mask of 8 bits.
MINUS_ONE = 255
_BACKGROUND = frozenset({"background", "_background_", "__background__"})
_VOID = frozenset({
    "void", "ignore", "ignored", LABELME_IGNORE, "ignore_label", "ignore label", "unlabeled", "unlabelled",
    "void--unlabeled",
})  # fmt: skip
_MAP_LINE = re.compile(r"(.+?):\s*(?:(\d{1,3}),\s*(\d{1,3}),\s*(\d{1,3}))?\s*:[^:]*:[^:]*")
_COLOR_LINE = re.compile(r"(\d{1,3})[ \t,]+(\d{1,3})[ \t,]+(\d{1,3})[ \t,]+(\S.*)")
_VALUE_LINE = re.compile(r"(\d{1,5})\s*[:=,\t ]\s*(\S.*)")
_NAME_COLUMNS = ("class_name", "class name", "classname", "class", "name", "label_name", "label", "category")
_VALUE_COLUMNS = ("pixel value", "pixel_value", "value", "class_id", "id", "idx", "index", "class_index")
_COLOR_COLUMNS = ("class_color", "color", "colour", "rgb", "hex")


@lru_cache(maxsize=4096)
def _is_one_of(name: str, words: frozenset[str]) -> bool:
    """Say whether a class has one of some names, whatever its case; asked for every value of every mask."""
    return name.casefold() in words


@dataclass(frozen=True, slots=True)
class Entry:
    """One class of a list: ``value`` its pixel value, ``color`` as 0xRRGGBB.

    ``counted`` says that the file tells no values: this one is the class's place in it.
    """

    name: str
    value: int | None = None
    color: int | None = None
    counted: bool = False

    @property
    def is_void(self) -> bool:
        """Whether the name says that its pixels are not labeled."""
        return _is_one_of(self.name, _VOID)

    @property
    def is_background(self) -> bool:
        """Whether the name says that its pixels are background."""
        return _is_one_of(self.name, _BACKGROUND)


@dataclass(frozen=True, slots=True)
class ClassList:
    """The classes that one file names, in its order; ``assumed``: they are a data set's, not a file's."""

    source: str
    entries: tuple[Entry, ...]
    assumed: bool = False

    def __hash__(self) -> int:
        """Hash the name alone: lists are looked up for every mask."""
        return hash(self.source)

    @property
    def names(self) -> list[str]:
        """What the classes are called, in the file's order."""
        return [entry.name for entry in self.entries]

    @property
    def classes(self) -> list[tuple[int | None, str]]:
        """Value and name of what is a class: void is none."""
        return [(entry.value, entry.name) for entry in self.entries if not entry.is_void]

    @property
    def has_colors(self) -> bool:
        """Whether any class has a colour."""
        return any(entry.color is not None for entry in self.entries)


def is_class_list(name: str) -> bool:
    """Say by its name whether a file may list classes."""
    return name.rpartition("/")[2].lower() in NAMES


def parse_class_list(reporter: Header, name: str, data: bytes) -> ClassList | None:
    """Read a class list; what is wrong with it is told. None where it names no class."""
    base = name.rpartition("/")[2].lower()
    text = decode_text(data).removeprefix("\ufeff")
    reporter.findings += encoding_findings(name, data)
    try:
        rows = list(_parser(base)(reporter, text))
    except (ValueError, csv.Error, yaml.YAMLError, RecursionError) as error:
        reporter.finding("classes-unread", f"{name}: {error}"[:200])
        return None
    entries = _checked(reporter, rows)
    if entries:
        return ClassList(name, tuple(entries))
    if base not in DOUBTFUL:
        reporter.finding("classes-unread", f"{name}: it names no class")
    return None


def _parser(base: str) -> Callable[[Header, str], Iterable[Entry]]:
    if base.endswith(".toml"):
        return _from_toml
    if base.endswith((".yaml", ".yml")):
        return _from_yaml
    if base.endswith(".json"):
        return _from_json
    return _from_table if base.endswith(".csv") or base.startswith("objectinfo") else _from_lines


def _checked(reporter: Header, rows: Sequence[Entry]) -> list[Entry]:
    """Leave out what is no name, and tell of classes that cannot be told apart."""
    entries: list[Entry] = []
    values: dict[int, str] = {}
    colors: dict[int, str] = {}
    for row in rows:
        entry = replace(row, name=" ".join(row.name.split()))
        if not entry.name or not entry.name.isprintable():
            reporter.finding("classes-unread", f"the class of value {row.value} is called {row.name!r:.60}")
            continue
        for mark, seen, what in ((entry.value, values, "value"), (entry.color, colors, "colour")):
            if mark is None:
                continue
            other = seen.setdefault(mark, entry.name)
            if other != entry.name:
                shown = f"#{mark:06x}" if what == "colour" else f"{mark}"
                reporter.finding("classes-alike", f"{other} and {entry.name} have the {what} {shown}")
        if any(entry.name == other.name for other in entries):
            reporter.finding("label-duplicate", f"{entry.name}")
        entries.append(entry)
    return entries


# --- text -----------------------------------------------------------------------------------------------


def _from_lines(reporter: Header, text: str) -> Iterable[Entry]:
    """Read lines of names; of ``name:r,g,b:parts:actions``; of ``r g b name``; of ``value name``."""
    lines = [line.strip() for line in text.rstrip().splitlines()]
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line and not line.startswith("#")]
    for pattern in (_MAP_LINE, _COLOR_LINE, _VALUE_LINE):
        found = [(number, line, pattern.fullmatch(line)) for number, line in numbered]
        if pattern is _VALUE_LINE and not all(match for *_, match in found):
            continue
        if sum(match is not None for *_, match in found) * 2 > len(found):
            matches = []
            for number, line, match in found:
                if match is None:
                    reporter.finding("classes-unread", f"line {number}: {line!r:.60}")
                matches.append(match)
            return [_entry_of(pattern, match, index) for index, match in enumerate(matches) if match]
    lines = name_lines(reporter, text)
    blank = next((number for number, line in enumerate(lines, 1) if not line), None)
    if blank is not None:
        reporter.finding("classes-alike", f"line {blank} is blank: lines after it count one more")
    first = -1 if lines[:1] == [LABELME_IGNORE] else 0
    rows = [(index, line) for index, line in enumerate(lines, first) if line]
    return [Entry(line, MINUS_ONE if index < 0 else index, counted=True) for index, line in rows]


def _entry_of(pattern: re.Pattern[str], match: re.Match[str], index: int) -> Entry:
    if pattern is _MAP_LINE:
        name, *channels = match.groups()
        return Entry(name, index, None if channels[0] is None else _packed(channels), counted=True)
    if pattern is _COLOR_LINE:
        *channels, name = match.groups()
        return Entry(name, index, _packed(channels), counted=True)
    return Entry(match[2], int(match[1]))


def _packed(channels: Sequence[Any]) -> int:
    """Return three samples as 0xRRGGBB; raises ValueError where they are no three numbers from 0 to 255."""
    numbers = [int(f"{channel}") for channel in channels if f"{channel}".isdecimal()]
    if len(numbers) != 3 or len(channels) != 3 or not all(0 <= number <= 255 for number in numbers):
        raise ValueError(f"{list(channels)!r:.60} is no colour")
    return numbers[0] << 16 | numbers[1] << 8 | numbers[2]


def _color(value: Any) -> int | None:
    """Return a colour that is written as ``#rrggbb``, "r g b", "r,g,b" or a list; None where it is none."""
    if isinstance(value, list):
        return _packed(value)
    if not isinstance(value, str):
        return None
    if found := re.fullmatch(r"\s*#?([0-9a-fA-F]{6})\s*", value):
        return int(found[1], 16)
    channels = re.findall(r"\d+", value)
    return _packed(channels) if len(channels) == 3 else None


# --- tables ---------------------------------------------------------------------------------------------


def _from_table(reporter: Header, text: str) -> Iterable[Entry]:
    """Read a CSV or TSV file by the names of its columns, or by what its first line holds."""
    head = text.partition("\n")[0]
    delimiter = max("\t;,", key=head.count)
    rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text), delimiter=delimiter)]
    rows = [row for row in rows if any(row)]
    if not rows:
        return []
    header = [cell.casefold() for cell in rows[0]]
    if twice := next((cell for cell in header if cell and not cell.isdigit() and header.count(cell) > 1), ""):
        raise ValueError(f"the column {twice!r:.60} stands twice")
    name = _column(header, _NAME_COLUMNS)
    if name is None:
        if not header[0].isdigit() and not all(cell.isdigit() for cell in header[1:]):
            raise ValueError("no column is called class or name")
        # Without a header: value, name; or name, r, g, b.
        is_value = header[0].isdigit()
        columns = ["value", "name"] if is_value else ["name", "r", "g", "b"]
        return _rows(reporter, columns, rows, 1 if is_value else 0)
    return _rows(reporter, header, rows[1:], name)


def _column(header: Sequence[str], names: Sequence[str]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def _rows(
    reporter: Header, header: Sequence[str], rows: Sequence[Sequence[str]], name: int
) -> Iterable[Entry]:
    valued = _column(header, _VALUE_COLUMNS)
    colored = _column(header, _COLOR_COLUMNS)
    channels = [_column(header, pair) for pair in (("r", "red"), ("g", "green"), ("b", "blue"))]
    for index, row in enumerate(rows):
        if len(row) != len(header):
            reporter.finding("classes-unread", f"row {index + 1} has {len(row)} columns, not {len(header)}")
            continue
        value, color, counted = index, None, valued is None
        if valued is not None:
            if not row[valued].isdigit():
                reporter.finding("classes-unread", f"row {index + 1}: {row[valued]!r:.40} is no pixel value")
                continue
            value = int(row[valued])
        if colored is not None:
            color = _color(row[colored])
            if color is None and row[colored].isdigit():
                # darwin-py: of gray masks the "colour" is the value
                value, counted = int(row[colored]), False
            elif color is None:
                reporter.finding("classes-unread", f"row {index + 1}: {row[colored]!r:.40} is no colour")
        elif None not in channels:
            color = _packed([row[column] for column in channels if column is not None])
        yield Entry(row[name], value, color, counted)


# --- JSON, YAML, TOML -----------------------------------------------------------------------------------


def _from_toml(reporter: Header, text: str) -> Iterable[Entry]:
    """Read gtmask's own class map: the ids are the values of its masks."""
    yield Entry("background", 0)
    for row in reporter.as_objects(reporter.get_list(tomllib.loads(text), "class"), "class"):
        yield Entry(
            reporter.get_text(row, "name"), reporter.get_whole(row, "id"), _color(get_any(row, "color"))
        )


def _from_yaml(reporter: Header, text: str) -> Iterable[Entry]:
    document = reporter.as_object(load_yaml(text, numbers=True), "the file")
    for entry in _named(reporter, get_any(document, "names", "classes", "labels")):
        yield replace(entry, counted=_MASKS_OF_YOLO not in document)


def _from_json(reporter: Header, text: str) -> Iterable[Entry]:
    document = decode_json(text.encode())
    if not isinstance(document, dict):
        return _named(reporter, document)
    if "label_map" in document or "segmentation_colors" in document:
        return _from_datumaro(reporter, document)
    for key in ("labels", "classes", "names", "id2label", "default_mask_targets", "categories"):
        if listed := get_any(document, key):
            return _named(reporter, listed)
    targets = reporter.get_object(document, "mask_targets")
    if targets:
        return [entry for value in targets.values() for entry in _named(reporter, value)]
    is_map = all(key.isdigit() for key in document) or all(type(value) is int for value in document.values())
    return _named(reporter, document) if document and is_map else []


def _from_datumaro(reporter: Header, document: dict[str, Any]) -> Iterable[Entry]:
    """Read ``dataset_meta.json``: colours stand in the order of ``label_map``."""
    colors = reporter.get_list(document, "segmentation_colors")
    names: dict[Any, Any] = reporter.get_object(document, "label_map")
    names = names or dict(enumerate(reporter.get_list(document, "labels")))
    if colors and len(colors) != len(names):
        reporter.finding("classes-unread", f"{len(colors)} colours for {len(names)} classes")
    # Values ascend in the file; where somebody has sorted it by text, 10 stands before 2.
    ordered = sorted(names.items(), key=lambda pair: int(pair[0]) if f"{pair[0]}".isdecimal() else -1)
    for index, (value, name) in enumerate(ordered):
        color = colors[index] if index < len(colors) else None
        if isinstance(name, str) and f"{value}".isdigit():
            yield Entry(name, int(value), None if color is None else _color(color))
        else:
            reporter.finding("classes-unread", f"{value!r:.40} is called {name!r:.40}")


def _named(reporter: Header, names: Any) -> Iterable[Entry]:
    """Read ``[name, ...]``, ``[{name, id, color}, ...]``, ``{value: name}`` or ``{name: value}``."""
    if isinstance(names, dict):
        pairs = [(name, value) if type(value) is int else (value, name) for name, value in names.items()]
    elif isinstance(names, list):
        pairs = [(name, value) for value, name in enumerate(names)]
        if len(set(map(type, names))) > 1:
            reporter.finding("classes-unread", "some classes are objects, and others are not")
    else:
        pairs = []
    for called, told_value in pairs:
        name, value, color, counted = called, told_value, None, isinstance(names, list)
        if isinstance(called, dict):
            name, color = get_any(called, "name", "title", "label"), _color(get_any(called, "color"))
            number = get_any(called, "id")
            value, counted = (number, False) if type(number) is int else (told_value, counted)
        if isinstance(value, str) and (marked := _color(value)) is not None and value.startswith("#"):
            color, value = marked, None  # FiftyOne: RGB masks have colours as targets
        if not isinstance(name, str) or not (value is None or f"{value}".isdigit()):
            reporter.finding("classes-unread", f"{value!r:.40} is called {name!r:.40}")
            continue
        if isinstance(name, Word):
            reporter.finding("label-number", f"{value!r:.40} is called {name:.40}")
        yield Entry(name, None if value is None else int(value), color, counted)
