"""One large array scanned by several threads, each from a guess on, which counts only if it was right.

Where an element of an array ends can be told for sure only by scanning all that stands before it. It can
be guessed, though: a closing brace, a comma and an object that begins with the key with which the array's
first one begins. Threads scan segments of the document from such guesses on, while the caller's own
scanner walks the array from its start. Where it arrives at a guess as the end of an element, both would go
on from there alike, so it takes over what the thread has found and jumps to where the thread stopped.
Where it does not arrive there, the guess was wrong (a string that looks like annotations): what the thread
found is dropped, and the caller scans on by itself.
"""

from __future__ import annotations

import re
from collections import deque
from contextlib import closing
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

import numpy as np

from gtmask.formats.jsonstream import kernels
from gtmask.formats.jsonstream.container import Batch, Container, Cursor
from gtmask.machine import cores
from gtmask.workers import thread_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from concurrent.futures import Future

    from gtmask.formats.jsonstream.document import Document

T = TypeVar("T")

#: Bytes of a segment: few enough that the results of those in flight need little memory.
SEGMENT = 1 << 25
#: More threads than this would wait for Python's lock and for memory.
MOST_THREADS = 4
#: How far behind the beginning of a segment an element's end is looked for.
_SEARCHED = 1 << 18
_WINDOW = 1 << 20
#: A thread leaves elements larger than this, and more elements than this, to the caller.
_LARGEST = 1 << 22
_MOST = 1 << 19

_FIRST_KEY = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"([^"\\]*)"')


@dataclass(slots=True)
class Segment(Generic[T]):
    """What a thread found between two offsets at which it takes elements to end."""

    start: int
    stop: int
    results: list[T]


class _LeftError(Exception):
    """A thread met something that only the caller can judge."""


class _Guess(Cursor):
    """A cursor that may stand anywhere: what looks like damage need not be any."""

    def _allocate(self, size: int) -> None:
        if size > _LARGEST:
            raise _LeftError("a smaller element")
        super()._allocate(size)

    def fail(self, expected: str) -> NoReturn:
        raise _LeftError(expected)


def mapped(
    container: Container, wanted: str, function: Callable[[Batch], T], threads: int | None = None
) -> Iterator[T]:
    """Yield ``function(batch)`` for all batches of the entries that are left of an array, in order.

    Raises DamagedExportError as in :meth:`gtmask.formats.jsonstream.Container.batches`.

    - ``container``, ``wanted``: as in :meth:`gtmask.formats.jsonstream.Container.batches`.
    - ``function``: called in several threads, with batches whose bytes are at hand; what it returns must not
      refer to them.
    - ``threads``: one per core, up to :data:`MOST_THREADS`, by default. With one, with small documents and
      with those that are not local files everything happens in the caller.
    """
    cursor = container.cursor
    threads = threads or min(cores(), MOST_THREADS)
    pattern = None
    if threads > 1 and cursor.document.is_local and cursor.document.size - cursor.offset > 2 * SEGMENT:
        pattern = _boundary(cursor.document.read(cursor.offset, cursor.offset + _SEARCHED))
    if pattern is not None:
        # The array may be a small one in a large document: threads begin where it has proved to be large.
        yield from map(function, _until(container, wanted, cursor.offset + SEGMENT))
        if container.state[kernels.PHASE] == kernels.DONE:
            return
        # Closed here and not by the garbage collector, which would swallow a Ctrl-C.
        with closing(_segments(cursor, wanted, function, pattern, threads)) as segments:
            for segment in segments:
                if segment is None:
                    continue
                yield from map(function, _until(container, wanted, segment.start))
                if container.state[kernels.PHASE] == kernels.DONE:
                    return
                if cursor.offset == segment.start:
                    yield from segment.results
                    container.jump(segment.stop)
    yield from map(function, container.batches(wanted))


def _boundary(head: bytes) -> re.Pattern[bytes] | None:
    """Return what the end of an element and the beginning of the next look like, from the first element."""
    first = _FIRST_KEY.match(head)
    if first is None:
        return None
    return re.compile(rb'\}(?=[ \t\r\n]*,[ \t\r\n]*\{[ \t\r\n]*"' + re.escape(first[1]) + rb'"[ \t\r\n]*:)')


def _segments(
    cursor: Cursor, wanted: str, function: Callable[[Batch], T], pattern: re.Pattern[bytes], threads: int
) -> Generator[Segment[T] | None, None, None]:
    """Yield the segments of what is left of the document, in order; a few are scanned ahead."""
    document = cursor.document
    stop = Event()
    pool = thread_pool(threads, "gtmask-scan")
    try:
        flying: deque[Future[Segment[T] | None]] = deque()
        for start in range(cursor.offset, document.size, SEGMENT):
            flying.append(pool.submit(_scan, document, start, wanted, function, pattern, stop))
            if len(flying) > 2 * threads:
                yield flying.popleft().result()
        while flying:
            yield flying.popleft().result()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def _scan(
    document: Document,
    start: int,
    wanted: str,
    function: Callable[[Batch], T],
    pattern: re.Pattern[bytes],
    stop: Event,
) -> Segment[T] | None:
    """Scan from the first guess in a segment to the first end of an element behind it, or to a stop."""
    match = pattern.search(document.read(start, min(start + _SEARCHED, start + SEGMENT)))
    if match is None:
        return None
    first = start + match.end()
    segment: Segment[T] = Segment(first, first, [])
    container = Container(_Guess(document, first, _WINDOW), is_object=False)
    container.jump(first)
    count = 0
    try:
        for batch in _until(container, wanted, start + SEGMENT):
            segment.results.append(function(batch))
            segment.stop = int(batch.rows[-1, 3])
            count += len(batch)
            if count > _MOST or stop.is_set():
                break
    except _LeftError:
        pass
    return segment


def _until(container: Container, wanted: str, offset: int) -> Iterator[Batch]:
    """Yield the entries up to the first that ends at or behind an offset; leave the container there."""
    if container.cursor.offset >= offset:
        return
    for batch in container.batches(wanted):
        count = int(np.searchsorted(batch.rows[:, 3], offset)) + 1
        if count <= len(batch):
            batch.rows = batch.rows[:count]
            stop = int(batch.rows[-1, 3])
            yield batch
            container.jump(stop)
            return
        yield batch
