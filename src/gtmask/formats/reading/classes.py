"""The table of classes that an export lists: a name for each number or id, and whatever is odd about it.

Where a class has no name, its number stands in for it; where its name is no text (a number, or one of the
words that YAML takes for true and false), it is taken as it is written; two numbers of one name become one
class, and of two names of one number the first counts. Each of these is told: what the classes are called
decides every pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gtmask.formats.reading.typed import Reporter

Key = TypeVar("Key", int, str, "int | str")
#: A YAML document of more values than this, its aliases written out, is no list of classes.
MOST_VALUES = 1_000_000
_SCALARS = ("bool", "int", "float", "timestamp", "binary")


class Word(str):
    """Text of a YAML document that YAML takes for a number, a date or a truth value: as it is written."""

    __slots__ = ()


def class_names(reporter: Reporter, rows: Iterable[tuple[Key, Any]]) -> dict[Key, str]:
    """Return the names of classes by their number or id, in the order of the table.

    - ``told``: takes the findings ``label-number``, ``value-type``, ``label-id-shared`` and
      ``label-duplicate``.
    - ``rows``: number or id, and the name as the document has it, whatever it is.
    """
    names: dict[Key, str] = {}
    for key, value in rows:
        name = _name(reporter, key, value)
        if names.setdefault(key, name) != name:
            reporter.finding("label-id-shared", f"class {key} is {names[key]!r:.60} and {name!r:.60}")
    report_duplicates(reporter, names)
    return names


def name_lines(reporter: Reporter, text: str) -> list[str]:
    """Return the lines of a list of classes without comments, which are told, and blank lines at its end.

    A comment begins with ``#`` and a blank, so that classes may be called ``#1``. It has no number.
    """
    lines = [line.strip() for line in text.rstrip().splitlines()]
    comments = [number for number, line in enumerate(lines, 1) if line == "#" or line.startswith("# ")]
    if comments:
        reporter.finding("classes-alike", f"line {comments[0]} is a comment, which counts as no class")
    return [line for line in lines if line != "#" and not line.startswith("# ")]


def report_duplicates(reporter: Reporter, names: dict[Key, str]) -> None:
    """Tell of the names that several numbers or ids have."""
    if len(set(names.values())) == len(names):
        return
    keys: dict[str, list[str]] = {}
    for key, name in names.items():
        keys.setdefault(name, []).append(str(key))
    for name, own in keys.items():
        if len(own) > 1:
            reporter.finding("label-duplicate", f"{name}: ids {', '.join(own)}"[:200])


def _name(reporter: Reporter, key: int | str, value: Any) -> str:
    """Return the name of one class."""
    if isinstance(value, bool):
        value = Word("true" if value else "false")
    if isinstance(value, int | float):
        value = Word(value)
    if isinstance(value, str):
        name = value.strip()
        if name and isinstance(value, Word):
            reporter.finding("label-number", f"class {key} is called {name:.40}")
    else:
        name = ""
        if value is not None:
            reporter.report_type(f"class {key}", value, "text")
    if not name:
        reporter.finding("label-number", f"class {key}")
    return name or str(key)


def load_yaml(data: str | bytes, *, numbers: bool = False) -> Any:
    """Parse a YAML document; scalars that are no text stay as they are written, as :class:`Word`.

    Raises yaml.YAMLError, ValueError or RecursionError where it is no YAML, lists one key twice, or its
    aliases stand for more than :data:`MOST_VALUES` values.

    - ``data``: the document.
    - ``numbers``: integers and fractions are numbers all the same.
    """
    return yaml.load(data, _WithNumbers if numbers else _AsWritten)  # noqa: S506 (SafeLoaders)


class _AsWritten(yaml.SafeLoader):
    """Reads scalars as they are written, and counts the values that aliases stand for."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._values = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        before = self._values
        alias = self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        self._values += self._sizes.get(id(node), 1) if alias else 1
        if self._values > MOST_VALUES:
            raise yaml.YAMLError("its aliases stand for more values than a list of classes has")
        if not alias:
            self._sizes[id(node)] = self._values - before
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [str(key.value) for key, _ in node.value]
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise yaml.YAMLError(f"it lists {twice:.60} twice")
        return dict(super().construct_mapping(node, deep=deep))


def _as_written(_loader: _AsWritten, node: yaml.ScalarNode) -> Word:
    return Word(node.value)


for _kind in _SCALARS:
    _AsWritten.add_constructor(f"tag:yaml.org,2002:{_kind}", _as_written)


class _WithNumbers(_AsWritten):
    """Reads numbers as numbers."""


for _kind in ("int", "float"):
    _tag = f"tag:yaml.org,2002:{_kind}"
    _WithNumbers.add_constructor(_tag, yaml.SafeLoader.yaml_constructors[_tag])
