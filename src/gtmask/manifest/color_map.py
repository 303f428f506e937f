"""The ``internal-color-map`` of a manifest line: what it says, and how it is made of a class map.

Form: Developer Guide, sms-data-output; class 0: Lookout for Vision, manifest-file-segmentation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from gtmask.manifest.contract import BACKGROUND, BACKGROUND_COLOR, MAX_CLASS_ID

if TYPE_CHECKING:
    from gtmask.class_map import ClassMap

_CLASS_ID = re.compile(r"0|[1-9][0-9]{0,2}")


class ColorMapEntry(NamedTuple):
    """One entry of a color map, as far as it is well-formed.

    ``key`` is its key as written and ``id`` the class id that it means, None where it means none; ``name``
    and ``color`` (in lower case) are empty where they are missing or no text.
    """

    key: str
    id: int | None
    name: str
    color: str


class ParsedColorMap(dict[str, object]):
    """A color map that many lines share, and its entries, which are worked out once. Nobody changes it."""

    __slots__ = ("entries",)

    def __init__(self, values: dict[str, object]) -> None:
        super().__init__(values)
        self.entries = read_color_map(values)


def class_id(key: str) -> int | None:
    """Return the class id that a key of a color map means, None where it means none."""
    return int(key) if _CLASS_ID.fullmatch(key) and int(key) <= MAX_CLASS_ID else None


def read_color_map(color_map: object) -> list[ColorMapEntry]:
    """Return the entries of an ``internal-color-map`` in their order, none where it is no object."""
    if not isinstance(color_map, dict):
        return []
    return [_entry(key, entry) for key, entry in color_map.items()]


def _entry(key: str, entry: object) -> ColorMapEntry:
    if not isinstance(entry, dict):
        return ColorMapEntry(key, None, "", "")
    name, color = _text(entry.get("class-name")), _text(entry.get("hex-color"))
    return ColorMapEntry(key, class_id(key), name, color.lower())


def make_color_map(class_map: ClassMap, confidence: float) -> dict[str, dict[str, object]]:
    """Return the ``internal-color-map`` of a class map, BACKGROUND first, in the order of the ids."""
    rows = [(0, BACKGROUND, BACKGROUND_COLOR)]
    rows += [(entry.id, entry.name, entry.color) for entry in sorted(class_map.classes, key=lambda c: c.id)]
    return {
        str(number): {"class-name": name, "confidence": confidence, "hex-color": color}
        for number, name, color in rows
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
