"""Requests past the client's machinery are the client's own: same place, same signature, same errors."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp.http_exceptions import BadStatusLine
from botocore import auth
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.utils import parse_timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from gtmask.errors import StorageError
from gtmask.storage import S3Settings, open_storage, s3_connections
from gtmask.storage.s3_client import open_client, parse_time
from gtmask.storage.s3_direct import Address, Direct, Signer, _Request, address_of, spell
from tests.support.s3_faults import FINAL, TRANSIENT, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fault_proxy import FaultProxy
    from tests.support.s3_server import S3Server

ODD_KEYS = [
    "a b.png", "a+b.png", "c#d%20e+f.png", "%", "%2F", "100%.png", "ü/ñ.png", "日本/図.png", "e\u0301.png",
    "what?x=1&y=2.png", "tilde~.png", "~/x", "a;b=c,d:e@f$g.png", "e\"'<>&.png", "[1]*{2}|^`.png", "!()'*",
    "🦊.png", "x" * 240 + "/" + "y" * 240 + "/" + "ü" * 100,
]  # fmt: skip
#: What the test's server cannot store, though AWS can.
UNSTORABLE = ["x//y.png", "x///y", "a/-/ /b", "back\\slash"]


class Watch:
    """Counts what the client of a storage sends itself."""

    def __init__(self, storage: Any) -> None:
        self.sent: list[str] = []
        storage._client.meta.events.register("before-send.s3", self.note)

    def note(self, request: Any, **_: Any) -> None:
        self.sent.append(f"{request.method} {request.url}")


def test_after_the_first_request_none_goes_through_the_client(s3_server: S3Server, bucket: str) -> None:
    async def main() -> None:
        settings = S3Settings(endpoint_url=s3_server.endpoint)
        async with open_storage(f"s3://{bucket}/p q", settings) as storage:
            watch = Watch(storage)
            await storage.put("first", b"1")
            assert len(watch.sent) == 1
            for key in ODD_KEYS:
                await storage.put(key, key.encode(), "image/png")
                assert await storage.get(key) == key.encode()
                assert await storage.get(key, 1, 3) == key.encode()[1:3]
                assert await storage.size(key) == len(key.encode())
                assert await storage.put_if_absent(key, b"other") is False
            assert len(watch.sent) == 1

    asyncio.run(main())
    found = s3_server.objects(bucket, "p q/")
    assert found == {"first": b"1", **{key: key.encode() for key in ODD_KEYS}}


@pytest.mark.parametrize("first", ["there", "missing", "empty", "cancelled"])
def test_of_many_first_requests_one_shows_the_way(s3_server: S3Server, bucket: str, first: str) -> None:
    s3_server.put(bucket, {"p/there": b"content", "p/empty": b""})

    async def main() -> None:
        async with open_storage(f"s3://{bucket}/p", S3Settings(endpoint_url=s3_server.endpoint)) as storage:
            watch = Watch(storage)
            wanted = [asyncio.create_task(storage.get("there" if first == "cancelled" else first, 0, 9))]
            wanted += [asyncio.create_task(storage.get("there", 0, 9)) for _ in range(20)]
            if first == "cancelled":
                await asyncio.sleep(0)
                wanted[0].cancel()
            found = await asyncio.gather(*wanted, return_exceptions=True)
            assert found[1:] == [b"content"] * 20
            assert len(watch.sent) == 1 or first == "cancelled"

    asyncio.run(main())


def test_large_objects_go_through_the_client(s3_server: S3Server, bucket: str) -> None:
    data = os.urandom(3 << 20)

    async def main() -> None:
        async with open_storage(f"s3://{bucket}/p", S3Settings(endpoint_url=s3_server.endpoint)) as storage:
            await storage.put("first", b"1")
            watch = Watch(storage)
            await storage.put("large", data)
            assert len(watch.sent) == 1
            assert await storage.put_if_absent("large", data[1:]) is False
            assert await storage.get("large") == data

    asyncio.run(main())


@pytest.mark.parametrize("key", ODD_KEYS + UNSTORABLE)
def test_a_key_is_spelled_as_the_client_spells_it(fault_proxy: FaultProxy, bucket: str, key: str) -> None:
    """Both requests have the same path, so that the server's count of it is two."""
    fault_proxy.rule = lambda method, path, attempt: None if path.endswith("/first") else "404 NoSuchKey"

    async def work(storage: Any) -> None:
        for _ in range(2):
            with pytest.raises(StorageError, match="no such object"):
                await storage.get(key)
            await storage.put("first", b"1")

    run(fault_proxy, bucket, "aioboto3", work)
    assert [count for (method, _), count in fault_proxy.seen.items() if method == "GET"] == [2]


