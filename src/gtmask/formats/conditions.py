"""Conditions on images: ``--where`` and ``--status`` keep those of which an export says something.

A condition looks at an image as a whole: ``label=car`` holds if one of its shapes has the label, and
``attribute:occluded=true`` if one of its shapes, perhaps another, has the attribute with that value. Several
values with commas between are alternatives; all conditions must hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gtmask.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gtmask.model import Record

#: An equal sign after a backslash belongs to an attribute's name.
_WHERE = re.compile(r"(label|attribute:\s*(?:\\=|[^=\s])(?:\\=|[^=])*)=(.*)", re.DOTALL | re.IGNORECASE)
_COMMA = re.compile(r"(?<!\\),")
#: Rejects that say all that there is to say of an image: nobody labeled it.
_EMPTY = frozenset({"record-unannotated", "record-skipped", "object-unlabeled"})


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition.

    - ``what``: ``"label"``, ``"status"`` or ``"attribute:NAME"``.
    - ``values``: the alternatives, in the order of texts; those of a status are in lower case.
    """

    what: str
    values: tuple[str, ...]

    @property
    def text(self) -> str:
        """The condition as a command line has it."""
        values = ",".join(map(as_written, self.values))
        what = self.what.replace("=", "\\=")
        return f"--status {values}" if self.what == "status" else f"--where {what}={values}"

    @property
    def attribute(self) -> str:
        """The name of the attribute that is looked at, "" if none is."""
        return self.what.partition(":")[2]

    def said_of(self, record: Record) -> set[str] | None:
        """Return what an image has of that which is looked at; None where its record cannot tell.

        That is a record that could not be read: whoever leaves it out would hide that it is lost.
        """
        if self.what == "status":
            found = set(record.statuses)
        elif self.what == "label":
            from gtmask.formats.sagemaker.held import held_shapes  # noqa: PLC0415 (few ask for it)

            found = {shape.label.strip() for shape in held_shapes(record)}
        else:
            found = {value for name, value in record.attributes if name == self.attribute}
        rejects = {finding.code for finding in record.findings if finding.level == "reject"}
        return None if not found and rejects - _EMPTY else found

    def met(self, said: Iterable[str]) -> set[str]:
        """Return which of the alternatives are among what is said of an image."""
        wanted = set(self.values)
        return wanted & ({one.casefold() for one in said} if self.what == "status" else set(said))


def parse_where(text: str) -> Condition:
    """Parse ``label=NAME,…`` or ``attribute:NAME=VALUE,…``; raises UsageError where it is neither."""
    found = _WHERE.fullmatch(text.strip())
    values = _values(found[2]) if found is not None else ()
    if found is None or not values:
        raise UsageError(
            f"--where {text!r:.200} is no condition: write label=NAME or attribute:NAME=VALUE, with commas "
            "between alternatives."
        )
    what, _, name = found[1].partition(":")
    name = name.replace("\\=", "=").strip()
    return Condition(what.lower() + (f":{name}" if name else ""), values)


def parse_status(text: str) -> Condition:
    """Parse the values of ``--status``, with commas between; raises UsageError where there are none."""
    values = _values(text.casefold())
    if not values:
        raise UsageError("--status is empty: give a value, or leave the option out.")
    return Condition("status", values)


def as_written(value: str) -> str:
    """Return a value as a command line has it among alternatives."""
    return value.replace(",", "\\,")


def _values(text: str) -> tuple[str, ...]:
    """Split alternatives; a comma after a backslash belongs to a value."""
    parts = (part.replace("\\,", ",").strip() for part in _COMMA.split(text))
    return tuple(sorted({part for part in parts if part}))


def conditions(where: Iterable[str], status: str | None) -> tuple[Condition, ...]:
    """Return the conditions that options say."""
    found = [parse_where(text) for text in where]
    return (*found, parse_status(status)) if status is not None else tuple(found)


def holds(wanted: Iterable[Condition], record: Record) -> bool:
    """Say whether an image meets conditions, or cannot be told to meet none."""
    return all(said is None or one.met(said) for one in wanted for said in [one.said_of(record)])
