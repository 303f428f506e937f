"""The few AWS calls that are not about objects: a bucket's region and CORS, and labeling jobs.

Every error of the client becomes one sentence of :mod:`gtmask.errors`.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import aioboto3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    NoRegionError,
    ProfileNotFound,
)

from gtmask.errors import AccessError, NotFoundError, StorageError, TransientError, UsageError
from gtmask.manifest.contract import CORS_RULE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from gtmask.storage.base import S3Settings

_DENIED = {"403", "AccessDenied", "AccessDeniedException", "Forbidden", "InvalidAccessKeyId",
           "SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId",
           "UnrecognizedClientException"}  # fmt: skip
_MISSING = {"404", "NoSuchBucket", "NotFound"}
_BUSY = {"Throttling", "ThrottlingException", "SlowDown", "RequestLimitExceeded", "ServiceUnavailable",
         "InternalError", "InternalFailure", "503", "500"}  # fmt: skip


@asynccontextmanager
async def open_client(service: str, settings: S3Settings, region: str | None = None) -> AsyncIterator[Any]:
    """Open an aioboto3 client of ``s3`` or ``sagemaker``; an endpoint in the settings is S3's only.

    Raises
    ------
    UsageError
        No such profile, or no region at all.
    """
    try:
        session = aioboto3.Session(profile_name=settings.profile, region_name=region or settings.region)
        endpoint = settings.endpoint_url if service == "s3" else None
        # S3 answers for buckets of every region; SageMaker's jobs are in one.
        home = session.region_name or ("us-east-1" if service == "s3" else None)
        opened = session.client(service, endpoint_url=endpoint, region_name=home)
        client = await opened.__aenter__()
    except (ProfileNotFound, NoRegionError) as error:
        raise UsageError(f"{str(error).rstrip('.')}: check --profile and --region.") from error
    try:
        yield client
    finally:
        await opened.__aexit__(None, None, None)


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turn the client's errors into ours; ``what`` continues "Cannot ..."."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        said = (
            str(error.response.get("Error", {}).get("Message", "")).strip().rstrip(".") or "no reason given"
        )
        kind: type[StorageError] = StorageError
        if code in _DENIED:
            kind = AccessError
        elif code in _MISSING:
            kind = NotFoundError
        elif code in _BUSY:
            kind = TransientError
        raise kind(f"Cannot {what}: AWS answered {code}: {said}.") from error
    except (HTTPClientError, EndpointConnectionError) as error:
        raise TransientError(f"Cannot {what}: {str(error).rstrip('.')}; run again later.") from error
    except BotoCoreError as error:
        raise AccessError(f"Cannot {what}: {str(error).rstrip('.')}.") from error


async def bucket_region(client: Any, bucket: str) -> str | None:
    """Return a bucket's region, None where the server does not tell (S3-compatible ones).

    Raises
    ------
    NotFoundError, AccessError
        There is no such bucket, or it is none of ours.
    """
    with told(f"look at the bucket {bucket}"):
        try:
            answer = await client.head_bucket(Bucket=bucket)
        except ClientError as error:
            # A bucket of another region answers with an error that names the region.
            region = (
                error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region")
            )
            if region and str(error.response.get("Error", {}).get("Code")) in {"301", "400"}:
                return str(region)
            raise
    region = answer.get("BucketRegion")
    region = region or answer["ResponseMetadata"].get("HTTPHeaders", {}).get("x-amz-bucket-region")
    return str(region) if region else None


async def cors_rules(client: Any, bucket: str) -> list[dict[str, Any]]:
    """Return a bucket's CORS rules, none where it has no configuration."""
    with told(f"read the CORS rules of the bucket {bucket}"):
        try:
            answer = await client.get_bucket_cors(Bucket=bucket)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchCORSConfiguration":
                return []
            raise
    return list(answer.get("CORSRules", []))


def cors_allows(rules: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether one rule allows at least what Ground Truth asks for (Developer Guide, sms-cors-update)."""
    exposed = {header.lower() for header in CORS_RULE["ExposeHeaders"]}
    return any(
        "GET" in rule.get("AllowedMethods", ())
        and "*" in rule.get("AllowedOrigins", ())
        and exposed <= {header.lower() for header in rule.get("ExposeHeaders", ())}
        for rule in rules
    )


async def add_cors_rule(client: Any, bucket: str) -> None:
    """Add Ground Truth's CORS rule to a bucket and keep the rules that it has."""
    rules = await cors_rules(client, bucket)
    if not cors_allows(rules):
        with told(f"write the CORS rules of the bucket {bucket}"):
            await client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [*rules, CORS_RULE]})
