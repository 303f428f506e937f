"""``--update``: what an export that grew has in common with the run that it made, and the run of the rest.

An update is a run with a plan of its own: chunks are cut anew, since records move. A record whose state an
earlier line has is not converted again; its line is taken over (:mod:`gtmask.run.earlier`). The order of the
steps is what a kill may break:

1. masks that may lose their line are listed, the commit records of the earlier run are kept in one file;
2. manifest and commit records of the earlier run go: nothing has a manifest's name that is not whole;
3. the new plan replaces the old one, and is worked on as any other;
4. when its manifest is there, what was kept of the earlier run goes.

Until 3, the next start begins anew; after it, the next start finds the same plan, and goes on.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask._version import __version__
from gtmask.findings import Finding
from gtmask.formats.base import Reader, suggested
from gtmask.loops import run_async
from gtmask.manifest.unfinished import PARTIAL, PARTS, RUN_FILE
from gtmask.manifest.writer import manifest_name
from gtmask.progress import notice
from gtmask.run.classes import extended, refuse_moved
from gtmask.run.commit import (
    CLASSES,
    CLASSES_TYPE,
    REJECTS,
    ChunkResult,
    Tally,
    add_counts,
    commit,
    commit_key,
    committed,
    pack_counts,
)
from gtmask.run.comparison import Comparison
from gtmask.run.decide import given_classes, refuse_lossy
from gtmask.run.dropped import read_dropped, remove_all, settle_dropped, write_dropped
from gtmask.run.earlier import (
    EARLIER,
    Earlier,
    EarlierParts,
    KeptLine,
    keep_earlier,
    lines_without,
    read_earlier,
    read_whole,
)
from gtmask.run.journal import begun, take_away
from gtmask.run.journal_s3 import ENDED, take_away_others
from gtmask.run.new_plan import new_plan
from gtmask.run.outcomes import spread_counts, spread_state
from gtmask.run.plan import Plan, refuse_lost, refuse_other, required_plan
from gtmask.run.starts import forget_starts
from gtmask.storage import is_s3, open_storage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

    from numpy.typing import NDArray

    from gtmask.class_map import ClassMap
    from gtmask.run.places import RunRequest
    from gtmask.storage.base import Storage
    from gtmask.workers import Pool


#: Chunks that are taken over together: one flush makes all of them durable.
_TOGETHER = 64


@dataclass(slots=True)
class Kept:
    """Which records of a plan have a mask already, by the numbers of their earlier lines; -1: none."""

    earlier: Earlier
    lines: NDArray[np.int64]

    def of_chunk(self, first: int, count: int) -> dict[int, KeptLine]:
        """Return where the lines of consecutive records stand, by their positions, where there are any."""
        here = self.lines[first : first + count]
        positions = np.flatnonzero(here >= 0)
        return dict(zip(positions.tolist(), self.earlier.kept(here[positions]), strict=True))

    @property
    def count(self) -> int:
        """How many records have a mask already."""
        return int(np.count_nonzero(self.lines >= 0))

    def stay(self) -> NDArray[np.bool_]:
        """Return which of the earlier lines are those of records, by their numbers."""
        stay = np.zeros(self.earlier.lines, bool)
        stay[self.lines[self.lines >= 0]] = True
        return self.earlier.of_records(stay)

    def whole_chunks(self, size: int) -> list[int]:
        """Return the chunks of this many records of which nothing is to be converted."""
        missing = np.unique(np.flatnonzero(self.lines < 0) // size)
        return sorted(set(range(-(-len(self.lines) // size))).difference(missing.tolist()))


def update(
    request: RunRequest,
    reader: Reader[Any],
    classes: str | PathLike[str] | ClassMap | None,
    pool: Pool,
    fingerprint: Callable[[], str],
) -> tuple[Plan, Kept]:
    """Return the plan to work by, and what of it an earlier run has done; frozen unless this is a dry run.

    Raises UsageError where there is no run to update, its settings differ, or the class map would move ids.
    """
    frozen = run_async(_load(request))
    given = given_classes(classes)
    _refuse(request, frozen, given)
    dated = replace(request.settings, creation_date=frozen.settings["creation_date"])
    request = replace(request, settings=dated)
    known, may_grow = _known_classes(frozen, given, reader)
    comparison = Comparison(request, known)
    plan = new_plan(request, reader, None if may_grow else known, pool, fingerprint, comparison, frozen)
    plan = replace(
        plan,
        previous=frozen.previous,
        states=blake2b(comparison.states, digest_size=8).hexdigest(),
        classes_given=given is not None or frozen.classes_given,
    )
    earlier, done = run_async(_read(request, frozen))
    kept = Kept(earlier, earlier.lines_of(comparison.states))
    if request.execution.strict:
        refuse_lossy([Finding(**item) for item in plan.findings], request.source)
    if earlier.lost:
        notice(
            f"masks made before that are gone, or no longer of their size, are made again: {earlier.lost:,}"
        )
    elif plan.identity == frozen.identity:
        return frozen, kept
    if _nothing_changed(plan, frozen, kept, done):
        return frozen, kept
    plan = replace(plan, previous=frozen.identity)
    if not request.execution.dry_run:
        kept = Kept(run_async(_replace_run(request, plan, frozen, kept)), kept.lines)
    return plan, kept


async def _load(request: RunRequest) -> Plan:
    """Return the plan of the run that is to be updated."""
    async with open_storage(request.out, request.execution.s3) as out:
        return await required_plan(
            out, ", so there is nothing to update: leave --update out of the first start"
        )


def _refuse(request: RunRequest, frozen: Plan, given: ClassMap | None) -> None:
    """Refuse other settings than those of the run, and a class map that moves ids."""
    wanted = {**request.settings.frozen(), **request.prefixes(), "version": __version__}
    if wanted["size"] == "auto":
        wanted["size"] = frozen.settings["size"]
    refuse_other(frozen, wanted, request.out)
    if given is not None:
        refuse_moved(frozen.class_map(), given)


def _known_classes(frozen: Plan, given: ClassMap | None, reader: Reader[Any]) -> tuple[ClassMap, bool]:
    """Return the class map as far as it is known, and whether labels of records may add to it."""
    if given is not None or frozen.classes_given:
        return given or frozen.class_map(), False
    if reader.labels is None:
        return frozen.class_map(), True
    return extended(frozen.class_map(), suggested(reader, reader.labels)), False


async def _read(request: RunRequest, frozen: Plan) -> tuple[Earlier, int]:
    """Return what masks there are, and how many chunks of the run are done."""
    async with open_storage(request.out, request.execution.s3) as out:
        return await read_earlier(out, frozen), len(await committed(out))


def _nothing_changed(plan: Plan, frozen: Plan, kept: Kept, done: int) -> bool:
    """Say whether the run is complete, and each of its records is what it was and where it was.

    What was rejected may be mended outside the export, so that it has to be tried.
    """
    same = replace(plan, previous=frozen.previous, states=frozen.states, findings=frozen.findings,
                   title=frozen.title)  # fmt: skip
    in_place = np.array_equal(kept.lines, kept.earlier.first_lines())
    return same.identity == frozen.identity and done == frozen.chunks and in_place


async def _replace_run(request: RunRequest, plan: Plan, frozen: Plan, kept: Kept) -> Earlier:
    """Let the plan take the place of the earlier run's, and keep what that has; return where it is kept."""
    async with open_storage(request.out, request.execution.s3) as out:
        await refuse_lost(out, frozen)
        dropped = [*await read_dropped(out), *await lines_without(out, plan, kept.earlier, kept.stay())]
        dropped += [key for key in await begun(out) if key != ENDED]
        await write_dropped(out, dropped)
        earlier = await keep_earlier(out, kept.earlier)
        await out.sync()
        name = manifest_name(plan.settings["label_attribute"])
        await remove_all(out, (name, name + PARTIAL, REJECTS))
        await remove_all(out, map(commit_key, await committed(out)))
        await forget_starts(out)
        await out.put(RUN_FILE, plan.to_bytes(), "application/json")
        await out.put(CLASSES, plan.classes.encode(), CLASSES_TYPE)
        await out.sync()
        # Whoever is still at work for the earlier run stops now, or is waited for.
        late = await (take_away_others(out, plan.identity) if is_s3(out.root) else take_away(out))
        if late:
            await write_dropped(out, [*dropped, *late])
        return earlier


