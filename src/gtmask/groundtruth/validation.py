"""``gtmask validate``: streams a manifest through every rule, in parallel and in bounded memory.

The parent reads lines and applies the rules of lines; batches of what they name go to workers, which
apply the rules of pictures. Results are taken in the order of the manifest, so the report is the same
whatever the workers.
"""

from __future__ import annotations

import functools
import os
from array import array
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from gtmask.errors import ManifestError, StorageError, UsageError
from gtmask.findings import Problem
from gtmask.groundtruth.line_rules import LineChecker, Task
from gtmask.groundtruth.manifest_file import (
    HOPELESS_LINES,
    ManifestReader,
    RawLine,
    is_foreign,
    no_manifest,
    open_manifest,
)
from gtmask.groundtruth.media import MediaReport, MediaSettings, check_batch, in_batches, media_settings
from gtmask.groundtruth.report import MAX_EXAMPLES, FindingsFile, Report
from gtmask.kernels import CHECKER_MODULES, compile_kernels
from gtmask.loops import run_async
from gtmask.manifest.contract import MAX_JOB_OBJECTS, MAX_LINE_CHARACTERS, SOURCE_REF
from gtmask.manifest.located import locate_manifest
from gtmask.manifest.references import bucket_of
from gtmask.progress import Progress, Silent, advancing
from gtmask.text import text_hash
from gtmask.workers import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.storage.base import S3Settings


#: How much is looked at: the manifest only; headers of masks and images and the values of a sample of
#: masks; every pixel of every mask.
Depth = Literal["quick", "default", "deep"]

#: Lines per batch of work.
BATCH = 128
#: The default depth decodes the masks of so many first lines, and then of every fiftieth.
SAMPLE_FIRST, SAMPLE_EVERY = 20, 50
#: What is said of the color map that all lines share, and not of each line.
ABOUT_THE_MAP = frozenset({"labels-console", "labels-automated", "class-gap"})


