"""Changes that are known to be silent, one line each in ``known/<format>.txt``, until readers are mended.

The list is strict both ways: a violation that is not listed fails, and so does a line that is no violation
any more. ``python -m tests.silence.fuzz --write FORMAT ...`` tries every change and writes the lists anew;
with ``--listed`` it only takes out what was mended.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "known"


@cache
def known(format_name: str) -> frozenset[str]:
    """Return the known violations of a format, as changes are spelled."""
    path = FOLDER / f"{format_name}.txt"
    return frozenset(path.read_text().splitlines()) if path.is_file() else frozenset()


def write(format_name: str, lines: list[str]) -> None:
    """Write a format's list, or remove it where nothing is known."""
    path = FOLDER / f"{format_name}.txt"
    if lines:
        FOLDER.mkdir(exist_ok=True)
        path.write_text("\n".join(sorted(lines)) + "\n")
    else:
        path.unlink(missing_ok=True)
