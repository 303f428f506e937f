"""What a working thread keeps from one task to the next: an event loop, and what is open in it.

Making an S3 client costs more than a hundred masks. Each thread keeps one thing, under the key that its task
names; a task that names another has it closed, and its own made.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from gtmask.loops import first_error, new_event_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable
    from contextlib import AbstractAsyncContextManager

T = TypeVar("T")
W = TypeVar("W")

_thread = threading.local()
_running: set[_Resident[Any]] = set()


class _Resident(Generic[W]):
    """An event loop, and an asynchronous context manager that was entered in it."""

    def __init__(self, manager: AbstractAsyncContextManager[W]) -> None:
        self.manager = manager
        self.loop = new_event_loop()
        try:
            self.inside = self.loop.run_until_complete(manager.__aenter__())
        except BaseException:  # Ctrl-C, too: no loop is left open
            self.loop.close()
            raise
        _running.add(self)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine; of errors in a group the first is raised."""
        try:
            return self.loop.run_until_complete(work)
        except BaseExceptionGroup as group:
            error = first_error(group)
        # Out here its context is not the group that holds it: such a circle cannot travel (Dask).
        raise error

    def interrupt(self) -> None:
        """Break off what is worked on; for other threads."""
        self.loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(self.loop)])

    def close(self) -> None:
        """Close what is open, and the event loop."""
        _running.discard(self)
        self.loop.run_until_complete(self.manager.__aexit__(None, None, None))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        # Connections that were closed just now let go of their sockets in the loop's next round.
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()


def kept_object(key: Hashable, make: Callable[[], T]) -> T:
    """Return what this thread keeps under a key, made now if it is not there."""
    held: tuple[Hashable, T] | None = getattr(_thread, "held", None)
    if held is None or held[0] != key:
        release()
        held = _thread.held = (key, make())
    return held[1]


def run_kept(
    key: Hashable,
    make: Callable[[], AbstractAsyncContextManager[W]],
    work: Callable[[W], Coroutine[Any, Any, T]],
) -> T:
    """Run a coroutine in this thread's event loop, with what is kept open there under a key.

    - ``key``: says of two tasks whether they share what is open.
    - ``make``: returns an asynchronous context manager, which is entered in the event loop and left by
      :func:`release`.
    - ``work``: gets what the context manager gave.
    """
    resident = kept_object(key, lambda: _Resident(make()))
    return resident.run(work(resident.inside))


def release() -> None:
    """Close what this thread keeps, if it keeps anything."""
    held = getattr(_thread, "held", None)
    if held is not None:
        _thread.held = None
        if isinstance(held[1], _Resident):
            held[1].close()


def told_by(is_ending: Callable[[], bool]) -> None:
    """Have the tasks of this thread ask this whether they are to begin nothing more."""
    _thread.is_ending = is_ending


def is_ending() -> bool:
    """Say whether what this thread's task has not begun yet is to be left: nobody waits for it any more."""
    asked: Callable[[], bool] | None = getattr(_thread, "is_ending", None)
    return asked is not None and asked()


def interrupt_all() -> None:
    """Break off what the threads of this process work on."""
    for resident in list(_running):
        resident.interrupt()
