"""The rules of buckets: the job's region, and CORS.

Sources: Developer Guide, sms-input-data-input-manifest (one region), sms-cors-update (CORS on every
bucket of images; that masks need it too is inferred, since the page reads their pixels).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gtmask.errors import NotFoundError, StorageError, TransientError
from gtmask.findings import Problem
from gtmask.groundtruth import aws

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gtmask.storage.base import S3Settings


async def check_buckets(
    buckets: Iterable[str],
    settings: S3Settings,
    region: str | None = None,
    *,
    home: str | None = None,
    cors: Iterable[str] | None = None,
) -> list[Problem]:
    """Check buckets.

    Parameters
    ----------
    buckets
        Names.
    region
        The job's region; where it is not known, the one of the settings or of ``home``.
    home
        The manifest's bucket.
    cors
        Those whose CORS rules count, all by default.
    """
    problems: list[Problem] = []
    names = sorted(set(buckets))
    shown = set(names if cors is None else cors)
    async with aws.open_client("s3", settings, region) as client:
        wanted = region or settings.region
        if wanted is None and home is not None:
            wanted = await aws.bucket_region(client, home)
        for bucket in names:
            uri = f"s3://{bucket}"
            try:
                found = await aws.bucket_region(client, bucket)
            except NotFoundError:
                problems.append(Problem("bucket-missing", 0, uri))
                continue
            except TransientError:
                raise
            except StorageError as error:
                problems.append(Problem("bucket-unchecked", 0, uri, str(error)))
                continue
            # Without any word on the job's region, all buckets must at least be in one.
            wanted = wanted or found
            if found and found != wanted:
                problems.append(Problem("bucket-region", 0, uri, f"it is in {found}, the job in {wanted}"))
            if bucket in shown:
                problems += await _check_cors(client, bucket)
    return problems


async def _check_cors(client: Any, bucket: str) -> list[Problem]:
    uri = f"s3://{bucket}"
    try:
        rules = await aws.cors_rules(client, bucket)
    except TransientError:
        raise
    except StorageError as error:
        return [Problem("bucket-unchecked", 0, uri, str(error))]
    return [] if aws.cors_allows(rules) else [Problem("bucket-cors", 0, uri)]


async def missing_cors(buckets: Iterable[str], settings: S3Settings) -> list[str]:
    """Return the buckets whose CORS rules do not suffice, sorted."""
    async with aws.open_client("s3", settings) as client:
        return [
            bucket
            for bucket in sorted(set(buckets))
            if not aws.cors_allows(await aws.cors_rules(client, bucket))
        ]


async def add_cors(buckets: Iterable[str], settings: S3Settings) -> None:
    """Add Ground Truth's CORS rule to buckets; the rules that they have stay."""
    async with aws.open_client("s3", settings) as client:
        for bucket in sorted(set(buckets)):
            await aws.add_cors_rule(client, bucket)
