"""``gtmask job``: everything an adjustment job needs, planned, written, and on request submitted.

Planning reads the manifest once, checks it and decides how it is split; nothing is created before every
check and every upload has succeeded.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from gtmask.errors import ManifestError, UsageError
from gtmask.findings import CODES
from gtmask.groundtruth import job_rules
from gtmask.groundtruth.job_names import next_name
from gtmask.groundtruth.line_rules import LineChecker
from gtmask.groundtruth.manifest_file import BLOCK, ManifestReader, open_manifest
from gtmask.groundtruth.request import JobSettings, build_request, check_job_name
from gtmask.groundtruth.template import label_categories, worker_template
from gtmask.loops import run_async
from gtmask.manifest.contract import MAX_JOB_OBJECTS
from gtmask.manifest.line import describe_problem, require_line
from gtmask.manifest.located import locate_manifest
from gtmask.manifest.references import bucket_of
from gtmask.manifest.unfinished import STATE
from gtmask.storage import is_s3, open_storage
from gtmask.storage.outputs import OwnFiles
from gtmask.storage.usable import check_folder, check_overwrite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Container

    from gtmask.findings import Problem
    from gtmask.storage.base import S3Settings, Storage

#: What is no error in a manifest to look at, but makes a job or an object of it fail. Blank lines at the
#: end are left out.
_NO_JOB = frozenset({"reference-local", "object-failed", "object-open", "line-blank"})
CATEGORIES = "labels.json"
TEMPLATE = "template.liquid.html"
REQUEST = ".request.json"
#: Keeps which files of the folder a plan wrote.
_OWN_FILES = STATE + "job.json"


@dataclass(frozen=True, slots=True)
class JobShare:
    """One job's share of the manifest: the bytes [start, stop), with so many objects."""

    job: str
    start: int
    stop: int
    objects: int

    @property
    def file(self) -> str:
        """Name of this share as a file."""
        return f"{self.job}.manifest"


@dataclass(frozen=True, slots=True)
class JobPlan:
    """One or more adjustment jobs, ready to be written and submitted.

    Attributes
    ----------
    manifest
        The manifest that was read.
    adjusts
        The label attribute whose masks workers will see.
    labels
        Class names, in the order of the class map, BACKGROUND left out.
    parts
        The jobs and their shares of the manifest.
    buckets
        Buckets of images and masks.
    files
        The small files by name: label categories and worker template.
    requests
        The CreateLabelingJob requests by job name.
    unfinished
        Says that the manifest's run is not finished, and how far it is; then not all images are submitted.
    problems
        What may make the job fail and stops nothing: limits, the key's region, and the role where it was
        looked at.
    examples
        A reference in each bucket of images and masks.
    """

    manifest: str
    settings: JobSettings
    adjusts: str
    labels: tuple[str, ...]
    parts: tuple[JobShare, ...]
    buckets: tuple[str, ...]
    files: dict[str, bytes]
    requests: dict[str, dict[str, Any]]
    unfinished: str = ""
    problems: tuple[Problem, ...] = ()
    examples: tuple[str, ...] = ()
    role_checked: bool = False

    @property
    def unasked(self) -> list[str]:
        """What planning does not ask AWS: creating the job, or ``--check-role``, does."""
        buckets = ", ".join(self.buckets)
        return [
            f"whether there is a labeling job {', '.join(self.requests)} already",
            f"region and CORS rules of the buckets {buckets}",
            *([] if self.role_checked else ["whether SageMaker may assume the role, and what it reaches"]),
        ]

    @property
    def objects(self) -> int:
        """Images of all jobs."""
        return sum(part.objects for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        """Return what ``--dry-run`` shows."""
        return {
            "manifest": self.manifest,
            "adjusts": self.adjusts,
            "region": self.settings.region,
            "labels": list(self.labels),
            "objects": self.objects,
            "upload": self.settings.prefix,
            "buckets": list(self.buckets),
            "requests": list(self.requests.values()),
            "unfinished": self.unfinished,
            "findings": [
                {
                    "code": problem.code,
                    "level": CODES[problem.code].level,
                    "uri": problem.uri,
                    "detail": problem.detail,
                    "meaning": CODES[problem.code].meaning,
                    "remedy": CODES[problem.code].remedy,
                }
                for problem in self.problems
            ],
            "unasked": self.unasked,
        }


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
            _refuse_others(folder, plan)
            run_async(_write(plan, source, folder, s3, overwrite=overwrite))
    return plan


def _check_region(settings: JobSettings, s3: S3Settings | None) -> None:
    """Refuse a region other than the work team's; an S3 server of one's own may call its region anything."""
    if s3 and s3.region not in (None, settings.region) and not s3.endpoint_url:
        raise UsageError(
            f"--region is {s3.region}, and --workteam is in {settings.region}: a job has one region."
        )


def _refuse_others(out: str, plan: JobPlan) -> None:
    """Refuse a folder with the requests of other jobs, whose labels and template would be overwritten."""
    if is_s3(out):
        return
    others = sorted(
        path.name
        for path in Path(out).glob(f"*{REQUEST}")
        if path.name.removesuffix(REQUEST) not in plan.requests
    )
    if others:
        raise UsageError(
            f"--out {out} holds the files of another job ({others[0]}): choose another folder or remove them."
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
        if not self.labels:
            raise ManifestError(
                f"{self.source.location}: the color map has only BACKGROUND, so there is nothing to label."
            )

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


async def _write(
    plan: JobPlan, source: ManifestReader, out: str, s3: S3Settings | None, *, overwrite: bool
) -> None:
    """Write everything that will be uploaded, and the requests."""
    keys = [
        CATEGORIES,
        TEMPLATE,
        *(part.file for part in plan.parts),
        *(f"{name}{REQUEST}" for name in plan.requests),
    ]
    async with open_storage(out, s3) as storage:
        own = OwnFiles(storage, _OWN_FILES)
        await own.begin(keys, "--out", overwrite=overwrite)
        await put_files(plan, source, storage)
        for name, request in plan.requests.items():
            data = orjson.dumps(request, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
            await storage.put(f"{name}{REQUEST}", data, "application/json")
        await own.end(keys)
        await storage.sync()


async def put_files(
    plan: JobPlan, source: ManifestReader, storage: Storage, *, leave: Container[str] = ()
) -> None:
    """Put manifest(s), template and label categories into a storage, but for the manifests of some jobs."""
    await storage.put(CATEGORIES, plan.files[CATEGORIES], "application/json")
    await storage.put(TEMPLATE, plan.files[TEMPLATE], "text/html")
    for part in plan.parts:
        if part.job in leave:
            continue
        await storage.put_stream(part.file, _pieces(source, part), "application/x-ndjson")


async def _pieces(source: ManifestReader, part: JobShare) -> AsyncIterator[bytes]:
    for start in range(part.start, part.stop, BLOCK):
        yield source.read(start, min(BLOCK, part.stop - start))


def _adjusted(attribute: str) -> str:
    return f"{attribute.removesuffix('-ref')[:110]}-adjusted-ref"
