"""Starts planned jobs and mends CORS: the part of ``gtmask job`` that changes things.

The order is the promise: every check, then every upload, and only then the first job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gtmask.errors import ManifestError, UsageError
from gtmask.findings import CODES, Problem
from gtmask.groundtruth import aws
from gtmask.groundtruth.aws import add_cors, check_buckets, missing_cors
from gtmask.groundtruth.job_files import is_uploaded, upload_files
from gtmask.groundtruth.labeling_jobs import describe
from gtmask.groundtruth.manifest_file import ManifestReader, open_manifest
from gtmask.groundtruth.validation import Depth, validate
from gtmask.loops import run_async
from gtmask.manifest.references import bucket_of
from gtmask.storage import open_storage
from gtmask.storage.base import S3Settings, Storage
from gtmask.storage.s3_errors import translate_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from gtmask.groundtruth.job_plan import JobPlan
    from gtmask.groundtruth.report import Report
    from gtmask.progress import Progress

#: Not all of its objects were labeled, or will be.
_CUT_SHORT = frozenset({"Failed", "Stopping", "Stopped"})


def submit_job(
    plan: JobPlan,
    *,
    s3: S3Settings | None = None,
    level: Depth = "deep",
    images: str | None = None,
    masks: str | None = None,
    unchecked: bool = False,
    overwrite: bool = False,
    workers: int | None = None,
    tell: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> dict[str, str]:
    """Check everything, upload the files, and create the job(s).

    Jobs that an earlier start of the same command created are left alone, so that the same command goes on
    where one stopped, also where it only waited.

    Parameters
    ----------
    plan
        From :func:`gtmask.job`.
    level
        How deep :func:`gtmask.validate` looks first.
    images, masks, s3, workers, progress
        As in :func:`gtmask.validate`.
    unchecked
        Go on where a bucket's region or CORS rules cannot be read, or no rule fits.
    overwrite
        Replace objects in the way of the upload that gtmask did not write.
    tell
        Called with a sentence about what is worth knowing but stops nothing.

    Returns
    -------
    dict[str, str]
        ARN by job name.

    Raises
    ------
    ManifestError
        The validation found errors; nothing was uploaded or created.
    UsageError
        Another job of this name exists, somebody else's object is in the way of the upload, or a bucket is in
        another region or without CORS, or it cannot be known and ``unchecked`` is not set; likewise.
    StorageError
        An upload or a call failed; the sentence says which jobs were created, if any.
    """
    settings = s3 or S3Settings()
    report = validate(
        plan.manifest,
        level=level,
        partial=bool(plan.unfinished),
        images=images,
        masks=masks,
        s3=settings,
        workers=workers,
        progress=progress,
    )
    _refuse_errors(report, leave={"bucket-cors"} if unchecked else set())
    tell = tell or (lambda _: None)
    if report.count("warning"):
        worst = report.rules[0]
        tell(f"{report.count('warning'):,} warnings, the most frequent {worst.code}: {worst.meaning}")
    return run_async(_submit(plan, settings, tell, unchecked=unchecked, overwrite=overwrite))


def _refuse_errors(report: Report, leave: Container[str]) -> None:
    """Stop where a validation found errors, those of some codes aside."""
    errors = [rule for rule in report.rules if rule.level == "error" and rule.code not in leave]
    if errors:
        first = errors[0].examples[0]
        raise ManifestError(
            f"{report.manifest} has {sum(rule.count for rule in errors):,} errors, the most frequent "
            f"{errors[0].code} ({first.uri or first.detail}): nothing was submitted; `gtmask validate` lists "
            "them all."
        )


async def _submit(
    plan: JobPlan, settings: S3Settings, tell: Callable[[str], None], *, unchecked: bool, overwrite: bool
) -> dict[str, str]:
    buckets = {*plan.buckets, *filter(None, map(bucket_of, (plan.settings.output, plan.settings.prefix)))}
    problems = await check_buckets(buckets, settings, plan.settings.region, cors=plan.buckets)
    _refuse(problems, unchecked=unchecked)
    for problem in problems:
        checked = "not checked" if problem.code == "bucket-unchecked" else problem.uri
        tell(f"{checked}: {problem.detail or CODES[problem.code].meaning}")
    async with aws.open_client("sagemaker", settings, plan.settings.region) as client:
        found = {name: await describe(client, name) for name in plan.requests}
        with open_manifest(plan.manifest, settings, partial=bool(plan.unfinished)) as source:
            async with open_storage(plan.settings.prefix, settings) as storage:
                created = await _created_before(plan, found, source, storage)
                for name in created:
                    tell(f"{name} was created before: {(found[name] or {}).get('LabelingJobStatus')}")
                if len(created) < len(found):
                    await upload_files(plan, source, storage, leave=created, overwrite=overwrite)
        for name, request in plan.requests.items():
            if name in created:
                continue
            done = f" (created before it: {', '.join(created)})" if created else ""
            needed = "sagemaker:CreateLabelingJob, and iam:PassRole for the role"
            with translate_errors(aws.job_action(f"create the labeling job {name}{done}", needed)):
                answer = await client.create_labeling_job(**request)
            created[name] = str(answer["LabelingJobArn"])
        return {name: created[name] for name in plan.requests}


async def _created_before(
    plan: JobPlan, found: dict[str, dict[str, Any] | None], source: ManifestReader, storage: Storage
) -> dict[str, str]:
    """Return the ARNs of the jobs that an earlier start of the same command created.

    Names are unique per account and region (API), so any other job of such a name is in the way.
    """
    created = {}
    for part in plan.parts:
        answer = found[part.job]
        if answer is None:
            continue
        if not (_is_alike(answer, plan.requests[part.job]) and await is_uploaded(part, source, storage)):
            status = answer["LabelingJobStatus"]
            if status in _CUT_SHORT:
                raise UsageError(
                    f"There is a labeling job {part.job} already ({status}), with {_progress(answer)}: "
                    f"`gtmask answer --job {part.job}` keeps what was labeled and writes again.manifest of "
                    "the rest, for a job of another --name; nothing was uploaded."
                )
            raise UsageError(
                f"There is a labeling job {part.job} already ({status}), with other settings or data: choose "
                "another --name; nothing was uploaded."
            )
        created[part.job] = str(answer["LabelingJobArn"])
    return created


def _progress(answer: dict[str, Any]) -> str:
    counters = answer.get("LabelCounters", {})
    reason = str(answer.get("FailureReason", "")).strip().rstrip(".")
    counted = f"{counters.get('TotalLabeled', 0):,} objects labeled and {counters.get('Unlabeled', 0):,} open"
    return f"{counted} ({reason})" if reason else counted


def _is_alike(answer: dict[str, Any], request: dict[str, Any]) -> bool:
    """Say whether a job is the one that a request would create, and did not fail."""
    if answer["LabelingJobStatus"] in _CUT_SHORT:
        return False
    source = answer["InputConfig"]["DataSource"].get("S3DataSource")
    return (
        source == request["InputConfig"]["DataSource"]["S3DataSource"]
        and answer["OutputConfig"]["S3OutputPath"] == request["OutputConfig"]["S3OutputPath"]
        and all(answer.get(key) == request[key] for key in ("LabelAttributeName", "LabelCategoryConfigS3Uri"))
    )


def _refuse(problems: Sequence[Problem], *, unchecked: bool) -> None:
    for problem in problems:
        if problem.code == "bucket-missing":
            raise UsageError(f"There is no bucket {problem.uri}: create it, or correct the references.")
        if problem.code == "bucket-region":
            raise UsageError(f"The bucket {problem.uri} is in the wrong region: {problem.detail}.")
        if problem.code == "bucket-cors" and not unchecked:
            raise UsageError(
                f"The bucket {problem.uri} has no CORS rule for the worker UI: run `gtmask job --fix-cors`, "
                "or give --unchecked if you know better."
            )
        if problem.code == "bucket-unchecked" and not unchecked:
            raise UsageError(
                f"Region or CORS of the bucket {problem.uri} cannot be known: {problem.detail.rstrip('.')}; "
                "allow s3:ListBucket and s3:GetBucketCORS, or give --unchecked to submit all the same."
            )


def buckets_without_cors(plan: JobPlan, *, s3: S3Settings | None = None) -> list[str]:
    """Return the buckets of images and masks that browsers may not read, for lack of a CORS rule.

    Parameters
    ----------
    plan
        From :func:`gtmask.job`.
    s3
        How to reach S3.

    Raises
    ------
    StorageError
        A bucket's rules cannot be read.
    """
    return run_async(missing_cors(plan.buckets, s3 or S3Settings()))


def fix_cors(buckets: Sequence[str], *, s3: S3Settings | None = None) -> None:
    """Add Ground Truth's CORS rule to these buckets and keep the rules that they have.

    Parameters
    ----------
    buckets
        Names of buckets, as :func:`gtmask.buckets_without_cors` returns them.
    s3
        How to reach S3.

    Raises
    ------
    StorageError
        A bucket's rules cannot be read or written.
    """
    run_async(add_cors(buckets, s3 or S3Settings()))
