"""Which of VIA's attributes is the class, and what a region's class is by it.

Source: VIA 2 ``via.js``, VIA 3 ``_via_attribute.js``. Attributes are free: annotators write the class into
one of them, beside others, or make one attribute per class and tick it. The class is the attribute that
``--class-attribute`` names; else the only one; else, where each region has just one attribute and its value
is a tick, that attribute's name; else the attribute that most regions have, of equally many one with a usual
name. What was not the only choice is told. The first :data:`LOOKED_AT` images are asked.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from gtmask.formats.reading.typed import Reporter, get_any, is_number

if TYPE_CHECKING:
    from gtmask.formats.reading.build import RecordBuilder

LOOKED_AT = 200
_USUAL = ("label", "class", "category", "name", "class_name", "classname", "type", "object", "object_name")
_TICKS = frozenset({"1", "true", "yes", "y", "x", "on", "✓", "✔"})
#: Version 3's kind of attribute whose value is text; all others name options.
_TEXT = "1"


class ClassAttribute(NamedTuple):
    """The attribute that holds the class, or the names of ticked ones do; and what was chosen among."""

    name: str | None
    ticks: bool = False
    others: tuple[str, ...] = ()


class Census:
    """Counts which attributes regions have."""

    def __init__(self) -> None:
        self._regions: Counter[str] = Counter()
        self._alone = self._ticks = True

    def add(self, attributes: Any) -> None:
        """Count the attributes of one region, as the document has them."""
        if not isinstance(attributes, dict):
            return
        filled = _filled(attributes)
        self._regions.update(filled)
        self._alone = self._alone and len(filled) <= 1
        self._ticks = self._ticks and all(_is_tick(name, attributes[name]) for name in filled)

    def choose(self, wanted: str | None) -> ClassAttribute:
        """Return the attribute that holds the class."""
        names = list(self._regions)
        if wanted is not None or len(names) < 2:
            return ClassAttribute(wanted if wanted is not None else next(iter(names), None))
        others = tuple(names[:8])
        if self._alone and self._ticks:
            return ClassAttribute(None, True, others)
        return ClassAttribute(min(names, key=self._rank), False, others)

    def _rank(self, name: str) -> tuple[int, int]:
        usual = name.casefold()
        return -self._regions[name], _USUAL.index(usual) if usual in _USUAL else len(_USUAL)


def _filled(attributes: dict[str, Any]) -> list[str]:
    # The number 0 is a value, though it equals False.
    return [name for name, value in attributes.items() if not (value is False or value in (None, "", [], {}))]


def _is_tick(name: str, value: Any) -> bool:
    return value is True or str(value).strip().casefold() in {*_TICKS, name.casefold()}


def option_names(reporter: Reporter, attribute: dict[str, Any]) -> dict[str, str]:
    """Return the names of a version 2 attribute's options by their ids.

    An id is the name, and beside it stands what explains it; but where all ids are numbers, the description
    is the name. An image's description is its address, and one description of two options names neither.
    """
    options = reporter.get_object(attribute, "options")
    ids = [option for option in options if option]
    if reporter.get_text(attribute, "type") != "image" and all(map(is_number, ids)):
        names = {option: reporter.get_text(options, option).strip() or option for option in ids}
        if len(set(names.values())) == len(names):
            return names
    return {option: option for option in ids}


def class_of(
    builder: RecordBuilder, attributes: Any, choice: ClassAttribute, names: dict[str, str] | None = None
) -> str:
    """Return a region's class by its attributes; "" where there is none; ``names`` are those of options."""
    label = _value_of(builder, attributes, choice)
    if isinstance(attributes, dict):
        builder.note_attributes(attributes)
    return builder.named_by((names or {}).get(label, label), choice.name or "class")


def _value_of(builder: RecordBuilder, attributes: Any, choice: ClassAttribute) -> str:
    if not isinstance(attributes, dict):
        if attributes is not None:
            builder.report_type("the attributes", attributes, "an object")
        return ""
    if choice.others and not any(finding.code == "class-attribute-guessed" for finding in builder.findings):
        chosen = "the name of each region's attribute" if choice.ticks else repr(choice.name)
        builder.finding("class-attribute-guessed", f"{chosen:.60} of {', '.join(choice.others)}"[:200])
    if choice.ticks:
        return _one_of(builder, _filled(attributes))
    # A document whose first images have no attribute at all has one later.
    name = choice.name if choice.name is not None else next(iter(_filled(attributes)), None)
    if name is None:
        return ""
    value = get_any(attributes, name)
    if isinstance(value, dict):
        # A checkbox group: {"option": true}.
        value = [option for option in value if builder.get_flag(value, option)]
    if isinstance(value, list):
        return _one_of(builder, [builder.as_text(one, name) for one in value])
    label = builder.as_text(value, name).strip()
    if not label and (filled := _filled(attributes)):
        builder.finding(
            "class-attribute-missing", f"{builder.place} has no {name!r:.60}, but {filled[0]!r:.60}"
        )
    return label


def _one_of(builder: RecordBuilder, options: list[str]) -> str:
    if len(options) > 1:
        builder.finding("label-several", ", ".join(options)[:200])
    return options[0].strip() if options else ""


def named_attributes(reporter: Reporter, values: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    """Return a version 3 region's attributes by their names, with the names of the options chosen.

    - ``values``: values by the attributes' ids: text, or ids of options with commas between.
    - ``table``: the document's table of attributes.
    """
    named: dict[str, Any] = {}
    for key, value in values.items():
        attribute = reporter.get_object(table, key)
        options = reporter.get_object(attribute, "options")
        name = reporter.get_text(attribute, "aname")
        is_choice = bool(options) or reporter.get_text(attribute, "type") not in {"", _TEXT}
        chosen = reporter.as_text(value, key)
        if not name:
            reporter.finding("option-unknown", f"attribute {key:.40} has no name in the document's table")
        if chosen and is_choice:
            named[name or key] = [_option(reporter, options, part, name) for part in chosen.split(",")]
        else:
            named[name or key] = chosen
    return named


def _option(reporter: Reporter, options: dict[str, Any], number: str, name: str) -> str:
    """Return the name of an option."""
    option = reporter.as_text(get_any(options, number), number)
    if not option:
        reporter.finding("option-unknown", f"option {number:.40} of attribute {name:.60}")
    return option or number
