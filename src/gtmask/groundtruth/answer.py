"""Ground Truth's answer back: what the workers of an adjustment job changed.

The output manifest of such a job has two label attributes on each line: the one that was adjusted and
the new one, whose metadata says ``adjustment-status`` (Developer Guide, sms-verification-data); an
object that failed has ``failure-reason`` instead of a mask (observed in output manifests).
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from gtmask.errors import CredentialsError, ManifestError, PngError, StorageError, TransientError, UsageError
from gtmask.groundtruth.colormap import class_id
from gtmask.groundtruth.confusion import count_pairs
from gtmask.groundtruth.contract import (
    ADJUSTMENT_STATUS,
    ATTRIBUTE_SUFFIX,
    COLOR_MAP,
    FAILURE_REASON,
    METADATA_SUFFIX,
    SOURCE_REF,
)
from gtmask.groundtruth.crew import Crew, process_count
from gtmask.groundtruth.manifest import parse_line
from gtmask.groundtruth.source import ManifestSource
from gtmask.groundtruth.survey import Surveyor, SurveySettings, with_surveyor
from gtmask.png import decode_png
from gtmask.storage.base import S3Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from gtmask.groundtruth.source import RawLine

BATCH = 64


@dataclass(slots=True)
class Answer:
    """What an adjustment job's output manifest says, and what its masks show.

    Attributes
    ----------
    before, after
        The label attribute that was adjusted, and the new one.
    objects
        Lines.
    statuses
        ``adjustment-status`` and its count; ``failed`` for objects that failed, ``unanswered`` for lines
        without the new attribute.
    failures
        Reason and count.
    compared
        Images whose two masks were compared.
    changed
        Of these, images in which at least one pixel changed.
    pixels
        (class name before, class name after) and the pixels that went this way, unchanged ones included.
    unreadable
        Images whose masks could not be read or differ in size.
    """

    before: str
    after: str
    objects: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    compared: int = 0
    changed: int = 0
    pixels: Counter[tuple[str, str]] = field(default_factory=Counter)
    unreadable: int = 0

    @property
    def changed_pixels(self) -> int:
        """Pixels whose class changed."""
        return sum(count for (old, new), count in self.pixels.items() if old != new)

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts and lists; ``confusion`` is by class name before, then after."""
        confusion: dict[str, dict[str, int]] = {}
        for (old, new), count in sorted(self.pixels.items()):
            confusion.setdefault(old, {})[new] = count
        return {
            "before": self.before,
            "after": self.after,
            "objects": self.objects,
            "statuses": dict(sorted(self.statuses.items())),
            "failures": dict(sorted(self.failures.items())),
            "compared": self.compared,
            "changed": self.changed,
            "changed_pixels": self.changed_pixels,
            "unreadable": self.unreadable,
            "confusion": confusion,
        }


#: The masks of one line before and after, and the class names of both color maps.
_Pair = tuple[str, str, dict[int, str], dict[int, str]]


@dataclass(slots=True)
class _Tally:
    """What comparing one batch gave."""

    compared: int = 0
    changed: int = 0
    unreadable: int = 0
    pixels: Counter[tuple[str, str]] = field(default_factory=Counter)


