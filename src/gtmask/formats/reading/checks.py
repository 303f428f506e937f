"""What a value must be before a shape is made of it: numbers, points, sizes, base64, colours.

The functions here raise the exceptions of :data:`gtmask.formats.reading.malformed.MALFORMED`. What is
malformed costs one element and becomes a finding that says which one; it never stops the record.
"""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any

from gtmask.formats.reading.geometry import flatten
from gtmask.formats.reading.malformed import type_name
from gtmask.manifest.contract import HEX_COLOR
from gtmask.model import Select
from gtmask.png.header import SIGNATURE as PNG_SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gtmask.model import Record

#: Where a PNG's colour type stands, and those types that have an alpha channel (PNG specification, IHDR).
_COLOR_TYPE, _ALPHA_TYPES = 25, (4, 6)
#: As many bytes of a PNG tell whether any of its pixels may be transparent.
PNG_HEAD = 1 << 14


def pairs(points: Any) -> list[float]:
    """Return ``[[x, y], ...]`` as ``[x, y, ...]``.

    Raises ValueError or TypeError: a point is not a pair: its numbers would shift all that follow.
    """
    if not isinstance(points, list):
        raise TypeError(f"the points are {type_name(points)}, not a list")
    if points and set(map(len, points)) != {2}:
        raise ValueError("a point has not exactly two coordinates")
    return flatten(points)


def numbers(value: Any) -> list[float]:
    """Return a flat list of coordinates as it is; raises TypeError where it is no list."""
    if not isinstance(value, list):
        raise TypeError(f"the coordinates are {type_name(value)}, not a list")
    return value


def real(value: Any) -> float:
    """Return a number as float; raises TypeError where it is text, a truth value or nothing."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise TypeError(f"{value!r:.40} is {type_name(value)}, not a number")


def reals(outer: dict[str, Any], keys: Iterable[str]) -> list[float]:
    """Return these members of an object, which must all be numbers.

    Raises KeyError or TypeError where one is missing, or no number; the message names it.
    """
    found = []
    for key in keys:
        value = outer[key]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{key!r} is {type_name(value)}, not a number")
        found.append(float(value))
    return found


def are_scored(items: list[Any]) -> bool:
    """Say whether all elements of a list are objects with a finite ``score``."""
    scores: Iterable[Any] = (item.get("score") if isinstance(item, dict) else None for item in items)
    return all(type(score) in {int, float} and math.isfinite(score) for score in scores)


def are_fractions(record: Record, percent: tuple[float, float]) -> bool:
    """Say whether all vertices of a tool that counts in percent lie between 0 and 1 percent.

    Whoever makes a document of fractions of the image forgets to multiply them.

    - ``record``: as it is built.
    - ``percent``: what a percent of the image's width and height is in the record's coordinates.
    """
    points, (right, bottom) = record.points, (edge * (1 + 1e-9) for edge in percent)
    # The first vertex tells it of nearly every image.
    if not len(points) or points[0, 0] > right or points[0, 1] > bottom:
        return False
    has_area = any(shape.kind not in {"point", "polyline"} for shape in record.shapes)
    return has_area and bool((points >= 0).all() and (points <= (right, bottom)).all())


def pixels_of(value: Any) -> int | None:
    """Return a number of pixels as an integer, or None where it is none."""
    if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit() and len(value) < 10:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >> 31:
        return None
    return value


def decode_base64(value: Any) -> bytes:
    """Decode base64 text, with or without a ``data:...;base64,`` head and line breaks.

    Raises TypeError or ValueError where it is no text, or not base64.
    """
    if not isinstance(value, str):
        raise TypeError(f"the picture is {type_name(value)}, not base64 text")
    body = value.partition(",")[2] if value.startswith("data:") else value
    return base64.b64decode("".join(body.split()), validate=True)


def drawn_pixels(picture: bytes) -> Select:
    """Return which pixels of a picture were drawn.

    Where it has an alpha channel, or a colour that is transparent (tRNS), that alone tells: tools draw in
    black on nothing. Elsewhere it is what is not zero. The first :data:`PNG_HEAD` bytes are enough.
    """
    if not picture.startswith(PNG_SIGNATURE) or len(picture) <= _COLOR_TYPE:
        return Select("nonzero")
    pixels = picture.find(b"IDAT")
    some = picture.find(b"tRNS", 0, pixels if pixels > 0 else len(picture)) > 0
    return Select("alpha" if some or picture[_COLOR_TYPE] in _ALPHA_TYPES else "nonzero")


def hex_color(color: Any) -> str | None:
    """Return ``#rrggbb`` of that, of its three numbers, or of an integer 0xAARRGGBB, else None."""
    if isinstance(color, int) and not isinstance(color, bool):
        return f"#{color & 0xFFFFFF:06x}"
    if isinstance(color, list) and len(color) in {3, 4}:
        whole = [part for part in color if isinstance(part, int) and 0 <= part <= 255]
        return "#{:02x}{:02x}{:02x}".format(*whole) if len(whole) == len(color) else None
    if isinstance(color, str) and HEX_COLOR.fullmatch(color.strip()):
        return color.strip().lower()
    return None


def rgb_key(color: Any) -> int:
    """Return a hex colour as R + 256 G + 65536 B, the key by which a picture's pixels are looked up.

    Raises TypeError or ValueError where it is not ``#rrggbb``.
    """
    if not isinstance(color, str):
        raise TypeError(f"the colour is {type_name(color)}, not text")
    digits = color.strip().removeprefix("#")
    if len(digits) != 6:
        raise ValueError(f"{color!r:.40} is no hex colour")
    return int.from_bytes(bytes.fromhex(digits), "little")
