"""``gtmask job``: everything an adjustment job needs, planned, written, and on request submitted.

Planning reads the manifest once, checks it and decides how it is split; nothing is created before every
check and every upload has succeeded.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from hashlib import blake2b
from operator import itemgetter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from gtmask.errors import ManifestError, UsageError
from gtmask.findings import CODES, Problem
from gtmask.groundtruth import job_rules
from gtmask.groundtruth.job_files import (
    CATEGORIES,
    TEMPLATE,
    label_categories,
    refuse_others,
    worker_template,
    write_files,
)
from gtmask.groundtruth.job_plan import JobPlan, JobShare
from gtmask.groundtruth.line_rules import LineChecker
from gtmask.groundtruth.manifest_file import ManifestReader, open_manifest
from gtmask.groundtruth.request import JobSettings, build_request, check_job_name
from gtmask.loops import run_async
from gtmask.manifest.contract import MAX_JOB_OBJECTS
from gtmask.manifest.line import describe_problem, require_line
from gtmask.manifest.located import locate_manifest
from gtmask.manifest.references import bucket_of
from gtmask.storage.usable import check_folder, check_overwrite

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gtmask.storage.base import S3Settings


#: What is no error in a manifest to look at, but makes a job or an object of it fail. Blank lines at the
#: end are left out.
_NO_JOB = frozenset({"reference-local", "object-failed", "object-open", "line-blank"})


def job(
    manifest: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    role: str,
    workteam: str,
    output: str,
    name: str | None = None,
    label_attribute: str | None = None,
    adjust: str | None = None,
    partial: bool = False,
    check_role: bool = False,
    overwrite: bool = False,
    s3: S3Settings | None = None,
    **options: Any,
) -> JobPlan:
    """Plan an adjustment job and write its files to a folder.

    Parameters
    ----------
    manifest
        Path or ``s3://`` URI of a manifest whose references are ``s3://`` URIs, or of its folder.
    out
        Folder (or prefix) for manifest(s), template, label categories and request(s); None writes
        nothing (``--dry-run``).
    role, workteam, output, **options
        The fields of :class:`gtmask.JobSettings`.
    name
        Job name; by default the manifest's name and ``-adjustment``, and in further rounds the last job's
        name with the number of the round.
    label_attribute
        The new attribute; by default the adjusted one's name with ``-adjusted-ref``.
    adjust
        The attribute to adjust; by default the newest on the manifest's lines.
    partial
        Take a manifest of a run that is not finished; that it is not is told in the result.
    check_role
        Ask IAM whether SageMaker may assume the role, and whether the role reaches the data.
    overwrite
        Replace files of the folder that no plan of a job wrote, or that were edited since.
    s3
        How to reach S3.

    Returns
    -------
    JobPlan
        What :func:`gtmask.submit_job` takes; nothing is uploaded or created yet.

    Raises
    ------
    UsageError
        A setting that the API would refuse, a region other than the work team's, or a folder that is a file,
        holds the files of another job, or the manifest itself under the name of a job's.
    ManifestError
        A manifest that breaks the contract, with its first error; no file is written.

    Examples
    --------
    >>> import gtmask
    >>> made = gtmask.convert(
    ...     "export.json", "masks-run6", images="images", workers=1,
    ...     image_uri="s3://data/photos", mask_uri="s3://data/masks",
    ... )
    >>> plan = gtmask.job(
    ...     made.manifest,
    ...     role="arn:aws:iam::123456789012:role/GroundTruth",
    ...     workteam="arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/street",
    ...     output="s3://data/answers",
    ... )
    >>> plan.objects, list(plan.requests)
    (6, ['labeling-qa-adjustment'])
    """
    location = locate_manifest(os.fspath(manifest), s3)
    settings = JobSettings(
        role=role,
        workteam=workteam,
        output=output,
        name=name or "labels",
        label_attribute=label_attribute or _adjusted("labels-ref"),
        **options,
    )
    _check_region(settings, s3)
    with open_manifest(location, s3, partial=partial) as source:
        source.require_manifest()
        scan = _Scan(source, adjust)
        scan.run()
        if label_attribute is None:
            settings = replace(settings, label_attribute=_adjusted(scan.adjusts))
        if name is None:
            settings = replace(settings, name=next_name(location, scan.checker.jobs, scan.digest.hexdigest()))
        plan = scan.plan(settings)
        if check_role:
            problems = (*plan.problems, *job_rules.check_role(settings, plan.examples, s3))
            plan = replace(plan, problems=problems, role_checked=True)
        if out is not None:
            folder = os.fspath(out)
            check_folder(folder)
            for part in plan.parts:
                check_overwrite(folder, "--out", f"{folder.rstrip('/')}/{part.file}", location)
            refuse_others(folder, plan)
            run_async(write_files(plan, source, folder, s3, overwrite=overwrite))
    return plan


def _check_region(settings: JobSettings, s3: S3Settings | None) -> None:
    """Refuse a region other than the work team's; an S3 server of one's own may call its region anything."""
    if s3 and s3.region not in (None, settings.region) and not s3.endpoint_url:
        raise UsageError(
            f"--region is {s3.region}, and --workteam is in {settings.region}: a job has one region."
        )


class _Scan:
    """One pass over the manifest: is it right, what does it name, where is it split."""

    def __init__(self, source: ManifestReader, adjust: str | None) -> None:
        self.source = source
        self.adjusts = adjust or ""
        self.attributes: tuple[str, ...] = ()
        self.labels: tuple[str, ...] = ()
        self.buckets: dict[str, str] = {}
        self.checker = LineChecker()
        self.digest = blake2b(digest_size=3)
        self.spans: list[tuple[int, int, int]] = []

    def run(self) -> None:
        start = stop = objects = 0
        blank: list[Problem] = []
        for raw in self.source.raw_lines():
            problems, task = self.checker.check(raw.number, raw.data)
            self.digest.update(raw.data + b"\n")
            if not raw.data.strip():
                blank += problems[: not blank]
                continue
            self._refuse(blank + problems)
            if not self.attributes:
                self._first(raw.data)
            if objects == MAX_JOB_OBJECTS:
                self.spans.append((start, raw.offset, objects))
                start, objects = raw.offset, 0
            objects += 1
            stop = raw.offset + len(raw.data) + 1
            if task is not None:
                for reference in (task.source, *(reference for reference, _ in task.masks)):
                    self.buckets.setdefault(bucket_of(reference) or "", reference)
        if not objects:
            raise ManifestError(f"{self.source.location} has no lines: a job needs at least one object.")
        self.spans.append((start, min(stop, self.source.size), objects))

    def _first(self, data: bytes) -> None:
        line = require_line(data, self.source.location)
        self.attributes = tuple(label.attribute for label in line.masks)
        self.adjusts = self.adjusts or self.attributes[-1]
        adjusted = line.label(self.adjusts)
        if adjusted is None or adjusted not in line.masks:
            raise UsageError(
                f"--adjust {self.adjusts} is none of the lines' attributes, {', '.join(self.attributes)}."
            )
        self.labels = tuple(entry.name for number, entry in sorted(adjusted.classes.items()) if number)

    def _refuse(self, problems: list[Problem]) -> None:
        """Stop at the first problem that would make the job or an object of it fail."""
        for problem in problems:
            if CODES[problem.code].level == "error" or problem.code in _NO_JOB:
                place, seen = f"{self.source.location}, line {problem.line}", problem.detail or problem.uri
                raise ManifestError(f"{place}: {describe_problem(problem.code, seen)}")

    def plan(self, settings: JobSettings) -> JobPlan:
        if settings.label_attribute in self.attributes:
            raise UsageError(
                f"--label-attribute {settings.label_attribute} is on the lines already: an adjustment job "
                "needs a new one."
            )
        count = len(self.spans)
        parts = []
        for number, (start, stop, objects) in enumerate(self.spans, 1):
            name = settings.name if count == 1 else f"{settings.name}-{number}-of-{count}"
            check_job_name(name)
            parts.append(JobShare(name, start, stop, objects))
        prefix = settings.prefix
        requests = {
            part.job: build_request(
                settings,
                part.job,
                manifest=f"{prefix}/{part.file}",
                categories=f"{prefix}/{CATEGORIES}",
                template=f"{prefix}/{TEMPLATE}",
            )
            for part in parts
        }
        template = worker_template(self.adjusts, settings.title, settings.description)
        files = {CATEGORIES: label_categories(self.labels), TEMPLATE: template.encode()}
        return JobPlan(
            self.source.location,
            settings,
            self.adjusts,
            self.labels,
            tuple(parts),
            tuple(sorted(filter(None, self.buckets))),
            files,
            requests,
            self.source.unfinished,
            tuple(job_rules.check_limits(settings, max(part.objects for part in parts))),
            tuple(self.buckets[bucket] for bucket in sorted(filter(None, self.buckets))),
        )


def _adjusted(attribute: str) -> str:
    return f"{attribute.removesuffix('-ref')[:110]}-adjusted-ref"


#: A job's name: what it is called in all rounds, its round, and its share where several were needed.
_JOB = "labeling-job/"
_ROUND = re.compile(r"(.+?)(?:-again-[0-9a-f]{6})?(?:-([0-9]{1,4}))?(?:-[0-9]+-of-[0-9]+)?")
#: The name of the manifest that holds what an answer says is to be asked again.
_AGAIN = "again"


def next_name(location: str, jobs: Iterable[str], digest: str) -> str:
    """Return a job's default name: after its manifest, and in further rounds after the last job.

    Job names are unique per account and region (API, LabelingJobName): no two rounds may have one by default.

    - ``jobs``: what ``job-name`` says of the labels: a job's own begin with ``labeling-job/``.
    - ``digest``: stands for the manifest's bytes: what is asked again has no round of its own.
    """
    stem = PurePosixPath(location).name.removesuffix(".manifest")
    rounds = [_ROUND.fullmatch(job.removeprefix(_JOB)) for job in jobs if job.startswith(_JOB)]
    base, number = max(
        ((found[1], int(found[2] or 1)) for found in rounds if found), default=("", 0), key=itemgetter(1, 0)
    )
    name = re.sub("[^a-zA-Z0-9]+", "-", base or stem).strip("-")[:40].strip("-") or "labels"
    if stem == _AGAIN:
        return f"{name}-{digest}" if name == _AGAIN else f"{name}-again-{digest}"
    return f"{name}-{number + 1}" if base else f"{name}-adjustment"
