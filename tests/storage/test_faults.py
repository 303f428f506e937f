"""What happens to requests that fail on the way: the real server behind a proxy that breaks them."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import pytest

from gtmask.errors import AccessError, StorageError, TransientError, UsageError
from gtmask.storage import S3Settings, open_storage, retry
from gtmask.storage.s3_prefix import PART
from tests.support.fault_proxy import FaultProxy
from tests.support.s3_faults import FINAL, TRANSIENT, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.s3_server import S3Server

CLIENTS = ["aioboto3", "obstore"]


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have requests sent again after a tenth of the usual pause."""
    monkeypatch.setattr(retry, "_FIRST_PAUSE", 0.02)


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("fault", TRANSIENT)
def test_transient_trouble_is_outlasted(
    fault_proxy: FaultProxy, s3_server: S3Server, bucket: str, client: str, fault: str
) -> None:
    async def work(storage: Any) -> None:
        await storage.put("k", b"content", "image/png")
        assert await storage.get("k", 0, 4) == b"cont"
        assert await storage.size("k") == 7
        assert [entry.key async for entry in storage.list()] == ["k"]
        await storage.delete("gone")

    fault_proxy.rule = lambda method, path, attempt: fault if attempt == 1 else None
    run(fault_proxy, bucket, client, work, timeout=1.0)
    assert s3_server.objects(bucket) == {"p/k": b"content"}
    assert fault_proxy.seen["PUT", f"/{bucket}/p/k"] == 2


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize("client", CLIENTS)
def test_a_body_that_breaks_off_is_read_again(
    fault_proxy: FaultProxy, s3_server: S3Server, bucket: str, client: str
) -> None:
    data = bytes(range(256)) * 1000
    s3_server.put(bucket, {"p/k": data})
    fault_proxy.rule = lambda method, path, attempt: "truncate" if attempt <= 2 else None

    async def work(storage: Any) -> None:
        assert await storage.get("k", 0, 100_000) == data[:100_000]

    run(fault_proxy, bucket, client, work)
    assert fault_proxy.seen["GET", f"/{bucket}/p/k"] == 3


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(("fault", "kind", "words"), FINAL)
def test_what_no_attempt_can_mend_is_told_at_once(
    fault_proxy: FaultProxy, bucket: str, client: str, fault: str, kind: type[Exception], words: str
) -> None:
    fault_proxy.rule = lambda method, path, attempt: fault

    async def work(storage: Any) -> None:
        with pytest.raises(StorageError, match=words) as caught:
            await storage.put("k", b"content")
        assert type(caught.value) is kind

    run(fault_proxy, bucket, client, work)
    assert fault_proxy.seen["PUT", f"/{bucket}/p/k"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS)
def test_a_throttled_burst_arrives_whole(
    fault_proxy: FaultProxy, s3_server: S3Server, bucket: str, client: str
) -> None:
    fault_proxy.rule = lambda method, path, attempt: "503 SlowDown" if attempt <= 2 else None

    async def work(storage: Any) -> None:
        await asyncio.gather(*(storage.put(f"{number:03}", b"%d" % number) for number in range(256)))

    run(fault_proxy, bucket, client, work, timeout=20.0, concurrency=256)
    assert s3_server.objects(bucket, "p/") == {f"{number:03}": b"%d" % number for number in range(256)}
    assert sum(fault_proxy.seen.values()) == 3 * 256


@pytest.mark.parametrize("client", CLIENTS)
def test_trouble_that_stays_ends_in_one_sentence(fault_proxy: FaultProxy, bucket: str, client: str) -> None:
    fault_proxy.rule = lambda method, path, attempt: "503 SlowDown"

    async def work(storage: Any) -> None:
        sentence = (
            r"^Cannot write s3://.*/p/k: S3 asks for fewer requests \(SlowDown\) "
            r"\(tried 3 times\): run again later to go on\.$"
        )
        with pytest.raises(TransientError, match=sentence) as caught:
            await storage.put("k", b"1")
        assert caught.value.exit_code == 1

    run(fault_proxy, bucket, client, work, attempts=3)
    assert fault_proxy.seen["PUT", f"/{bucket}/p/k"] == 3