CONFIGURATIONS = {
    "plain": ("", {}),
    "other region": ("region = eu-central-1", {}),
    "China": ("region = cn-north-1", {}),
    "virtual": ("s3 =\n    addressing_style = virtual", {"AWS_ENDPOINT_URL_S3": "https://s3.example.test:8443"}),
    "path": ("s3 =\n    addressing_style = path", {}),
    "custom endpoint": ("endpoint_url = http://127.0.0.1:8333", {}),
    "endpoint with a path": ("endpoint_url = http://127.0.0.1:8333/s3/", {}),
    "dual-stack": ("use_dualstack_endpoint = true", {}),
    "FIPS": ("", {"AWS_USE_FIPS_ENDPOINT": "true"}),
    "accelerated": ("s3 =\n    use_accelerate_endpoint = true", {}),
    "signed payload": ("s3 =\n    payload_signing_enabled = true", {}),
    "session token": ("aws_session_token = a/token+of=a session", {}),
}  # fmt: skip


@pytest.mark.parametrize("bucket", ["some-bucket", "dotted.bucket.name", "access-po-x1y2z3-s3alias"])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_where_a_request_goes_and_what_it_is_signed_for(
    name: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client's own second request, caught before it is sent, against ours for the same object."""
    lines, environment = CONFIGURATIONS[name]
    if name == "accelerated" and "." in bucket:
        pytest.skip("buckets with dots cannot be accelerated")
    for variable in [variable for variable in os.environ if variable.startswith("AWS_")]:
        monkeypatch.delenv(variable)
    (tmp_path / "config").write_text(
        f"[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n{lines}\n"
    )
    for variable, value in {
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true", **environment,
    }.items():  # fmt: skip
        monkeypatch.setenv(variable, value)
    sent: list[Any] = []

    class Answer:
        status_code = 200
        headers: dict[str, str] = {}  # noqa: RUF012 - never changed
        raw = None

        @property
        async def content(self) -> bytes:
            return b""

    class Connections:
        async def exchange(self, base: str, method: str, url: str, headers: Any, body: bytes) -> Any:
            assert url.startswith(base)
            assert (method, body) == ("PUT", b"data")
            sent.append(SimpleNamespace(url=url, headers=headers))
            return s3_connections.Answer(200, {}, b"")

    def catch(request: Any, **_: Any) -> Answer:
        sent.append(request)
        return Answer()

    async def main() -> None:
        async with open_client(S3Settings()) as opened:
            opened.client.meta.events.register("before-send.s3", catch)
            caught: Any = replace(cast("Any", opened), connections=Connections())
            direct = Direct(caught)
            for key in ("a/first", "b/second ü+%", "b/second ü+%"):
                await direct.put(bucket, key, b"data", "md5==", "image/png", {})
            # By a client that has learned nothing yet.
            await Direct(caught).put(bucket, "b/second ü+%", b"data", "md5==", "image/png", {})

    asyncio.run(main())
    _, ours, again, theirs = sent
    assert type(ours) is type(again) is not type(theirs)
    assert ours.url == theirs.url
    its = {key.lower(): value.decode() if isinstance(value, bytes) else value
           for key, value in theirs.headers.items()}  # fmt: skip
    mine = {key.lower(): value for key, value in ours.headers.items()}
    scope = mine["authorization"].partition(",")[0]
    assert scope == its["authorization"].partition(",")[0]
    assert scope.split()[0] == "AWS4-HMAC-SHA256"
    for header in ("x-amz-content-sha256", "x-amz-security-token", "content-md5", "content-type"):
        assert mine.get(header) == its.get(header), header


GOOD = "AWS4-HMAC-SHA256 Credential=AK/ID/20260101/eu-west-3/s3/aws4_request, SignedHeaders=host, Signature=0"


@pytest.mark.parametrize(
    ("url", "headers", "address"),
    [
        ("https://h/b/k", {"Authorization": GOOD}, Address("https://h/b/", "h", "eu-west-3")),
        (
            "https://b.h:9/k",
            {"Authorization": GOOD.encode()},
            Address("https://b.h:9/", "b.h:9", "eu-west-3"),
        ),
        ("https://h/b/k?x-id=1", {"Authorization": GOOD}, None),
        ("https://h/b/other", {"Authorization": GOOD}, None),
        ("https://h/b/k", {}, None),
        ("https://h/b/k", {"Authorization": GOOD.replace("/s3/", "/s3express/")}, None),
        ("https://h/b/k", {"Authorization": GOOD.replace("/s3/", "/s3-object-lambda/")}, None),
        ("https://h/b/k", {"Authorization": GOOD.replace("HMAC", "ECDSA-P256")}, None),
        ("https://h/b/k", {"Authorization": "AWS key:signature"}, None),
        ("https://h/b/k", {"Authorization": GOOD, "x-amz-s3session-token": "t"}, None),
    ],
)
def test_only_plain_signatures_are_repeated(
    url: str, headers: dict[str, Any], address: Address | None
) -> None:
    assert address_of(url, headers, "k") == address


@pytest.mark.parametrize("fault", [*TRANSIENT, "truncate"])
def test_transient_trouble_is_outlasted(
    fault_proxy: FaultProxy, s3_server: S3Server, bucket: str, fault: str
) -> None:
    async def work(storage: Any) -> int:
        await storage.put("first", b"1")
        watch = Watch(storage)
        await storage.put("k", b"content", "image/png")
        assert await storage.get("k", 0, 4) == b"cont"
        assert await storage.size("k") == 7
        return len(watch.sent)

    fault_proxy.rule = lambda method, path, attempt: (
        fault if attempt == 1 and path.endswith("/k") and (fault != "truncate" or method == "GET") else None
    )
    assert run(fault_proxy, bucket, "aioboto3", work, timeout=1.0) == 0
    assert s3_server.objects(bucket, "p/") == {"first": b"1", "k": b"content"}


@pytest.mark.parametrize("fault", [fault for fault, _, _ in FINAL] + ["503 SlowDown", "500 InternalError"])
def test_errors_are_told_in_the_same_words(fault_proxy: FaultProxy, bucket: str, fault: str) -> None:
    told = []

    async def work(storage: Any) -> None:
        for wanted in (storage.put("k", b"content"), storage.get("k", 0, 9)):
            with pytest.raises(StorageError) as caught:
                await wanted
            told.append((type(caught.value), str(caught.value)))

    async def after_another(storage: Any) -> None:
        await storage.put("first", b"1")
        watch = Watch(storage)
        await work(storage)
        assert watch.sent == []

    fault_proxy.rule = lambda method, path, attempt: None if path.endswith("/first") else fault
    run(fault_proxy, bucket, "aioboto3", work, attempts=1)
    run(fault_proxy, bucket, "aioboto3", after_another, attempts=1)
    assert told[:2] == told[2:]
    assert len(told) == 4


KEY: Any = SimpleNamespace(host="127.0.0.1", port=9, ssl=True, is_ssl=True)


@pytest.mark.parametrize("proxy", [None, "http://name:secret@127.0.0.1:9"])
@pytest.mark.parametrize(
    "error",
    [
        aiohttp.ClientConnectorSSLError(KEY, OSError(1, "no")),
        aiohttp.ClientConnectorError(KEY, OSError(1, "no")),
        aiohttp.ClientProxyConnectionError(KEY, OSError(1, "no")),
        aiohttp.ServerDisconnectedError(),
        aiohttp.ClientPayloadError("short"),
        BadStatusLine("no"),
        aiohttp.ConnectionTimeoutError("Connection timeout"),
        aiohttp.SocketTimeoutError("Timeout on reading"),
        aiohttp.ServerTimeoutError("Timeout"),
        aiohttp.ClientOSError(104, "reset"),
        socket.gaierror("no such host"),
        TimeoutError(),
        ValueError("other"),
        aiohttp.InvalidURL("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_connection_that_fails_is_told_as_the_client_tells_it(error: Exception, proxy: str | None) -> None:
    class Session:
        async def request(self, *_: Any, **given: Any) -> None:
            assert given.get("proxy") == proxy
            raise error

    async def session(proxy: str | None) -> Session:
        return Session()

    async def main() -> tuple[Exception, Exception]:
        connections = s3_connections.Connections(proxies={"http": proxy} if proxy else {})
        connections._get_session = session
        url = "http://127.0.0.1:9/bucket/k"
        with pytest.raises(Exception) as ours:  # noqa: PT011 - compared below
            await connections.exchange("http://127.0.0.1:9/bucket/", "GET", url, {}, None)
        with pytest.raises(Exception) as theirs:  # noqa: PT011 - as above
            await connections.send(AWSRequest("GET", url).prepare())
        return ours.value, theirs.value

    ours, theirs = asyncio.run(main())
    assert (type(ours), str(ours)) == (type(theirs), str(theirs))


@pytest.mark.parametrize("fault", ["AuthorizationHeaderMalformed", "IllegalLocationConstraintException"])
def test_a_bucket_that_has_moved_is_looked_for_by_the_client(
    fault_proxy: FaultProxy, bucket: str, fault: str
) -> None:
    async def work(storage: Any) -> None:
        await storage.put("first", b"1")
        watch = Watch(storage)
        await storage.put("k", b"1")
        assert f"PUT {fault_proxy.endpoint}/{bucket}/p/k" in watch.sent
        watch.sent.clear()
        await storage.put("l", b"1")
        assert watch.sent == []

    fault_proxy.rule = lambda method, path, attempt: (
        f"400 {fault}" if path.endswith("/k") and attempt == 1 else None
    )
    run(fault_proxy, bucket, "aioboto3", work)


def test_credentials_that_change_are_used_as_they_change(
    fault_proxy: FaultProxy,
    s3_server: S3Server,
    bucket: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A credential process whose keys expire in a moment, and that tells others each time."""
    program = tmp_path / "keys.py"
    program.write_text(
        "import datetime, json, pathlib\n"
        f"file = pathlib.Path({str(tmp_path / 'count')!r})\n"
        "count = int(file.read_text()) if file.exists() else 0\n"
        "file.write_text(str(count + 1))\n"
        "name = ('gtmask-test', 'gtmask-reader')[count % 2]\n"
        "soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=1)\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': name, 'SecretAccessKey': name + '-secret',\n"
        "                  'Expiration': soon.isoformat()}))\n"
    )
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {sys.executable} {program}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable)
    s3_server.put(bucket, {"p/k": b"content"})
    used = []

    async def work(storage: Any) -> int:
        watch = Watch(storage)
        for _ in range(6):
            assert await storage.get("k") == b"content"
            sent = fault_proxy.headers[f"/{bucket}/p/k"]["Authorization"]
            used.append(sent.partition("Credential=")[2].partition("/")[0])
        return len(watch.sent)

    assert run(fault_proxy, bucket, "aioboto3", work) == 1
    assert used == used[:2] * 3
    assert set(used) == {"gtmask-test", "gtmask-reader"}


TEXT = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=20)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["http://127.0.0.1:8333/bucket/", "https://bucket.s3.eu-central-1.amazonaws.com/"]),
    st.sampled_from(ODD_KEYS + UNSTORABLE),
    st.none() | st.binary(max_size=50),
    st.dictionaries(st.sampled_from(["Range", "If-Match", "Content-Type", "Content-MD5", "x-amz-acl"]), TEXT),
    st.none() | st.just("token/+="),
)
def test_the_signature_is_that_of_botocore(
    base: str, key: str, body: bytes | None, headers: dict[str, str], token: str | None
) -> None:
    def signed(kind: type[S3SigV4Auth]) -> dict[str, str]:
        host = urlsplit(base).netloc
        sent = {**headers, "Host": host, "User-Agent": "test"}
        context = {"client_config": Config(), "has_streaming_input": body is not None}
        request = _Request("GET" if body is None else "PUT", base + spell(key), sent, body, context)
        credentials = ReadOnlyCredentials("AKIDEXAMPLE", "secret", token)
        kind(credentials, "s3", "eu-central-1").add_auth(request)
        return request.headers

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auth, "get_current_datetime", lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
        assert signed(Signer) == signed(S3SigV4Auth)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-26T16:38:09.123Z", "2026-11-26T16:38:09Z", "2026-11-26T16:38:09.1234567Z",
        "2026-11-26T16:38:09+02:00", "Thu, 26 Nov 2026 16:38:09 GMT", "20261126T163809Z", "1795711704",
        1795711704, 1795711704.5,
    ],
)  # fmt: skip
def test_times_in_answers_are_those_that_botocore_reads(value: Any) -> None:
    found, expected = parse_time(value), parse_timestamp(value)
    assert found == expected
    assert found.utcoffset() == expected.utcoffset()


@pytest.mark.parametrize("value", ["2026-13-26T16:38:09Z", "no time", None])
def test_what_is_no_time_is_refused_as_by_botocore(value: Any) -> None:
    for parse in (parse_time, parse_timestamp):
        with pytest.raises(ValueError, match="Invalid timestamp"):
            parse(value)


def test_a_listing_leaves_no_time_to_botocore(
    s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[Any] = []
    monkeypatch.setattr("gtmask.storage.s3_client.parse_timestamp", left.append)

    async def main() -> list[str]:
        settings = S3Settings(endpoint_url=s3_server.endpoint)
        async with open_storage(f"s3://{bucket}", settings) as storage:
            for key in ("a", "b"):
                await storage.put(key, b"data")
            return [entry.key async for entry in storage.list()]

    assert asyncio.run(main()) == ["a", "b"]
    assert left == []
