"""How an export is cut into chunks, and what of the plan each chunk takes along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.errors import GtmaskError
from gtmask.run.survey import batches
from gtmask.run.worker import Chunk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from gtmask.formats.base import Reader
    from gtmask.run.listed_versions import JoinedVersions, ListedVersions
    from gtmask.run.plan import Plan
    from gtmask.run.update import Kept


def cut_chunks(
    reader: Reader[Any],
    plan: Plan,
    wanted: set[int],
    listed: ListedVersions | JoinedVersions | None,
    kept: Kept | None,
) -> Iterator[Chunk]:
    """Cut the export into chunks and yield the wanted ones.

    Raises
    ------
    GtmaskError
        If the export ends before the last wanted chunk.
    """
    size: int = plan.settings["chunk_size"]
    marks = [np.array(marked, np.int64) for marked in (plan.long_keys, plan.duplicates, plan.ambiguous)]
    choices = dict(zip(plan.contested, plan.choices, strict=True))
    last = max(wanted)
    for number, units in enumerate(batches(reader, size, plan.records)):
        if number in wanted:
            first = number * size
            long_keys, duplicates, ambiguous = (_within(ordinals, first, len(units)) for ordinals in marks)
            known = {} if kept is None else kept.of_chunk(first, len(units))
            yield Chunk(
                number,
                # What is not converted need not travel.
                tuple(None if i in known else unit for i, unit in enumerate(units)) if known else units,
                {i: choices[first + i] for i in range(len(units)) if first + i in choices},
                long_keys,
                duplicates,
                ambiguous,
                {} if listed is None else listed.of_unit(units),
                known,
            )
        if number >= last:
            return
    raise GtmaskError("The export has fewer records than when the run began: go on with --update.")


def _within(ordinals: NDArray[np.int64], first: int, count: int) -> frozenset[int]:
    """Return which of ``count`` records from ``first`` on are among ascending ordinals, by position."""
    low, high = ordinals.searchsorted((first, first + count)).tolist()
    return frozenset((ordinals[low:high] - first).tolist())
