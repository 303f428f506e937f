"""How long requests may take: one timer serves all that are in flight.

A timer for each, as :func:`asyncio.timeout` has it, costs as much as everything else that is done about a
request that is answered, and hardly ever goes off.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


class TimeLimits:
    """Breaks off what takes too long; of one event loop."""

    def __init__(self) -> None:
        #: When each of the tasks at work is to be broken off, by the loop's clock.
        self._ends: dict[asyncio.Task[object], float] = {}
        self._timer: asyncio.TimerHandle | None = None
        #: When that goes off: no later than the first of them ends.
        self._next = math.inf

    async def within(self, seconds: float, work: Callable[[], Awaitable[T]]) -> T:
        """Do some work in the running task, which is at nothing else of the same kind.

        Raises TimeoutError once it has taken so many seconds; the work is cancelled before.
        """
        loop = asyncio.get_running_loop()
        task = cast("asyncio.Task[object]", asyncio.current_task(loop))
        cancelling = task.cancelling()
        end = self._ends[task] = loop.time() + seconds
        if end < self._next:
            self._set(loop, end)
        try:
            return await work()
        except asyncio.CancelledError as error:
            # Somebody else may have cancelled the task, too: then it was cancelled.
            if task not in self._ends and task.cancelling() - 1 <= cancelling:
                raise TimeoutError from error
            raise
        finally:
            if self._ends.pop(task, None) is None:
                task.uncancel()

    def _set(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next, self._timer = when, loop.call_at(when, self._break_off, loop)

    def _break_off(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel the tasks that have had their time."""
        self._next, self._timer = math.inf, None
        now = loop.time()
        for task in [task for task, end in self._ends.items() if end <= now]:
            del self._ends[task]
            task.cancel()
        if self._ends:
            self._set(loop, min(self._ends.values()))
