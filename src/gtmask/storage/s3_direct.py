"""The two requests that a run consists of, ranged GET and small PUT, past the client's machinery.

aioboto3's client needs most of its CPU time per request to work out anew what is the same for every object
of a bucket: where to send it, and what to sign it for. Here the first request of a bucket goes through the
client and shows both; the next ones are put together in place, signed with botocore's own signer and sent
over the client's own connections, so that proxies, certificates and time-outs are its own too.

Whatever does not look like plain Signature Version 4 for S3 (directory buckets, multi-region and Object
Lambda access points, requests without a signature) goes through the client for good; so does a bucket's
next request where an answer says that the bucket is elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import re
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from botocore import auth
from botocore.auth import S3SigV4Auth
from botocore.exceptions import ClientError
from botocore.parsers import RestXMLParser

from gtmask.storage.s3_answers import ELSEWHERE
from gtmask.storage.s3_client import USER_AGENT, Opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping


_SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=[^,]+/\d{8}/([^/,]+)/s3/aws4_request, ?SignedHeaders=")
#: Errors of objects: the request had found its bucket, and its signature was right.
_RIGHT_ADDRESS = {"NoSuchKey", "404", "InvalidRange", "416", "PreconditionFailed", "412"}
#: The only one of our headers that proxies may change.
_UNSIGNED = {"User-Agent"}
#: Bytes that are shown of an answer that is none of S3.
_SAID = 200
#: The requests that the client has sent for the running call.
_sent: ContextVar[list[Any] | None] = ContextVar("_sent", default=None)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a bucket's objects are: their URL up to the key, its host, and the region to sign for."""

    base: str
    host: str
    region: str


@dataclass(slots=True)
class _Request:
    """What botocore's signer looks at, as in ``botocore.awsrequest``."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None
    context: dict[str, Any]
    params: None = None


class Signer(S3SigV4Auth):  # type: ignore[misc] # botocore has no types
    """botocore's signer, for requests without a query whose headers are a plain dict: each is there once.

    The same signatures at a quarter of the CPU time: headers need no message of :mod:`email`, and the key
    that is derived from the secret key is the same for a day. Whether a body is signed, botocore decides.
    """

    def add_auth(self, request: Any) -> None:
        """Add the headers of a signature (Signature Version 4 of AWS, "Create a signed AWS API request")."""
        headers, credentials = request.headers, self.credentials
        stamp = auth.get_current_datetime().strftime(auth.SIGV4_TIMESTAMP)
        headers["X-Amz-Date"] = stamp
        if credentials.token:
            headers["X-Amz-Security-Token"] = credentials.token
        payload = headers["X-Amz-Content-SHA256"] = self.payload(request)
        signed = sorted((name.lower(), value) for name, value in headers.items() if name not in _UNSIGNED)
        lines = "".join([f"{name}:{' '.join(value.split())}\n" for name, value in signed])
        names = ";".join([name for name, _ in signed])
        path = request.url.split("/", 3)[3]
        canonical = f"{request.method}\n/{path}\n\n{lines}\n{names}\n{payload}"
        scope = f"{stamp[:8]}/{self._region_name}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = _signing_key(credentials.secret_key, stamp[:8], self._region_name)
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )


@lru_cache(maxsize=8)
def _signing_key(secret: str, day: str, region: str) -> bytes:
    """Return the key that a day's requests to a region are signed with."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


