"""Who works at a run: a small file for each start, written anew now and then, for ``gtmask status`` alone.

Nothing that a run does depends on these files; they hold times and machines' names, which commit records must
not. They go when the run is complete, as nobody works at it any more.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from gtmask._version import __version__
from gtmask.errors import AccessError, StorageError
from gtmask.manifest.unfinished import STATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gtmask.storage.base import Storage

STARTS = STATE + "starts/"
#: Seconds between two writings.
EVERY = 30.0


@dataclass(slots=True)
class Start:
    """One start of ``gtmask convert`` at a run.

    ``shard`` is "I/N"; ``began`` and ``heard`` are seconds since 1970 by the clock of its own machine,
    ``heard`` of the last writing, until which it ``worked`` so many seconds; ``state`` is "working", "ended"
    or "stopped"; ``chunks`` are those that it has done, as pairs of the first and the last of each row of
    consecutive ones.
    """

    run: str
    host: str
    pid: int
    shard: str
    began: float
    heard: float
    state: str = "working"
    chunks: list[tuple[int, int]] = field(default_factory=list)
    version: str = __version__
    worked: float = 0.0

    @property
    def count(self) -> int:
        """How many chunks it has done."""
        return sum(last - first + 1 for first, last in self.chunks)


class Presence:
    """Tells that this process works at a run.

    - ``run``: the run's identity.
    - ``shard``: which chunks it does, "I/N".
    - ``clock``: returns the time in seconds since 1970, which may be set forth or back meanwhile.
    - ``ticks``: returns seconds by a clock that nobody sets: how long a start has worked goes by that.
    """

    def __init__(
        self,
        run: str,
        shard: str,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        now = clock()
        self._start = Start(run, socket.gethostname(), os.getpid(), shard, now, now)
        self._clock, self._ticks = clock, ticks
        self._began = self._wrote = ticks()
        self._done: set[int] = set()
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now))
        name = "".join(letter if letter.isalnum() else "-" for letter in self._start.host)
        self._key = f"{STARTS}{stamp}-{name}-{self._start.pid}-{shard.replace('/', 'of')}.json"

    def note(self, chunk: int) -> None:
        """Note that a chunk is committed."""
        self._done.add(chunk)

    @property
    def is_due(self) -> bool:
        """Whether it is time to write again."""
        return self._ticks() - self._wrote >= EVERY

    async def write(self, out: Storage, state: str = "working") -> None:
        """Write the file; that it cannot be written ends no run."""
        self._wrote = self._ticks()
        self._start.heard, self._start.state = self._clock(), state
        self._start.worked = self._wrote - self._began
        self._start.chunks = ranges(self._done)
        with contextlib.suppress(StorageError):
            await out.put(self._key, orjson.dumps(asdict(self._start)) + b"\n", "application/json")


def ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return rows of consecutive numbers as pairs of the first and the last, in order."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


async def read_starts(out: Storage, run: str) -> list[Start]:
    """Return the starts at a run, the first one first, without damaged files and those of other runs."""
    found: list[Start] = []
    async for entry in out.list(STARTS):
        with contextlib.suppress(StorageError, ValueError, TypeError, KeyError):
            data: dict[str, Any] = orjson.loads(await out.get(entry.key))
            start = Start(**data | {"chunks": [(first, last) for first, last in data["chunks"]]})
            if start.run == run:
                found.append(start)
    return sorted(found, key=lambda start: start.began)


async def forget_starts(out: Storage) -> None:
    """Remove the files of all starts, where that is allowed."""
    for key in [entry.key async for entry in out.list(STARTS)]:
        with contextlib.suppress(AccessError):
            await out.delete(key)
