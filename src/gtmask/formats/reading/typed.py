"""Typed getters: the only way in which readers look into parsed documents.

A member may be *absent* (or null), where the format allows it: it then has the empty value of its type. It
may be *empty*. If it is *of another type*, that is always told, as the finding ``value-type`` (loss) with
the member's name, the type that was met and the place, and then it counts as absent: no value is ever taken
for "nothing" without a word.

``told`` is whoever takes the finding: the :class:`gtmask.formats.reading.build.RecordBuilder` of the image,
or :class:`Header` for what stands outside of records. Members without which there is no shape are not fetched
here but indexed (``item["polygon"]``) and checked by :mod:`gtmask.formats.reading.checks`: what that raises
becomes a finding in :meth:`RecordBuilder.account`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

from gtmask.findings import Finding
from gtmask.formats.reading.malformed import type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gtmask.formats.reading.build import RecordBuilder

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?")


class Reporter(Protocol):
    """Takes findings, and knows what is being looked at."""

    @property
    def place(self) -> str:
        """The element that is being looked at, for messages; may be empty."""
        ...

    def finding(self, code: str, detail: str = "") -> None:
        """Take a finding."""
        ...


class Header:
    """Takes the findings about what a document tells outside of its records: class tables, options.

    - ``place``: the document's name.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self.findings: list[Finding] = []

    def finding(self, code: str, detail: str = "") -> None:
        """Take a finding."""
        self.findings.append(Finding(code, detail if self.place in detail else f"{self.place}: {detail}"))


def report_type(reporter: Reporter, name: str, value: Any, wanted: str) -> None:
    """Tell that a value is of another type than the format prescribes."""
    where = f" of {reporter.place}" if reporter.place else ""
    reporter.finding("value-type", f"{name!r}{where} is {type_name(value)}, not {wanted}")


def get_text(reporter: Reporter, outer: dict[str, Any], key: str) -> str:
    """Return a member that is text, or a number, which is written out; "" where it is absent."""
    value = outer.get(key)
    if type(value) is str:
        return value
    return "" if value is None else as_text(reporter, value, key)


def as_text(reporter: Reporter, value: Any, name: str) -> str:
    """Return a value that must be text or a number; null is "". ``name`` is what messages call it."""
    if type(value) is str:
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if value is not None:
        report_type(reporter, name, value, "text")
    return ""


def get_label(reporter: Reporter, outer: dict[str, Any], key: str) -> str:
    """Return a member that is the name of a class; "" where it is absent. A number is written out, told."""
    value = outer.get(key)
    return value if type(value) is str else as_label(reporter, value, key)


def as_label(reporter: Reporter, value: Any, name: str) -> str:
    """Return a value that must be the name of a class; see :func:`get_label`."""
    label = as_text(reporter, value, name)
    if label and type(value) is not str:
        where = f" of {reporter.place}" if reporter.place else ""
        reporter.finding("label-number", f"{name!r}{where} is the number {label}")
    return label


def is_number(text: str) -> bool:
    """Say whether a text is a decimal number."""
    return _NUMBER.fullmatch(text.strip()) is not None


def named_by(reporter: Reporter, label: str, name: str) -> str:
    """Return the name of a class as it is; a number, even written as text, is told."""
    # Letters of ASCII begin no number: most names need no closer look.
    if not "A" <= label[:1] <= "z" and is_number(label):
        where = f" of {reporter.place}" if reporter.place else ""
        reporter.finding("label-number", f"{name!r:.60}{where} is the number {label:.40}")
    return label


def attribute_of(reporter: Reporter, item: dict[str, Any], name: str) -> str:
    """Return the class of an annotation by one of its ``attributes``; "" where it lacks that, told."""
    attributes = get_object(reporter, item, "attributes")
    if name not in attributes:
        reporter.finding("class-attribute-missing", f"{reporter.place} has no {name!r:.60}")
        return ""
    return named_by(reporter, as_text(reporter, attributes[name], name).strip(), name)


def first_texts(reporter: Reporter, outer: dict[str, Any], keys: Iterable[str]) -> list[str]:
    """Return the texts of these members, in order, each once: the names that an image may have."""
    return list(dict.fromkeys(text for key in keys if (text := get_text(reporter, outer, key))))


