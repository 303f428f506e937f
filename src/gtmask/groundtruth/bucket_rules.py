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

    - ``region``: the job's region; where it is not known, the one of the settings or of ``home``.
    - ``home``: the manifest's bucket.
    - ``cors``: those whose CORS rules count, all by default.
    """
    problems: list[Problem] = []
    names = sorted(set(buckets))
    shown = set(names if cors is None else cors)
    regions: dict[str, str | None] = {}
    async with aws.open_client("s3", settings, region) as client:
        for bucket in dict.fromkeys([*names, *filter(None, [home])]):
            uri = f"s3://{bucket}"
            try:
                regions[bucket] = await aws.bucket_region(client, bucket)
            except NotFoundError:
                problems += [Problem("bucket-missing", 0, uri)] * (bucket in names)
            except TransientError:
                raise
            except StorageError as error:
                problems += [Problem("bucket-unchecked", 0, uri, str(error))] * (bucket in names)
                regions[bucket] = None
        # Without any word on the job's region, all buckets must at least be in one.
        wanted = region or settings.region or regions.get(home or "")
        wanted = wanted or next(filter(None, regions.values()), None)
        for bucket in names:
            if bucket in regions:
                if (found := regions[bucket]) and found != wanted:
                    told = f"it is in {found}, the job in {wanted}"
                    problems.append(Problem("bucket-region", 0, f"s3://{bucket}", told))
                if bucket in shown:
                    problems += await _check_cors(client, bucket, wanted)
    return problems


async def _check_cors(client: Any, bucket: str, region: str | None) -> list[Problem]:
    uri = f"s3://{bucket}"
    try:
        rules = await aws.cors_rules(client, bucket)
    except TransientError:
        raise
    except StorageError as error:
        return [Problem("bucket-unchecked", 0, uri, str(error))]
    if not aws.cors_allows(rules, region):
        return [Problem("bucket-cors", 0, uri)]
    return [] if aws.cors_exposes(rules) else [Problem("cors-header-hidden", 0, uri)]


async def missing_cors(buckets: Iterable[str], settings: S3Settings) -> list[str]:
    """Return the buckets whose CORS rules do not suffice, sorted."""
    async with aws.open_client("s3", settings) as client:
        return [
            bucket
            for bucket in sorted(set(buckets))
            if not aws.cors_exposes(await aws.cors_rules(client, bucket))
        ]


async def add_cors(buckets: Iterable[str], settings: S3Settings) -> None:
    """Add Ground Truth's CORS rule to buckets; the rules that they have stay."""
    async with aws.open_client("s3", settings) as client:
        for bucket in sorted(set(buckets)):
            await aws.add_cors_rule(client, bucket)
