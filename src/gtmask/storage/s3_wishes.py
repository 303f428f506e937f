"""What users ask of S3 beside reading and writing (who pays, encryption, ACL), and which client can send it.

Every request carries what its operation knows of it (S3 API reference: the members ``RequestPayer``,
``ServerSideEncryption``, ``SSEKMSKeyId`` and ``ACL`` of each operation's request).
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from gtmask.errors import UsageError
from gtmask.progress import notice
from gtmask.storage.names import is_access_point, split_bucket

if TYPE_CHECKING:
    from gtmask.storage.base import S3Settings

#: The header of each member, for requests that are put together without the client.
_HEADERS = {
    "RequestPayer": "x-amz-request-payer",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
    "ACL": "x-amz-acl",
}


def members_of(settings: S3Settings) -> dict[str, str]:
    """Return what the settings wish, by the members of the API's requests."""
    wishes = {
        "RequestPayer": "requester" if settings.request_payer else None,
        "ServerSideEncryption": settings.sse,
        "SSEKMSKeyId": settings.sse_kms_key_id,
        "ACL": settings.acl,
    }
    return {member: value for member, value in wishes.items() if value is not None}


def headers_of(settings: S3Settings, *, writes: bool) -> dict[str, str]:
    """Return the headers of a GET, or of a PUT where it ``writes``."""
    members = members_of(settings)
    return {
        _HEADERS[member]: value for member, value in members.items() if writes or member == "RequestPayer"
    }


def add_to_every_request(client: Any, settings: S3Settings) -> None:
    """Make a client of botocore's kind send what the settings wish with every operation that knows it."""
    members = members_of(settings)

    def add(params: dict[str, Any], model: Any, **_: Any) -> dict[str, Any]:
        return {name: value for name, value in members.items() if name in model.input_shape.members} | params

    if members:
        client.meta.events.register("provide-client-params.s3", add)


def choose_client(location: str, settings: S3Settings) -> str:
    """Return the client library for a location: "aioboto3" or "obstore".

    Raises UsageError: the one that is asked for cannot send what the settings wish, or reach the location.
    """
    lacking = _obstore_lacks(location, settings)
    if settings.client == "auto":
        lacking = f"cannot {lacking}" if lacking else "" if find_spec("obstore") else "is not installed"
        _tell_choice(lacking)
        return "aioboto3" if lacking else "obstore"
    if settings.client == "obstore" and lacking:
        raise UsageError(f"--s3-client obstore cannot {lacking}: use --s3-client aioboto3.")
    return settings.client


@cache
def _tell_choice(lacking: str) -> None:
    """Tell once which client was chosen, and why where it is not obstore."""
    notice(f"S3 client: aioboto3, because obstore {lacking}" if lacking else "S3 client: obstore")


def _obstore_lacks(location: str, settings: S3Settings) -> str:
    """Return what obstore cannot do of what is asked, as the rest of a sentence; else nothing."""
    if settings.acl is not None:
        return "send an ACL (--acl)"
    if is_access_point(split_bucket(location)[0]):
        return f"reach an access point by its ARN ({location})"
    return ""
