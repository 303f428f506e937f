"""How commands talk to people: progress bars and tables on stderr, JSON on stdout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from gtmask import escape_unprintable

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from rich.console import Console
    from rich.progress import Progress, TaskID
    from rich.table import Table


def console() -> Console:
    """Return the console for talk: stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=False)


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


def findings_table(counts: Counter[str], examples: Mapping[str, Sequence[str]]) -> Table:
    """Return a table of finding codes, the most frequent first, each with the first of its examples."""
    from gtmask.findings import CODES

    shown = table("findings", "code", "level", ">count", "what it means", "first example")
    for code, count in counts.most_common():
        row, example = CODES[code], (examples.get(code) or [""])[0]
        shown.add_row(code, row.level, f"{count:,}", plain(row.meaning), plain(example))
    return shown


def plain(text: object) -> Any:
    """Return text from data as it is: no markup in square brackets, control characters spelled out."""
    from rich.text import Text

    return Text(escape_unprintable(text, controls=True))


def say(screen: Console, text: object) -> None:
    """Print text from data on a line of its own, however long: to be copied whole."""
    screen.print(plain(text), soft_wrap=True)


class Bar:
    """A progress bar on stderr: one line per stage, with rate and time left; silent when told so."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._rejects = 0

    def __enter__(self) -> Bar:
        if not self._quiet:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description:<9}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(elapsed_when_finished=True),
                TextColumn("{task.fields[note]}"),
                console=console(),
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None and self._task is not None:
            if kind is None:
                self._complete()
            self._bar.stop()

    def stage(self, name: str, total: int | None) -> None:
        """Begin a stage."""
        self._rejects = 0
        if self._bar is not None:
            self._complete()
            # Not before there is something to show: a refused run leaves no empty line.
            self._bar.start()
            if total is None and not self._bar.console.is_terminal:
                # A log has bars at the end alone; who reads it meanwhile is to know what takes so long.
                self._bar.console.print(plain(f"{name} ..."))
            self._task = self._bar.add_task(name, total=total, rate="", note="")

    def _complete(self) -> None:
        """Show a stage that is over as done, where its total was not known or estimated."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=self._bar.tasks[self._task].completed)

    def advance(self, records: int, rejects: int = 0) -> None:
        """Tell that so many more records are done."""
        self._rejects += rejects
        if self._bar is None or self._task is None:
            return
        note = f"{self._rejects:,} rejected" if self._rejects else ""
        self._bar.update(self._task, advance=records, note=note)
        task = self._bar.tasks[self._task]
        if task.total is not None and task.completed > task.total:  # it was an estimate
            self._bar.update(self._task, total=task.completed)
        self._bar.update(self._task, rate=f"{task.speed:,.0f}/s" if task.speed else "")
