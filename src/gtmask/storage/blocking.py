"""A storage for code that waits: readers of exports, which are plain loops.

One thread with one event loop serves each facade, because a client lives in one loop for its life. A
local folder needs neither: its coroutines never wait for anything, so they are run on the spot.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from gtmask.errors import NotFoundError
from gtmask.loops import new_event_loop
from gtmask.storage.local import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from gtmask.storage.base import Entry, Storage

T = TypeVar("T")

#: Listed entries that cross from the event loop's thread at a time.
_BATCH = 1000


class BlockingStorage:
    """The reading verbs of a storage as ordinary methods. Thread-safe for S3.

    - ``storage``: a storage that nobody has entered: the facade enters it at the first use and leaves it in
      :meth:`close`.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.root = storage.root
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def __enter__(self) -> BlockingStorage:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def get(self, key: str, start: int = 0, stop: int | None = None, etag: str = "") -> bytes:
        """Return the bytes [start, stop) of a file, fewer where it ends before ``stop``."""
        return self._run(self.storage.get(key, start, stop, etag))

    def look(self, key: str) -> Entry:
        """Return a file's entry."""
        return self._run(self.storage.look(key))

    def size(self, key: str) -> int:
        """Return a file's size in bytes."""
        return self._run(self.storage.size(key))

    def exists(self, key: str) -> bool:
        """Say whether there is a file of this name."""
        try:
            self.size(key)
        except NotFoundError:
            return False
        return True

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Yield the entries whose keys start with ``prefix``, sorted by key as UTF-8 bytes."""
        entries = self.storage.list(prefix)

        async def batch() -> list[Entry]:
            found: list[Entry] = []
            async for entry in entries:
                found.append(entry)
                if len(found) == _BATCH:
                    break
            return found

        while found := self._run(batch()):
            yield from found

    def close(self) -> None:
        """Close connections and end the thread."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self._run(self.storage.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        self._loop = self._thread = None
        atexit.unregister(self.close)

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if isinstance(self.storage, LocalStorage):
            return _run_on_the_spot(coroutine)
        try:
            loop = self._started()
        except BaseException:
            coroutine.close()  # or Python warns of it beside our error
            raise
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                loop = new_event_loop()
                # A daemon: an interpreter that ends in haste does not wait for a reader to be closed.
                thread = threading.Thread(target=loop.run_forever, name="gtmask-storage", daemon=True)
                thread.start()
                self._loop, self._thread = loop, thread
                entering = asyncio.run_coroutine_threadsafe(self.storage.__aenter__(), loop)
                entering.result()
                # Whoever is stopped by an error does not get to close what it read from.
                atexit.register(self.close)
            return self._loop


def _run_on_the_spot(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    msg = "a local storage waited for something"
    raise RuntimeError(msg)
