"""How readers look into documents that they cannot trust: one object at a time, each behind a guard.

What is malformed costs one shape and becomes a finding that says which one; it never stops the record.
The functions here raise the plain exceptions of :data:`MALFORMED`, and :func:`each` catches them.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from gtmask.formats.reading.build import flatten
from gtmask.model import Select
from gtmask.png.header import SIGNATURE as PNG_SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Callable

    from gtmask.formats.reading.build import RecordBuilder


#: Where a PNG's colour type stands, and those types that have an alpha channel (PNG specification, IHDR).
_COLOR_TYPE, _ALPHA_TYPES = 25, (4, 6)
#: How Python words what it finds where a document is malformed.
_PYTHON = re.compile(
    r"indices must be|object is not|has no attribute|to unpack|has no len|index out of range|zip\(\) argument"
    r"|unsupported operand|argument must be|not supported between|too large to convert|keyword arguments"
)
#: What looking into a malformed object raises.
MALFORMED = (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError)


def each(
    builder: RecordBuilder, items: Any, add: Callable[[dict[str, Any]], None], what: str = "object"
) -> None:
    """Hand every object of a list to ``add``; tell those that are not of the prescribed form.

    Parameters
    ----------
    builder
        Takes the findings.
    items
        The list as the document has it; None counts as empty.
    add
        Adds one object's shapes to the builder. It may raise any of :data:`MALFORMED` before it adds.
    what
        What the list holds, for messages.
    """
    if items is None:
        return
    if not isinstance(items, list):
        builder.finding("annotation-bad", f"{what}s: a list was expected, not {type(items).__name__}")
        return
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            builder.finding("annotation-bad", f"{what} {index} is {type(item).__name__}, not an object")
            continue
        try:
            add(item)
        except MALFORMED as error:
            builder.finding("shape-bad-geometry", f"{what} {index}: {describe(error)}")


def describe(error: Exception) -> str:
    """Say in a few words what looking into an object raised; Python's own words say nothing about data."""
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return "it is of another form" if _PYTHON.search(f"{error}") else f"{error}"[:120]


def text(value: Any) -> str:
    """Return a label or name as text; numbers are written out, anything else but text is empty."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def table(value: Any) -> dict[str, Any]:
    """Return an object, or an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def inner_table(builder: RecordBuilder, outer: dict[str, Any], key: str) -> dict[str, Any]:
    """Return a member that must be an object or nothing; anything else is told and counts as empty."""
    value = outer.get(key)
    if value is not None and not isinstance(value, dict):
        builder.finding("annotation-bad", f"{key}: an object was expected, not {type(value).__name__}")
    return table(value)


def listing(value: Any) -> list[Any]:
    """Return a list, or an empty one in place of anything else."""
    return value if isinstance(value, list) else []


def pairs(points: Any) -> list[float]:
    """Return ``[[x, y], ...]`` as ``[x, y, ...]``.

    Raises
    ------
    ValueError, TypeError
        A point is not a pair: its numbers would shift all that follow.
    """
    if not isinstance(points, list):
        raise TypeError(f"a list of points was expected, not {type(points).__name__}")
    if points and set(map(len, points)) != {2}:
        raise ValueError("a point has not exactly two coordinates")
    return flatten(points)


def numbers(value: Any) -> list[float]:
    """Return a flat list of coordinates as it is.

    Raises
    ------
    TypeError
        It is no list.
    """
    if not isinstance(value, list):
        raise TypeError(f"a list of numbers was expected, not {type(value).__name__}")
    return value


def real(value: Any) -> float:
    """Return a number as float.

    Raises
    ------
    TypeError
        It is text, a truth value or nothing.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise TypeError(f"{value!r:.40} is no number")


def set_size(builder: RecordBuilder, width: Any, height: Any) -> None:
    """Set the record's size where the export tells one; what is no size at all is a reject.

    Zero and less is what converters write that never saw the image: its header may tell.
    """
    if width is None or height is None:
        return
    wide, tall = _length(width), _length(height)
    if wide is None or tall is None:
        builder.finding("record-size-bad", f"{width!r:.40} x {height!r:.40}")
    elif wide <= 0 or tall <= 0:
        builder.finding("record-size-none", f"{width!r:.40} x {height!r:.40}")
    else:
        builder.record.width, builder.record.height = wide, tall


def _length(value: Any) -> int | None:
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

    Raises
    ------
    TypeError, ValueError
        It is no text, or not base64.
    """
    if not isinstance(value, str):
        raise TypeError(f"base64 text was expected, not {type(value).__name__}")
    body = value.partition(",")[2] if value.startswith("data:") else value
    return base64.b64decode("".join(body.split()), validate=True)


def drawn_pixels(picture: bytes) -> Select:
    """Return which pixels of a picture were drawn.

    Where it has an alpha channel, that alone tells: tools draw in black on nothing. Elsewhere it is what
    is not zero.
    """
    kind = picture[_COLOR_TYPE] if picture.startswith(PNG_SIGNATURE) and len(picture) > _COLOR_TYPE else None
    return Select("alpha" if kind in _ALPHA_TYPES else "nonzero")


def rgb_key(color: Any) -> int:
    """Return a hex colour as R + 256 G + 65536 B, the key by which a picture's pixels are looked up.

    Raises
    ------
    TypeError, ValueError
        It is not ``#rrggbb``.
    """
    if not isinstance(color, str):
        raise TypeError(f"a hex colour was expected, not {type(color).__name__}")
    digits = color.strip().removeprefix("#")
    if len(digits) != 6:
        raise ValueError(f"{color!r:.40} is no hex colour")
    return int.from_bytes(bytes.fromhex(digits), "little")
