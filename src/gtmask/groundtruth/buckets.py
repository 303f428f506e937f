"""The rules of buckets: the job's region, and CORS.

Sources: Developer Guide, sms-input-data-input-manifest (one region), sms-cors-update (CORS on every
bucket of images; that masks need it too is inferred, since the page reads their pixels).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtmask.errors import NotFoundError, StorageError, TransientError
from gtmask.groundtruth import aws
from gtmask.groundtruth.report import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TypeVar

    from gtmask.storage.base import S3Settings

    T = TypeVar("T")


async def check_buckets(
    buckets: Iterable[str], settings: S3Settings, region: str | None = None, home: str | None = None
) -> list[Problem]:
    """Check the buckets of images and masks.

    Parameters
    ----------
    buckets
        Names.
    region
        The job's region; the region of ``home`` (the manifest's bucket) where it is not known.
    """
    problems: list[Problem] = []
    async with aws.open_client("s3", settings, region or settings.region or "us-east-1") as client:
        wanted = region or settings.region
        if wanted is None and home is not None:
            wanted = await aws.bucket_region(client, home)
        for bucket in sorted(set(buckets)):
            problems += await _check(client, bucket, wanted)
            wanted = wanted or None
    return problems


async def _check(client: Any, bucket: str, wanted: str | None) -> list[Problem]:
    uri = f"s3://{bucket}"
    try:
        region = await aws.bucket_region(client, bucket)
        allowed = aws.cors_allows(await aws.cors_rules(client, bucket))
    except NotFoundError:
        return [Problem("bucket-missing", 0, uri)]
    except TransientError:
        raise
    except StorageError as error:
        return [Problem("bucket-unchecked", 0, uri, str(error))]
    problems = []
    if region and wanted and region != wanted:
        problems.append(Problem("bucket-region", 0, uri, f"it is in {region}, the job in {wanted}"))
    if not allowed:
        problems.append(Problem("bucket-cors", 0, uri))
    return problems


async def missing_cors(buckets: Iterable[str], settings: S3Settings) -> list[str]:
    """Return the buckets whose CORS rules do not suffice, sorted."""
    async with aws.open_client("s3", settings, settings.region or "us-east-1") as client:
        return [
            bucket
            for bucket in sorted(set(buckets))
            if not aws.cors_allows(await aws.cors_rules(client, bucket))
        ]


async def add_cors(buckets: Iterable[str], settings: S3Settings) -> None:
    """Add Ground Truth's CORS rule to buckets; the rules that they have stay."""
    async with aws.open_client("s3", settings, settings.region or "us-east-1") as client:
        for bucket in sorted(set(buckets)):
            await aws.add_cors_rule(client, bucket)
