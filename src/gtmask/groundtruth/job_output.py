"""The output manifest of an adjustment job: what its workers changed.

Such a manifest has two label attributes on each line: the one that was adjusted and the new one, whose
metadata says ``adjustment-status`` (Developer Guide, sms-verification-data).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.errors import PASSING, ManifestError, PngError, StorageError
from gtmask.groundtruth.confusion_matrix import count_pairs
from gtmask.groundtruth.manifest_file import ManifestReader, RawLine, mirror_folders, parsed_lines
from gtmask.groundtruth.media import (
    MediaReader,
    MediaSettings,
    checking_pool,
    each_with_media,
    in_batches,
    media_settings,
)
from gtmask.manifest.line import describe_problem, missing_source, parse_line
from gtmask.manifest.newest import Attributes
from gtmask.png import decode_png
from gtmask.progress import Progress, Silent, advancing
from gtmask.text import plain_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from gtmask.manifest.label import Label
    from gtmask.storage.base import S3Settings

BATCH = 64


@dataclass(slots=True)
class JobOutput:
    """What the output manifest of an adjustment job says, and what its masks show.

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

    def add(self, other: JobOutput) -> None:
        """Add what comparing other masks gave."""
        self.compared += other.compared
        self.changed += other.changed
        self.unreadable += other.unreadable
        self.pixels.update(other.pixels)

    @property
    def changed_pixels(self) -> int:
        """Pixels whose class changed."""
        return sum(count for (old, new), count in self.pixels.items() if old != new)

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts and lists; ``confusion`` is by class name before, then after."""
        confusion: dict[str, dict[str, int]] = {}
        for (old, new), count in sorted(self.pixels.items()):
            confusion.setdefault(old, {})[new] = count
        values: dict[str, Any] = plain_values(self) | {
            "changed_pixels": self.changed_pixels,
            "confusion": confusion,
        }
        del values["pixels"]
        return values


#: The masks of one line before and after, and the class names of both color maps.
_Pair = tuple[str, str, dict[int, str], dict[int, str]]


def summarize_job_output(
    manifests: Sequence[ManifestReader],
    *,
    masks: str | None = None,
    before: str | None = None,
    after: str | None = None,
    s3: S3Settings | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> JobOutput | None:
    """Summarize what the workers of an adjustment job changed; None where no job wrote the manifests.

    Both masks of every line are compared pixel by pixel, by class name, since the job may have renumbered the
    classes. Raises ManifestError: a broken manifest.

    - ``manifests``: one finished job's output, in one file or in several.
    - ``masks``: folder or prefix with copies of the masks.
    - ``before``, ``after``: overrule what the metadata says of old and new.
    - ``workers``, ``progress``: as in :func:`gtmask.validate`.
    """
    attributes = find_pair(manifests, before, after)
    if attributes is None:
        return None
    output = JobOutput(*attributes)
    estimate = sum(manifest.estimate_lines() for manifest in manifests)
    mirrors = () if masks is not None else mirror_folders(manifests)
    settings = media_settings(manifests, s3, masks=masks, deep=True, mirrors=mirrors)
    progress = progress or Silent()
    progress.stage("compare", estimate)
    batches = ((settings, batch) for batch in _read_lines(manifests, output, progress))
    with checking_pool(workers) as pool:
        for compared in pool.map(_compare_batch, batches, estimate // BATCH):
            output.add(compared)
    return output


def _read_lines(
    manifests: Sequence[ManifestReader], output: JobOutput, progress: Progress
) -> Iterator[list[_Pair]]:
    """Count the lines' statuses, and give their masks before and after, batch by batch."""
    lines = ((manifest, raw) for manifest in manifests for raw in manifest.filled_lines())
    pairs = (_read_line(manifest, raw, output) for manifest, raw in advancing(lines, progress))
    return in_batches((pair for pair in pairs if pair is not None), BATCH)


def find_pair(
    manifests: Sequence[ManifestReader], before: str | None = None, after: str | None = None
) -> tuple[str, str] | None:
    """Return the attribute that a job adjusted and the one that it wrote; None where no job wrote any.

    - ``manifests``: all lines of all of them tell it together (:mod:`gtmask.manifest.newest`).
    - ``before``, ``after``: overrule what the metadata says.
    """
    attributes = Attributes()
    for line in parsed_lines(manifests):
        attributes.add(line.labels)
    after = after or attributes.answer
    if after is None:
        return None
    older = [name for name in attributes.newest_first() if name != after]
    return before or next(iter(older), ""), after


def _read_line(manifest: ManifestReader, raw: RawLine, output: JobOutput) -> _Pair | None:
    """Count one line's status, and return its masks where both are there."""
    line = parse_line(raw.data)
    problem = missing_source(line.values) if line.is_object else line.problems[0]
    if problem is not None:
        place = f"{manifest.location}, line {raw.number}"
        raise ManifestError(f"{place}: {describe_problem(problem.code, problem.detail)}")
    output.objects += 1
    old, new = line.label(output.before), line.label(output.after)
    if new is not None and new.failure_reason is not None:
        output.statuses["failed"] += 1
        output.failures[new.failure_reason] += 1
        return None
    if new is None or new.mask is None or new.color_map is None:
        output.statuses["unanswered"] += 1
        return None
    output.statuses[new.adjustment_status or "unknown"] += 1
    if old is None or old.mask is None or old.color_map is None:
        return None
    return old.mask, new.mask, _names(old), _names(new)


def _names(label: Label) -> dict[int, str]:
    return {number: entry.name for number, entry in label.classes.items()}


def _compare_batch(settings: MediaSettings, pairs: list[_Pair]) -> JobOutput:
    """Compare the masks of some lines in a worker."""
    output = JobOutput("", "")
    each_with_media(settings, partial(_compare, output), pairs)
    return output


async def _compare(compared: JobOutput, media: MediaReader, pair: _Pair) -> None:
    try:
        old = decode_png((await media.read_mask(pair[0]))[0])
        new = decode_png((await media.read_mask(pair[1]))[0])
    except PASSING:
        raise
    except (StorageError, PngError):
        compared.unreadable += 1
        return
    if old.shape != new.shape:
        compared.unreadable += 1
        return
    table = np.zeros((256, 256), np.int64)
    count_pairs(old, new, table)
    pixels = by_name(table, pair[2], pair[3])
    compared.compared += 1
    compared.changed += any(a != b for a, b in pixels)
    compared.pixels.update(pixels)


def by_name(
    table: NDArray[np.int64], before: dict[int, str], after: dict[int, str]
) -> Counter[tuple[str, str]]:
    """Turn pixels by pairs of class ids into pixels by pairs of class names."""
    pixels: Counter[tuple[str, str]] = Counter()
    for a, b in np.argwhere(table).tolist():
        pixels[before.get(a, f"value {a}"), after.get(b, f"value {b}")] += int(table[a, b])
    return pixels
