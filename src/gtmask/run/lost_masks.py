"""Which files of earlier starts are still what they made: there, and masks of the size that was committed.

One listing tells it, in 16 bytes for each mask; their bytes are not read. A run goes on by its commit records
alone; before its manifest is written, it is looked whether all masks are there that another start made.
"""

from __future__ import annotations

from array import array
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

import numpy as np

from gtmask.errors import GtmaskError
from gtmask.manifest.unfinished import STATE
from gtmask.run.commit import MASKS, commit_key, unpack_counts
from gtmask.run.dropped import mask_key_of, remove_all
from gtmask.run.states import CONTINUED, UNKNOWN
from gtmask.storage import is_s3

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from gtmask.run.plan import Plan
    from gtmask.storage.base import Storage

_UPDATE = "run the same `gtmask convert` with --update, and without --shard, to make them again"


def folds_case(out: Storage) -> bool:
    """Say whether names that differ in case alone are one file in an output, which has a state by now."""
    return not is_s3(out.root) and Path(out.root, STATE.upper()).exists()


def _advice(out: Storage, usual: str) -> str:
    """Return how what is lost is made again."""
    if folds_case(out):
        return (
            f"{usual}; where names differ in case alone, which are one file here, take a folder of another "
            "file system, or an s3:// prefix"
        )
    return usual


def _hash(key: str, *, composed: bool) -> int:
    return hash(normalize("NFC", key) if composed else key)


class FileSizes:
    """The sizes of the files of an output, by the hashes of their keys.

    - ``hashes``, ``sizes``: int64 (n,) of all files, in any order; sizes in bytes.
    - ``prefix``: what their keys begin with, and those that are asked for do not.
    - ``composed``: hashes are of keys in Unicode's normal form C, as file systems may list them in another.
    """

    def __init__(
        self, hashes: NDArray[np.int64], sizes: NDArray[np.int64], prefix: str, *, composed: bool
    ) -> None:
        order = hashes.argsort(kind="stable")
        self._hashes, self._sizes = hashes[order], sizes[order]
        self._prefix, self._composed = prefix, composed

    @classmethod
    async def listed(cls, out: Storage, prefix: str = MASKS) -> FileSizes:
        """List the masks of an output, or other files."""
        hashes, sizes, composed = array("q"), array("q"), folds_case(out)
        async for entry in out.list(prefix):
            hashes.append(_hash(entry.key, composed=composed))
            sizes.append(entry.size)
        return cls(np.array(hashes, np.int64), np.array(sizes, np.int64), prefix, composed=composed)

    def of(self, keys: Iterable[str | None]) -> NDArray[np.int64]:
        """Return the sizes of files by their keys below the prefix; -1 for those that are not there."""
        found = (_hash(f"{self._prefix}{key}", composed=self._composed) for key in keys)
        wanted = np.fromiter(found, np.int64)
        if not len(self._hashes):
            return np.full(len(wanted), -1, np.int64)
        at = self._hashes.searchsorted(wanted).clip(max=len(self._hashes) - 1)
        return np.where(self._hashes[at] == wanted, self._sizes[at], -1)


class _Chunk:
    """The masks of a chunk, record by record: of several lines of a record the first one has its state.

    - ``states``, ``keys``: of all lines; the states are uint64 (n, 2).
    - ``first``: int64, the numbers of the records' first lines.
    - ``lost``: bool, of each record, whether its masks are not all there, or not as large as they were.
    """

    def __init__(self, plan: Plan, record: dict[str, Any], lines: list[bytes], sizes: FileSizes) -> None:
        self.states = np.frombuffer(b64decode(record["states"]), np.uint64).reshape(-1, 2).copy()
        self.keys = [mask_key_of(line, plan) for line in lines]
        self.first = np.flatnonzero((self.states != np.frombuffer(CONTINUED, np.uint64)).any(axis=1))
        made = np.array([counts.get("mask_bytes", 0) for counts in unpack_counts(record["counts"])], np.int64)
        here = sizes.of(self.keys)
        self.lost = self.each(np.minimum, here) < 0
        self.lost |= self.each(np.add, here) != made[self.first]

    def each(self, join: np.ufunc, values: NDArray[Any]) -> NDArray[Any]:
        """Join the values of each record's lines."""
        joined: NDArray[Any] = join.reduceat(values, self.first) if len(self.first) else values[:0]
        return joined


def still_there(
    plan: Plan,
    record: dict[str, Any],
    lines: list[bytes],
    sizes: FileSizes,
    replaced: AbstractSet[str | None],
) -> tuple[bytes, int]:
    """Return the states of a chunk's lines, unknown ones for masks that count no more, and how many are lost.

    - ``record``, ``lines``: the chunk's commit record and its manifest lines.
    - ``replaced``: keys of masks that another run has replaced since: these count no more, and are not lost.
    """
    chunk = _Chunk(plan, record, lines, sizes)
    others = chunk.each(np.logical_or, np.array([key in replaced for key in chunk.keys], bool))
    known = chunk.states[chunk.first].any(axis=1)
    chunk.states[chunk.first[chunk.lost | others]] = np.frombuffer(UNKNOWN, np.uint64)
    return chunk.states.tobytes(), int((chunk.lost & ~others & known).sum())


class LostMasks:
    """Whose masks are lost of a run that is about to get its manifest: all of its chunks are shown to it."""

    def __init__(self, out: Storage, plan: Plan, sizes: FileSizes) -> None:
        self._out, self._plan, self._sizes = out, plan, sizes
        self._count = 0
        self._example: str | None = None

    def look(self, record: dict[str, Any], lines: bytes) -> None:
        """Look for the masks of a chunk with this commit record and these lines."""
        chunk = _Chunk(self._plan, record, lines.splitlines(), self._sizes)
        gone = chunk.first[chunk.lost]
        self._count += len(gone)
        if self._example is None and len(gone):
            self._example = chunk.keys[gone[0]]

    def refuse(self) -> None:
        """Raise GtmaskError where a mask is lost."""
        if self._count:
            example = self._out.uri(f"{MASKS}{self._example}")
            raise GtmaskError(
                f"Of the masks of this run, {self._count:,} can no longer be found, or have another size "
                f"than they had, such as {example}: {_advice(self._out, _UPDATE)}."
            )


class LostFiles:
    """Files that chunks have made and that are gone, where nothing but being done again is to be done.

    - ``prefix``: what the files' keys begin with.
    """

    def __init__(self, out: Storage, sizes: FileSizes, prefix: str) -> None:
        self._out, self._sizes, self._prefix = out, sizes, prefix
        self._count = 0
        self._example = ""
        self._chunks: list[int] = []

    def look(self, chunk: int, keys: list[str]) -> None:
        """Look for the files of a chunk, by their keys below the prefix."""
        gone = np.flatnonzero(self._sizes.of(keys) < 0)
        if len(gone):
            self._example = self._example or keys[gone[0]]
            self._count += len(gone)
            self._chunks.append(chunk)

    async def refuse(self, *also: str) -> None:
        """Take back the chunks that have lost a file; raises GtmaskError where one has.

        - ``also``: keys of files that are removed with their commit records.
        """
        if self._count:
            await remove_all(self._out, [*map(commit_key, self._chunks), *also])
            example = self._out.uri(self._prefix + self._example)
            raise GtmaskError(
                f"Of the files that earlier starts made, {self._count:,} can no longer be found, such as "
                f"{example}: {_advice(self._out, 'run the same command again to make them again')}."
            )
