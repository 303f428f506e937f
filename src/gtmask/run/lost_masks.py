"""Which masks of an earlier run are still what it made: there, and of the size that its commit records tell.

One listing tells it, in 16 bytes for each mask; their bytes are not read. A run goes on by its commit records
alone; where nothing is left to be done, it is looked whether all of its masks are there.
"""

from __future__ import annotations

from array import array
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.errors import GtmaskError
from gtmask.run.commit import MASKS, each_part, unpack_counts
from gtmask.run.dropped import mask_key_of
from gtmask.run.states import CONTINUED, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from gtmask.run.plan import Plan
    from gtmask.storage.base import Storage


class MaskSizes:
    """The sizes of the masks of an output, by the hashes of their keys.

    - ``hashes``, ``sizes``: int64 (n,) of all masks, in any order; sizes in bytes.
    """

    def __init__(self, hashes: NDArray[np.int64], sizes: NDArray[np.int64]) -> None:
        order = hashes.argsort(kind="stable")
        self._hashes, self._sizes = hashes[order], sizes[order]

    @classmethod
    async def listed(cls, out: Storage) -> MaskSizes:
        """List the masks of an output."""
        hashes, sizes = array("q"), array("q")
        async for entry in out.list(MASKS):
            hashes.append(hash(entry.key))
            sizes.append(entry.size)
        return cls(np.array(hashes, np.int64), np.array(sizes, np.int64))

    def of(self, keys: Iterable[str | None]) -> NDArray[np.int64]:
        """Return the sizes of masks by their keys below ``masks/``; -1 for those that are not there."""
        wanted = np.array([hash(f"{MASKS}{key}") for key in keys], np.int64)
        if not len(self._hashes):
            return np.full(len(wanted), -1, np.int64)
        at = self._hashes.searchsorted(wanted).clip(max=len(self._hashes) - 1)
        return np.where(self._hashes[at] == wanted, self._sizes[at], -1)


def still_there(
    plan: Plan,
    record: dict[str, Any],
    lines: list[bytes],
    sizes: MaskSizes,
    replaced: AbstractSet[str | None],
) -> tuple[bytes, int]:
    """Return the states of a chunk's lines, unknown ones for masks that count no more, and how many are lost.

    - ``record``, ``lines``: the chunk's commit record and its manifest lines.
    - ``replaced``: keys of masks that another run has replaced since: these count no more, and are not lost.
    """
    states = np.frombuffer(b64decode(record["states"]), np.uint64).reshape(-1, 2).copy()
    if not len(states):
        return b"", 0
    keys = [mask_key_of(line, plan) for line in lines]
    first = np.flatnonzero((states != np.frombuffer(CONTINUED, np.uint64)).any(axis=1))
    made = np.array([counts.get("mask_bytes", 0) for counts in unpack_counts(record["counts"])], np.int64)
    here = sizes.of(keys)
    lost = (np.minimum.reduceat(here, first) < 0) | (np.add.reduceat(here, first) != made[first])
    others = np.logical_or.reduceat(np.array([key in replaced for key in keys]), first)
    known = states[first].any(axis=1)
    states[first[lost | others]] = np.frombuffer(UNKNOWN, np.uint64)
    return states.tobytes(), int((lost & ~others & known).sum())


async def refuse_lost_masks(out: Storage, plan: Plan) -> None:
    """Look whether the masks of a complete run are there; raises GtmaskError where some are not."""
    sizes = await MaskSizes.listed(out)
    lost: list[str] = []
    count = 0
    async for _, lines in each_part(out, plan.chunks):
        keys = [key for line in lines.splitlines() if (key := mask_key_of(line, plan)) is not None]
        gone = [keys[place] for place in np.flatnonzero(sizes.of(keys) < 0).tolist()]
        count += len(gone)
        lost = lost or gone[:1]
    if lost:
        raise GtmaskError(
            f"Of the masks of this run, which was complete, {count:,} can no longer be found, such as "
            f"{out.uri(MASKS + lost[0])}: run the same command with --update to make them again."
        )
