"""How commands talk to people: tables and lines, which only a terminal cuts to its width; JSON on stdout."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, cast

from gtmask import escape_unprintable

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence
    from typing import TextIO

    from rich.console import Console
    from rich.table import Table

#: Characters in a line where nobody's screen ends: none is ever broken.
WIDE = 1_000_000


def console(*, stdout: bool = False) -> Console:
    """Return the console for talk, stderr, or the one for results that were asked for."""
    from rich.console import Console

    stream = sys.stdout if stdout else sys.stderr
    return Console(stderr=not stdout, highlight=False) if stream.isatty() else wide_console(stream)


def wide_console(stream: TextIO) -> Console:
    """Return a console for a file or a pipe: one line for each row and sentence, however long."""
    from rich.console import Console

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


def table(title: str, *columns: str) -> Table:
    """Return an empty table; columns whose name starts with ``>`` are right-aligned numbers."""
    from rich.table import Table
    from rich.text import Text

    made = Table(title=Text(title), title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        made.add_column(
            column.removeprefix(">"),
            justify="right" if column.startswith(">") else "left",
            # Names without blanks are folded, not cut; codes stay whole, to be looked up and searched for.
            overflow="fold",
            no_wrap=column == "code",
        )
    return made


def findings_table(
    counts: Counter[str], examples: Mapping[str, Sequence[str]], *, every: bool = False
) -> Table:
    """Return a table of finding codes, the most frequent first, each with its first example or all kept."""
    from gtmask.findings import CODES

    shown = table(
        "findings", "code", "level", ">count", "what it means", "examples" if every else "first example"
    )
    for code, count in counts.most_common():
        row, kept = CODES[code], examples.get(code) or [""]
        shown.add_row(
            code, row.level, f"{count:,}", plain(row.meaning), plain("; ".join(kept if every else kept[:1]))
        )
    return shown


def plain(text: object) -> Any:
    """Return text from data as it is: no markup in square brackets, control characters spelled out."""
    from rich.text import Text

    return Text(escape_unprintable(text, controls=True))


def tell(screen: Console, text: object) -> None:
    """Print text from data, which a terminal may break into lines."""
    screen.print(plain(text))


def say(screen: Console, text: object) -> None:
    """Print text from data on a line of its own, however long: to be copied whole."""
    screen.print(plain(text), soft_wrap=True)
