"""Objects below an S3 prefix, through aioboto3: which request each verb is, and what its answer means."""

from __future__ import annotations

import base64
import hashlib
import re
from contextlib import AsyncExitStack
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from gtmask.errors import StorageError, UsageError
from gtmask.storage.base import Entry, check_key
from gtmask.storage.retry import Requests
from gtmask.storage.s3_client import open_client
from gtmask.storage.s3_errors import told

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable

    from gtmask.storage.base import S3Settings

T = TypeVar("T")

#: Bytes of one part of a multipart upload: the 10,000 parts that S3 allows then make 160 GB.
PART = 16 << 20
#: Slowest transfer that is not given up, in bytes per second.
_SLOWEST = 256 << 10

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")


def parse_s3(location: str) -> tuple[str, str]:
    """Split ``s3://bucket/prefix`` into the bucket and the prefix with a slash at its end, or ``""``.

    Raises
    ------
    UsageError
        If there is no valid bucket name.
    """
    bucket, _, prefix = location[5:].partition("/")
    if not _BUCKET.fullmatch(bucket):
        msg = f"{location} has no valid bucket name: write s3://bucket/prefix"
        raise UsageError(msg)
    return bucket, prefix if prefix.endswith("/") or not prefix else prefix + "/"


class S3Storage:
    """Objects below one prefix; see :class:`gtmask.storage.base.Storage` for the verbs."""

    def __init__(self, location: str, settings: S3Settings) -> None:
        self.bucket, self._prefix = parse_s3(location)
        self.root = f"s3://{self.bucket}/{self._prefix}".removesuffix("/")
        self.settings = settings
        self._stack = AsyncExitStack()
        self._client: Any = None
        self._requests: Requests

    async def __aenter__(self) -> S3Storage:
        self._requests = Requests(self.settings.concurrency, self.settings.attempts)
        with told("read", self.root):
            self._client = await self._stack.enter_async_context(open_client(self.settings))
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._client = None
        await self._stack.aclose()

    def uri(self, key: str) -> str:
        """Return the ``s3://`` URI of a key."""
        return f"s3://{self.bucket}/{self._prefix}{check_key(key)}"

    def _target(self, key: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self._prefix + key}

    async def _send(self, verb: str, uri: str, request: Callable[[], Awaitable[T]], transfer: int = 0) -> T:
        """Send a request that moves ``transfer`` bytes until it succeeds."""

        async def attempt() -> T:
            with told(verb, uri):
                return await request()

        return await self._requests.send(attempt, self.settings.timeout + transfer / _SLOWEST)

    async def get(self, key: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return the bytes [start, stop) of an object, fewer where it ends before ``stop``."""
        uri = self.uri(key)
        if stop is not None and stop <= start:
            await self.size(key)  # nothing to read, but a missing object is an error all the same
            return b""
        parameters = self._target(key)
        if start or stop is not None:
            parameters["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"

        async def request() -> bytes:
            try:
                answer = await self._client.get_object(**parameters)
            except ClientError as error:
                if error.response["Error"]["Code"] in {"InvalidRange", "416"}:
                    return b""  # the object ends before ``start``
                raise
            async with answer["Body"] as body:
                data: bytes = await body.read()
            return data

        return await self._send("read", uri, request, stop - start if stop is not None else 1 << 30)

    async def size(self, key: str) -> int:
        """Return an object's size in bytes.

        The first byte is asked for, and its ``Content-Range`` tells the size: an answer to HEAD has no
        body, so that it could not tell a missing bucket from a missing object, or why it is forbidden.
        """
        uri = self.uri(key)

        async def request() -> int:
            try:
                answer = await self._client.get_object(**self._target(key), Range="bytes=0-0")
            except ClientError as error:
                if error.response["Error"]["Code"] in {"InvalidRange", "416"}:
                    return 0
                raise
            async with answer["Body"] as body:
                await body.read()
            if "ContentRange" not in answer:  # servers that send an empty object whole
                return int(answer["ContentLength"])
            return int(answer["ContentRange"].rpartition("/")[2])

        return await self._send("read", uri, request)

    async def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Write a whole object. S3 shows all of it or nothing, and it is durable at once."""
        uri = self.uri(key)
        parameters = {**self._target(key), "ContentMD5": _md5(data), "ContentType": content_type}

        async def request() -> None:
            await self._client.put_object(**parameters, Body=_body(data))

        await self._send("write", uri, request, len(data))

    async def put_if_absent(
        self, key: str, data: bytes, content_type: str = "application/octet-stream"
    ) -> bool:
        """Write a whole object unless there is one; return whether it was written."""
        uri = self.uri(key)
        parameters = {**self._target(key), "ContentMD5": _md5(data), "ContentType": content_type}
        attempts = 0

        async def request() -> bool:
            nonlocal attempts
            attempts += 1
            try:
                await self._client.put_object(**parameters, Body=_body(data), IfNoneMatch="*")
            except ClientError as error:
                if error.response["Error"]["Code"] in {"PreconditionFailed", "412"}:
                    return False
                raise
            return True

        written = await self._send("write", uri, request, len(data))
        if not written and attempts > 1:
            # An earlier attempt may have arrived though its answer did not.
            return await self.get(key) == data
        return written

    async def put_stream(
        self, key: str, pieces: AsyncIterable[bytes], content_type: str = "application/octet-stream"
    ) -> None:
        """Write a whole object from its pieces, in parts of 16 MiB; else like :meth:`put`."""
        uri = self.uri(key)
        parts = _parts(pieces)
        first = await anext(parts, b"")
        if len(first) < PART:
            await self.put(key, first, content_type)
            return
        target = self._target(key)
        begun = await self._send(
            "write", uri, lambda: self._client.create_multipart_upload(**target, ContentType=content_type)
        )
        upload = {**target, "UploadId": begun["UploadId"]}
        finished = False
        try:
            tags = [await self._put_part(uri, upload, 1, first)]
            async for part in parts:
                tags.append(await self._put_part(uri, upload, len(tags) + 1, part))
            listed = [{"ETag": tag, "PartNumber": number} for number, tag in enumerate(tags, 1)]
            await self._send(
                "write",
                uri,
                lambda: self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": listed}),
            )
            finished = True
        finally:
            if not finished:  # parts of an upload that was given up are paid for until it is aborted
                await self._send("write", uri, lambda: self._client.abort_multipart_upload(**upload))

    async def _put_part(self, uri: str, upload: dict[str, str], number: int, data: bytes) -> str:
        if number > 10_000:
            msg = f"cannot write {uri}: it is larger than 10,000 parts of {PART >> 20} MiB"
            raise StorageError(msg)
        parameters = {**upload, "ContentMD5": _md5(data), "PartNumber": number}

        async def request() -> str:
            answer = await self._client.upload_part(**parameters, Body=_body(data))
            return str(answer["ETag"])

        return await self._send("write", uri, request, len(data))

    async def sync(self) -> None:
        """Return at once: an object that S3 has taken is durable."""

    async def delete(self, key: str) -> None:
        """Remove an object; a missing one is no error."""
        uri = self.uri(key)
        await self._send("delete", uri, lambda: self._client.delete_object(**self._target(key)))

    async def list(self, prefix: str = "") -> AsyncIterator[Entry]:
        """Yield the entries whose keys start with ``prefix``, sorted by key as UTF-8 bytes.

        Keys that end in a slash are what consoles make of folders; they are no files and left out.
        """
        page: dict[str, str] = {"Bucket": self.bucket, "Prefix": self._prefix + prefix}
        while True:
            answer = await self._send(
                "list", f"{self.root}/{prefix}", lambda: self._client.list_objects_v2(**page)
            )
            for entry in answer.get("Contents", ()):
                if not entry["Key"].endswith("/"):
                    yield Entry(entry["Key"][len(self._prefix) :], entry["Size"])
            if not answer.get("IsTruncated"):
                return
            page["ContinuationToken"] = answer["NextContinuationToken"]


def _md5(data: bytes) -> str:
    """Return the value of Content-MD5: the server refuses a body that does not fit it."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _body(data: bytes) -> bytes | BytesIO:
    """Return what aiohttp sends at least cost: large bytes it would copy whole into the transport."""
    return data if len(data) < 1 << 20 else BytesIO(data)


async def _parts(pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Join and cut pieces into parts of :data:`PART` bytes; only the last one is shorter."""
    held = bytearray()
    async for piece in pieces:
        held += piece
        while len(held) >= PART:
            yield bytes(held[:PART])
            del held[:PART]
    if held:
        yield bytes(held)
