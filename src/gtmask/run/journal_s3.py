"""Journals of chunks in flight in S3, where nothing is appended, and how replaced runs are waited for.

Before a mask is put the journal is there with its key, and then it was looked whether the output is still
this run's: in this order, so that a plan which was still ours is frozen anew only after the journal could be
seen. Once a chunk's journal is there, it is enough to look every few seconds. Keys are announced before
anything is known of their images: masks wait neither for the journal nor for the look, which are on their way
while images are read. A key that is announced and whose mask is never put does no harm: nothing is found
under it.

So a start that has lost its run stops soon, and says in its journal that it has. Who starts anew freezes its
own plan first, then waits until each journal of another run says so or has not changed for a while, which is
what the journals of killed starts look like; then the masks that stand in them go. A put that is on its way
for longer than that may still arrive: nothing in S3 could stop it.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

from gtmask.manifest.unfinished import PARTS
from gtmask.run.journal import BEGUN, read_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from types import TracebackType

    from gtmask.storage.base import Storage

#: Seconds after which a journal that does not change is that of a start which was killed.
QUIET = 15.0
#: Seconds for which a run that was still ours passes for ours: far less than that.
_TRUSTED = 2.0
#: Seconds after which it is looked again, while that still holds.
_FRESH = 1.0
_LOOK_AGAIN = 0.5
#: The last line of a journal whose writer has stopped; no key is like it.
ENDED = "."


def own_journals(run: str) -> str:
    """Return what the names of a run's journals end in."""
    return f"-{run}{BEGUN}"


class ObjectJournal:
    """The journal of one chunk, for ``async with``: it stays where an error ends it after a mask.

    ``refuse_lost`` raises where the output is no longer that of the run with the identity ``run``.
    """

    def __init__(
        self, out: Storage, chunk: int, run: str, refuse_lost: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        self._out = out
        self._key = f"{PARTS}{chunk:06d}{own_journals(run)}"
        self._refuse_lost = refuse_lost
        #: What a killed start of this run had begun, known until the chunk is done; None: not read.
        self._earlier: list[str] | None = None
        #: All other keys, each with its place; so many of them are in the journal.
        self._keys: dict[str, int] = {}
        self._written = 0
        #: Keys of masks that may have been put.
        self._begun: list[str] = []
        #: When the last look began that found the run ours.
        self._looked = -math.inf
        self._writing = asyncio.Lock()
        self._beside: asyncio.Task[None] | None = None

    async def __aenter__(self) -> ObjectJournal:
        return self

    def announce(self, keys: Iterable[str]) -> None:
        """Say which masks will probably be put, so that their keys are in the journal by then."""
        for key in keys:
            self._keys.setdefault(key, len(self._keys) + 1)
        if self._written < len(self._keys):
            self._keep_beside()

    async def note(self, key: str) -> None:
        """Return once a mask may be put; what comes while the journal is being written is written together.

        Raises RunConflictError where another start has taken the run over.
        """
        if self._beside is not None and self._beside.done():
            self._beside.result()
        place = self._keys.setdefault(key, len(self._keys) + 1)
        age = _now() - self._looked
        if self._written < place or age >= _TRUSTED:
            await self._keep(place)
        elif age >= _FRESH:
            self._keep_beside()
        self._begun.append(key)

    def _keep_beside(self) -> None:
        """Write what is not written yet and look, while others go on; an error waits for the next note."""
        if self._beside is None or (self._beside.done() and not self._beside.exception()):
            self._beside = asyncio.create_task(self._keep(len(self._keys)))

    async def _keep(self, place: int) -> None:
        """Return once so many keys are in the journal, and it was looked a moment ago or since this began."""
        asked = _now()
        async with self._writing:
            if self._written < place:
                await self._write_all()
            if self._looked < asked and _now() - self._looked >= _FRESH:
                await self._look()

    async def _write_all(self) -> None:
        if self._earlier is None:
            self._earlier = [line for line in await read_keys(self._out, self._key) if line != ENDED]
        count = len(self._keys)  # others may note theirs meanwhile
        await self._write([*self._earlier, *self._keys])
        self._written = count

    async def _look(self) -> None:
        begun = _now()
        if self._looked > -math.inf:
            # Another machine at work on the same chunk of this run may have committed it, or stopped.
            there = await read_keys(self._out, self._key)
            if ENDED in there or len(self._keys.keys() & set(there)) < self._written:
                await self._write_all()
        await self._refuse_lost()
        self._looked = begun

    async def _write(self, keys: Iterable[str]) -> None:
        text = "".join(f"{key}\n" for key in keys)
        await self._out.put(self._key, text.encode("utf-8", "surrogateescape"))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._beside is not None:
            # What it is about to write would come back after a removal.
            await asyncio.wait({self._beside})
            if not self._beside.cancelled():
                self._beside.exception()
        begun = [*(self._earlier or ()), *self._begun]
        if kind is None or (self._earlier is not None and not begun):
            # All is committed, or no mask was put: nobody else would take such a journal away.
            await self._out.delete(self._key)
        elif begun and not issubclass(kind, asyncio.CancelledError):
            # Every put of this chunk is over, but for those that were broken off.
            await self._write([*begun, ENDED])


def _now() -> float:
    return asyncio.get_running_loop().time()


async def take_away_others(out: Storage, run: str) -> list[str]:
    """Wait for the starts of other runs to stop, take their journals away and return the keys in them.

    Call it once the plan of the run with the identity ``run`` is frozen.
    """
    seen: dict[str, str] = {}
    keys: list[str] = []
    since = _now()
    while True:
        now = {
            entry.key: entry.etag
            async for entry in out.list(PARTS)
            if entry.key.endswith(BEGUN) and not entry.key.endswith(own_journals(run))
        }
        if not now:
            return keys
        if now != seen:
            seen, since = dict(now), _now()
        is_quiet = _now() - since >= QUIET
        for key in now:
            lines = await read_keys(out, key)
            if is_quiet or lines[-1:] == [ENDED]:
                keys += [line for line in lines if line != ENDED]
                await out.delete(key)
                del seen[key]
        if seen:
            await asyncio.sleep(_LOOK_AGAIN)
