"""Objects below an S3 prefix, with aioboto3: which request each verb is, and what its answer means."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from contextlib import AbstractContextManager, AsyncExitStack
from io import BytesIO
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from botocore.exceptions import ClientError

from gtmask.errors import StorageError
from gtmask.loops import at_end
from gtmask.storage.base import Entry
from gtmask.storage.retry import Requests
from gtmask.storage.s3_answers import Action
from gtmask.storage.s3_client import open_client
from gtmask.storage.s3_direct import Direct
from gtmask.storage.s3_errors import translate_errors
from gtmask.storage.s3_prefix import PART, S3Prefix, endpoint_of, parts_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable

    from gtmask.storage.base import S3Settings

#: Objects of fewer bytes are sent past the client's machinery.
_SMALL = 1 << 20


class _Connection:
    """A client and its requests' discipline, shared by all storages of an event loop with equal settings."""

    def __init__(self, settings: S3Settings) -> None:
        self.settings = settings
        self.requests = Requests(settings.concurrency, settings.attempts, endpoint_of(settings))
        self.client: Any = None
        self.direct: Direct
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self.users = 0
        self.stays = False

    async def enter(self, root: str) -> None:
        async with self._opening:
            if self.client is None:
                with translate_errors(Action(f"open {root}", "s3:ListBucket")):
                    opened = await self._stack.enter_async_context(open_client(self.settings))
                self.client, self.direct = opened.client, Direct(opened)
            self.users += 1

    async def leave(self) -> None:
        self.users -= 1
        # Whoever comes next in a loop that goes on finds it open.
        self.stays = self.stays or (not self.users and at_end(self.close))
        if not (self.users or self.stays):
            await self.close()

    async def close(self) -> None:
        # Out of the table first: who enters while this one closes gets a client of its own.
        _connections[asyncio.get_running_loop()].pop(self.settings, None)
        self.client = None
        await self._stack.aclose()


_connections: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[S3Settings, _Connection]] = (
    WeakKeyDictionary()
)


