"""What is told while a command works: a bar, lines for a log, or lines of JSON, and who hears of what.

A :class:`Reporter` is what the library calls. It knows how far the present stage is and hands that to its
views, which only show it. Off a terminal that is a line at once, after a second, and then every thirty.
"""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from gtmask import escape_unprintable, hearing_notices, retries
from gtmask.cli.console import rich_console

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType

    from rich.progress import Progress, TaskID

#: Seconds between two lines, and those before the first line of a stage.
INTERVAL, FIRST = 30.0, 1.0
#: The stage that is over when the first one begins.
START = "start"


@dataclass(slots=True)
class Stage:
    """How far a stage is: records done of ``total``, those of them that were rejected, and when it began."""

    name: str
    total: int | None
    began: float
    retries_before: int = 0
    done: int = 0
    rejects: int = 0

    def advance(self, records: int, rejects: int) -> None:
        """Note that so many more records are done."""
        self.done += records
        self.rejects += rejects
        if self.total is not None:  # it may have been an estimate
            self.total = max(self.total, self.done)

    def state(self, now: float) -> State:
        """Return how far it is at a moment of its clock, in seconds."""
        seconds = max(now - self.began, 0.0)
        rate = self.done / seconds if seconds > 0 else 0.0
        left = (self.total - self.done) / rate if self.total is not None and rate else None
        repeated = retries() - self.retries_before
        return State(self.name, self.done, self.total, rate, left, self.rejects, repeated, seconds)


class State(NamedTuple):
    """A stage at one moment: rate in records per second, time left (None: unknown) and taken in seconds."""

    stage: str
    done: int
    total: int | None
    rate: float
    left: float | None
    rejected: int
    retries: int
    seconds: float


class View:
    """Shows what a reporter hears; called by one thread at a time. What a view does not have shows nothing."""

    def open(self, title: str) -> None:
        """Show that a command has begun: before anything that takes its time, imports among it."""
        self.notice(title)

    def begin(self, state: State) -> None:
        """Show that a stage begins."""

    def look(self, state: State) -> None:
        """Show how far a stage is, now that it is time to."""

    def advance(self, state: State) -> None:
        """Show that a stage has come further."""

    def over(self, state: State) -> None:
        """Show that a stage is over."""

    def notice(self, text: str) -> None:
        """Show a sentence."""

    def close(self) -> None:
        """Show nothing more."""


class Reporter:
    """What the library tells how it gets on, for ``with``.

    - ``interval``, ``first``: seconds between two looks at a stage, and those before the first one.
    - ``clock``: returns the time in seconds.
    """

    def __init__(
        self,
        views: Sequence[View],
        *,
        interval: float = INTERVAL,
        first: float = FIRST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._views = views
        self._interval, self._first, self._clock = interval, first, clock
        self._stage = Stage(START, None, clock(), retries())
        self._lock = threading.RLock()
        self._new = threading.Event()
        self._closed = False
        self._ticker = threading.Thread(target=self._tick, name="gtmask-progress", daemon=True)
        self._hearing: AbstractContextManager[None] = hearing_notices(self.notice)

    def __enter__(self) -> Reporter:
        self._hearing.__enter__()
        if self._views:
            self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hearing.__exit__(kind, error, trace)
        with self._lock:
            self._closed = True
            self._new.set()
            if kind is None:
                self._end_stage()
            for view in self._views:
                view.close()

    def stage(self, name: str, total: int | None) -> None:
        """Begin a stage."""
        with self._lock:
            self._end_stage()
            self._stage = Stage(name, total, self._clock(), retries())
            state = self._stage.state(self._clock())
            for view in self._views:
                view.begin(state)
            self._new.set()

    def advance(self, records: int, rejects: int = 0) -> None:
        """Tell that so many more records are done."""
        with self._lock:
            self._stage.advance(records, rejects)
            state = self._stage.state(self._clock())
            for view in self._views:
                view.advance(state)

    def notice(self, text: str) -> None:
        """Tell something that happens now."""
        with self._lock:
            for view in self._views:
                view.notice(text)

    def _end_stage(self) -> None:
        if self._stage.name != START:
            state = self._stage.state(self._clock())
            for view in self._views:
                view.over(state)

    def _tick(self) -> None:
        """Have the views show the stage again and again, soon after its begin and then less often."""
        wait = self._first
        while True:
            begun = self._new.wait(wait)
            with self._lock:
                if self._closed:
                    return
                if begun:
                    self._new.clear()
                    wait = self._first
                    continue
                state = self._stage.state(self._clock())
                for view in self._views:
                    view.look(state)
            wait = self._interval


class Lines(View):
    """A log: one line per look, with the time of day. The stream stays open: others write there, too.

    - ``stream``: where the lines go.
    - ``now``: returns the time, in seconds since 1970.
    """

    def __init__(self, stream: TextIO, now: Callable[[], float] = time.time) -> None:
        self._stream, self._now = stream, now

    def _write(self, name: str, text: str) -> None:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self._now()))
        self._stream.write(f"{stamp}  {name:<9} {text}".rstrip() + "\n")
        self._stream.flush()

    def begin(self, state: State) -> None:
        """Tell of a stage that may take any time; others tell when they are looked at."""
        if state.total is None:
            self._write(state.stage, "...")

    def look(self, state: State) -> None:
        """Write how far a stage is."""
        if state.stage == START:
            self._write(state.stage, f"after {duration(state.seconds)}")
            return
        left = "" if state.left is None else f", {duration(state.left)} left"
        total = "" if state.total is None else f"/{state.total:,}"
        done = f"{state.done:,}{total} done, {state.rate:,.0f}/s"
        self._write(state.stage, f"{done}{left}, {_trouble(state)}")

    def over(self, state: State) -> None:
        """Write how long a stage took."""
        took = f"in {duration(state.seconds)}"
        if not state.done and not state.retries:  # a stage that counts nothing
            self._write(state.stage, took)
            return
        done = f"{state.done:,}/{state.done:,} {took}"
        self._write(state.stage, f"{done}, {state.rate:,.0f}/s, {_trouble(state)}")

    def notice(self, text: str) -> None:
        """Write a sentence."""
        self._write("", text)


