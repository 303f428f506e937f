"""How commands talk to people: tables and lines, which only a terminal cuts to its width; JSON on stdout."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any, Protocol, TextIO, cast

from gtmask import escape_unprintable

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

#: Characters in a line where nobody's screen ends: none is ever broken.
WIDE = 1_000_000
#: Variables by which users have Rich colour what goes to files and pipes, too.
COLORING = ("FORCE_COLOR", "TTY_COMPATIBLE")


class Screen(Protocol):
    """What talk is printed on: Rich's console, or a :class:`Page`."""

    def print(self, *objects: Any, soft_wrap: bool | None = None) -> None:
        """Print texts and tables."""


class Page:
    """A file or a pipe: one line for each row and sentence, however long, and nothing of Rich to import."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def print(self, *objects: Any, soft_wrap: bool | None = None) -> None:  # noqa: ARG002 - nothing wraps
        """Print texts and tables."""
        self._stream.write(
            "".join(f"{line.rstrip(' ')}\n" for each in objects for line in str(each).split("\n"))
        )
        self._stream.flush()


def console(*, stdout: bool = False) -> Screen:
    """Return the screen for talk, stderr, or the one for results that were asked for."""
    stream = sys.stdout if stdout else sys.stderr
    return rich_console(stream) if stream.isatty() else wide_console(stream)


def wide_console(stream: TextIO) -> Screen:
    """Return a screen for a file or a pipe."""
    return rich_console(stream) if any(map(os.environ.get, COLORING)) else Page(stream)


def rich_console(stream: TextIO) -> Console:
    """Return Rich's console for a stream."""
    from rich.console import Console

    if stream.isatty():
        return Console(stderr=stream is sys.stderr, highlight=False)
    return Console(file=cast("TextIO", _Stripped(stream)), highlight=False, width=WIDE, soft_wrap=True)


class _Stripped:
    """A stream to which lines are written without the blanks that fill up a table's last column."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = stream.encoding

    def write(self, text: str) -> int:
        """Write text."""
        return self._stream.write(re.sub(r" +$", "", text, flags=re.MULTILINE))

    def flush(self) -> None:
        """Write what is held back."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Say that nobody looks at it."""
        return False


class Words:
    """Text in pieces with a style each, which only a terminal shows."""

    def __init__(self, *pieces: tuple[str, str]) -> None:
        self._pieces = pieces

    def __str__(self) -> str:
        return "".join(text for text, _ in self._pieces)

    def __rich__(self) -> Text:
        from rich.text import Text

        return Text.assemble(*self._pieces)


class Rows:
    """A table; columns whose name starts with ``>`` are right-aligned numbers."""

    def __init__(self, title: str, *columns: str, header: bool = True) -> None:
        self._title, self._columns, self._header = title, columns, header
        self._rows: list[tuple[object, ...]] = []

    def add_row(self, *cells: object) -> None:
        """Add a row of texts."""
        self._rows.append(cells)

    def __len__(self) -> int:
        return len(self._rows)

    def __str__(self) -> str:
        names = [column.removeprefix(">") for column in self._columns]
        rows = [names] * self._header + [list(map(str, row)) for row in self._rows]
        widths = [max(map(_width, cells)) for cells in zip(*rows, strict=True)]
        lines = [self._title] if self._title else []
        for row in rows:
            cells = []
            for column, text, width in zip(self._columns, row, widths, strict=True):
                is_number = column.startswith(">")
                shown = text.rstrip() if is_number else text
                blanks = " " * (width - _width(shown))
                cells.append(blanks + shown if is_number else shown + blanks)
            lines.append("  ".join(cells))
        return "\n".join(lines)

    def __rich__(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        made = Table(
            title=Text(self._title), title_justify="left", title_style="bold", box=None, pad_edge=False
        )
        made.show_header = self._header
        for column in self._columns:
            made.add_column(
                Text(column.removeprefix(">")),
                justify="right" if column.startswith(">") else "left",
                # Names without blanks are folded, not cut; codes stay whole, to be looked up and searched for.
                overflow="fold",
                no_wrap=column == "code",
            )
        for row in self._rows:
            made.add_row(*(Text(str(cell)) for cell in row))
        return made


def _width(text: str) -> int:
    """Return how many characters' width a text takes; those of East Asia take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def print_json(data: Any) -> None:
    """Write one JSON document to stdout, indented for people where stdout is a terminal."""
    import json

    import orjson

    option = orjson.OPT_INDENT_2 if sys.stdout.isatty() else 0
    try:
        dumped = orjson.dumps(data, option=option | orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # names that are no UTF-8, which it does not escape
        dumped = json.dumps(data).encode() + b"\n"
    sys.stdout.buffer.write(dumped)
    sys.stdout.flush()


def findings_table(
    counts: Counter[str], examples: Mapping[str, Sequence[str]], *, every: bool = False
) -> Rows:
    """Return a table of finding codes, the most frequent first, each with its first example or all kept."""
    from gtmask.findings import CODES

    shown = Rows(
        "findings", "code", "level", ">count", "what it means", "examples" if every else "first example"
    )
    for code, count in counts.most_common():
        row, kept = CODES[code], examples.get(code) or [""]
        shown.add_row(
            code, row.level, f"{count:,}", plain(row.meaning), plain("; ".join(kept if every else kept[:1]))
        )
    return shown


def plain(text: object) -> Words:
    """Return text from data as it is: no markup in square brackets, control characters spelled out."""
    return Words((escape_unprintable(text, controls=True), ""))


def tell(screen: Screen, text: object) -> None:
    """Print text from data, which a terminal may break into lines."""
    screen.print(plain(text))


def say(screen: Screen, text: object) -> None:
    """Print text from data on a line of its own, however long: to be copied whole."""
    screen.print(plain(text), soft_wrap=True)
