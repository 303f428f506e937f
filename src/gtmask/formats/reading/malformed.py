"""What looking into a malformed document raises, and how that and what was met are said to people."""

from __future__ import annotations

import re
from typing import Any

#: What looking into a malformed object raises.
MALFORMED = (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError)
#: How Python words what it finds where a document is malformed.
_PYTHON = re.compile(
    r"indices must be|object is not|has no attribute|to unpack|has no len|index out of range|zip\(\) argument"
    r"|unsupported operand|argument must be|not supported between|too large to convert|keyword arguments"
)


def describe(error: Exception) -> str:
    """Say in a few words what looking into an object raised; Python's own words say nothing about data."""
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return "it is of another form" if _PYTHON.search(f"{error}") else f"{error}"[:120]


_NAMES = {
    str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object",
    type(None): "null",
}  # fmt: skip


def type_name(value: Any) -> str:
    """Return what people call the type of a JSON value."""
    return _NAMES.get(type(value), type(value).__name__)
