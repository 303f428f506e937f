"""Event loops: which kind, how code that waits runs a coroutine there, and which error of a group counts."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a uvloop event loop, or asyncio's own where uvloop is not installed."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a fresh event loop.

    A thread runs one event loop at most. Notebooks run theirs in the thread that calls us: the coroutine
    then gets a thread of its own.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run(work)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_run, work).result()


def _run(work: Coroutine[Any, Any, T]) -> T:
    runner = asyncio.Runner(loop_factory=new_event_loop)
    try:
        return runner.run(work)
    finally:
        # Ctrl-C may come anywhere: before the coroutine began, and where it leaves a loop that calls itself
        # running and refuses to be closed. Nobody is to be told of such remains.
        with contextlib.suppress(RuntimeError):
            runner.close()
        with contextlib.suppress(RuntimeError):
            work.close()


def first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first of the errors that ended a task group: all its tasks mostly fail for one reason."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
