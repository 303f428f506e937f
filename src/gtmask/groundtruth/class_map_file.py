"""Class maps as TOML files: read with every rule checked, and written.

The file is for people::

    ignore = ["dont_care"]        # shapes with these labels are left out
    background = ["hole"]         # painted as background (0)
    ignore_case = false

    [[class]]
    id = 1                        # 1..255: the pixel value
    name = "Car"                  # what the workers see
    color = "#2ca02c"             # chosen automatically where it is missing
    labels = ["car", "Auto"]      # source labels; the name itself where it is missing
    priority = 0                  # for --overlap priority
    value = 15                    # of ready-made masks: the pixel value that the class has in them
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, NoReturn

import tomlkit
from tomlkit.items import AoT

from gtmask.class_map import ClassMap, LabelClass
from gtmask.errors import ClassMapError
from gtmask.groundtruth.classes import check_count, name_problem, next_color
from gtmask.manifest.contract import BACKGROUND, BACKGROUND_COLOR, HEX_COLOR, MAX_CLASS_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_CLASS_KEYS = ("id", "name", "color", "labels", "priority", "value")
_TOP_KEYS = ("class", "ignore", "background", "ignore_case")
_CLASS_HEADER = re.compile(r"\s*\[\[\s*(class|\"class\"|'class')\s*\]\]")

_INTRODUCTION = """\
Class map of gtmask: which class id, class name and colour the labels of an export become.
Edit it, then give it to `gtmask convert --classes`.