class Direct:
    """Gets and puts objects: through the client until it has shown a bucket's address, then past it."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._parser = RestXMLParser()
        #: None where the client's requests cannot be repeated.
        self._addresses: dict[str, Address | None] = {}
        #: Set once a bucket's first request is over: the others wait for what it shows.
        self._shown: dict[str, asyncio.Event] = {}
        for operation in ("GetObject", "PutObject"):
            opened.client.meta.events.register(f"before-send.s3.{operation}", _note)

    async def get(
        self, bucket: str, key: str, span: str | None = None, etag: str = ""
    ) -> tuple[bytes, str, str]:
        """Return the bytes of an object, or of a span (``bytes=0-9``), the answer's Content-Range, and ETag.

        An object that has another ``etag`` than the one that is given is answered by an error. Raises
        botocore.exceptions.ClientError for an error answer. Connections that fail raise other errors of
        botocore and aiohttp.
        """
        headers = {"Range": span} if span else {}
        if etag:
            headers["If-Match"] = etag
        answer = await self._send("GET", bucket, key, headers, None)
        if answer is None:
            parameters = {name.replace("-", ""): value for name, value in headers.items()}
            async with self._learning(bucket, key):
                found = await self._opened.client.get_object(Bucket=bucket, Key=key, **parameters)
                async with found["Body"] as body:
                    return await body.read(), found.get("ContentRange", ""), found.get("ETag", "")
        return answer[0], answer[1].get("content-range", ""), answer[1].get("etag", "")

    async def put(
        self, bucket: str, key: str, data: bytes, md5: str, content_type: str, condition: Mapping[str, str]
    ) -> None:
        """Write a whole object, where the condition's headers allow it; raises as above.

        - ``data``: small: large bytes would be copied whole on their way.
        - ``condition``: ``If-None-Match``, ``If-Match`` or neither.
        """
        headers = {"Content-MD5": md5, "Content-Type": content_type, **condition}
        if await self._send("PUT", bucket, key, headers, data) is None:
            parameters = {name.replace("-", ""): value for name, value in headers.items()}
            async with self._learning(bucket, key):
                await self._opened.client.put_object(Bucket=bucket, Key=key, Body=data, **parameters)

    async def _send(
        self, method: str, bucket: str, key: str, headers: dict[str, str], body: bytes | None
    ) -> tuple[bytes, Mapping[str, str]] | None:
        """Return an answer's body and headers; None where the client has to make the request."""
        shown = self._shown.get(bucket)
        if shown is not None and not shown.is_set():
            await shown.wait()
        address = self._addresses.get(bucket)
        if address is None or self._opened.credentials is None:
            return None
        # A token that is about to expire is renewed here, as it is by the client.
        credentials = await self._opened.credentials.get_frozen_credentials()
        wishes = self._opened.read_headers if body is None else self._opened.write_headers
        headers = {**headers, **wishes, "Host": address.host, "User-Agent": USER_AGENT}
        context = {"client_config": self._opened.client.meta.config, "has_streaming_input": body is not None}
        request = _Request(method, address.base + spell(key), headers, body, context)
        Signer(credentials, "s3", address.region).add_auth(request)
        answer = await self._opened.connections.exchange(address.base, method, request.url, headers, body)
        if answer.status < 300:
            if body is not None and answer.body and not answer.headers.get("etag"):
                raise _unwritten(answer.body)
            return answer.body, answer.headers
        told = {name.lower(): value for name, value in answer.headers.items()}
        parts = {"status_code": answer.status, "headers": told, "body": answer.body}
        parsed = self._parser.parse(parts, None)
        if parsed["Error"].get("Code") in ELSEWHERE:
            self._addresses.pop(bucket, None)
            return None
        raise ClientError(parsed, f"{method.title()}Object")

    @contextlib.asynccontextmanager
    async def _learning(self, bucket: str, key: str) -> AsyncIterator[None]:
        """Take the bucket's address from what the client sends, if it is answered as a right one."""
        sent: list[Any] = []
        token = _sent.set(sent)
        shown = self._shown.setdefault(bucket, asyncio.Event())
        try:
            yield
        except ClientError as error:
            if error.response["Error"].get("Code") not in _RIGHT_ADDRESS:
                sent.clear()
            raise
        except BaseException:  # cancelled, too: what was sent tells no address
            sent.clear()
            raise
        finally:
            _sent.reset(token)
            if sent and bucket not in self._addresses:
                self._addresses[bucket] = address_of(sent[-1].url, sent[-1].headers, key)
            shown.set()


def _note(request: Any, **_: Any) -> None:
    sent = _sent.get()
    if sent is not None:
        sent.append(request)


def _unwritten(body: bytes) -> ClientError:
    """Return the error of an answer that says success and is none: S3 tells the ETag of what it has written.

    An error may come so (botocore takes such answers for errors, too), or whatever else stands between.
    """
    said = " ".join(body[:_SAID].decode("utf-8", "replace").split())
    told = {"Code": f"an answer without ETag: {said}"}
    return ClientError({"Error": told, "ResponseMetadata": {"HTTPStatusCode": 500}}, "PutObject")


def address_of(url: str, headers: Mapping[str, Any], key: str) -> Address | None:
    """Return the address that a signed request for a key shows, or None if it is none that we can repeat."""
    authorization = headers.get("Authorization", "")
    if isinstance(authorization, bytes):
        authorization = authorization.decode()
    signed = _SIGNED.match(authorization)
    spelled = spell(key)
    if signed is None or not url.endswith("/" + spelled) or "x-amz-s3session-token" in headers:
        return None
    return Address(url.removesuffix(spelled), urlsplit(url).netloc, signed[1])


def spell(key: str) -> str:
    """Return a key as botocore writes it into URLs: all but unreserved characters and slashes escaped."""
    return quote(key, safe="/~")
