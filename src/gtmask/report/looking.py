"""Looking at many lines of a manifest to choose a few of them: what is wrong with each, and its classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gtmask.groundtruth.line_rules import LineChecker
from gtmask.groundtruth.media import checking_pool, each_with_media, in_batches
from gtmask.progress import advancing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gtmask.groundtruth.line_rules import Task
    from gtmask.groundtruth.manifest_file import RawLine
    from gtmask.groundtruth.media import MediaReader, MediaSettings
    from gtmask.progress import Progress

BATCH = 64


class Glance(NamedTuple):
    """What one line shows: its byte offset, the codes found about it, its pixels by value (int64 (256,))."""

    offset: int
    codes: frozenset[str]
    counts: list[int]


_Item = tuple[int, frozenset[str], "Task | None"]


def look_at(
    lines: Iterable[RawLine], total: int, settings: MediaSettings, workers: int | None, progress: Progress
) -> Iterator[Glance]:
    """Look at lines in their order, in as many processes as that is worth."""
    progress.stage("look", total)
    items = _checked(advancing(lines, progress))
    batches = ((settings, _one, batch) for batch in in_batches(items, BATCH))
    with checking_pool(workers) as pool:
        for glances in pool.map(each_with_media, batches, -(-total // BATCH)):
            yield from glances


def _checked(lines: Iterable[RawLine]) -> Iterator[_Item]:
    checker = LineChecker()
    for raw in lines:
        problems, task = checker.check(raw.number, raw.data)
        yield raw.offset, frozenset(problem.code for problem in problems), task


async def _one(media: MediaReader, item: _Item) -> Glance:
    offset, codes, task = item
    if task is None:
        return Glance(offset, codes, [0] * 256)
    report = await media.check([(task, True)])
    found = codes | {problem.code for problem in report.problems}
    return Glance(offset, found, np.asarray(report.pixels).tolist())
