"""From part files to ``<label attribute>.manifest`` and ``rejects.jsonl``.

Locally a manifest grows while chunks commit, in source order, so that it can be followed; its name ends in
``.partial``, for it must not pass for a whole one. The manifest gets its own name when every chunk is
committed: it is assembled from the part files, whose bytes it has, in order.
"""

from __future__ import annotations

import contextlib
import math
import os
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, BinaryIO

from gtmask.errors import GtmaskError, NotFoundError
from gtmask.manifest.unfinished import PARTIAL, RUN_FILE
from gtmask.manifest.writer import manifest_name
from gtmask.run.commit import (
    CLASSES,
    CLASSES_TYPE,
    REJECTS,
    Tally,
    commit_key,
    committed,
    each_part,
    read_ahead,
    read_commit,
    read_lines,
    reject_lines,
)
from gtmask.run.journal import clear, run_lost
from gtmask.run.journal_s3 import own_journals
from gtmask.run.lost_masks import FileSizes, LostMasks, folds_case
from gtmask.run.plan import Plan, refuse_lost
from gtmask.run.starts import forget_starts, read_starts
from gtmask.storage import is_s3
from gtmask.storage.local_errors import translate_errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gtmask.progress import Progress
    from gtmask.storage.base import Storage

#: Part files are joined to pieces of about this many bytes before they are sent.
PIECE = 1 << 20
#: Seconds between two times that a manifest grows.
GROWING = 0.2


async def read_own(plan: Plan, out: Storage, chunk: int, *, remove: bool = True) -> dict[str, Any]:
    """Return a chunk's commit record, which must be of the run with this plan.

    Raises GtmaskError where it is of another run: with ``remove`` it is taken away, and so are all others
    that are, unless it is this run that was taken over.
    """
    record = await read_commit(out, chunk)
    if record["run"] != plan.identity:
        if not remove:
            raise run_lost(out.root)
        await refuse_lost(out, plan)
        more = await _remove_strangers(plan, out) - 1
        were, they, those = (
            ("was", "it is", "that chunk") if more < 1 else ("and more were", "they are", "those chunks")
        )
        raise GtmaskError(
            f"{out.uri(commit_key(chunk))} {were} written by a start that --overwrite had ended: {they} "
            f"removed; run again to redo {those}."
        )
    return record


async def _remove_strangers(plan: Plan, out: Storage) -> int:
    """Remove all commit records of other runs; return how many there were."""
    count = 0
    for chunk in sorted(await committed(out)):
        with contextlib.suppress(NotFoundError):
            if (await read_commit(out, chunk))["run"] != plan.identity:
                await out.delete(commit_key(chunk))
                count += 1
    return count


async def assemble(out: Storage, plan: Plan, progress: Progress, *, look: bool = True) -> Tally:
    """Write manifest and rejects from the committed parts; return the whole run's tally.

    ``progress`` hears of each chunk's records. With ``look`` it is looked whether their masks are still
    there, which costs a listing of them: who has just made all of them need not. Raises GtmaskError if chunks
    or masks are missing; the sentence names the first ones. No manifest is written then.
    """
    done = await committed(out)
    if missing := [chunk for chunk in range(plan.chunks) if chunk not in done]:
        raise GtmaskError(await _not_done(out, plan, missing))
    tally = Tally()
    rejected: list[int] = []
    # Where names that differ in case alone are one file, one of two masks may have replaced the other.
    masks = LostMasks(out, plan, await FileSizes.listed(out)) if look or folds_case(out) else None

    async def pieces() -> AsyncIterator[bytes]:
        held: list[bytes] = []
        size = 0
        async for record, lines in each_part(out, plan.chunks, partial(read_own, plan)):
            tally.add(Tally.from_json(record))
            if masks is not None:
                masks.look(record, lines)
            progress.advance(record["records"], record["rejects"])
            if record["rejected"]:
                rejected.append(record["chunk"])
            held.append(lines)
            size += len(lines)
            if size >= PIECE:
                yield b"".join(held)
                held, size = [], 0
        if masks is not None:
            masks.refuse()
        yield b"".join(held)

    async def rejects() -> AsyncIterator[bytes]:
        async with contextlib.aclosing(read_ahead(partial(read_commit, out), rejected)) as records:
            async for record in records:
                yield reject_lines(record)

    name = manifest_name(plan.settings["label_attribute"])
    await out.put_stream(name, pieces(), "application/x-ndjson")
    await out.put_stream(REJECTS, rejects(), "application/x-ndjson")
    # The start that froze the plan may have been killed, or run out of disk, right after.
    await out.put_if_absent(CLASSES, plan.classes.encode(), CLASSES_TYPE)
    await out.sync()
    if is_s3(out.root):
        await clear(out, own_journals(plan.identity))
    else:
        await out.delete(name + PARTIAL)
        # Takes away what a start that was killed while it froze the plan has left beside it.
        await out.put_if_absent(RUN_FILE, plan.to_bytes())
        await clear(out)
    await forget_starts(out)
    return tally


async def _not_done(out: Storage, plan: Plan, missing: list[int]) -> str:
    """Return the sentence on chunks that are missing, with the shards that owe them where that is known."""
    shown = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
    told = f"{len(missing)} of {plan.chunks} chunks are not done yet ({shown})"
    starts = await read_starts(out, plan.identity)
    counts = {int(start.shard.partition("/")[2]) for start in starts} - {1}
    if len(counts) != 1:
        return f"{told}: run `gtmask convert` with the same options again, on any machine, then finish."
    (count,) = counts
    owing = sorted({chunk % count for chunk in missing})
    states = {start.shard: f" ({start.state})" for start in starts}
    names = [f"{index}/{count}{states.get(f'{index}/{count}', ' (not begun)')}" for index in owing]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (
        f"{told}; missing of --shard {', '.join(names[:5])}{more}: run each of these again with the same "
        "options, on any machine, then finish."
    )


class GrowingManifest:
    """What a local run's manifest is so far: appended to, in source order, as far as chunks are committed."""

    def __init__(self, out: Storage, plan: Plan) -> None:
        self._out = out
        self._path = Path(out.uri(manifest_name(plan.settings["label_attribute"]) + PARTIAL))
        self._plan = plan
        self._next = 0
        self._file: BinaryIO | None = None
        self._grown = -math.inf

    @property
    def is_due(self) -> bool:
        """Whether it is time to grow again: not with each chunk, for there may be hundreds in a second."""
        return perf_counter() - self._grown >= GROWING

    async def grow(self, done: set[int]) -> None:
        """Append the lines of the chunks that come next and are done."""
        self._grown = perf_counter()
        while self._next in done:
            record = await read_own(self._plan, self._out, self._next)
            lines = await read_lines(self._out, self._next, record)
            with translate_errors("write", self._path):
                if self._file is None:
                    self._path.parent.mkdir(parents=True, exist_ok=True)
                    self._file = self._path.open("wb")
                self._file.write(lines)
                self._file.flush()
            self._next += 1

    def close(self) -> None:
        """Close the file; what was written stays."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # what a full disk did not take is in the chunks
                os.fsync(self._file.fileno())
                self._file.close()
