"""How far a run is, asked from anywhere, also while it works: what is done, by whom, what is missing."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from gtmask.errors import NotFoundError
from gtmask.findings import CODES
from gtmask.loops import run_async
from gtmask.manifest.writer import manifest_name
from gtmask.progress import Progress, Silent
from gtmask.run.assemble import read_own
from gtmask.run.commit import Tally, committed, read_ahead
from gtmask.run.places import absolute_location
from gtmask.run.plan import Plan, required_plan
from gtmask.run.starts import Start, ranges, read_starts
from gtmask.storage import S3Settings, open_storage

if TYPE_CHECKING:
    from os import PathLike

    from gtmask.storage.base import Storage

#: Seconds without a word after which a start is called silent: it writes every 30.
SILENT = 120.0


@dataclass(slots=True)
class Status:
    """How far the run in ``out`` is, of an export of the format ``title``.

    ``tally`` covers the chunks that are done, ``rejected`` counts the codes for which their records were
    rejected; ``missing`` are pairs of the first and the last of each row of consecutive chunks that are not
    done; ``workers`` tells of each start, and of each shard that nobody has begun; ``unknown`` is how many
    chunks no start says to have done, 0 where no start has left word. ``manifest`` is None until it is
    assembled. ``left`` is the time in seconds that those at work still need, None where that cannot be told.
    """

    out: str
    title: str
    records: int
    chunks: int
    done: int
    missing: list[tuple[int, int]]
    tally: Tally
    rejected: Counter[str]
    workers: list[dict[str, Any]]
    unknown: int
    manifest: str | None
    left: float | None

    @property
    def complete(self) -> bool:
        """Whether every chunk is done and the manifest is there."""
        return self.manifest is not None

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        shown = {name: value for name, value in asdict(self).items() if name not in {"tally", "rejected"}}
        counts = {name: getattr(self.tally, name) for name in ("masks", "rejects", "mask_bytes")}
        return {
            **shown,
            "complete": self.complete,
            "images_done": self.tally.records,
            **counts,
            "rejected": dict(self.rejected.most_common()),
            "findings": dict(self.tally.findings.most_common()),
        }


def status(
    out: str | PathLike[str], *, s3: S3Settings | None = None, progress: Progress | None = None
) -> Status:
    """Tell how far a run is; nothing is written, and whoever works at it is not disturbed.

    Parameters
    ----------
    out
        The run's output, local or ``s3://``.
    s3
        How to reach S3.
    progress
        Is told how the reading of commit records gets on.

    Returns
    -------
    Status
        What is done, by whom, and what is missing.

    Raises
    ------
    UsageError
        There is no run; while its export is still surveyed there is none yet.

    Examples
    --------
    >>> import gtmask
    >>> _ = gtmask.convert("export.json", "masks-run3", images="images", workers=1)
    >>> gtmask.status("masks-run3").complete
    True
    """
    location = absolute_location(out, "DEST")

    async def work() -> Status:
        async with open_storage(location, s3) as storage:
            plan = await required_plan(storage, ", which is written when a run has looked through its export")
            return await _status(storage, location, plan, progress or Silent())

    return run_async(work())


async def _status(out: Storage, location: str, plan: Plan, progress: Progress) -> Status:
    done = {chunk for chunk in await committed(out) if chunk < plan.chunks}
    progress.stage("status", plan.records)
    tally, rejected = Tally(), Counter[str]()
    read = partial(read_own, plan, out, remove=False)
    async with contextlib.aclosing(read_ahead(read, sorted(done))) as records:
        async for record in records:
            tally.add(Tally.from_json(record))
            progress.advance(record["records"], record["rejects"])
            for reject in record["rejected"]:
                rejected.update({item["code"] for item in reject["findings"] if _rejects(item["code"])})
    starts = await read_starts(out, plan.identity)
    told = {chunk for start in starts for first, last in start.chunks for chunk in range(first, last + 1)}
    return Status(
        out=location,
        title=plan.title,
        records=plan.records,
        chunks=plan.chunks,
        done=len(done),
        missing=ranges(set(range(plan.chunks)) - done),
        tally=tally,
        rejected=rejected,
        workers=_workers(starts, plan.chunks, done),
        unknown=len(done - told) if starts else 0,
        manifest=await _manifest(out, plan) if len(done) == plan.chunks else None,
        left=_left(starts, plan.chunks - len(done)),
    )


def _rejects(code: str) -> bool:
    return code in CODES and CODES[code].level == "reject"


def _workers(starts: list[Start], chunks: int, done: set[int]) -> list[dict[str, Any]]:
    """Return a row for each start, and one for each shard of an array that has no start yet."""
    rows = [
        {
            "shard": start.shard,
            "host": start.host,
            "pid": start.pid,
            "state": _state(start),
            "began": start.began,
            "heard": start.heard,
            "done": start.count,
        }
        for start in starts
    ]
    begun = {start.shard for start in starts}
    for count in sorted({int(shard.partition("/")[2]) for shard in begun} - {1}):
        for index in range(count):
            mine = range(index, chunks, count)
            if f"{index}/{count}" not in begun and not done.issuperset(mine):
                rows.append({
                    "shard": f"{index}/{count}", "host": "", "pid": None, "state": "not begun",
                    "began": None, "heard": None, "done": 0,
                })  # fmt: skip
    return rows


def _state(start: Start) -> str:
    is_silent = start.state == "working" and time.time() - start.heard > SILENT
    return "silent" if is_silent else start.state


def _left(starts: list[Start], missing: int) -> float | None:
    """Return how long those at work need for what is missing, as fast as they were so far."""
    working = [start for start in starts if _state(start) == "working" and start.worked]
    rate = sum(start.count / start.worked for start in working)
    return missing / rate if rate and missing else None


async def _manifest(out: Storage, plan: Plan) -> str | None:
    name = manifest_name(plan.settings["label_attribute"])
    try:
        await out.look(name)
    except NotFoundError:
        return None
    return out.uri(name)
