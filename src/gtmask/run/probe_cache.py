"""``--probe-cache FILE``: what the heads of images said in earlier runs is known again, where it still holds.

Nothing in the file is believed by itself. Of objects in S3 those rows are known whose size and ETag a listing
of this start shows; files are looked at by whoever wants their heads (:mod:`gtmask.images.known_heads`). What
is known lies in a file for the time of the run, which workers map into memory: no record has to be read where
the run is led to tell whose image it has. What workers learn comes back with their chunks, and is written at
the end, also of a start that is stopped.

Memory, where the run is led alone: 51 bytes for each row of the file that is of these images; in S3 8 bytes
and an ETag for each that holds, until workers have it, and 40 bytes for each other object; 51 bytes for each
head that was read. Measured for a million images in S3, all known: 120 MB, and 150 MB
while they are given to workers.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from gtmask.errors import CredentialsError, GtmaskError, NotFoundError, StorageError
from gtmask.images.head_file import READER, is_own, parse
from gtmask.images.known_heads import Heads, halves, hashed, joined
from gtmask.loops import run_async
from gtmask.progress import notice
from gtmask.run.probe_file import add_heads
from gtmask.run.probe_snapshot import Snapshot, in_output, on_this_machine
from gtmask.storage import is_s3, open_storage, split_location
from gtmask.storage.outputs import refuse_foreign
from gtmask.storage.s3_prefix import endpoint_of
from gtmask.storage.walk import walk_keys

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator

    from numpy.typing import NDArray

    from gtmask.images.known_heads import Seen
    from gtmask.storage.base import Entry, S3Settings

#: Objects of a listing that are looked up together.
_BATCH = 1 << 16
#: Objects that one request lists: no more requests than there are heads are worth it.
_PAGE = 1000
#: Longer ETags than these are none of S3's.
_LONGEST_ETAG = 128
#: Seconds for one attempt at writing where the start was stopped.
_HASTE = 60.0


@dataclass(slots=True)
class ProbeCache:
    """Keeps what heads say.

    - ``location``: path or ``s3://`` URI of the file.
    - ``s3``: how to reach S3.
    """

    location: str
    s3: S3Settings
    #: How many heads were known, and how many were read.
    known: int = 0
    read: int = 0
    _root: str = ""
    _is_listed: bool = False
    _is_all_listed: bool = False
    _heads: Heads = field(default_factory=Heads)
    #: Which of the rows are those of images that are there.
    _stays: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    #: In S3: the places of rows that hold, and their ETags; of other objects hash, size and hash of the ETag.
    _places: list[NDArray[np.int64]] = field(default_factory=list)
    _etags: list[NDArray[np.bytes_]] = field(default_factory=list)
    _others: list[NDArray[np.uint64]] = field(default_factory=list)
    _learned: list[Heads] = field(default_factory=list)
    _is_damaged: bool = False

    def refuse_foreign(self) -> None:
        """Refuse a file that is no probe cache; raises UsageError where there is such a file."""
        refuse_foreign(self.location, "--probe-cache", self.s3, is_own, overwrite=False, remedy="remove it")

    @contextlib.contextmanager
    def serving(self, images: str, out: str, records: int, *, shared: bool, keep: bool) -> Iterator[Snapshot]:
        """Give workers what is known; write what they have learned when they are done.

        - ``images``, ``out``: where the images are, and the output.
        - ``records``: how many are to be converted.
        - ``shared``: workers are on other machines, which see the output.
        - ``keep``: something may be written.
        """
        if shared and not keep:
            self._tell("is not used by a dry run on a cluster")
            yield Snapshot()
            return
        if is_s3(images):
            self._list(images, records)
        else:
            self._load(images)
        stopped = True
        try:
            with contextlib.ExitStack() as until:
                yield self._given_out(until, out, shared=shared)
            stopped = False
        finally:
            if keep:
                self._save(replace(self.s3, attempts=1, timeout=_HASTE) if stopped else self.s3, images)

    def hear(self, seen: Seen) -> None:
        """Take what a worker tells of heads."""
        self.known += seen.known
        self.read += seen.read
        if len(seen.learned):
            self._learned.append(seen.learned)

    def passing(self, images: str, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Yield the entries of a listing of all images, and note which rows hold."""
        self._load(images)
        rest = iter(entries)
        while batch := list(islice(rest, _BATCH)):
            self._compare(batch)
            yield from batch
        self._is_listed = self._is_all_listed = True

    def _load(self, images: str) -> None:
        """Read the rows of the images' root, once."""
        if self._root:
            return
        endpoint = endpoint_of(self.s3) if is_s3(images) else None
        root = f"{images} at {endpoint}" if endpoint else images
        self._root = root.encode("utf-8", "backslashreplace").decode()
        try:
            blocks = parse(run_async(self._bytes()))
            found = next((one for one in blocks if one.root == self._root), None)
            if found is not None and found.reader != READER:
                self._tell(f"has heads of these images as {found.reader} read them; they are read anew")
            elif found is not None:
                self._heads = found.heads()
        except NotFoundError:
            pass
        except ValueError as error:
            self._is_damaged = True
            self._tell(f"{error} and is made anew")
        except CredentialsError:
            raise
        except GtmaskError as error:
            self._tell(f"is not used: {error}")
        self._stays = np.zeros(len(self._heads), bool)

    async def _bytes(self) -> bytes:
        folder, name = split_location(self.location)
        async with open_storage(folder, self.s3) as storage:
            return await storage.get(name)

    def _tell(self, what: str) -> None:
        notice(f"--probe-cache {self.location} {what.rstrip('.')}.")

    def _list(self, images: str, records: int) -> None:
        """See in a listing which rows hold, unless one was made already."""
        if self._is_listed:
            return
        self._load(images)
        self._is_listed = True
        most = _PAGE * max(records, 1)
        try:
            self._is_all_listed = run_async(self._compare_first(images, most))
        except CredentialsError:
            raise
        except GtmaskError as error:
            self._is_all_listed = False
            self._tell(f"helps little, as the images cannot be listed: {error}")

    async def _compare_first(self, images: str, most: int) -> bool:
        """Note which rows hold of so many objects at most; say whether there are no more."""
        batch: list[Entry] = []
        async with (
            open_storage(images, self.s3) as storage,
            contextlib.aclosing(cast("AsyncGenerator[Entry]", storage.list())) as entries,
        ):
            async for entry in entries:
                batch.append(entry)
                most -= 1
                if len(batch) == _BATCH or most < 0:
                    self._compare(batch)
                    batch = []
                if most < 0:
                    return False
        self._compare(batch)
        return True

    def _compare(self, listed: list[Entry]) -> None:
        entries = [one for one in listed if one.etag and len(one.etag) <= _LONGEST_ETAG]
        keys, tags = (halves(map(hashed, texts)) for texts in
                      ([one.key for one in entries], [one.etag for one in entries]))  # fmt: skip
        sizes = np.array([one.size for one in entries], np.uint64)
        at = self._heads.at(keys[:, 0], keys[:, 1])
        rows = self._heads.rows[at] if len(self._heads) else np.zeros(len(at), self._heads.rows.dtype)
        holds = (at >= 0) & (rows["size"] == sizes)
        holds &= (rows["tag"] == tags[:, 0]) & (rows["tag_low"] == tags[:, 1])
        self._stays[at[holds]] = True
        self._places.append(at[holds])
        self._etags.append(np.array([one.etag.encode() for one in entries], np.bytes_)[holds])
        self._others.append(np.column_stack([keys, sizes, tags])[~holds])

    def _given_out(self, until: contextlib.ExitStack, out: str, *, shared: bool) -> Snapshot:
        """Let workers find those rows that may hold, until they are done."""
        heads, width = self._heads, max([etags.itemsize for etags in self._etags], default=0)
        count = sum(map(len, self._places)) if self._is_listed else len(heads)
        if not count:
            return Snapshot()
        known = Snapshot("", count, width, tuple(heads.kinds))
        parts = self._held() if self._is_listed else iter((heads.high, heads.rows))
        try:
            return until.enter_context(
                in_output(known, parts, out, self.s3) if shared else on_this_machine(known, parts)
            )
        except (OSError, StorageError) as error:
            self._tell(f"is not used, as workers cannot be given what is known ({error})")
            return Snapshot()

    def _held(self) -> Iterator[NDArray[Any]]:
        """Yield the columns of rows that a listing has shown to hold, and forget them here."""
        places, etags = np.concatenate(self._places), np.concatenate(self._etags)
        self._places, self._etags = [], []
        order = places.argsort()
        pieces = [order[start : start + _BATCH] for start in range(0, len(order), _BATCH)]
        for piece in pieces:
            yield self._heads.high[places[piece]]
        for piece in pieces:
            yield self._heads.rows[places[piece]]
        for piece in pieces:
            yield etags[piece]

    def _save(self, s3: S3Settings, images: str) -> None:
        """Add what was learned to the file, and leave out rows of images that are gone."""
        learned = self._sized(joined(self._learned))
        if not is_s3(images) and len(learned) and self.known < len(self._heads):
            self._walk(images)
        gone = self._heads.some(~self._stays) if self._is_all_listed else Heads()
        if not (len(learned) or len(gone) or self._is_damaged):
            return
        try:
            if not run_async(add_heads(self.location, s3, self._root, learned, gone)):
                self._tell("is being written by many others: what this start has learned is not in it")
        except GtmaskError as error:
            self._tell(f"is left as it was: {error}")

    def _sized(self, learned: Heads) -> Heads:
        """Return what was learned of objects that are as the listing shows them, with their sizes."""
        if not self._is_listed:
            return learned
        others = np.concatenate([np.zeros((0, 5), np.uint64), *self._others])
        others = others[others[:, 0].argsort()]
        at = others[:, 0].searchsorted(learned.high)
        at[at == len(others)] = 0
        if not len(others):
            return Heads()
        found, rows = others[at], learned.rows
        same = (found[:, 0] == learned.high) & (found[:, 1] == rows["low"])
        same &= (found[:, 3] == rows["tag"]) & (found[:, 4] == rows["tag_low"])
        sized = learned.some(same)
        sized.rows["size"] = found[same, 2]
        return sized

    def _walk(self, images: str) -> None:
        """See which files are there, by their names alone."""
        keys = walk_keys(images)
        with contextlib.suppress(OSError):
            while batch := list(islice(keys, _BATCH)):
                pairs = halves(map(hashed, batch))
                at = self._heads.at(pairs[:, 0], pairs[:, 1])
                self._stays[at[at >= 0]] = True
            self._is_all_listed = True
