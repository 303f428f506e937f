"""What the service says of labeling jobs: whether they are there, how far they are, where their output is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from gtmask.errors import UsageError
from gtmask.groundtruth import aws
from gtmask.loops import run_async
from gtmask.progress import Progress, Silent
from gtmask.storage.base import S3Settings
from gtmask.storage.s3_errors import translate_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

#: API, DescribeLabelingJob: a job in one of these does not change any more.
FINAL = frozenset({"Completed", "Failed", "Stopped"})
_POLL_SECONDS = 30.0
_DESCRIBE = "sagemaker:DescribeLabelingJob"


@dataclass(frozen=True, slots=True)
class JobStatus:
    """How far a job is.

    ``name`` and ``status`` are the service's words, and ``reason`` those for why it failed; ``labeled``,
    ``failed`` and ``total`` count objects; ``output`` is the output manifest, "" before there is one.
    """

    name: str
    status: str
    labeled: int
    failed: int
    total: int
    reason: str = ""
    output: str = ""

    @property
    def final(self) -> bool:
        """Whether the job has ended, well or not."""
        return self.status in FINAL


async def describe(client: Any, name: str) -> dict[str, Any] | None:
    """Return what the service says about the job of this name, None where there is none."""
    with translate_errors(aws.job_action(f"look for a labeling job {name}", _DESCRIBE)):
        try:
            answer: dict[str, Any] = await client.describe_labeling_job(LabelingJobName=name)
        except ClientError as error:
            if _says_no_job(error):
                return None
            raise
    return answer


def _says_no_job(error: ClientError) -> bool:
    """Say whether an answer means that there is no such job.

    The API documents ResourceNotFound; for labeling jobs ValidationException is answered too (observed by
    aws-controllers-k8s, sagemaker-controller), and then the text tells.
    """
    said = error.response.get("Error", {})
    if said.get("Code") in {"ResourceNotFound", "ResourceNotFoundException"}:
        return True
    text = str(said.get("Message", "")).lower()
    missing = ("not found", "not exist", "could not find", "cannot find", "no such")
    return said.get("Code") == "ValidationException" and any(words in text for words in missing)


async def _status(client: Any, name: str) -> JobStatus:
    with translate_errors(aws.job_action(f"look at the labeling job {name}", _DESCRIBE)):
        answer = await client.describe_labeling_job(LabelingJobName=name)
    counters = answer["LabelCounters"]
    labeled = int(counters.get("TotalLabeled", 0))
    failed = int(counters.get("FailedNonRetryableError", 0))
    return JobStatus(
        name,
        str(answer["LabelingJobStatus"]),
        labeled,
        failed,
        labeled + failed + int(counters.get("Unlabeled", 0)),
        str(answer.get("FailureReason", "")),
        str(answer.get("LabelingJobOutput", {}).get("OutputDatasetS3Uri", "")),
    )


def wait_for_jobs(
    names: Sequence[str],
    region: str,
    *,
    s3: S3Settings | None = None,
    progress: Progress | None = None,
    seconds: float = _POLL_SECONDS,
) -> list[JobStatus]:
    """Follow labeling jobs until all have ended, well or not.

    Parameters
    ----------
    names
        Names of the jobs, as :func:`gtmask.submit_job` returns them.
    region
        Region of the jobs.
    s3
        Profile and endpoint with which AWS is reached.
    progress
        Is told how many images are labeled or have failed.
    seconds
        Time between two looks.

    Returns
    -------
    list[JobStatus]
        How each job ended.

    Raises
    ------
    StorageError
        AWS cannot be reached, or does not know a job.
    """
    return run_async(_wait(names, region, s3 or S3Settings(), progress or Silent(), seconds))


async def _wait(
    names: Sequence[str], region: str, settings: S3Settings, progress: Progress, seconds: float
) -> list[JobStatus]:
    shown: int | None = None
    async with aws.open_client("sagemaker", settings, region) as client:
        while True:
            statuses = [await _status(client, name) for name in names]
            total = sum(status.total for status in statuses)
            if shown is None and total:
                progress.stage("label", total)
                shown = 0
            if shown is not None:
                done = sum(status.labeled + status.failed for status in statuses)
                progress.advance(done - shown)
                shown = done
            if all(status.final for status in statuses):
                return statuses
            await asyncio.sleep(seconds)


def output_manifests(names: Sequence[str], s3: S3Settings) -> list[str]:
    """Return where labeling jobs wrote their output manifests.

    Raises UsageError where there is no such job, or it has written nothing yet.

    - ``names``: names of the jobs, in the region of the settings.
    - ``s3``: profile and region.
    """

    async def look() -> list[str]:
        found = []
        async with aws.open_client("sagemaker", s3, s3.region) as client:
            for name in names:
                answer = await describe(client, name)
                if answer is None:
                    raise UsageError(f"There is no labeling job {name}: check --job, --profile and --region.")
                uri = str(answer.get("LabelingJobOutput", {}).get("OutputDatasetS3Uri", ""))
                if not uri:
                    status = answer["LabelingJobStatus"]
                    raise UsageError(f"The labeling job {name} has written no output yet ({status}).")
                found.append(uri)
        return found

    return run_async(look())
