"""A run from start to end: look, decide, freeze, convert chunk by chunk, assemble.

Nothing here touches pixels. The order of the steps is the promise: everything that can refuse the run does
so before the first mask is written, and everything that was committed stays whatever happens after.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from gtmask import kernels
from gtmask.errors import GtmaskError, WorkersLostError
from gtmask.formats.export import take_read
from gtmask.images.listed import read_listed
from gtmask.loops import one_loop, run_async
from gtmask.progress import Progress, Silent
from gtmask.run.assemble import GrowingManifest, assemble
from gtmask.run.chosen import choose
from gtmask.run.chunk_size import LEAST
from gtmask.run.chunks import converted, cut_chunks, dear_chunks
from gtmask.run.commit import ChunkResult, Tally, committed, take_back_rejects
from gtmask.run.decide import decide, refuse_counted
from gtmask.run.dropped import mask_key_of
from gtmask.run.job import Job, job_of, known_heads
from gtmask.run.places import RunRequest, absolute_location, refuse_moved_output
from gtmask.run.plan import Plan, join_fingerprints, required_plan
from gtmask.run.prepared import with_table
from gtmask.run.settings import ExecutionOptions, Settings, parse_shard
from gtmask.run.starts import Presence
from gtmask.run.summary import Changes, Summary, summarize
from gtmask.run.update import Kept, end_update, take_over, update, without_line
from gtmask.run.watch import Watches, open_exports
from gtmask.run.worker import warm_up
from gtmask.storage import S3Settings, is_s3, open_storage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from gtmask.class_map import ClassMap
    from gtmask.formats.base import Reader
    from gtmask.run.listed_versions import JoinedVersions, ListedVersions
    from gtmask.workers import Pool


#: From this many records on, workers surely have something to do: they start during the survey.
MANY = 10_000


def run(request: RunRequest, classes: str | PathLike[str] | ClassMap | None, pool: Pool) -> Summary:
    """Look, decide and convert; raises as :func:`gtmask.convert`."""
    request = with_table(request)
    settings, execution = request.settings, request.execution
    reader, watch, digests = open_exports(request)
    # Compiled once, here: worker processes then load the kernels from the cache.
    kernels.compile_kernels(_kernels(settings))
    with one_loop():
        pool.wait_for_workers(warm_up, request.progress)
        # Whoever asks for workers has them start now, unless there is but one chunk.
        enough = MANY if execution.workers is None else settings.chunk_size or LEAST
        if (reader.count() or 0) > enough:
            pool.prepare(warm_up)
        listed = None if settings.only is None else read_listed(settings.only, "--only")
        reader = choose(request.source, reader, listed, settings, pool, request.progress)
        if listed is not None:
            request = replace(request, settings=replace(settings, only=listed.digest))
        kept, digest = None, partial(join_fingerprints, digests)
        if execution.update:
            plan, kept = update(request, reader, classes, pool, digest)
        else:
            plan = decide(request, reader, classes, pool, digest)
        request.interrupted.before_converting(execution)
        with _advice_to_go_on(execution):
            return _convert(request, reader, plan, pool, watch, kept)


@contextlib.contextmanager
def _advice_to_go_on(execution: ExecutionOptions) -> Iterator[None]:
    """Say what is kept, and once the earlier run is gone that the next start is not to overwrite again."""
    try:
        yield
    except GtmaskError as error:
        kept = " What was committed is kept." if isinstance(error, WorkersLostError) else ""
        anew = " Leave --overwrite out then: it would start anew." if execution.overwrite else ""
        if kept or anew:
            error.args = (f"{str(error).rstrip('.')}.{kept}{anew}",)
        raise


def _kernels(settings: Settings) -> tuple[str, ...]:
    """Return the modules whose kernels this run may call."""
    plain = settings.fill in {"opencv", "opencv-trunc", "center"} and not settings.stroke
    return kernels.KERNEL_MODULES if plain else kernels.KERNEL_MODULES + kernels.SOURCE_RULE_MODULES


def _convert(
    request: RunRequest, reader: Reader[Any], plan: Plan, pool: Pool, watch: Watches, kept: Kept | None
) -> Summary:
    """Convert this machine's missing chunks, and assemble if that completes the run."""
    execution = request.execution
    shard = parse_shard(execution.shard)
    presence = Presence(plan.identity, f"{shard.index}/{shard.count}")
    done: set[int] = set() if execution.dry_run else run_async(_done(request, presence))
    resumed = len(done)
    named: set[str | None] = set()
    with known_heads(request, plan, plan.chunks - resumed) as known:
        job = job_of(request, reader, plan, watch, known)
        tally = _run_chunks(request, job, plan, pool, done, watch.listed, presence, kept, named)
    pool.dismiss()
    if len(done) < plan.chunks and not execution.dry_run and shard.count > 1:
        # The last shard to end has the whole run before it.
        done = run_async(_end_of_shard(request, presence))
    if execution.dry_run or len(done) < plan.chunks:
        changes = (
            None if kept is None else _changes(request, tally, kept, without_line(request, plan, kept, named))
        )
        return summarize(
            plan, request.out, tally, resumed=resumed, complete=False, dry_run=execution.dry_run,
            images=request.images, changes=changes, probes=request.probes,
        )  # fmt: skip
    request.progress.stage("assemble", plan.records)
    # Who has made all masks itself knows that they are there.
    look = resumed > 0 or shard.count > 1
    tally, dropped = run_async(_assemble(request, plan, presence, look=look))
    if execution.strict:
        refuse_counted(tally, request.out)
    changes = None if kept is None else _changes(request, tally, kept, dropped)
    return summarize(
        plan, request.out, tally, resumed=resumed, complete=True, images=request.images, changes=changes,
        probes=request.probes,
    )  # fmt: skip


