"""Event loops: which kind, how code that waits runs coroutines there, and which error of several counts."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator

T = TypeVar("T")
U = TypeVar("U")

#: Seconds of work after which whatever else is asked of the event loop gets its turn.
_BREATH = 0.02
_thread = threading.local()
#: What is to be closed before each loop of :func:`one_loop` ends.
_closing: WeakKeyDictionary[asyncio.AbstractEventLoop, list[Callable[[], Coroutine[Any, Any, None]]]] = (
    WeakKeyDictionary()
)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a uvloop event loop, or asyncio's own where uvloop is not installed."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


@contextlib.contextmanager
def one_loop() -> Iterator[None]:
    """Have all coroutines that this thread runs meanwhile by :func:`run_async` share one event loop.

    What they leave to :func:`at_end` stays open for the next of them: a client of S3 takes 40 ms to make.
    Where the thread runs a loop already, as in notebooks, each coroutine gets a thread and a loop of its own.
    """
    if _shared() is not None or _runs_one():
        yield
        return
    runner = _thread.runner = asyncio.Runner(loop_factory=new_event_loop)
    closing = _closing.setdefault(runner.get_loop(), [])
    try:
        yield
    finally:
        if _shared() is runner:  # Ctrl-C has not ended it
            for close in closing:
                runner.run(close())
            _end(runner)


def at_end(close: Callable[[], Coroutine[Any, Any, None]]) -> bool:
    """Have the running loop run a coroutine before it ends, if other coroutines follow this one there.

    Returns whether it will; otherwise the loop ends with what runs now.
    """
    waiting = _closing.get(asyncio.get_running_loop())
    if waiting is None:
        return False
    waiting.append(close)
    return True


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a fresh event loop, or on the one that :func:`one_loop` has begun.

    A thread runs one event loop at most. Notebooks run theirs in the thread that calls us: the coroutine
    then gets a thread of its own.
    """
    if not _runs_one():
        return _run(work)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_run, work).result()


def _run(work: Coroutine[Any, Any, T]) -> T:
    shared = _shared()
    runner = shared or asyncio.Runner(loop_factory=new_event_loop)
    ended = shared is None
    try:
        return runner.run(work)
    except KeyboardInterrupt:
        ended = True
        raise
    finally:
        if ended:
            _end(runner)
        # Ctrl-C may come before the coroutine began: nobody is to be told of such remains.
        with contextlib.suppress(RuntimeError):
            work.close()


def _runs_one() -> bool:
    """Say whether this thread runs an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _shared() -> asyncio.Runner | None:
    """Return this thread's runner of :func:`one_loop`, if there is one."""
    return getattr(_thread, "runner", None)


def _end(runner: asyncio.Runner) -> None:
    """Close a loop, also one that Ctrl-C has left: it may call itself running and refuse to be closed."""
    if _shared() is runner:
        _thread.runner = None
    with contextlib.suppress(RuntimeError):
        runner.close()


async def in_bursts(
    begin: Callable[[U], Coroutine[Any, Any, T]],
    end: Callable[[U, T], Coroutine[Any, Any, None]],
    items: Iterable[U],
    most: int,
    is_heavy: Callable[[T], bool],
) -> None:
    """Do work in two steps that wait for nothing: a task for each item would cost more than it could bring.

    So many items at most are begun, then they are ended; what holds much memory when it is begun is ended
    before anything else is begun. The error that is raised is that of the first item that has one, and what
    comes before it is done. The event loop gets its turn now and then: there Ctrl-C is heard, and whatever
    else is asked of it.
    """
    begun: list[tuple[U, T]] = []
    breath = perf_counter() + _BREATH

    async def listen() -> None:
        nonlocal breath
        if perf_counter() > breath:
            await asyncio.sleep(0)
            breath = perf_counter() + _BREATH

    async def end_all() -> None:
        for item, one in begun:
            await end(item, one)
            await listen()
        begun.clear()

    for item in items:
        try:
            begun.append((item, await begin(item)))
        except Exception:
            await end_all()
            raise
        if len(begun) == most or is_heavy(begun[-1][1]):
            await end_all()
        await listen()
    await end_all()


async def side_by_side(
    work: Callable[[U], Coroutine[Any, Any, T]], items: Iterable[U], at_once: int
) -> list[T]:
    """Do some work on each item, on so many at a time; return what each gave, in order.

    After an error nothing more is begun, and what is in flight is waited for: a put that is broken off may
    still arrive, when whoever has taken the run over reckons with it no longer. Raises Exception: the first
    that any of the work raised.
    """
    left = iter(enumerate(items))
    found: dict[int, T] = {}
    errors: list[Exception] = []

    async def go_on(position: int, item: U) -> None:
        """Do the work on an item, then on others that nobody has begun: a task for each would cost more."""
        breath = perf_counter() + _BREATH
        try:
            while not errors:
                found[position] = await work(item)
                if perf_counter() > breath:  # of what never waits the loop would hear nothing
                    await asyncio.sleep(0)
                    breath = perf_counter() + _BREATH
                if (following := next(left, None)) is None:
                    return
                position, item = following
        except Exception as error:
            errors.append(error)

    first = list(islice(left, at_once))
    async with asyncio.TaskGroup() as group:
        for begun in first:
            group.create_task(go_on(*begun))
    if errors:
        raise errors[0]
    return [found[position] for position in range(len(found))]


def first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first of the errors that ended a task group: all its tasks mostly fail for one reason."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
