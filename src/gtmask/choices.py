"""Values of options that are one of a few words: taken in any case, kept as they are documented."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtmask.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


def choose(option: str, value: str, known: Sequence[str]) -> str:
    """Return a value as it is documented, whatever its upper and lower case.

    Raises UsageError where it is none of them.

    - ``option``: begins the sentence where the value is unknown: ``--png``.

    Examples
    --------
    >>> choose("--png", "Palette", ("gray", "palette"))
    'palette'
    """
    found = fold(value, known)
    if found is None:
        raise UsageError(f"{option} {value!r} is none of {', '.join(known)}.")
    return found


def fold(value: str, known: Sequence[str]) -> str | None:
    """Return which of some words a value is, whatever its case; None if none."""
    wanted = str(value).casefold()
    return next((word for word in known if word.casefold() == wanted), None)