class JsonLines(View):
    """A stream of JSON documents, one a line, for services."""

    def __init__(self, stream: TextIO, now: Callable[[], float] = time.time) -> None:
        self._stream, self._now = stream, now

    def write(self, event: str, **data: Any) -> None:
        """Write one event."""
        import json

        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._now()))
        self._stream.write(json.dumps({"time": stamp, "event": event, **data}) + "\n")
        self._stream.flush()

    def _state(self, event: str, state: State) -> None:
        self.write(
            event, stage=state.stage, done=state.done, total=state.total, rate=round(state.rate, 1),
            left=None if state.left is None else round(state.left, 1), rejected=state.rejected,
            retries=state.retries, seconds=round(state.seconds, 1),
        )  # fmt: skip

    def begin(self, state: State) -> None:
        """Tell that a stage begins."""
        self._state("begin", state)

    def look(self, state: State) -> None:
        """Tell how far a stage is."""
        self._state("progress", state)

    def over(self, state: State) -> None:
        """Tell that a stage is over."""
        self._state("end", state)

    def notice(self, text: str) -> None:
        """Tell a sentence."""
        self.write("notice", message=escape_unprintable(text))


class Bar(View):
    """Bars on a terminal, one per stage; before the first one a line that goes away again."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._passing = False

    def open(self, title: str) -> None:
        """Show a line until there is something else to show."""
        if sys.stderr.isatty():
            sys.stderr.write(f"{title} ...")
            sys.stderr.flush()
            self._passing = True

    def _clear(self) -> None:
        if self._passing:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
            self._passing = False

    def begin(self, state: State) -> None:
        """Add a bar."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._clear()
        if self._bar is None:
            self._bar = Progress(
                TextColumn("{task.description:<9}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(elapsed_when_finished=True),
                TextColumn("{task.fields[note]}"),
                console=rich_console(sys.stderr),
            )
            self._bar.start()
        self._task = self._bar.add_task(state.stage, total=state.total, rate="", note="")

    def look(self, state: State) -> None:
        """Show retries, which come without records."""
        if state.stage != START:
            self.advance(state)

    def advance(self, state: State) -> None:
        """Move the bar."""
        if self._bar is None or self._task is None:
            return
        counts = [(state.rejected, "rejected"), (state.retries, "retries")]
        self._bar.update(
            self._task,
            total=state.total,
            completed=state.done,
            rate=f"{state.rate:,.0f}/s" if state.done else "",
            note=", ".join(f"{count:,} {name}" for count, name in counts if count),
        )

    def over(self, state: State) -> None:
        """Fill the bar."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=state.done, completed=state.done)

    def notice(self, text: str) -> None:
        """Print a sentence above the bars."""
        self._clear()
        text = escape_unprintable(text, controls=True)
        if self._bar is not None:
            self._bar.console.print(text, markup=False, soft_wrap=True)
        else:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def close(self) -> None:
        """Leave the bars as they are."""
        self._clear()
        if self._bar is not None:
            self._bar.stop()


def _trouble(state: State) -> str:
    return f"{state.rejected:,} rejected, {state.retries:,} retries"


def duration(seconds: float) -> str:
    """Return a time as people say it: 3.2 s, 4 min 12 s, 2 h 5 min, 3 d 4 h."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, name, part, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size:,} {name} {rest} {small}" if rest else f"{whole // size:,} {name}"
    raise AssertionError(seconds)