async def end_update(out: Storage, plan: Plan, *, prune: bool) -> int:
    """Remove what was kept of the earlier run, and with ``prune`` masks that have no line any more.

    Returns how many masks have none. Call it when the manifest of the run with this plan is assembled; for
    other runs than updates there is nothing to do.
    """
    if not plan.previous:
        return 0
    without_line = await settle_dropped(out, plan, prune=prune)
    # First: it names the part files.
    await out.delete(EARLIER)
    parts = [entry.key async for entry in out.list(PARTS) if entry.key.endswith(".jsonl")]
    await remove_all(out, (key for key in parts if not key.endswith(f"-{plan.identity}.jsonl")))
    return without_line


def without_line(request: RunRequest, plan: Plan, kept: Kept, named: set[str | None]) -> int:
    """Count the masks that an update would leave without a line, by the keys that its lines would name."""

    async def work() -> int:
        async with open_storage(request.out, request.execution.s3) as out:
            keys = {*await read_dropped(out), *await lines_without(out, plan, kept.earlier, kept.stay())}
            return len(keys - named)

    return run_async(work())


def take_over(
    request: RunRequest, plan: Plan, kept: Kept, chunks: Sequence[int], heard: Callable[[ChunkResult], None]
) -> None:
    """Commit chunks of which nothing is to be converted, many at a time; ``heard`` is told of each.

    Raises RunConflictError where another start has taken the run over. Raises GtmaskError: what was kept of
    the earlier run has changed.
    """

    async def work() -> None:
        async with open_storage(request.out, request.execution.s3) as out:
            for first in range(0, len(chunks), _TOGETHER):
                together = chunks[first : first + _TOGETHER]
                results = await asyncio.gather(*(_taken_over(out, plan, kept, chunk) for chunk in together))
                await commit(out, results, plan.identity, partial(refuse_lost, out, plan))
                for result in results:
                    heard(result)

    run_async(work())


async def _taken_over(out: Storage, plan: Plan, kept: Kept, chunk: int) -> ChunkResult:
    """Return the result of a chunk all of whose lines an earlier run has."""
    writer, size = plan.writer(), plan.settings["chunk_size"]
    lines = kept.lines[chunk * size : (chunk + 1) * size]
    whole = kept.earlier.whole_chunk(lines)
    if whole is not None:
        states = kept.earlier.states_of(whole)
        record, old = await read_whole(out, kept.earlier.places[whole], states)
        if not record["rejects"]:
            # What its records count together is known.
            new = list(map(writer.renewed, old))
            return ChunkResult(chunk, Tally.from_json(record), new, [], states, record["counts"])
    places = kept.earlier.kept(lines)
    found = await EarlierParts(out).find(places)
    new = [writer.renewed(line) for line, _ in found]
    states = b"".join(spread_state(place.state, line) for place, line in zip(places, new, strict=True))
    counts = [count for line, one in found for count in spread_counts(one, line)]
    each = b"".join(new).splitlines(keepends=True)
    return ChunkResult(chunk, add_counts(counts), each, [], states, pack_counts(counts))