def _changes(request: RunRequest, tally: Tally, kept: Kept, dropped: int) -> Changes:
    """Return what an update with this tally does to the masks of the run before it."""
    return Changes(tally.masks - kept.count, kept.count, dropped, request.execution.prune)


async def _done(request: RunRequest, presence: Presence) -> set[int]:
    """Return the committed chunks, after taking back those with rejects if they are to be retried."""
    shard = parse_shard(request.execution.shard)
    async with open_storage(request.out, request.execution.s3) as out:
        done = await committed(out)
        if request.execution.retry_rejects:
            done -= await take_back_rejects(out, [chunk for chunk in done if chunk in shard])
        await presence.write(out)
        return done


async def _end_of_shard(request: RunRequest, presence: Presence) -> set[int]:
    """Say that this start's chunks are done; return those that are done of the whole run."""
    async with open_storage(request.out, request.execution.s3) as out:
        await presence.write(out, "ended")
        return await committed(out)


async def _assemble(request: RunRequest, plan: Plan, presence: Presence, *, look: bool) -> tuple[Tally, int]:
    """Write the manifest; return the run's tally, and how many masks an update has left without a line.

    ``look`` says that other starts made some of the masks.
    """
    async with open_storage(request.out, request.execution.s3) as out:
        await presence.write(out, "ended")
        tally = await assemble(out, plan, request.progress, look=look)
        return tally, await end_update(out, plan, prune=request.execution.prune)


async def _tell(request: RunRequest, presence: Presence, state: str) -> None:
    """Tell how far this start is, to whoever asks for the run's status; one attempt, for it may be lost."""
    async with open_storage(request.out, replace(request.execution.s3, attempts=1, timeout=5.0)) as out:
        await presence.write(out, state)


