"""Heads of images, local ones read before they are needed where that takes long: cold disks, file servers.

A worker converts one record after the other, and would wait for each image. Where the last heads took long,
threads read those of the next records meanwhile; from memory a head is read faster than a thread is asked.
What could not be read is read again by whoever needs it, so that errors are told as ever.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from gtmask.errors import GtmaskError
from gtmask.images.probe import GLANCE, ImageInfo, probe
from gtmask.storage.local import LocalStorage
from gtmask.workers import thread_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Executor, Future

    from gtmask.images.known_heads import KnownHeads, Seen
    from gtmask.run.probe_snapshot import Snapshot
    from gtmask.storage.base import S3Settings, Storage

    #: What :func:`gtmask.images.probe.probe` looks at first, or what is known already.
    Head = tuple[bytes, str] | ImageInfo | None

#: Heads that are read ahead, and threads that do it: a disk or a server then has several requests to order.
AHEAD = 16
THREADS = 8
#: Seconds from which on reading a head takes long: from memory it takes a fiftieth.
LONG = 0.0005
#: How much the last head counts in the mean of those before it.
SHARE = 1 / 8


class Heads:
    """Reads the heads of images where they are wanted, unless they are known; close it in the end."""

    def __init__(self, images: Storage, known: KnownHeads | None = None) -> None:
        self._storage, self._known = images, known

    async def probe(self, key: str) -> ImageInfo:
        """Return what an image's header says; raises as :func:`gtmask.images.probe.probe`."""
        info = await self._look(key)
        if self._known is not None:
            self._known.note(key, info)
        return info

    def with_heads(self, positions: Sequence[int], _key: Callable[[int], str | None]) -> Iterable[int]:
        """Return positions in their order; requests wait for one another without our help."""
        return positions

    def close(self) -> None:
        """Hold nothing."""

    def take(self) -> Seen | None:
        """Return what was seen of heads since this was called last, None where nobody keeps it."""
        return None if self._known is None else self._known.take()

    async def _look(self, key: str) -> ImageInfo:
        return self._find(key) or await probe(self._storage, key)

    def _find(self, key: str) -> ImageInfo | None:
        return None if self._known is None else self._known.find(key)


async def heads_of(images: Storage, snapshot: Snapshot | None, s3: S3Settings) -> Heads:
    """Return what reads the heads of images, as it suits the place where they are.

    - ``snapshot``: where it is found what is known of them, None where nobody keeps it.
    """
    known = None
    if snapshot is not None:
        from gtmask.run.probe_snapshot import open_known  # noqa: PLC0415 - few runs keep what is known

        known = await open_known(snapshot, images.root, s3)
    return HeadsAhead(images, known) if isinstance(images, LocalStorage) else Heads(images, known)


class HeadsAhead(Heads):
    """Reads the heads of images in a local folder."""

    def __init__(self, images: LocalStorage, known: KnownHeads | None = None) -> None:
        super().__init__(images, known)
        self._images = images
        self._threads: Executor | None = None
        self._reading: dict[str, Future[tuple[Head, float]]] = {}
        #: What reading a head has taken lately.
        self._mean = 0.0

    def with_heads(self, positions: Sequence[int], key: Callable[[int], str | None]) -> Iterator[int]:
        """Yield positions in their order; where it pays, the heads for those that follow are on their way.

        - ``key``: returns the key of the image that is most likely wanted at a position.
        """
        asked = 0
        try:
            for number, position in enumerate(positions):
                if self._mean > LONG:
                    for later in positions[max(asked, number) : number + AHEAD]:
                        self._ask(key(later))
                    asked = number + AHEAD
                yield position
        finally:
            self._forget()

    async def _look(self, key: str) -> ImageInfo:
        waiting = self._reading.pop(key, None)
        head, seconds = self._read(key) if waiting is None else waiting.result()
        self._mean += (seconds - self._mean) * SHARE
        return head if isinstance(head, ImageInfo) else await probe(self._images, key, head)

    def close(self) -> None:
        """End the threads, after what they read now."""
        self._forget()
        if self._threads is not None:
            self._threads.shutdown()

    def _ask(self, key: str | None) -> None:
        if key is None or key in self._reading:
            return
        if self._threads is None:
            self._threads = thread_pool(THREADS, "gtmask-heads")
        self._reading[key] = self._threads.submit(self._read, key)

    def _read(self, key: str) -> tuple[Head, float]:
        """Return what is wanted of an image, None where that cannot be read, and the seconds that it took."""
        start = perf_counter()
        head: Head
        try:
            head = self._find(key) or self._images.fetch(key, 0, GLANCE)
        except GtmaskError:
            head = None
        return head, perf_counter() - start

    def _forget(self) -> None:
        """Leave what nobody has taken: another record may need it as it is then."""
        for waiting in self._reading.values():
            waiting.cancel()
        self._reading.clear()