class S3Storage(S3Prefix):
    """Objects below one prefix; see :class:`gtmask.storage.base.Storage` for the verbs."""

    _connection: _Connection | None = None

    async def __aenter__(self) -> S3Storage:
        connections = _connections.setdefault(asyncio.get_running_loop(), {})
        connection = connections.setdefault(self.settings, _Connection(self.settings))
        await connection.enter(self.root)
        self._connection = connection
        self.requests = connection.requests
        return self

    async def __aexit__(self, *exc: object) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        await connection.leave()

    @property
    def _entered(self) -> _Connection:
        if self._connection is None:
            msg = f"the storage {self.root} was not entered"
            raise RuntimeError(msg)
        return self._connection

    @property
    def _client(self) -> Any:
        return self._entered.client

    def _translated(self, action: Action) -> AbstractContextManager[None]:
        return translate_errors(action)

    def _target(self, key: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self.prefix + key}

    async def get(self, key: str, start: int = 0, stop: int | None = None, etag: str = "") -> bytes:
        """Return the bytes [start, stop) of an object, fewer where it ends before ``stop``."""
        return (await self.get_versioned(key, start, stop, etag))[0]

    async def get_versioned(
        self, key: str, start: int = 0, stop: int | None = None, etag: str = ""
    ) -> tuple[bytes, str]:
        """Return the same as :meth:`get`, and the object's ETag."""
        uri = self.uri(key)
        if stop is not None and stop <= start:
            # Nothing to read, but a missing object is an error all the same.
            return b"", (await self.look(key)).etag
        span = f"bytes={start}-{'' if stop is None else stop - 1}" if start or stop is not None else None

        async def request() -> tuple[bytes, str]:
            try:
                data, _, found = await self._entered.direct.get(self.bucket, self.prefix + key, span, etag)
            except ClientError as error:
                if error.response["Error"]["Code"] in {"InvalidRange", "416"}:
                    return b"", ""  # the object ends before ``start``
                raise
            return data, found

        return await self._send("read", uri, request, stop - start if stop is not None else 1 << 30)

    async def size(self, key: str) -> int:
        """Return an object's size in bytes."""
        return (await self.look(key)).size

    async def look(self, key: str) -> Entry:
        """Return an object's entry.

        The first byte is asked for, and its ``Content-Range`` tells the size: an answer to HEAD has no
        body, so that it could not tell a missing bucket from a missing object, or why it is forbidden.
        """
        uri = self.uri(key)

        async def request() -> Entry:
            where = self.bucket, self.prefix + key
            try:
                data, found, etag = await self._entered.direct.get(*where, "bytes=0-0")
            except ClientError as error:
                if error.response["Error"]["Code"] in {"InvalidRange", "416"}:
                    data, found, etag = await self._entered.direct.get(*where)
                else:
                    raise
            # Some servers send an empty object whole.
            return Entry(key, int(found.rpartition("/")[2]) if found else len(data), etag)

        return await self._send("read", uri, request)

    async def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Write a whole object. S3 shows all of it or nothing, and it is durable at once."""
        uri = self.uri(key)
        await self._send("write", uri, self._putting(key, data, content_type), len(data))

    async def put_if_absent(
        self, key: str, data: bytes, content_type: str = "application/octet-stream"
    ) -> bool:
        """Write a whole object unless there is one; return whether it was written."""
        uri = self.uri(key)
        put = self._putting(key, data, content_type, if_none_match="*")

        async def request() -> bool:
            try:
                await put()
            except ClientError as error:
                if error.response["Error"]["Code"] in {"PreconditionFailed", "412"}:
                    return False
                raise
            return True

        # An earlier attempt may have arrived though its answer did not. aiohttp makes such attempts
        # unasked, so that they cannot be counted.
        return await self._send("write", uri, request, len(data)) or await self.get(key) == data

    def _putting(
        self, key: str, data: bytes, content_type: str, if_none_match: str | None = None
    ) -> Callable[[], Awaitable[None]]:
        """Return what puts an object once: the same bytes, with the same checksum, at each attempt."""
        key, md5 = self.prefix + key, _md5(data)
        if len(data) < _SMALL:
            return lambda: self._entered.direct.put(self.bucket, key, data, md5, content_type, if_none_match)
        parameters = {"Bucket": self.bucket, "Key": key, "ContentMD5": md5, "ContentType": content_type}
        if if_none_match:
            parameters["IfNoneMatch"] = if_none_match
        # aiohttp would copy large bytes whole into the transport.
        return lambda: self._client.put_object(**parameters, Body=BytesIO(data))

    async def put_stream(
        self, key: str, pieces: AsyncIterable[bytes], content_type: str = "application/octet-stream"
    ) -> None:
        """Write a whole object from its pieces, in parts of 16 MiB; else like :meth:`put`."""
        uri = self.uri(key)
        parts = parts_of(pieces)
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
            raise StorageError(f"Cannot write {uri}: it is larger than 10,000 parts of {PART >> 20} MiB.")
        parameters = {**upload, "ContentMD5": _md5(data), "PartNumber": number}

        async def request() -> str:
            answer = await self._client.upload_part(**parameters, Body=BytesIO(data))
            return str(answer["ETag"])

        return await self._send("write", uri, request, len(data))

    async def delete(self, key: str) -> None:
        """Remove an object; a missing one is no error."""
        uri = self.uri(key)
        await self._send("delete", uri, lambda: self._client.delete_object(**self._target(key)))

    async def list(self, prefix: str = "") -> AsyncIterator[Entry]:
        """Yield the entries whose keys start with ``prefix``, sorted by key as UTF-8 bytes.

        The order is the server's: AWS lists by bytes, some others folder by folder. Keys that end in a
        slash are what consoles make of folders; they are no files and left out.
        """
        page: dict[str, str] = {"Bucket": self.bucket, "Prefix": self.prefix + prefix}
        while True:
            answer = await self._send(
                "list", f"{self.root}/{prefix}", lambda: self._client.list_objects_v2(**page)
            )
            for entry in answer.get("Contents", ()):
                if not entry["Key"].endswith("/"):
                    yield Entry(entry["Key"][len(self.prefix) :], entry["Size"], entry.get("ETag", ""))
            if not answer.get("IsTruncated"):
                return
            page["ContinuationToken"] = answer["NextContinuationToken"]


def _md5(data: bytes) -> str:
    """Return the value of Content-MD5: the server refuses a body that does not fit it."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
