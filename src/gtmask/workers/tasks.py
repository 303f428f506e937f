"""Tasks of one :meth:`gtmask.workers.Pool.map`: those that were given away, those at hand, what they take."""

from __future__ import annotations

from collections import deque
from concurrent.futures import BrokenExecutor, Future
from dataclasses import dataclass, field
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from gtmask.machine import waited_for_a_core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


@dataclass(slots=True)
class Task(Generic[T]):
    """A task that was given away, and what it calls: a process that dies takes its task along.

    ``is_here`` says that this process has it; then ``seconds`` gets what it took.
    """

    call: tuple[Any, ...]
    future: Future[tuple[T, int]]
    is_here: bool = False
    seconds: list[float] = field(default_factory=list)

    @property
    def is_pending(self) -> bool:
        """Whether it waits for its turn, or runs."""
        return not self.future.done()

    @property
    def is_done(self) -> bool:
        """Whether it has given a result."""
        return self.future.done() and not self.future.cancelled() and self.future.exception() is None

    @property
    def is_lost(self) -> bool:
        """Whether the process that had it has died."""
        return self.future.done() and (
            self.future.cancelled() or isinstance(self.future.exception(), BrokenExecutor)
        )


class Ahead(Generic[T]):
    """Tasks that nobody has yet; some are at hand, so that it shows in time that no more follow.

    - ``items``: what they are made of.
    - ``count``: how many are to be at hand.
    """

    def __init__(self, items: Iterable[T], count: int) -> None:
        self._items, self._count = iter(items), count
        self._held: deque[T] = deque()
        #: Whether there are no others than those at hand.
        self.is_last = False

    def look(self) -> int:
        """Return how many are at hand, after fetching what is missing."""
        if not self.is_last:
            self._held.extend(islice(self._items, self._count - len(self._held)))
            self.is_last = len(self._held) < self._count
        return len(self._held)

    def take(self) -> T:
        """Return the next one of those at hand."""
        return self._held.popleft()


class Saving:
    """What processes would save, by what tasks take in this one.

    - ``total``: what all tasks weigh together; where nobody knows, as much more is expected as is done.
    - ``workers``: how many there would be.
    """

    def __init__(self, total: int | None, workers: int) -> None:
        self._total, self._share = total, 1 - 1 / workers
        self._done = self._seen = 0
        self._spent = 0.0

    def note(self, seconds: float, weight: int) -> None:
        """Count a task. The first one loads the kernels and opens connections, too: it tells nothing."""
        if self._done:
            self._spent, self._seen = self._spent + seconds, self._seen + weight
        self._done += weight

    @property
    def seconds(self) -> float:
        """What they would save of the time that is left."""
        left = self._done if self._total is None else self._total - self._done
        return self._spent / self._seen * left * self._share if self._seen else 0.0


def timed(seconds: list[float], function: Callable[..., T], *arguments: Any) -> T:
    """Do a task, and note the seconds it took.

    Time in which other programs have the cores does not count: they would take it from processes, too.
    """
    start = perf_counter() - waited_for_a_core()
    result = function(*arguments)
    seconds.append(perf_counter() - waited_for_a_core() - start)
    return result
