"""The few AWS calls that are not about objects, and the rules of buckets: the job's region, and CORS.

Sources: Developer Guide, sms-input-data-input-manifest (one region), sms-cors-update (CORS on every bucket of
images; that masks need it too is inferred, since the page reads their pixels).

Errors become sentences where those of storages do: :mod:`gtmask.storage.s3_errors`.
"""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, NoRegionError, ProfileNotFound

from gtmask.errors import NotFoundError, StorageError, TransientError, UsageError
from gtmask.findings import Problem
from gtmask.manifest.contract import CORS_RULE
from gtmask.storage.s3_answers import Action
from gtmask.storage.s3_client import open_session
from gtmask.storage.s3_errors import translate_errors
from gtmask.text import one_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from gtmask.storage.base import S3Settings


def job_action(words: str, permission: str) -> Action:
    """Return what is asked of SageMaker about a labeling job; ``words`` continue "Cannot"."""
    return Action(words, permission, missing="there is no such labeling job", service="SageMaker")


def _bucket_action(words: str, permission: str, bucket: str) -> Action:
    return Action(f"{words} {bucket}", permission, bucket, f"there is no bucket {bucket}")


@asynccontextmanager
async def open_client(service: str, settings: S3Settings, region: str | None = None) -> AsyncIterator[Any]:
    """Open an aioboto3 client of ``s3`` or ``sagemaker``; an endpoint in the settings is S3's only.

    Raises UsageError: no such profile, or no region at all.
    """
    try:
        session, _ = open_session(settings, region)
        endpoint = settings.endpoint_url if service == "s3" else None
        # S3 answers for buckets of every region; SageMaker's jobs are in one.
        home = session.region_name or ("us-east-1" if service == "s3" else None)
        opened = session.client(service, endpoint_url=endpoint, region_name=home)
        client = await opened.__aenter__()
    except (ProfileNotFound, NoRegionError) as error:
        raise UsageError(f"{one_line(error)}: check --profile and --region.") from error
    try:
        yield client
    finally:
        await opened.__aexit__(None, None, None)


async def bucket_region(client: Any, bucket: str) -> str | None:
    """Return a bucket's region, None where the server does not tell (S3-compatible ones).

    S3 tells the region of a bucket in the header of nearly every answer, refusals included (S3 API reference,
    HeadBucket); where a refusal lacks it, GetBucketLocation may be allowed. Raises NotFoundError or
    AccessError where there is no such bucket, or it is none of ours.
    """
    with translate_errors(_bucket_action("look at the bucket", "s3:ListBucket", bucket)):
        try:
            answer = await client.head_bucket(Bucket=bucket)
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if status != 404 and (region := _region_header(error.response)):
                return region
            if status != 403:
                raise
            try:
                located = await client.get_bucket_location(Bucket=bucket)
            except ClientError:
                raise error from None
            return str(located.get("LocationConstraint") or "us-east-1")
    region = answer.get("BucketRegion") or _region_header(answer)
    return str(region) if region else None


def _region_header(answer: Mapping[str, Any]) -> str | None:
    region = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region")
    return str(region) if region else None


async def cors_rules(client: Any, bucket: str) -> list[dict[str, Any]]:
    """Return a bucket's CORS rules, none where it has no configuration."""
    with translate_errors(_bucket_action("read the CORS rules of the bucket", "s3:GetBucketCORS", bucket)):
        try:
            answer = await client.get_bucket_cors(Bucket=bucket)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchCORSConfiguration":
                return []
            raise
    return list(answer.get("CORSRules", []))


def cors_allows(rules: Sequence[Mapping[str, Any]], region: str | None = None) -> bool:
    """Say whether a rule lets the page of the work team's portal read objects.

    The page is at ``https://NAME.labeling.REGION.sagemaker.aws``. A rule's origin may have one ``*`` (S3 User
    Guide, ManageCorsUsing); which headers it exposes does not matter for reading pixels.

    - ``region``: the job's region; None: any will do.
    """
    return any(
        "GET" in rule.get("AllowedMethods", ())
        and any(_is_portal(origin, region) for origin in rule.get("AllowedOrigins", ()))
        for rule in rules
    )


def _is_portal(origin: str, region: str | None) -> bool:
    place = r"[a-z0-9-]+" if region is None else re.escape(region)
    if "*" not in origin:
        return re.fullmatch(rf"https://[a-z0-9-]+\.labeling\.{place}\.sagemaker\.aws", origin) is not None
    named = re.search(r"\.labeling\.([a-z0-9-]+)\.sagemaker\.aws$", origin)
    some = region or (named[1] if named else "us-east-1")
    pattern = ".*".join(map(re.escape, origin.split("*")))
    return re.fullmatch(pattern, f"https://abcdefghij.labeling.{some}.sagemaker.aws") is not None


def cors_exposes(rules: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether one rule is at least what Ground Truth asks for (Developer Guide, sms-cors-update)."""
    exposed = {header.lower() for header in CORS_RULE["ExposeHeaders"]}
    return any(
        cors_allows([rule]) and exposed <= {header.lower() for header in rule.get("ExposeHeaders", ())}
        for rule in rules
    )


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
    async with open_client("s3", settings, region) as client:
        for bucket in dict.fromkeys([*names, *filter(None, [home])]):
            uri = f"s3://{bucket}"
            try:
                regions[bucket] = await bucket_region(client, bucket)
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
        rules = await cors_rules(client, bucket)
    except TransientError:
        raise
    except StorageError as error:
        return [Problem("bucket-unchecked", 0, uri, str(error))]
    if not cors_allows(rules, region):
        return [Problem("bucket-cors", 0, uri)]
    return [] if cors_exposes(rules) else [Problem("cors-header-hidden", 0, uri)]


async def missing_cors(buckets: Iterable[str], settings: S3Settings) -> list[str]:
    """Return the buckets whose CORS rules do not suffice, sorted."""
    async with open_client("s3", settings) as client:
        return [
            bucket for bucket in sorted(set(buckets)) if not cors_exposes(await cors_rules(client, bucket))
        ]


async def add_cors(buckets: Iterable[str], settings: S3Settings) -> None:
    """Add Ground Truth's CORS rule to buckets that lack it; the rules that they have stay."""
    async with open_client("s3", settings) as client:
        for bucket in sorted(set(buckets)):
            rules = await cors_rules(client, bucket)
            if cors_exposes(rules):
                continue
            asked = _bucket_action("write the CORS rules of the bucket", "s3:PutBucketCORS", bucket)
            with translate_errors(asked):
                await client.put_bucket_cors(
                    Bucket=bucket, CORSConfiguration={"CORSRules": [*rules, CORS_RULE]}
                )
