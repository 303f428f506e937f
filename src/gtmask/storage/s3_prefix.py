"""What the two S3 clients share: how a location is read, and how requests and streams are sent."""

from __future__ import annotations

import os
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from gtmask.errors import NotFoundError, UsageError
from gtmask.storage import traffic
from gtmask.storage.base import Entry, S3Settings, check_key
from gtmask.storage.names import is_access_point, split_bucket
from gtmask.storage.s3_answers import PERMISSIONS, Action

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
    from contextlib import AbstractContextManager

    from gtmask.storage.retry import Requests

T = TypeVar("T")

#: Bytes of one part of a multipart upload: the 10,000 parts that S3 allows then make 160 GB.
PART = 16 << 20
#: Under no condition.
NONE: Mapping[str, str] = MappingProxyType({})
#: Slowest transfer that is not given up, in bytes per second.
_SLOWEST = 256 << 10

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")


class S3Prefix:
    """The part of an S3 storage that is not a request: names, and the discipline of sending.

    Raises UsageError if there is no valid bucket name.

    - ``location``: ``s3://bucket`` or ``s3://bucket/prefix``; one slash at its end makes no difference.
    """

    requests: Requests

    def __init__(self, location: str, settings: S3Settings) -> None:
        self.bucket, prefix = split_bucket(location)
        if not (_BUCKET.fullmatch(self.bucket) or is_access_point(self.bucket)):
            raise UsageError(f"{location} has no valid bucket name: write s3://bucket/prefix.")
        #: "" or ending in a slash.
        self.prefix = prefix if prefix.endswith("/") or not prefix else prefix + "/"
        self.root = f"s3://{self.bucket}/{self.prefix}".removesuffix("/")
        self.settings = settings

    def uri(self, key: str) -> str:
        """Return the ``s3://`` URI of a key."""
        return f"s3://{self.bucket}/{self.prefix}{check_key(key)}"

    async def get(self, key: str, start: int = 0, stop: int | None = None, etag: str = "") -> bytes:
        """Return the bytes [start, stop) of an object, fewer where it ends before ``stop``."""
        return (await self.get_versioned(key, start, stop, etag))[0]

    async def get_versioned(
        self, key: str, start: int = 0, stop: int | None = None, etag: str = ""
    ) -> tuple[bytes, str]:
        """Return the same as :meth:`get`, and the object's ETag."""
        if stop is not None and stop <= start:
            # Nothing to read, but a missing object is an error all the same.
            return b"", (await self.look(key)).etag
        length = 1 << 30 if stop is None else stop - start
        found = await self._send("read", self.uri(key), lambda: self._get(key, start, stop, etag), length)
        if traffic.counts is not None:
            traffic.counts["bytes_read"] += len(found[0])
        return found

    async def size(self, key: str) -> int:
        """Return an object's size in bytes."""
        return (await self.look(key)).size

    async def look(self, key: str) -> Entry:
        """Return an object's entry.

        The first byte is asked for, and the answer tells the size: one to HEAD has no body, so that it could
        not tell a missing bucket from a missing object, or why it is forbidden.
        """
        return await self._send("read", self.uri(key), lambda: self._look(key))

    async def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Write a whole object. S3 shows all of it or nothing, and it is durable at once."""
        uri = self.uri(key)
        await self._send("write", uri, self._putting(key, data, content_type), len(data))

    async def put_if_absent(
        self, key: str, data: bytes, content_type: str = "application/octet-stream"
    ) -> bool:
        """Write a whole object unless there is one; return whether it was written."""
        uri = self.uri(key)
        put = self._putting(key, data, content_type, {"If-None-Match": "*"})
        # An earlier attempt may have arrived though its answer did not. aiohttp makes such attempts
        # unasked, so that they cannot be counted.
        return await self._send("write", uri, put, len(data)) or await self.get(key) == data

    async def put_if_unchanged(
        self, key: str, data: bytes, version: str, content_type: str = "application/octet-stream"
    ) -> bool:
        """Write a whole object where the one that is there still has this ETag; return whether it was."""
        put = self._putting(key, data, content_type, {"If-Match": version})
        try:
            # As above, an earlier attempt may have arrived.
            return await self._send("write", self.uri(key), put, len(data)) or await self.get(key) == data
        except NotFoundError:
            return False

    async def put_stream(
        self, key: str, pieces: AsyncIterable[bytes], content_type: str = "application/octet-stream"
    ) -> None:
        """Write a whole object from its pieces, in parts of 16 MiB; else like :meth:`put`."""
        parts = parts_of(pieces)
        first = await anext(parts, b"")
        if len(first) < PART:
            await self.put(key, first, content_type)
        else:
            await self._put_parts(key, first, parts, content_type)

    async def sync(self) -> None:
        """Return at once: an object that S3 has taken is durable."""

    async def _get(self, key: str, start: int, stop: int | None, etag: str) -> tuple[bytes, str]:
        """Ask once for bytes of an object, none where it ends before ``start``, and its ETag."""
        raise NotImplementedError

    async def _look(self, key: str) -> Entry:
        """Ask once for an object's entry."""
        raise NotImplementedError

    def _putting(
        self, key: str, data: bytes, content_type: str, condition: Mapping[str, str] = NONE
    ) -> Callable[[], Awaitable[bool]]:
        """Return what puts an object once, and says whether it was written; it may be called again.

        - ``condition``: headers that say when: ``If-None-Match`` or ``If-Match``.
        """
        raise NotImplementedError

    async def _put_parts(self, key: str, first: bytes, rest: AsyncIterable[bytes], content_type: str) -> None:
        """Write an object of two parts or more."""
        raise NotImplementedError

    def _translated(self, action: Action) -> AbstractContextManager[None]:
        """Turn the client's errors into ours."""
        raise NotImplementedError

    async def _send(self, verb: str, uri: str, request: Callable[[], Awaitable[T]], transfer: int = 0) -> T:
        """Send a request that moves ``transfer`` bytes until it succeeds."""
        action = Action(f"{verb} {uri}", PERMISSIONS[verb], self.bucket)
        if traffic.counts is not None and verb == "write":
            traffic.counts["bytes_written"] += transfer

        async def attempt() -> T:
            try:
                return await request()
            except Exception:  # entered only where there is something to translate
                with self._translated(action):
                    raise

        return await self.requests.send(attempt, self.settings.timeout + transfer / _SLOWEST, action.words)


def endpoint_of(settings: S3Settings) -> str | None:
    """Return the endpoint's URL that the settings or the environment name; None for AWS or a profile's."""
    return (
        settings.endpoint_url or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    )


def check_endpoint(url: str | None) -> None:
    """Refuse an endpoint's URL with a user name or password: S3 knows neither, and they would be shown.

    Raises UsageError for such a URL; the message does not repeat it.
    """
    if url and "@" in urlsplit(url).netloc:
        raise UsageError(
            "The endpoint's URL holds a user name or a password, which S3 does not take: leave it out of "
            "--endpoint-url, and give access keys as AWS credentials or with a --profile."
        )


async def parts_of(pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Join and cut pieces into parts of :data:`PART` bytes; only the last one is shorter."""
    held = bytearray()
    async for piece in pieces:
        held += piece
        while len(held) >= PART:
            yield bytes(held[:PART])
            del held[:PART]
    if held:
        yield bytes(held)
