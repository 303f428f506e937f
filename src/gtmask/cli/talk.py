"""How much a command says, and where: the options that every command has for it, and what they decide.

Progress and summaries go to stderr, results that were asked for as data to stdout. ``--quiet`` leaves errors
alone; ``--log-file`` gets what a log would get, whatever is shown.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shlex
import sys
import time
from codecs import BOM_UTF8
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from gtmask import __version__, escape_unprintable
from gtmask.cli.console import Screen, console, print_json, say, wide_console
from gtmask.cli.reporters import Bar, JsonLines, Lines, Reporter, View
from gtmask.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


MODES = ("auto", "bar", "log", "json", "none")
#: How JSON and XML begin; a log may begin with a time in brackets.
_DATA_BEGINS = re.compile(rb"""\{|\[\s*[\[{"\]]|<[?!A-Za-z]""")
#: Ends of names of files that are no logs, whatever they begin with.
_DATA_ENDS = frozenset({".csv", ".manifest", ".png", ".tar", ".toml", ".yaml", ".yml", ".zip"})


@dataclass(frozen=True, slots=True)
class Talk:
    """What the options for talk say; ``command`` and ``borrowed`` tell what is run with options from where.

    ``typed`` are the options that were typed, with their values; ``misspelt`` are variables that set nothing,
    each with the nearest one that would, or "".

    Raises UsageError: an unknown ``progress``.
    """

    quiet: bool = False
    json: bool = False
    progress: str = "auto"
    log_file: str | None = None
    verbose: bool = False
    command: str = ""
    borrowed: tuple[tuple[str, str], ...] = ()
    misspelt: tuple[tuple[str, str], ...] = ()
    typed: tuple[tuple[str, str], ...] = ()
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.progress.lower() not in MODES:
            raise UsageError(f"--progress {self.progress!r} is none of {', '.join(MODES)}.")
        _spoken.append(self)

    @property
    def seconds(self) -> float:
        """Seconds since the command began."""
        return time.monotonic() - self.started

    @property
    def mode(self) -> str:
        """How progress is shown: a bar, a log, JSON, or not at all."""
        if self.quiet:
            return "none"
        if self.progress.lower() != "auto":
            return self.progress.lower()
        if self.json:
            return "none"
        return "bar" if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else "log"

    def next_command(self, words: str, *also: str) -> str:
        """Return the next command of gtmask, so that it can be copied.

        It repeats what was typed of the options by which S3 is reached, and of ``also``.
        """
        repeated = {"--s3-client", "--endpoint-url", "--profile", "--region", "--request-payer", *also}
        told = [word for flag, value in self.typed if flag in repeated for word in (flag, value) if word]
        return " ".join(["gtmask", words, *map(shlex.quote, told)])

    @contextlib.contextmanager
    def following(self, subject: str = "") -> Iterator[Reporter]:
        """Yield what the library tells how it gets on; something is shown at once."""
        if self.verbose:
            self._log_library()
        with self.open_log() as log:
            views: list[View] = [*([] if log is None else [Lines(log)]), *self._views()]
            title = f"gtmask {__version__}  {self.command} {subject}".rstrip()
            for view in views:
                view.open(escape_unprintable(title, controls=True))
                for text in self._told():
                    view.notice(text)
            with Reporter(views) as reporter:
                yield reporter

    def _views(self) -> list[View]:
        """Return what shows progress, if anything does."""
        if self.mode == "bar":
            return [Bar()]
        return [{"json": JsonLines, "log": Lines}[self.mode](sys.stderr)] if self.mode != "none" else []

    def _told(self) -> Iterator[str]:
        """Yield what was not typed and yet counts."""
        if self.borrowed:
            yield "options   " + ", ".join(f"{flag} from {origin}" for flag, origin in self.borrowed)
        for name, near in self.misspelt:
            hint = f" (did you mean {near}?)" if near else ""
            yield f"unknown   {name} is set and belongs to no option{hint}"
        if self.verbose:
            import platform

            yield f"python    {platform.python_version()} on {platform.platform()}"

    def open_log(self) -> AbstractContextManager[TextIO | None]:
        """Open the file that --log-file names, for its next lines; for ``with``, None where there is none."""
        if self.log_file is None:
            return contextlib.nullcontext()
        try:
            _refuse_data(self.log_file)
            return open(self.log_file, "a", encoding="utf-8", errors="backslashreplace")  # noqa: PTH123
        except OSError as error:
            raise UsageError(f"--log-file {self.log_file} cannot be written: {error.strerror}.") from error

    def _log_library(self) -> None:
        """Show what the library logs: requests that are sent again, and why."""
        import logging

        logger = logging.getLogger("gtmask")
        if not logger.handlers and self.mode in {"bar", "log"}:
            logger.addHandler(logging.StreamHandler())
            logger.setLevel(logging.INFO)

    def show(self, result: Any, render: Callable[[Any, Screen], None], *, as_data: bool = False) -> None:
        """Show a result: as JSON on stdout where that was asked for, else to people.

        - ``result``: has ``to_json``.
        - ``render``: prints a result to a console.
        - ``as_data``: the result is what was asked for, and goes to stdout.
        """
        if self.json:
            print_json(result.to_json())
        elif self.mode == "json" and not as_data:
            JsonLines(sys.stderr).write("result", result=result.to_json())
        elif not self.quiet:
            render(result, console(stdout=as_data))
        with self.open_log() as log:
            if log is not None:
                render(result, wide_console(log))

    def say(self, text: str) -> None:
        """Say a sentence to people, on a line of its own."""
        if self.mode == "json":
            JsonLines(sys.stderr).notice(text)
        elif not (self.quiet or self.json):
            say(console(), text)
        with self.open_log() as log:
            if log is not None:
                Lines(log).notice(escape_unprintable(text, controls=True))


#: The talk of this process's command.
_spoken: list[Talk] = []


def complain(text: str) -> None:
    """Say why a command ends; ``text`` is one sentence."""
    talk = _spoken[-1] if _spoken else None
    shown = escape_unprintable(text, controls=True)
    if talk is not None and talk.mode == "json":
        JsonLines(sys.stderr).write("error", message=shown)
    else:
        sys.stderr.write(f"gtmask: {shown}\n")
    with (
        contextlib.suppress(OSError, UsageError),
        talk.open_log() if talk else contextlib.nullcontext() as log,
    ):
        if log is not None:
            Lines(log).notice(shown)


@functools.cache
def _refuse_data(log_file: str) -> None:
    """Refuse a log file that is there and holds data, of a run or of an export: a line more would spoil it."""
    path = Path(log_file)
    if not path.is_file():
        return
    with path.open("rb") as file:
        head = file.read(1024).removeprefix(BOM_UTF8).lstrip()
    if b"\0" in head or _DATA_BEGINS.match(head) or path.suffix.lower() in _DATA_ENDS:
        raise UsageError(f"--log-file {log_file} is a file of data, not a log: choose another name.")
