"""What an entry of COCO's image table becomes: a unit, with all names that its image may have."""

from __future__ import annotations

from typing import Any

from gtmask.formats.jsonstream.ids import normal_id
from gtmask.formats.reading.typed import get_any

#: Members of an image that may name it beside its ``file_name`` (coco-annotator; COCO's own data).
OTHER_NAMES = ("path", "coco_url")
_OTHER_NAMES = frozenset(OTHER_NAMES)


def image_spellings(number: int | str | None) -> tuple[str, ...]:
    """Return what an image may be called of which only the id is known, which may be a name itself.

    COCO's published images are called by their ids in 12 digits.
    """
    endings = (".jpg", ".jpeg", ".png")
    digits = tuple(f"{number:012d}{ending}" for ending in endings) if isinstance(number, int) else ()
    return (str(number), *digits, *(f"{number}{ending}" for ending in endings))


def has_several(identity: tuple[Any, str], names: set[tuple[Any, str]]) -> bool:
    """Say whether one id has several names."""
    return len([other for other in names if other[0] == identity[0]]) > 1


def unit_of(entry: Any, ranges: bytes, code: str | None = None) -> tuple[Any, ...]:
    """Return the unit of an entry of the image table."""
    if not isinstance(entry, dict):
        # Who cannot be parsed has no id; why is told in its place.
        why = f"entry: {entry}"[:200] if isinstance(entry, ValueError) else None
        return why, "", None, None, (), "record-bad", b""
    number = normal_id(get_any(entry, "id"))
    name = get_any(entry, "file_name")
    aliases: tuple[str, ...] = ()
    if not _OTHER_NAMES.isdisjoint(entry):
        others = (get_any(entry, key) for key in OTHER_NAMES)
        aliases = tuple(value for value in others if isinstance(value, str) and value)
    if not (isinstance(name, str) and name):
        name, aliases = (aliases[0], aliases[1:]) if aliases else ("", ())
    if number is None:
        code = "record-bad"
    width, height = get_any(entry, "width"), get_any(entry, "height")
    if type(width) is not int or type(height) is not int:
        width, height = _plain(width), _plain(height)
    return number, name, width, height, aliases, code, ranges


def _plain(value: Any) -> Any:
    """Return a size as it is where it is small, else what a message needs of it."""
    small = value is None or isinstance(value, int | float) or (isinstance(value, str) and len(value) < 40)
    return value if small else f"{value!r:.40}"