@pytest.mark.parametrize("client", CLIENTS)
def test_a_server_that_hangs_is_given_up_within_the_time_limit(
    fault_proxy: FaultProxy, bucket: str, client: str
) -> None:
    fault_proxy.rule = lambda method, path, attempt: "hang"

    async def work(storage: Any) -> None:
        with pytest.raises(TransientError, match=r"^Cannot read s3://.*/p/k: .* \(tried 2 times\): .*\.$"):
            await storage.get("k")

    run(fault_proxy, bucket, client, work, attempts=2, timeout=0.3)


@pytest.mark.parametrize("client", CLIENTS)
def test_who_wrote_first_knows_it_though_the_answer_was_lost(
    fault_proxy: FaultProxy, s3_server: S3Server, bucket: str, client: str
) -> None:
    fault_proxy.rule = lambda method, path, attempt: "lost" if (method, attempt) == ("PUT", 1) else None

    async def work(storage: Any) -> tuple[bool, bool]:
        return await storage.put_if_absent("k", b"mine"), await storage.put_if_absent("k", b"theirs")

    assert run(fault_proxy, bucket, client, work) == (True, False)
    assert s3_server.objects(bucket) == {"p/k": b"mine"}


def test_all_requests_slow_down_together(fault_proxy: FaultProxy, bucket: str) -> None:
    """While one request is throttled again and again, those that were never throttled are held back too."""
    until: list[float] = []
    fault_proxy.rule = lambda method, path, attempt: (
        "503 SlowDown" if path.endswith("/k") and not until else None
    )

    async def work(storage: Any) -> None:
        await storage.put("warm", b"")
        throttled = asyncio.create_task(storage.put("k", b""))
        now = asyncio.get_running_loop().time
        # One of the pauses, which grow, has not passed yet when it is looked at.
        while (resume := storage.requests._resume_at) <= now():  # noqa: ASYNC110 - the proxy's thread tells nobody
            await asyncio.sleep(0.005)
        until.append(resume)
        await storage.put("other", b"")
        assert now() >= resume
        await throttled

    run(fault_proxy, bucket, "aioboto3", work, attempts=100)


def test_uploads_do_not_ask_for_leave(fault_proxy: FaultProxy, bucket: str) -> None:
    """``Expect: 100-continue`` hangs past every time-out where a server does not answer it."""

    async def work(storage: Any) -> None:
        await storage.put("small", b"1")
        await storage.put("large", b"1" * 3_000_000)

    run(fault_proxy, bucket, "aioboto3", work, timeout=20.0)
    for key in ("small", "large"):
        sent = {name.lower(): value for name, value in fault_proxy.headers[f"/{bucket}/p/{key}"].items()}
        assert "expect" not in sent
        assert "content-md5" in sent
        assert sent["user-agent"].startswith("gtmask/")


def test_a_spoilt_upload_is_refused_and_sent_again(
    fault_proxy: FaultProxy, s3_server: S3Server, bucket: str
) -> None:
    fault_proxy.rule = lambda method, path, attempt: "400 BadDigest" if attempt == 1 else None
    run(fault_proxy, bucket, "aioboto3", lambda storage: storage.put("k", b"right"))
    assert s3_server.objects(bucket) == {"p/k": b"right"}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("fault", ["301 PermanentRedirect", "307 TemporaryRedirect"])
def test_a_bucket_in_another_region_is_told(
    fault_proxy: FaultProxy, bucket: str, client: str, fault: str
) -> None:
    """S3 says so by a redirect to nowhere; botocore then asks for the bucket's region (HEAD)."""
    fault_proxy.rule = lambda method, path, attempt: None if method == "HEAD" else fault

    async def work(storage: Any) -> None:
        for request in (storage.put("k", b"content"), storage.get("k")):
            with pytest.raises(AccessError, match=rf"the bucket {bucket} is in .*; name it with --region"):
                await request

    run(fault_proxy, bucket, client, work)


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("size", [7, 3_000_000])
def test_a_put_that_is_answered_by_success_without_an_etag_is_sent_again(
    fault_proxy: FaultProxy, s3_server: S3Server, bucket: str, client: str, size: int
) -> None:
    """S3 gives each object that it has written an ETag; an error may come with the status of success."""
    data = b"1" * size

    async def work(storage: Any) -> None:
        await storage.put("first", b"0")
        await storage.put("k", data)
        with pytest.raises(TransientError, match=r"(an answer without ETag|InternalError).*tried 3 times"):
            await storage.put("never", data)

    fault_proxy.rule = lambda method, path, attempt: (
        "200 InternalError" if path.endswith("/never") or (path.endswith("/k") and attempt < 3) else None
    )
    run(fault_proxy, bucket, client, work, attempts=3)
    assert s3_server.objects(bucket, "p/") == {"first": b"0", "k": data}


