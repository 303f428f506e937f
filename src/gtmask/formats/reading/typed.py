"""Typed getters: the only way in which readers look into parsed documents.

A member may be *absent* (or null), where the format allows it: it then has the empty value of its type. It
may be *empty*. If it is *of another type*, that is always told, as the finding ``value-type`` (loss) with
the member's name, the type that was met and the place, and then it counts as absent: no value is ever taken
for "nothing" without a word.

They are methods of whoever takes the finding: the :class:`gtmask.formats.reading.build.RecordBuilder` of an
image, or a :class:`Header` for what stands outside of records. Members without which there is no shape are
indexed instead (``item["polygon"]``) and checked by :mod:`gtmask.formats.reading.checks`: what that raises
becomes a finding in :meth:`gtmask.formats.reading.accounts.Accounts.account`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from gtmask.findings import Finding
from gtmask.formats.reading.malformed import type_name

if TYPE_CHECKING:
    from collections.abc import Iterable

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?")


class Reporter:
    """Takes findings, knows what is being looked at, and looks into it."""

    __slots__ = ()

    findings: list[Finding]

    @property
    def place(self) -> str:
        """The element that is being looked at, for messages; may be empty."""
        raise NotImplementedError

    def finding(self, code: str, detail: str = "") -> None:
        """Take a finding."""
        self.findings.append(Finding(code, detail))

    def _named(self, name: str) -> str:
        """Return a member as messages name it: with the element that it is of."""
        return f"{name} of {self.place}" if self.place else name

    def report_type(self, name: str, value: Any, wanted: str) -> None:
        """Tell that a value is of another type than the format prescribes."""
        self.finding("value-type", f"{self._named(repr(name))} is {type_name(value)}, not {wanted}")

    def get_text(self, outer: dict[str, Any], key: str) -> str:
        """Return a member that is text, or a number, which is written out; "" where it is absent."""
        value = outer.get(key)
        if type(value) is str:
            return value
        return "" if value is None else self.as_text(value, key)

    def as_text(self, value: Any, name: str) -> str:
        """Return a value that must be text or a number; null is "". ``name`` is what messages call it."""
        if type(value) is str:
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        if value is not None:
            self.report_type(name, value, "text")
        return ""

    def get_label(self, outer: dict[str, Any], key: str) -> str:
        """Return a member that is the name of a class; "" where it is absent. A number is told."""
        value = outer.get(key)
        return value if type(value) is str else self.as_label(value, key)

    def as_label(self, value: Any, name: str) -> str:
        """Return a value that must be the name of a class; see :meth:`get_label`."""
        label = self.as_text(value, name)
        if label and type(value) is not str:
            self.finding("label-number", f"{self._named(repr(name))} is the number {label}")
        return label

    def named_by(self, label: str, name: str) -> str:
        """Return the name of a class as it is; a number, even written as text, is told."""
        # Letters of ASCII begin no number: most names need no closer look.
        if not "A" <= label[:1] <= "z" and is_number(label):
            self.finding("label-number", f"{self._named(f'{name!r:.60}')} is the number {label:.40}")
        return label

    def attribute_of(self, item: dict[str, Any], name: str) -> str:
        """Return the class of an annotation by one of its ``attributes``; "" where it lacks that, told."""
        attributes = self.get_object(item, "attributes")
        if name not in attributes:
            self.finding("class-attribute-missing", f"{self.place} has no {name!r:.60}")
            return ""
        return self.named_by(self.as_text(attributes[name], name).strip(), name)

    def first_texts(self, outer: dict[str, Any], keys: Iterable[str]) -> list[str]:
        """Return the texts of these members, in order, each once: the names that an image may have."""
        return list(dict.fromkeys(text for key in keys if (text := self.get_text(outer, key))))

    def get_object(self, outer: dict[str, Any], key: str) -> dict[str, Any]:
        """Return a member that is an object; an empty one where it is absent."""
        value = outer.get(key)
        if type(value) is dict:
            return value
        return {} if value is None else self.as_object(value, key)

    def as_object(self, value: Any, name: str) -> dict[str, Any]:
        """Return a value that must be an object; null is an empty one."""
        if isinstance(value, dict):
            return value
        if value is not None:
            self.report_type(name, value, "an object")
        return {}

    def get_list(self, outer: dict[str, Any], key: str) -> list[Any]:
        """Return a member that is a list; an empty one where it is absent."""
        value = outer.get(key)
        if type(value) is list:
            return value
        return [] if value is None else self.as_list(value, key)

    def as_list(self, value: Any, name: str) -> list[Any]:
        """Return a value that must be a list; null is an empty one."""
        if isinstance(value, list):
            return value
        if value is not None:
            self.report_type(name, value, "a list")
        return []

    def get_objects(self, outer: dict[str, Any], key: str) -> list[dict[str, Any]]:
        """Return a member that is a list of objects; whatever else is in it is told and left out."""
        return self.as_objects(self.get_list(outer, key), key)

    def as_objects(self, values: list[Any], name: str) -> list[dict[str, Any]]:
        """Return the objects of a list that must hold nothing else; the others are told one by one."""
        if not values or set(map(type, values)) == {dict}:
            return values
        for index, value in enumerate(values):
            if not isinstance(value, dict):
                self.report_type(f"{name}[{index}]", value, "an object")
        return [value for value in values if isinstance(value, dict)]

    def get_number(self, outer: dict[str, Any], key: str, absent: float = 0.0) -> float:
        """Return a member that is a number; ``absent`` where there is none."""
        value = outer.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if value is not None:
            self.report_type(key, value, "a number")
        return absent

    def get_whole(self, outer: dict[str, Any], key: str) -> int | None:
        """Return a member that is a whole number (3 or 3.0); None where it is absent."""
        value = outer.get(key)
        if type(value) is int or value is None:
            return value
        if isinstance(value, float) and value.is_integer():
            return int(value)
        self.report_type(key, value, "a whole number")
        return None

    def get_flag(self, outer: dict[str, Any], key: str) -> bool:
        """Return a member that is true or false (tools also write 1 and 0); False where it is absent."""
        value = outer.get(key)
        if value is None or value is False:
            return False
        if value is True or (isinstance(value, int | float) and value in {0, 1}):
            return bool(value)
        self.report_type(key, value, "true or false")
        return False


class Header(Reporter):
    """Takes the findings about what a document tells outside of its records: class tables, options.

    - ``place``: the document's name.
    """

    place: str = ""

    def __init__(self, place: str) -> None:
        self.place = place
        self.findings = []

    def finding(self, code: str, detail: str = "") -> None:
        """Take a finding."""
        super().finding(code, detail if self.place in detail else f"{self.place}: {detail}")


def is_number(text: str) -> bool:
    """Say whether a text is a decimal number."""
    return _NUMBER.fullmatch(text.strip()) is not None


def get_any(outer: dict[str, Any], first: str, *others: str) -> Any:
    """Return the first of these members that is there, of whatever type: its taker looks at every type."""
    # No generator, and no loop for one member: readers ask this of every object of a document.
    if first in outer:
        return outer[first]
    for key in others:
        if key in outer:
            return outer[key]
    return None
