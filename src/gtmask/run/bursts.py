"""Masks on their way to the output: locally a few are put one right after the other, in S3 each at once.

The processor then has the system's code for making files at hand for all but the first of them, which saves a
tenth of the CPU time of small images. As many records are read one after the other before they are painted,
which saves another twentieth. In S3 other records are converted while a put waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtmask.run.commit import MASKS
from gtmask.storage import is_s3

if TYPE_CHECKING:
    from gtmask.run.journal import Journal
    from gtmask.run.journal_s3 import ObjectJournal
    from gtmask.storage.base import Storage

#: Records that are read together, and masks that are put together; their bytes: fewer of large ones.
MOST = 16
MOST_BYTES = 1 << 20


class Bursts:
    """The masks of one chunk; each is noted in the chunk's ``journal`` right before it is put.

    - ``told``: positions of the records of whose masks that was told before anything was known of images.
    """

    def __init__(self, out: Storage, journal: Journal | ObjectJournal) -> None:
        self._out, self.journal = out, journal
        self.told: set[int] = set()
        self._held: list[tuple[str, bytes]] = []
        self._size = 0
        self._most = 1 if is_s3(out.root) else MOST

    async def put(self, name: str, data: bytes) -> None:
        """Put a mask, now or with those that follow."""
        self._held.append((name, data))
        self._size += len(data)
        if len(self._held) >= self._most or self._size >= MOST_BYTES:
            await self.end()

    async def end(self) -> None:
        """Put all that wait."""
        held, self._held, self._size = self._held, [], 0
        for name, data in held:
            await self.journal.note(name)
            await self._out.put(MASKS + name, data, "image/png")