def get_object(reporter: Reporter, outer: dict[str, Any], key: str) -> dict[str, Any]:
    """Return a member that is an object; an empty one where it is absent."""
    value = outer.get(key)
    if type(value) is dict:
        return value
    return {} if value is None else as_object(reporter, value, key)


def as_object(reporter: Reporter, value: Any, name: str) -> dict[str, Any]:
    """Return a value that must be an object; null is an empty one."""
    if isinstance(value, dict):
        return value
    if value is not None:
        report_type(reporter, name, value, "an object")
    return {}


def get_list(reporter: Reporter, outer: dict[str, Any], key: str) -> list[Any]:
    """Return a member that is a list; an empty one where it is absent."""
    value = outer.get(key)
    if type(value) is list:
        return value
    return [] if value is None else as_list(reporter, value, key)


def as_list(reporter: Reporter, value: Any, name: str) -> list[Any]:
    """Return a value that must be a list; null is an empty one."""
    if isinstance(value, list):
        return value
    if value is not None:
        report_type(reporter, name, value, "a list")
    return []


def get_objects(reporter: Reporter, outer: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Return a member that is a list of objects; whatever else is in it is told and left out."""
    return as_objects(reporter, get_list(reporter, outer, key), key)


def as_objects(reporter: Reporter, values: list[Any], name: str) -> list[dict[str, Any]]:
    """Return the objects of a list that must hold nothing else; the others are told one by one."""
    if not values or set(map(type, values)) == {dict}:
        return values
    for index, value in enumerate(values):
        if not isinstance(value, dict):
            report_type(reporter, f"{name}[{index}]", value, "an object")
    return [value for value in values if isinstance(value, dict)]


def get_number(reporter: Reporter, outer: dict[str, Any], key: str, absent: float = 0.0) -> float:
    """Return a member that is a number; ``absent`` where there is none."""
    value = outer.get(key)
    if value is None:
        return absent
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    report_type(reporter, key, value, "a number")
    return absent


def get_whole(reporter: Reporter, outer: dict[str, Any], key: str) -> int | None:
    """Return a member that is a whole number (3 or 3.0); None where it is absent."""
    value = outer.get(key)
    if type(value) is int or value is None:
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    report_type(reporter, key, value, "a whole number")
    return None


def get_flag(reporter: Reporter, outer: dict[str, Any], key: str) -> bool:
    """Return a member that is true or false (tools also write 1 and 0); False where it is absent."""
    value = outer.get(key)
    if value is None or value is False:
        return False
    if value is True or (isinstance(value, int | float) and value in {0, 1}):
        return bool(value)
    report_type(reporter, key, value, "true or false")
    return False


def get_any(outer: dict[str, Any], first: str, *others: str) -> Any:
    """Return the first of these members that is there, of whatever type: its taker looks at every type."""
    # No generator, and no loop for one member: readers ask this of every object of a document.
    if first in outer:
        return outer[first]
    for key in others:
        if key in outer:
            return outer[key]
    return None


def each(
    builder: RecordBuilder, items: Any, add: Callable[[dict[str, Any]], object], what: str = "object"
) -> None:
    """Account for every object of a list; what is no object is told, and counts as handed.

    - ``builder``: takes the findings, and the balance.
    - ``items``: the list as the document has it; None counts as empty.
    - ``add``: adds one object's shapes to the builder; see :meth:`RecordBuilder.account`.
    - ``what``: what the list holds, for messages.
    """
    if items is None:
        return
    if not isinstance(items, list):
        report_type(builder, f"{what}s", items, "a list")
        return
    if set(map(type, items)) <= {dict}:
        builder.account(items, add, what)
        return

    def guarded(item: Any) -> None:
        if isinstance(item, dict):
            add(item)
        elif isinstance(item, ValueError):
            builder.finding("annotation-bad", f"{builder.place}: {item}")
        else:
            builder.finding("annotation-bad", f"{builder.place} is {type_name(item)}, not an object")

    builder.account(items, guarded, what)
