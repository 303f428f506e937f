"""Journals of chunks in flight in S3, where nothing is appended, and how replaced runs are waited for.

Before a batch of masks is put the journal is written anew with their keys, and then it is looked whether the
output is still this run's: in this order, so that a plan which was still ours is frozen anew only after the
journal could be seen. Once a chunk's journal is there, it is enough to look every few seconds. So a start
that has lost its run stops soon, and says in its journal that it has. Who starts anew freezes its own plan
first, then waits until each journal of another run says so or has not changed for a while, which is what the
journals of killed starts look like; then the masks that stand in them go. A put that is on its way for
longer than that may still arrive: nothing in S3 could stop it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gtmask.errors import NotFoundError
from gtmask.manifest.unfinished import PARTS
from gtmask.run.journal import BEGUN

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType
    from typing import Any

    from gtmask.storage.base import Storage

#: Seconds after which a journal that does not change is that of a start which was killed.
QUIET = 15.0
#: Seconds for which a run that was still ours passes for ours: far less than that.
_TRUSTED = 2.0
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
        self._keys: list[str] = []
        self._written = 0
        self._trusted_until = 0.0
        self._writing = asyncio.Lock()

    async def __aenter__(self) -> ObjectJournal:
        # What a killed start of this run had begun stays known until the chunk is done.
        self._keys = [line for line in await _lines(self._out, self._key) if line != ENDED]
        self._written = len(self._keys)
        return self

    async def note(self, key: str) -> None:
        """Note a mask's key; what comes while the journal is being written is written together.

        Raises
        ------
        RunConflictError
            Another start has taken the run over.
        """
        self._keys.append(key)
        place = len(self._keys)
        while self._written < place:
            async with self._writing:
                if self._written < place:
                    count = len(self._keys)  # others may note theirs meanwhile
                    await self._write(self._keys)
                    now = asyncio.get_running_loop().time()
                    if now >= self._trusted_until:
                        await self._refuse_lost()
                        self._trusted_until = now + _TRUSTED
                    self._written = count

    async def _write(self, keys: list[str]) -> None:
        text = "".join(f"{key}\n" for key in keys)
        await self._out.put(self._key, text.encode("utf-8", "surrogateescape"))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or (self._keys and not self._written):
            # All is committed, or no mask was put: nobody else would take such a journal away.
            await self._out.delete(self._key)
        elif self._written and not issubclass(kind, asyncio.CancelledError):
            # Every put of this chunk is over, but for those that were broken off.
            await self._write([*self._keys, ENDED])


async def take_away_others(out: Storage, run: str) -> list[str]:
    """Wait for the starts of other runs to stop, take their journals away and return the keys in them.

    Call it once the plan of the run with the identity ``run`` is frozen.
    """
    seen: dict[str, str] = {}
    keys: list[str] = []
    since = asyncio.get_running_loop().time()
    while True:
        now = {
            entry.key: entry.etag
            async for entry in out.list(PARTS)
            if entry.key.endswith(BEGUN) and not entry.key.endswith(own_journals(run))
        }
        if not now:
            return keys
        if now != seen:
            seen, since = dict(now), asyncio.get_running_loop().time()
        is_quiet = asyncio.get_running_loop().time() - since >= QUIET
        for key in now:
            lines = await _lines(out, key)
            if is_quiet or lines[-1:] == [ENDED]:
                keys += [line for line in lines if line != ENDED]
                await out.delete(key)
                del seen[key]
        if seen:
            await asyncio.sleep(_LOOK_AGAIN)


async def _lines(out: Storage, journal: str) -> list[str]:
    """Return the lines of a journal, none where its chunk has just been committed."""
    try:
        return (await out.get(journal)).decode("utf-8", "surrogateescape").split("\n")[:-1]
    except NotFoundError:
        return []
