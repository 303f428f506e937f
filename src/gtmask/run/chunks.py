"""How an export is cut into chunks, what each takes along, which are begun first, and how workers get them.

The cut follows from the plan alone. The order decides no byte: chunks that take much longer than others are
begun before them, or at the end one worker would be at work and the others done.
"""

from __future__ import annotations

import contextlib
import pickle
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.errors import GtmaskError
from gtmask.formats.base import Reader, WeighsRecords
from gtmask.run.job import Chunk, Job
from gtmask.run.survey import batches
from gtmask.run.worker import run_chunks
from gtmask.storage import is_s3

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from gtmask.run.commit import ChunkResult
    from gtmask.run.listed_versions import JoinedVersions, ListedVersions
    from gtmask.run.plan import Plan
    from gtmask.run.update import Kept
    from gtmask.workers import Pool

#: Chunks that one task has at most.
MOST_AT_A_TIME = 4
#: How long a task may take that waits for the disk alone.
SECONDS_AT_A_TIME = 0.5
#: A chunk with so many times the annotations of the mean is begun first; so many chunks are, at most.
DEAR = 3.0
MOST_DEAR = 64


def dear_chunks(reader: Reader[Any], plan: Plan, wanted: set[int]) -> set[int]:
    """Return the chunks that will take much longer than others, as far as the export tells that."""
    weights = reader.weights(plan.settings["chunk_size"]) if isinstance(reader, WeighsRecords) else None
    if weights is None or len(weights) < plan.chunks:
        return set()
    numbers = np.array(sorted(wanted), np.int64)
    here = weights[numbers]
    heaviest = numbers[np.argsort(-here, kind="stable")[:MOST_DEAR]]
    return set(heaviest[weights[heaviest] > DEAR * here.mean()].tolist())


def cut_chunks(
    reader: Reader[Any],
    plan: Plan,
    wanted: set[int],
    listed: ListedVersions | JoinedVersions | None,
    kept: Kept | None,
    first: AbstractSet[int] = frozenset(),
) -> Iterator[Chunk]:
    """Cut the export into chunks and yield the wanted ones: those in ``first``, then the others.

    Raises GtmaskError if the export ends before the last wanted chunk.
    """
    for numbers in (wanted & first, wanted - first):
        if numbers:
            yield from _cut(reader, plan, numbers, listed, kept)


def _cut(
    reader: Reader[Any],
    plan: Plan,
    wanted: set[int],
    listed: ListedVersions | JoinedVersions | None,
    kept: Kept | None,
) -> Iterator[Chunk]:
    """Yield the wanted chunks in their order."""
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


def converted(
    job: Job, pool: Pool, chunks: Iterator[Chunk], count: int
) -> Generator[ChunkResult, None, None]:
    """Yield what chunks come to, in order; so many of them there are.

    A task has several, as long as all workers have something to do to the end: one of them is converted while
    another waits for its last requests, or for the disk. Where only the disk is waited for, that pays with
    chunks that take little time; of others a task has one, so that people see each of them done. As long as
    it is open whether processes pay, S3 has two to overlap.
    """
    waits = is_s3(job.images) or is_s3(job.out)
    given, done, spent, since = 0, 0, 0.0, perf_counter()

    def size() -> int:
        most = max(1, min(MOST_AT_A_TIME, (count - given) // (2 * pool.ahead)))
        if waits:
            return most if pool.is_settled else min(most, 2)
        return max(1, min(most, int(SECONDS_AT_A_TIME * done / spent))) if done else 1

    def tasks() -> Iterator[tuple[bytes | Chunk, ...]]:
        nonlocal given
        pickled = pickle.dumps(job)
        while group := tuple(islice(chunks, size())):
            given += len(group)
            yield (pickled, *group)

    with contextlib.closing(pool.map(run_chunks, tasks(), count, _count_chunks)) as results:
        for group in results:
            now = perf_counter()
            spent, since, done = spent + (now - since) * pool.at_work, now, done + len(group)
            yield from group


def _count_chunks(_job: bytes, *chunks: Chunk) -> int:
    return len(chunks)


def _within(ordinals: NDArray[np.int64], first: int, count: int) -> frozenset[int]:
    """Return which of ``count`` records from ``first`` on are among ascending ordinals, by position."""
    low, high = ordinals.searchsorted((first, first + count)).tolist()
    return frozenset((ordinals[low:high] - first).tolist())
