"""One export or several: what a caller may name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gtmask.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


def spoken(sources: Sequence[str]) -> str:
    """Return the exports as a sentence names them."""
    *others, last = sources
    return f"{', '.join(others)} and {last}" if others else last


def source_list(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[str]:
    """Return the locations of the exports that are named, one or several, in their order.

    Raises UsageError where there are none, or one stands there twice.
    """
    found = (
        [os.fspath(source)] if isinstance(source, str | os.PathLike) else [os.fspath(one) for one in source]
    )
    if not found:
        raise UsageError("No export is named: give at least one.")
    places = [one.rstrip("/") if "://" in one else os.path.realpath(one) for one in found]
    twice = next((one for one, place in zip(found, places, strict=True) if places.count(place) > 1), None)
    if twice is not None:
        raise UsageError(f"{twice} is named twice: name each export once.")
    return found
