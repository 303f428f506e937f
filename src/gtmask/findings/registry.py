"""The registry of finding codes: what a code means, what it cost, and what a user can do about it.

Codes are stable: scripts may rely on them. The level of a code says what it cost:

- ``note``: nothing was lost or guessed;
- ``guess``: something was assumed that the data does not say;
- ``loss``: a shape or a part of one was left out of the mask;
- ``reject``: the record could not become a mask at all;
- ``error`` and ``warning``: only in ``gtmask validate``.

``--strict`` stops at guesses, losses and rejects. ``docs/findings.md`` is generated from this registry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Level = Literal["note", "guess", "loss", "reject", "error", "warning"]


@dataclass(frozen=True, slots=True)
class Code:
    """A finding code, its level (what it costs), its meaning, and the remedy: what a user can do about it."""

    code: str
    level: Level
    meaning: str
    remedy: str


CODES: dict[str, Code] = {}


def declare(level: Level, codes: Iterable[tuple[str, str, str]]) -> None:
    """Add codes (code, meaning, remedy) of one level to the registry; a code is declared once."""
    for code, meaning, remedy in codes:
        if code in CODES:
            raise ValueError(f"The finding code {code} is declared twice.")
        CODES[code] = Code(code, level, meaning, remedy)