def _run_chunks(
    request: RunRequest,
    job: Job,
    plan: Plan,
    pool: Pool,
    done: set[int],
    listed: ListedVersions | JoinedVersions | None,
    presence: Presence,
    kept: Kept | None,
    named: set[str | None],
) -> Tally:
    """Convert what is missing, adding to ``done``; a local manifest grows meanwhile.

    A dry run of an update adds the keys of its masks to ``named``.
    """
    shard = parse_shard(request.execution.shard)
    missing = {chunk for chunk in range(plan.chunks) if chunk in shard and chunk not in done}
    size: int = plan.settings["chunk_size"]
    request.progress.stage("convert", sum(min(size, plan.records - chunk * size) for chunk in missing))
    tally = Tally()
    if not missing:
        return tally
    growing = None
    if not (is_s3(request.out) or request.execution.dry_run or shard.count > 1):
        growing = GrowingManifest(open_storage(request.out, request.execution.s3), plan)

    def heard(result: ChunkResult) -> None:
        tally.add(result.tally)
        request.hear(result)
        done.add(result.chunk)
        presence.note(result.chunk)
        if kept is not None:  # results of a dry run alone have lines
            named.update(mask_key_of(line, plan) for line in result.lines)
        request.progress.advance(result.tally.records, result.tally.rejects)

    if kept is not None and not request.execution.dry_run:
        job.watch.check_all()
        take_over(request, plan, kept, sorted(missing.intersection(kept.whole_chunks(size))), heard)
        missing -= done
        if not missing:
            return tally
    # What is told of a dry run, or of a shard, is told as its chunks come: in their order.
    free = pool.workers > 1 and not request.execution.dry_run and shard.count == 1
    dear = dear_chunks(job.reader, plan, missing) if free else set()
    chunks = cut_chunks(job.reader, plan, missing, listed, kept, dear)
    results = converted(job, pool, chunks, len(missing))
    try:
        for result in results:
            heard(result)
            _grow(growing, done, now=False)
            if presence.is_due and not request.execution.dry_run:
                run_async(_tell(request, presence, "working"))
        _grow(growing, done)
    except BaseException as error:
        if not request.execution.dry_run:
            with contextlib.suppress(GtmaskError):
                run_async(_tell(request, presence, "stopped"))
                _grow(growing, done)
        if isinstance(error, GtmaskError):
            job.watch.check(take_read())
        raise
    finally:
        results.close()
        if growing is not None:
            growing.close()
    return tally


def _grow(growing: GrowingManifest | None, done: set[int], *, now: bool = True) -> None:
    """Let a manifest grow that does, now or where it is time to."""
    if growing is not None and (now or growing.is_due):
        run_async(growing.grow(done))


def finish(
    out: str | PathLike[str], *, s3: S3Settings | None = None, progress: Progress | None = None
) -> Summary:
    """Assemble the manifest of a run whose chunks were spread over machines.

    Parameters
    ----------
    out
        The run's output.
    s3
        How to reach S3.
    progress
        Is told how the assembly gets on.

    Returns
    -------
    Summary
        Of the whole run; its ``exit_code`` is 3 where records were rejected.

    Raises
    ------
    GtmaskError
        If chunks or masks are missing, or there is no run, or it was made elsewhere and would name the masks
        there.

    Examples
    --------
    >>> import gtmask
    >>> for shard in ("0/2", "1/2"):  # on two machines
    ...     _ = gtmask.convert("export.json", "masks-run2", images="images", shard=shard)
    >>> gtmask.finish("masks-run2").tally.masks
    6
    """
    out = absolute_location(out, "DEST")
    listener = progress or Silent()

    async def work() -> Summary:
        async with open_storage(out, s3) as storage:
            plan = await required_plan(storage)
            refuse_moved_output(plan.mask_prefix, out, is_given=plan.settings["mask_uri"] is not None)
            listener.stage("assemble", plan.records)
            tally = await assemble(storage, plan, listener)
            await end_update(storage, plan, prune=False)
            # Where images were read, unless the manifest names them elsewhere.
            images = "" if plan.settings["image_uri"] else plan.image_prefix.rstrip("/")
            return summarize(plan, out, tally, resumed=plan.chunks, complete=True, images=images)

    return run_async(work())