id        1..255, the pixel value in the mask; 0 is BACKGROUND
name      what the workers see: unique, at most 256 characters
color     unique #rrggbb; #ffffff is BACKGROUND's; chosen automatically where the line is missing
labels    the export's labels that become this class; the name itself where the line is missing
priority  with --overlap priority, the larger one lies on top
value     of ready-made masks: the pixel value that the class has in them, where it is not named there\
"""


def parse_class_map(text: str, name: str = "classes.toml") -> ClassMap:
    """Read a class map from TOML text and check every rule.

    Parameters
    ----------
    text
        The text of the file.
    name
        What messages call the file.

    Returns
    -------
    ClassMap
        Its classes sorted by id, each with a colour.

    Raises
    ------
    ClassMapError
        One sentence with the file, the class and the line.

    Examples
    --------
    >>> import gtmask
    >>> text = "class = [{id = 1, name = 'Car', labels = ['car', 'van']}]"
    >>> gtmask.parse_class_map(text).id_of("van")
    1
    """
    try:
        document = tomllib.loads(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"))
    except tomllib.TOMLDecodeError as error:
        raise ClassMapError(f"{name} is not valid TOML: {error}.") from error
    return _Loader(text, name).build(document)


class _Loader:
    """Checks one parsed file; keeps the lines of its class tables for the messages."""

    def __init__(self, text: str, name: str) -> None:
        self._name = name
        self._lines = [
            number for number, line in enumerate(text.splitlines(), 1) if _CLASS_HEADER.match(line)
        ]

    def build(self, document: dict[str, Any]) -> ClassMap:
        self._known(document, _TOP_KEYS, self._name)
        rows = document.get("class", [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            self._fail(self._name, "classes are written as [[class]] tables")
        if not rows:
            self._fail(self._name, "there is no [[class]] in it")
        check_count(len(rows))
        places = [self._place(i, row, len(rows)) for i, row in enumerate(rows)]
        taken = self._colors(rows, places)
        classes = []
        for row, place in zip(rows, places, strict=True):
            entry = self._entry(row, place, taken)
            taken.add(entry.color)
            classes.append(entry)
        self._unique((entry.id for entry in classes), places, "id")
        self._unique((entry.name for entry in classes), places, "name")
        pairs = zip(classes, places, strict=True)
        valued = {place: entry.value for entry, place in pairs if entry.value is not None}
        self._unique(valued.values(), list(valued), "value")
        ignore_case = document.get("ignore_case", False)
        if not isinstance(ignore_case, bool):
            self._fail(self._name, "ignore_case must be true or false")
        ignore = self._strings(document.get("ignore", []), self._name, "ignore")
        background = self._strings(document.get("background", []), self._name, "background")
        self._labels(classes, places, {"ignore": ignore, "background": background}, ignore_case)
        classes.sort(key=lambda entry: entry.id)
        return ClassMap(tuple(classes), frozenset(ignore), frozenset(background), ignore_case)

    def _place(self, index: int, row: dict[str, Any], count: int) -> str:
        """Say where a class stands: its number, its line where the file has one header per class."""
        line = f", line {self._lines[index]}" if len(self._lines) == count else ""
        title = f" ({row['name'][:40]!r})" if isinstance(row.get("name"), str) else ""
        return f"{self._name}{line}, class {index + 1}{title}"

    def _entry(self, row: dict[str, Any], place: str, taken: set[str]) -> LabelClass:
        self._known(row, _CLASS_KEYS, place)
        for key in ("id", "name"):
            if key not in row:
                self._fail(place, f"there is no {key}")
        number, name, priority = row["id"], row["name"], row.get("priority", 0)
        if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MAX_CLASS_ID:
            self._fail(place, f"the id {number!r} is no whole number from 1 to {MAX_CLASS_ID}")
        if not isinstance(name, str):
            self._fail(place, f"the name {name!r} is no text")
        if problem := name_problem(name):
            self._fail(place, f"the name {problem}")
        if not isinstance(priority, int) or isinstance(priority, bool):
            self._fail(place, f"the priority {priority!r} is no whole number")
        value = row.get("value")
        if value is not None and (
            not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 16
        ):
            self._fail(place, f"the value {value!r} is no whole number from 0 to 65535")
        labels = self._strings(row["labels"], place, "labels") if "labels" in row else ()
        if "labels" in row and not labels:
            self._fail(place, "labels is empty, so nothing would ever be painted: leave it out, or list some")
        color = row["color"].lower() if "color" in row else next_color(taken)
        return LabelClass(number, name, color, labels, priority, value)

    def _colors(self, rows: list[dict[str, Any]], places: list[str]) -> set[str]:
        """Check the colours that the file gives, and return them."""
        given: dict[str, str] = {}
        for row, place in zip(rows, places, strict=True):
            if "color" not in row:
                continue
            color = row["color"]
            if not isinstance(color, str) or not HEX_COLOR.fullmatch(color):
                self._fail(place, f"the color {color!r} is not of the form #2ca02c")
            color = color.lower()
            if color == BACKGROUND_COLOR:
                self._fail(place, f"the color {color} belongs to {BACKGROUND}: choose another")
            if color in given:
                self._fail(place, f"the color {color} is also that of {given[color]}: choose another")
            given[color] = place.removeprefix(f"{self._name}, ")
        return set(given)

    def _unique(self, values: Iterable[int | str], places: list[str], what: str) -> None:
        seen: dict[int | str, str] = {}
        for value, place in zip(values, places, strict=True):
            if value in seen:
                self._fail(place, f"the {what} {value!r} is also that of {seen[value]}")
            seen[value] = place.removeprefix(f"{self._name}, ")

    def _labels(
        self,
        classes: list[LabelClass],
        places: list[str],
        lists: dict[str, tuple[str, ...]],
        ignore_case: bool,
    ) -> None:
        """Make sure that every source label has one meaning."""
        seen: dict[str, str] = {}
        homes = [
            (label, place)
            for entry, place in zip(classes, places, strict=True)
            for label in entry.labels or (entry.name,)
        ]
        homes += [(label, f"{self._name}, {key}") for key, labels in lists.items() for label in labels]
        for label, place in homes:
            key = label.casefold() if ignore_case else label
            other = seen.setdefault(key, place)
            if other != place:
                self._fail(
                    place, f"the label {label!r} stands also in {other.removeprefix(self._name + ', ')}"
                )

    def _strings(self, value: object, place: str, key: str) -> tuple[str, ...]:
        texts = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
        if texts != value:
            self._fail(place, f'{key} must be a list of texts, such as ["car", "truck"]')
        return tuple(dict.fromkeys(texts))

    def _known(self, table: dict[str, Any], keys: tuple[str, ...], place: str) -> None:
        for key in table:
            if key not in keys:
                self._fail(place, f"the key {key!r} is unknown; there are {', '.join(keys)}")

    def _fail(self, place: str, message: str) -> NoReturn:
        raise ClassMapError(f"{place}: {message}.")


def format_class_map(class_map: ClassMap, counts: Mapping[str, int] | None = None) -> str:
    """Return a class map as the text of a TOML file, to be edited by people.

    The same map and counts give the same text, which :func:`parse_class_map` reads.

    Parameters
    ----------
    class_map
        The class map.
    counts
        Number of shapes by source label; where given, a comment at each class tells its own.

    Examples
    --------
    >>> import gtmask
    >>> classes = gtmask.class_map_from_labels(["car", "road"])
    >>> gtmask.parse_class_map(gtmask.format_class_map(classes)) == classes
    True
    """
    document = tomlkit.document()
    for line in _INTRODUCTION.splitlines():
        document.add(tomlkit.comment(line))
    document.add(tomlkit.nl())
    settings = (
        ("ignore", _array(sorted(class_map.ignore)), "labels whose shapes are left out"),
        ("background", _array(sorted(class_map.background)), "labels painted as background: holes"),
        ("ignore_case", tomlkit.item(class_map.ignore_case), "true: `car` and `Car` are one label"),
    )
    for key, item, comment in settings:
        document.add(key, item.comment(comment))
    tables = AoT([])
    for entry in class_map.classes:
        number = tomlkit.item(entry.id)
        if counts is not None:
            shapes = sum(counts.get(label, 0) for label in entry.labels or (entry.name,))
            number.comment(f"{shapes:,} shapes")
        table = tomlkit.table()
        table.add("id", number)
        table.add("name", entry.name)
        table.add("color", entry.color)
        if entry.labels:
            table.add("labels", _array(entry.labels))
        if entry.priority:
            table.add("priority", entry.priority)
        if entry.value is not None:
            table.add("value", entry.value)
        tables.append(table)
    document.add("class", tables)
    return document.as_string()


def _array(values: Sequence[str]) -> tomlkit.items.Array:
    array = tomlkit.array()
    array.extend(values)
    return array