def validate(
    manifest: str | os.PathLike[str],
    *,
    level: Depth = "default",
    images: str | None = None,
    masks: str | None = None,
    strict: bool = False,
    partial: bool = False,
    findings: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    s3: S3Settings | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Check every rule of the Ground Truth contract on a manifest and what it names.

    Parameters
    ----------
    manifest
        Path or ``s3://`` URI of an input manifest, or of the output manifest of a finished job, or the folder
        of one.
    level
        ``quick``: the manifest only. ``default``: headers of masks and images too, and the pixel values
        of a sample of masks. ``deep``: every pixel of every mask, and every image's file size.
    images, masks
        Folder or ``s3://`` prefix with copies of what the references name.
    strict
        Warnings count as errors.
    partial
        Take a manifest of a run that is not finished; that it is not is told in the result.
    findings
        File to which every finding is written as one JSON object per line, in the order in which they are
        found: the report itself keeps a few examples of each. A path or an ``s3://`` URI.
    overwrite
        Replace a file of that name that no validation wrote.
    s3
        How to reach S3.
    workers
        This process and others beside it; one per core by default, none beside it for small manifests.
    progress
        Hears how many lines are done.

    Returns
    -------
    Report
        Its ``exit_code`` is 0 where nothing is wrong, 3 where errors were found.

    Raises
    ------
    ManifestError
        None of the lines is a JSON object: the file is no manifest. Or it is of a run that is not finished.
    NotFoundError, AccessError, TransientError
        The manifest cannot be read, or S3 stays out of reach.

    Examples
    --------
    >>> import gtmask
    >>> made = gtmask.convert("export.json", "masks-run3", images="images", workers=1)
    >>> report = gtmask.validate(made.manifest, workers=1)
    >>> report.lines, sorted(report.codes)
    (6, ['reference-local'])
    """
    if level not in get_args(Depth):
        raise UsageError(f"The level {level!r} is none of {', '.join(get_args(Depth))}.")
    location = locate_manifest(os.fspath(manifest), s3)
    deep = level == "deep"
    before = functools.partial(compile_kernels, CHECKER_MODULES if deep else ())
    with (
        open_manifest(location, s3, partial=partial) as source,
        FindingsFile(findings, location, s3, overwrite=overwrite) as findings_file,
    ):
        settings = media_settings([source], s3, images=images, masks=masks, deep=deep)
        report = Report(source.location, level, strict, _findings_file=findings_file)
        if source.unfinished:
            report.add([Problem("run-unfinished", detail=source.unfinished)])
        with Pool(workers, before=before) as pool:
            return _Validation(source, report, settings).run(pool, progress or Silent())


class _Validation:
    """One run: the state that the lines of a manifest share."""

    def __init__(self, source: ManifestReader, report: Report, settings: MediaSettings) -> None:
        self.source = source
        self.report = report
        self.settings = settings
        self.checker = LineChecker()
        self.sources, self.masks = Seen(), Seen()
        self.buckets: set[str] = set()
        self.pixels = np.zeros(256, np.int64)
        self.tasks = 0
        self.unreadable = 0
        self.foreign = 0
        self.reported: set[str] = set()

    def run(self, pool: Pool, progress: Progress) -> Report:
        lines = self.source.estimate_lines()
        progress.stage("validate", lines)
        batches = ((self.settings, batch) for batch in in_batches(self._tasks(progress), BATCH))
        for found in pool.map(check_batch, batches, lines // BATCH):
            self.merge(found)
        self._finish()
        return self.report

    def _tasks(self, progress: Progress) -> Iterator[tuple[Task, bool]]:
        """Read the lines, and yield what pictures there are to look at, each with whether to decode masks."""
        for raw in advancing(self.source.raw_lines(), progress):
            self.report.lines = raw.number
            task = self.line(raw)
            if task is not None and self.report.depth != "quick":
                self.tasks += 1
                first = self.tasks <= SAMPLE_FIRST or self.tasks % SAMPLE_EVERY == 0
                yield task, self.settings.deep or first

    def line(self, raw: RawLine) -> Task | None:
        """Apply the rules of lines to one, and remember what is needed at the end."""
        problems, task = self.checker.check(raw.number, raw.data)
        codes = {problem.code for problem in problems}
        self.report.add(problem for problem in problems if problem.code not in self.reported)
        self.reported |= codes & ABOUT_THE_MAP
        if self.checker.status:
            self.report.adjustments[str(self.checker.status)] += 1
        if "line-too-long" in codes:
            self.foreign += SOURCE_REF.encode() not in raw.data
        else:
            self.foreign += is_foreign(codes)
        if codes & {"line-not-json", "manifest-encoding", "line-blank"}:
            self.unreadable += 1
            if self.unreadable == raw.number == HOPELESS_LINES:
                self._no_manifest()
        if task is not None:
            references = [reference for reference, _ in task.masks]
            if task.source:
                self.sources.add(task.source, raw.number, raw.offset)
                references.append(task.source)
            if task.masks:
                self.masks.add(task.masks[-1][0], raw.number, raw.offset)
            self.buckets.update(filter(None, map(bucket_of, references)))
        return task

    def merge(self, found: MediaReport) -> None:
        """Add what a worker saw to the report."""
        report = self.report
        report.add(found.problems)
        report.images += found.images
        report.masks += found.masks
        report.decoded += found.decoded
        self.pixels += found.pixels

    def _finish(self) -> None:
        """Apply the rules of the manifest as a whole."""
        report = self.report
        report.attributes = self.checker.attributes
        report.classes = self.checker.classes
        report.pixels = {i: count for i, count in enumerate(self.pixels.tolist()) if count}
        if report.lines == 0:
            report.add([Problem("manifest-empty")])
        elif self.unreadable == report.lines:
            self._no_manifest()
        elif self.unreadable + self.foreign == report.lines:
            raise no_manifest(report.manifest, "no line has a source-ref or a label attribute")
        if report.lines > MAX_JOB_OBJECTS:
            report.add([Problem("objects-too-many", 0, "", f"{report.lines:,} objects")])
        self._repeats(self.sources, "source-duplicate", newest_mask=False)
        self._repeats(self.masks, "mask-duplicate", newest_mask=True)
        local = self.settings.images is not None and self.settings.masks is not None
        if self.buckets and report.depth != "quick" and not local:
            self._check_buckets()

    def _no_manifest(self) -> None:
        name = self.report.manifest
        problems = [problem for rule in self.report.rules for problem in rule.examples]
        if any(p.code == "manifest-encoding" and p.detail == "UTF-16" for p in problems):
            raise ManifestError(
                f"{name} is UTF-16, and Ground Truth reads UTF-8: save it as UTF-8 without BOM."
            )
        first = min((problem for problem in problems if problem.detail), key=lambda p: p.line, default=None)
        detail = f"line {first.line}: {first.detail}" if first else "there is nothing on its lines"
        raise no_manifest(name, f"its lines are not JSON objects ({detail})")

    def _repeats(self, seen: Seen, code: str, *, newest_mask: bool) -> None:
        for i, (line, first, offset) in enumerate(seen.repeats()):
            uri = self._reference(line, offset, newest_mask) if i < MAX_EXAMPLES else ""
            self.report.add([Problem(code, line, uri, f"as on line {first}")])

    def _reference(self, line: int, offset: int, newest_mask: bool) -> str:
        """Read one line again and return what it names."""
        # No character has more than four bytes; what names anything is no longer than a line may be.
        data = self.source.read(offset, 4 * MAX_LINE_CHARACTERS + 1).partition(b"\n")[0]
        _, task = LineChecker().check(line, data)
        if task is None:
            return ""
        return task.masks[-1][0] if newest_mask else task.source

    def _check_buckets(self) -> None:
        from gtmask.groundtruth.aws import check_buckets  # noqa: PLC0415 - loads the AWS client

        home = bucket_of(self.report.manifest)
        # Nobody will look at the pictures of a finished answer in a browser: CORS is no matter then.
        cors = None if self.checker.ages.answer is None else ()
        try:
            self.report.add(run_async(check_buckets(self.buckets, self.settings.s3, home=home, cors=cors)))
        except (StorageError, UsageError) as error:
            self.report.add([Problem("bucket-unchecked", 0, "", str(error))])


class Seen:
    """Finds references that stand on more than one line, by a 64-bit hash of each, its line and its offset.

    Two of a million references share a hash by chance once in forty million manifests.
    """

    def __init__(self) -> None:
        self._rows = array("Q")

    def add(self, reference: str, line: int, offset: int) -> None:
        """Remember a reference."""
        self._rows.extend((text_hash(reference), line, offset))

    def repeats(self) -> Iterator[tuple[int, int, int]]:
        """Yield (line, line of the first occurrence, byte offset) of repeated references, by line."""
        rows = np.frombuffer(self._rows, np.uint64).reshape(-1, 3)
        _, firsts, group = np.unique(rows[:, 0], return_index=True, return_inverse=True)
        first = firsts[group]
        again = np.flatnonzero(first != np.arange(len(rows)))
        for (_, line, offset), before in zip(
            rows[again].tolist(), rows[first[again], 1].tolist(), strict=True
        ):
            yield line, before, offset
