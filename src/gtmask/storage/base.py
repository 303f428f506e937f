"""The protocol that local folders and S3 prefixes share: a few verbs on keys below one root.

A key is a relative path with forward slashes; :func:`check_key` says which keys there can be. Errors are
those of :mod:`gtmask.errors`: ``NotFoundError``, ``AccessError``, ``TransientError`` (after retries) and
``StorageError``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from gtmask.choices import choose
from gtmask.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator


#: Most requests in flight that ``--concurrency auto`` tries: each holds a connection and an image's head.
MOST_IN_FLIGHT = 256

#: Client libraries that reach S3; "auto" takes obstore where it is installed and can do what is asked.
S3_CLIENTS = ("aioboto3", "obstore", "auto")
#: S3 API, PutObject: server-side encryption and canned ACLs.
ENCRYPTIONS = ("AES256", "aws:kms")
ACLS = (
    "private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read", "bucket-owner-read",
    "bucket-owner-full-control",
)  # fmt: skip


class Entry(NamedTuple):
    """A file or an object: its key below the storage's root, and its size in bytes.

    ``etag`` is what S3 calls an object's content, in quotation marks; "" for files.
    """

    key: str
    size: int
    etag: str = ""


@dataclass(frozen=True, slots=True)
class S3Settings:
    """How to reach S3.

    Parameters
    ----------
    client
        The client library: "aioboto3", or "obstore", which is an extra to install; "auto" takes obstore
        where it is installed and can do what is asked.
    endpoint_url
        URL of an S3 server other than AWS; None means AWS.
    profile, region
        AWS profile and region; None leaves them to the AWS environment and configuration files.
    concurrency
        Requests in flight per process, at least 1; "auto" finds by measuring how many serve best.
    request_payer
        Agree to pay for requests, which buckets of the kind "requester pays" ask for.
    sse
        Server-side encryption of what is written, "AES256" or "aws:kms"; None: as the bucket says.
    sse_kms_key_id
        KMS key for "aws:kms", by its id, ARN or alias; None: AWS's own key for S3.
    acl
        Canned access control list of what is written, such as "bucket-owner-full-control".
    attempts
        How often a request is tried before it is given up.
    timeout
        Seconds after which one attempt is given up.

    Raises
    ------
    UsageError
        A value that S3 does not know, or a concurrency that is neither "auto" nor 1 or more.
    """

    client: str = "aioboto3"
    endpoint_url: str | None = None
    profile: str | None = None
    region: str | None = None
    concurrency: int | Literal["auto"] = 32
    request_payer: bool = False
    sse: str | None = None
    sse_kms_key_id: str | None = None
    acl: str | None = None
    attempts: int = 10
    timeout: float = 60.0

    def __post_init__(self) -> None:
        for name, option, known in (
            ("client", "--s3-client", S3_CLIENTS),
            ("sse", "--sse", ENCRYPTIONS),
            ("acl", "--acl", ACLS),
        ):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, choose(option, value, known))
        if self.sse_kms_key_id is not None and self.sse != "aws:kms":
            raise UsageError("--sse-kms-key-id names the key of --sse aws:kms: give both.")
        if self.concurrency != "auto" and self.concurrency < 1:
            raise UsageError(f"--concurrency {self.concurrency} must be auto or at least 1.")

    @property
    def in_flight(self) -> int:
        """The most requests that are ever in flight: work for so many is kept ready."""
        return MOST_IN_FLIGHT if self.concurrency == "auto" else self.concurrency


def check_key(key: str) -> str:
    """Return the key if it names a file below a root.

    Raises StorageError if the key is empty or absolute, ends in a slash, holds NUL, or has a ``.`` or ``..``
    part: such a key could name a folder or something outside the root.
    """
    parts = key.split("/")
    if not key or not parts[0] or not parts[-1] or "\0" in key or "." in parts or ".." in parts:
        raise StorageError(f"{key!r} cannot be the name of a file below a folder or prefix: rename it.")
    return key


class Storage(Protocol):
    """Files below one root, a local folder or an ``s3://bucket/prefix``.

    An object serves one event loop and must be entered (``async with``) inside it. Storages are made
    by :func:`gtmask.storage.open_storage` and can be made again from (root, settings) in any process.
    """

    root: str

    async def __aenter__(self) -> Storage:
        """Open connections."""
        ...

    async def __aexit__(self, *exc: object) -> None:
        """Close connections."""
        ...

    def uri(self, key: str) -> str:
        """Return the absolute path or ``s3://`` URI of a key."""
        ...

    async def get(self, key: str, start: int = 0, stop: int | None = None, etag: str = "") -> bytes:
        """Return the bytes [start, stop) of a file, fewer where it ends before ``stop``.

        An object that has another ``etag`` than the one that is given is a ``ChangedError``.
        """
        ...

    async def get_versioned(
        self, key: str, start: int = 0, stop: int | None = None, etag: str = ""
    ) -> tuple[bytes, str]:
        """Return the same as :meth:`get`, and a text that differs where the file is another one than before.

        That of a local file is its size and the time of its last change, that of an object its ETag.
        """
        ...

    async def look(self, key: str) -> Entry:
        """Return a file's entry."""
        ...

    async def size(self, key: str) -> int:
        """Return a file's size in bytes."""
        ...

    async def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Write a whole file: readers see all of it or nothing. Durable after :meth:`sync`."""
        ...

    async def put_stream(
        self, key: str, pieces: AsyncIterable[bytes], content_type: str = "application/octet-stream"
    ) -> None:
        """Write a whole file from its pieces without holding it in memory; else like :meth:`put`."""
        ...

    async def put_if_absent(
        self, key: str, data: bytes, content_type: str = "application/octet-stream"
    ) -> bool:
        """Write a whole file unless there is one; return whether it was written. Durable on return.

        On S3 also True where the file that is there has the same bytes: whose they are cannot be told
        when an answer was lost. Who competes for a file writes bytes of their own.
        """
        ...

    async def put_if_unchanged(
        self, key: str, data: bytes, version: str, content_type: str = "application/octet-stream"
    ) -> bool:
        """Write a whole file where the one that is there has this version; return whether it was written.

        The version is that of :meth:`get_versioned`; a file that is gone has another. On S3 also True where
        the file that is there has the same bytes, as in :meth:`put_if_absent`.
        """
        ...

    async def sync(self) -> None:
        """Return once everything that was put so far survives a power cut."""
        ...

    async def delete(self, key: str) -> None:
        """Remove a file; a missing one is no error."""
        ...

    def list(self, prefix: str = "") -> AsyncIterator[Entry]:
        """Yield the entries whose keys start with ``prefix``, sorted by key as UTF-8 bytes."""
        ...
