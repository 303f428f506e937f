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
from gtmask.storage.base import Entry, S3Settings
from gtmask.storage.retry import Requests
from gtmask.storage.s3_answers import Action
from gtmask.storage.s3_client import open_client
from gtmask.storage.s3_direct import Direct
from gtmask.storage.s3_errors import translate_errors
from gtmask.storage.s3_prefix import NONE, PART, S3Prefix, endpoint_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping


#: Objects of fewer bytes are sent past the client's machinery.
_SMALL = 1 << 20
#: Answers to a range that begins beyond an object's end.
_BEYOND = {"InvalidRange", "416"}


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

    async def _get(self, key: str, start: int, stop: int | None, etag: str) -> tuple[bytes, str]:
        span = f"bytes={start}-{'' if stop is None else stop - 1}" if start or stop is not None else None
        try:
            data, _, found = await self._entered.direct.get(self.bucket, self.prefix + key, span, etag)
        except ClientError as error:
            if _code(error) in _BEYOND:
                return b"", ""  # the object ends before ``start``
            raise
        return data, found

    async def _look(self, key: str) -> Entry:
        where = self.bucket, self.prefix + key
        try:
            data, found, etag = await self._entered.direct.get(*where, "bytes=0-0")
        except ClientError as error:
            if _code(error) not in _BEYOND:
                raise
            data, found, etag = await self._entered.direct.get(*where)
        # Some servers send an empty object whole.
        return Entry(key, int(found.rpartition("/")[2]) if found else len(data), etag)

    def _putting(
        self, key: str, data: bytes, content_type: str, condition: Mapping[str, str] = NONE
    ) -> Callable[[], Awaitable[bool]]:
        name, md5 = self.prefix + key, _md5(data)

        async def request() -> bool:
            try:
                if len(data) < _SMALL:
                    await self._entered.direct.put(self.bucket, name, data, md5, content_type, condition)
                else:
                    parameters = {**self._target(key), "ContentMD5": md5, "ContentType": content_type}
                    parameters |= {header.replace("-", ""): value for header, value in condition.items()}
                    # aiohttp would copy large bytes whole into the transport.
                    await self._client.put_object(**parameters, Body=BytesIO(data))
            except ClientError as error:
                if condition and _code(error) in {"PreconditionFailed", "412"}:
                    return False
                raise
            return True

        return request

    async def _put_parts(self, key: str, first: bytes, rest: AsyncIterable[bytes], content_type: str) -> None:
        uri = self.uri(key)
        target = self._target(key)
        begun = await self._send(
            "write", uri, lambda: self._client.create_multipart_upload(**target, ContentType=content_type)
        )
        upload = {**target, "UploadId": begun["UploadId"]}
        finished = False
        try:
            tags = [await self._put_part(uri, upload, 1, first)]
            async for part in rest:
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


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def _md5(data: bytes) -> str:
    """Return the value of Content-MD5: the server refuses a body that does not fit it."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