def test_storages_of_one_loop_share_a_client(s3_server: S3Server, bucket: str) -> None:
    async def main() -> None:
        settings = S3Settings(endpoint_url=s3_server.endpoint)
        async with open_storage(f"s3://{bucket}/a", settings) as first:
            async with open_storage(f"s3://{bucket}/b", settings) as second:
                assert cast("Any", first)._client is cast("Any", second)._client
                await second.put("k", b"1")
            await first.put("k", b"2")
            async with open_storage(f"s3://{bucket}/b", settings) as again:
                assert await again.get("k") == b"1"
        async with open_storage(f"s3://{bucket}/a", settings) as later:
            assert await later.get("k") == b"2"

    asyncio.run(main())
    asyncio.run(main())


@pytest.mark.slow
@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("fault", ["truncate", "lost", "garbage", "reset"])
def test_every_verb_outlasts_answers_that_break(
    fault_proxy: FaultProxy, s3_server: S3Server, bucket: str, client: str, fault: str
) -> None:
    """Large and small manifests are streams: each of their requests is repeated too."""
    large = bytes(range(256)) * (PART // 256) + b"the rest"

    async def pieces(data: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(data), 700_001):
            yield data[start : start + 700_001]

    async def work(storage: Any) -> None:
        await storage.put("a", b"content", "image/png")
        assert await storage.put_if_absent("b", b"content")
        await storage.put_stream("small", pieces(large[-5000:]))
        await storage.put_stream("large", pieces(large))
        assert await storage.get("a", 1, 4) == b"ont"
        assert await storage.size("large") == len(large)
        assert sorted([entry.key async for entry in storage.list()]) == ["a", "b", "large", "small"]
        await storage.delete("a")

    fault_proxy.rule = lambda method, path, attempt: fault if attempt in {1, 3} else None
    run(fault_proxy, bucket, client, work, timeout=20.0)
    assert s3_server.objects(bucket, "p/") == {"b": b"content", "small": large[-5000:], "large": large}


@pytest.mark.parametrize("client", CLIENTS)
def test_an_endpoint_that_has_answered_is_waited_for_by_later_storages_too(
    s3_server: S3Server, bucket: str, client: str
) -> None:
    """It is gone for longer than the three attempts at a stranger last."""
    with FaultProxy(s3_server.port) as proxy:
        port = proxy.server_address[1]
        run(proxy, bucket, client, lambda storage: storage.put("k", b"1"))
    begun = time.monotonic()
    with ThreadPoolExecutor(1) as beside:
        later = beside.submit(_proxy_after, 3.0, s3_server.port, port)
        run(proxy, bucket, client, lambda storage: storage.put("l", b"2"))
        later.result().__exit__()
    assert time.monotonic() - begun > 3
    assert s3_server.objects(bucket, "p/") == {"k": b"1", "l": b"2"}


def _proxy_after(seconds: float, upstream: int, port: int) -> FaultProxy:
    time.sleep(seconds)
    return FaultProxy(upstream, port).__enter__()


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("variable", [None, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
def test_a_password_in_the_endpoint_is_refused_at_once_and_never_shown(
    s3_server: S3Server, client: str, variable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "http://somebody:s3cret@127.0.0.1:9"
    if variable:
        monkeypatch.setenv(variable, url)
    settings = S3Settings(client=client, endpoint_url=None if variable else url)

    async def main() -> None:
        async with open_storage("s3://some-bucket/p", settings) as storage:
            await storage.get("k")

    begun = time.monotonic()
    with pytest.raises(UsageError, match="holds a user name or a password") as caught:
        asyncio.run(main())
    assert time.monotonic() - begun < 5
    assert "s3cret" not in str(caught.value)
    assert "somebody" not in str(caught.value)