def summarize_answer(
    manifest: str | os.PathLike[str],
    *,
    before: str | None = None,
    after: str | None = None,
    compare: bool = True,
    masks: str | None = None,
    s3: S3Settings | None = None,
    workers: int | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Answer:
    """Summarize what the workers of an adjustment job changed.

    Parameters
    ----------
    manifest
        The output manifest of a finished adjustment job.
    before, after
        Label attributes; the last two of the first line that has two by default.
    compare
        Read both masks of every line and compare them pixel by pixel. Pixels are compared by class
        name, since the job may have renumbered the classes.
    masks
        Folder or prefix with copies of the masks.
    workers, progress
        As in :func:`gtmask.validate`.

    Raises
    ------
    ManifestError
        A broken manifest, or one that no adjustment job wrote.
    """
    settings = SurveySettings(s3 or S3Settings(), masks=masks, deep=True)
    with ManifestSource(os.fspath(manifest), settings.s3) as source:
        if before is None or after is None:
            found = find_attributes(source)
            before, after = before or found[0], after or found[1]
        if before == after:
            msg = f"the attribute {before} cannot be compared with itself: give two different ones"
            raise UsageError(msg)
        answer = Answer(before, after)
        estimate = source.size // 1000
        crew: Crew[_Pair, _Tally] | None = None
        if compare:
            processes = process_count(workers, estimate)
            crew = Crew(partial(_compare_batch, settings), partial(_merge, answer), processes, decode=True)
        try:
            _read_lines(source, answer, crew, progress)
        finally:
            if crew is not None:
                crew.close()
    return answer


def find_attributes(source: ManifestSource) -> tuple[str, str]:
    """Return the adjusted and the new label attribute: the last two of the first line with two.

    Raises
    ------
    ManifestError
        No line has two: the manifest is no answer of an adjustment job.
    """
    for _, line in source.lines():
        if len(line.attributes) > 1:
            return line.attributes[-2], line.attributes[-1]
    msg = f"{source.location} is no answer of an adjustment job: no line has two label attributes"
    raise ManifestError(msg)


def is_answer(data: bytes) -> bool:
    """Say whether a manifest line is one of an adjustment job's answer: two label attributes."""
    try:
        return len(parse_line(data).attributes) > 1
    except ManifestError:
        return False


def _read_lines(
    source: ManifestSource,
    answer: Answer,
    crew: Crew[_Pair, _Tally] | None,
    progress: Callable[[int, int | None], None] | None,
) -> None:
    batch: list[_Pair] = []
    for raw in source.raw_lines():
        if not raw.data.strip():
            continue
        pair = _read_line(source, raw, answer)
        if pair is not None and crew is not None:
            batch.append(pair)
            if len(batch) == BATCH:
                crew.submit(batch)
                batch = []
        if progress and raw.number % BATCH == 0:
            progress(raw.number, source.size * raw.number // (raw.offset + len(raw.data)))
    if crew is not None:
        crew.submit(batch)
        crew.finish()


def _read_line(source: ManifestSource, raw: RawLine, answer: Answer) -> _Pair | None:
    """Count one line's status, and return its masks where both are there."""
    try:
        values = orjson.loads(raw.data)
    except orjson.JSONDecodeError as error:
        msg = f"{source.location}, line {raw.number}: the line is no JSON: {error}"
        raise ManifestError(msg) from error
    if not isinstance(values, dict) or SOURCE_REF not in values:
        msg = f"{source.location}, line {raw.number}: the line has no {SOURCE_REF}"
        raise ManifestError(msg)
    answer.objects += 1
    reason = _failure(values, answer.after)
    if reason:
        answer.statuses["failed"] += 1
        answer.failures[reason] += 1
        return None
    names = [_names(values.get(key + METADATA_SUFFIX)) for key in (answer.before, answer.after)]
    old, new = values.get(answer.before), values.get(answer.after)
    if not isinstance(new, str) or names[1] is None:
        answer.statuses["unanswered"] += 1
        return None
    answer.statuses[str(values[answer.after + METADATA_SUFFIX].get(ADJUSTMENT_STATUS, "unknown"))] += 1
    if not isinstance(old, str) or names[0] is None:
        return None
    return old, new, names[0], names[1]


def _failure(values: dict[str, Any], attribute: str) -> str:
    """Return why an object failed; the new attribute's metadata may stand without ``-ref`` then."""
    for key in (attribute, attribute.removesuffix(ATTRIBUTE_SUFFIX)):
        metadata = values.get(key + METADATA_SUFFIX)
        if isinstance(metadata, dict) and FAILURE_REASON in metadata:
            return str(metadata[FAILURE_REASON])
    return ""


def _names(metadata: object) -> dict[int, str] | None:
    """Return class name by class id, None where there is no color map."""
    color_map = metadata.get(COLOR_MAP) if isinstance(metadata, dict) else None
    if not isinstance(color_map, dict):
        return None
    return {
        number: str(entry.get("class-name"))
        for key, entry in color_map.items()
        if isinstance(entry, dict) and (number := class_id(key)) is not None
    }


def _merge(answer: Answer, tally: _Tally) -> None:
    answer.compared += tally.compared
    answer.changed += tally.changed
    answer.unreadable += tally.unreadable
    answer.pixels.update(tally.pixels)


def _compare_batch(settings: SurveySettings, pairs: list[_Pair]) -> _Tally:
    """Compare the masks of some lines in a worker."""

    async def work(surveyor: Surveyor) -> _Tally:
        tally = _Tally()
        limit = asyncio.Semaphore(settings.s3.concurrency)

        async def one(pair: _Pair) -> None:
            async with limit:
                await _compare(surveyor, pair, tally)

        await asyncio.gather(*map(one, pairs))
        return tally

    return with_surveyor(settings, work)


async def _compare(surveyor: Surveyor, pair: _Pair, tally: _Tally) -> None:
    try:
        old = decode_png((await surveyor.read_mask(pair[0]))[0])
        new = decode_png((await surveyor.read_mask(pair[1]))[0])
    except (TransientError, CredentialsError):
        raise
    except (StorageError, PngError):
        tally.unreadable += 1
        return
    if old.shape != new.shape:
        tally.unreadable += 1
        return
    table = np.zeros((256, 256), np.int64)
    count_pairs(old, new, table)
    pixels = by_name(table, pair[2], pair[3])
    tally.compared += 1
    tally.changed += any(a != b for a, b in pixels)
    tally.pixels.update(pixels)


def by_name(
    table: NDArray[np.int64], before: dict[int, str], after: dict[int, str]
) -> Counter[tuple[str, str]]:
    """Turn pixels by pairs of class ids into pixels by pairs of class names."""
    pixels: Counter[tuple[str, str]] = Counter()
    for a, b in np.argwhere(table).tolist():
        pixels[before.get(a, f"value {a}"), after.get(b, f"value {b}")] += int(table[a, b])
    return pixels
