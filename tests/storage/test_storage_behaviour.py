"""One behaviour for local folders and for S3 through both clients."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gtmask.errors import (
    AccessError,
    CredentialsError,
    NoCredentialsError,
    NoPlaceError,
    NotFoundError,
    StorageError,
    TransientError,
    UsageError,
)
from gtmask.storage import S3Settings, check_key, is_s3, open_storage, split_location
from gtmask.storage.blocking import BlockingStorage
from gtmask.storage.s3_prefix import PART

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

ODD_KEYS = [
    "a b.png", "c#d%20e+f.png", "ü/ñ.png", "日本/図.png", "what?x=1&y.png", "deep/er/still.png", "tilde~",
    "e\"'<>&.png", "x..y", ".hidden", "a" * 200, "%2e%2e/%2f", "a/-", "a.b", "[1]*{2}|^`",
]  # fmt: skip


def in_order(keys: list[str]) -> list[str]:
    return sorted(keys, key=str.encode)


class Place:
    """Where a test's files are: opens storages there."""

    def __init__(self, location: str, settings: S3Settings) -> None:
        self.location = location
        self.settings = settings

    def run(self, work: Callable[[Any], Coroutine[Any, Any, Any]], below: str = "") -> Any:
        async def main() -> Any:
            async with open_storage(self.location + below, self.settings) as storage:
                return await work(storage)

        return asyncio.run(main())


@pytest.fixture(params=["local", "aioboto3", "obstore"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "local":
        return Place(str(tmp_path / "root of + files#%20é"), S3Settings())
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    server = request.getfixturevalue("s3_server")
    name = request.getfixturevalue("bucket")
    return Place(
        f"s3://{name}/root of + files#%20é",
        S3Settings(client=request.param, endpoint_url=server.endpoint, attempts=3),
    )


def test_what_is_put_can_be_read_whole_and_in_ranges(place: Place) -> None:
    async def work(storage: Any) -> None:
        data = bytes(range(256)) * 40
        await storage.put("a/b.png", data, "image/png")
        assert await storage.size("a/b.png") == len(data)
        assert await storage.get("a/b.png") == data
        assert await storage.get("a/b.png", 5) == data[5:]
        assert await storage.get("a/b.png", 0, 10) == data[:10]
        assert await storage.get("a/b.png", 100, 356) == data[100:356]
        assert await storage.get("a/b.png", len(data) - 3, len(data) + 90) == data[-3:]
        assert await storage.get("a/b.png", len(data)) == b""
        assert await storage.get("a/b.png", len(data) + 5, len(data) + 90) == b""
        assert await storage.get("a/b.png", 7, 7) == b""

    place.run(work)


def test_empty_files_are_files(place: Place) -> None:
    async def work(storage: Any) -> None:
        await storage.put("empty", b"")
        assert await storage.size("empty") == 0
        assert await storage.get("empty") == b""
        assert await storage.get("empty", 0, 64) == b""
        assert [(entry.key, entry.size) async for entry in storage.list()] == [("empty", 0)]

    place.run(work)


def test_a_second_put_replaces_the_first(place: Place) -> None:
    async def work(storage: Any) -> None:
        await storage.put("k", b"a long first content")
        await storage.put("k", b"short")
        await storage.sync()
        assert await storage.get("k") == b"short"

    place.run(work)


def test_put_if_absent_writes_once(place: Place) -> None:
    async def work(storage: Any) -> None:
        assert await storage.put_if_absent("x/k", b"first") is True
        assert await storage.put_if_absent("x/k", b"second") is False
        assert await storage.get("x/k") == b"first"
        assert [entry.key async for entry in storage.list()] == ["x/k"]

    place.run(work)


def test_put_if_unchanged_replaces_what_was_read_and_nothing_else(place: Place) -> None:
    async def work(storage: Any) -> None:
        assert await storage.put_if_unchanged("k", b"first", "1:1") is False
        assert [entry.key async for entry in storage.list()] == []
        await storage.put("k", b"first")
        _, version = await storage.get_versioned("k")
        assert await storage.put_if_unchanged("k", b"of the second", version) is True
        assert await storage.put_if_unchanged("k", b"of the third", version) is False
        assert await storage.get("k") == b"of the second"
        await storage.delete("k")
        assert await storage.put_if_unchanged("k", b"again", version) is False
        assert [entry.key async for entry in storage.list()] == []

    place.run(work)


def test_of_many_at_once_one_put_if_unchanged_wins(place: Place) -> None:
    async def work(storage: Any) -> None:
        await storage.put("k", b"what all have read")
        _, version = await storage.get_versioned("k")
        wrote = await asyncio.gather(*(storage.put_if_unchanged("k", b"%d" % i, version) for i in range(8)))
        assert sum(wrote) == 1
        assert await storage.get("k") == b"%d" % wrote.index(True)

    place.run(work)


def test_of_many_at_once_one_put_if_absent_wins(place: Place) -> None:
    async def work(storage: Any) -> None:
        wrote = await asyncio.gather(*(storage.put_if_absent("k", b"%d" % i) for i in range(8)))
        assert sum(wrote) == 1
        assert await storage.get("k") == b"%d" % wrote.index(True)

    place.run(work)


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 1000, PART - 1, PART, PART + 1, 2 * PART + 12345])
def test_streams_arrive_whole_whatever_their_size(place: Place, size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, size, 700_001):
            yield data[start : min(start + 700_001, size)]

    async def work(storage: Any) -> None:
        await storage.put_stream("out.manifest", pieces(), "application/x-ndjson")
        assert await storage.get("out.manifest") == data[:size]

    place.run(work)


def test_a_stream_that_breaks_off_leaves_the_old_file(place: Place) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"x" * (PART + 5)
        raise ZeroDivisionError

    async def work(storage: Any) -> None:
        await storage.put("k", b"old")
        with pytest.raises(ZeroDivisionError):
            await storage.put_stream("k", pieces())
        assert await storage.get("k") == b"old"
        assert [entry.key async for entry in storage.list()] == ["k"]

    place.run(work)


def test_odd_keys_come_back_as_they_were(place: Place) -> None:
    async def work(storage: Any) -> None:
        for key in ODD_KEYS:
            await storage.put(key, key.encode())
        for key in ODD_KEYS:
            assert await storage.get(key) == key.encode()
            assert await storage.size(key) == len(key.encode())
            assert storage.uri(key) == f"{storage.root}/{key}"
        assert in_order([entry.key async for entry in storage.list()]) == in_order(ODD_KEYS)

    place.run(work)


def test_listing_is_by_bytes_and_by_prefix(place: Place) -> None:
    keys = ["a", "a-b", "a.b/c", "a/b", "a/b.c", "a/b/c", "a0", "aa", "b/x", "é/y", "z", "Z"]

    async def work(storage: Any) -> None:
        await asyncio.gather(*(storage.put(key + ".f", b"12") for key in keys))

        async def listed(prefix: str) -> list[str]:
            return [entry.key async for entry in storage.list(prefix)]

        whole = in_order([key + ".f" for key in keys])
        if is_s3(place.location):
            # SeaweedFS lists folder by folder: "a/b" before "a-b", where AWS's order is that of bytes.
            assert in_order(await listed("")) == whole
        else:
            assert await listed("") == whole
        for prefix in ("a", "a/", "a/b", "a/b/", "é/", "é", "b/x.f", "b/x.f/", "nothing/", "nothing", "Z"):
            assert in_order(await listed(prefix)) == [key for key in whole if key.startswith(prefix)], prefix

    place.run(work)


def test_a_prefix_sees_only_what_is_below_it(place: Place) -> None:
    async def write(storage: Any) -> None:
        for key in ("p/a", "p/q/b", "pp/c"):
            await storage.put(key, b"1")

    async def read(storage: Any) -> list[str]:
        assert await storage.get("a") == b"1"
        return [entry.key async for entry in storage.list()]

    place.run(write)
    assert place.run(read, "/p") == ["a", "q/b"]
    assert place.run(read, "/p/") == ["a", "q/b"]


@pytest.mark.slow
def test_many_pages_are_listed(place: Place) -> None:
    keys = [f"n/{number:04}" for number in range(1105)]

    async def work(storage: Any) -> None:
        await asyncio.gather(*(storage.put(key, b"") for key in keys))
        assert [entry.key async for entry in storage.list("n/")] == keys

    place.run(work)
    with BlockingStorage(open_storage(place.location, place.settings)) as facade:
        assert [entry.key for entry in facade.list()] == keys


def test_deleting_is_idempotent(place: Place) -> None:
    async def work(storage: Any) -> None:
        await storage.put("k", b"1")
        await storage.delete("k")
        await storage.delete("k")
        await storage.delete("never/was")
        with pytest.raises(NotFoundError):
            await storage.get("k")

    place.run(work)


def test_a_missing_file_is_told_in_one_sentence(place: Place) -> None:
    async def work(storage: Any) -> None:
        await storage.put("there", b"1")
        for attempt in (storage.get("no/such"), storage.size("no/such"), storage.get("no/such", 0, 10)):
            with pytest.raises(
                NotFoundError, match=r"^Cannot read .*/no/such: there is no such .*\.$"
            ) as caught:
                await attempt
            assert caught.value.exit_code == 2

    place.run(work)


def test_a_place_where_nothing_was_written_yet_is_empty(place: Place) -> None:
    async def work(storage: Any) -> list[Any]:
        return [entry async for entry in storage.list()]

    assert place.run(work, "/later") == []


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../x", "a/../../x", "a/..", ".", "./a", "a/./b", "a/", "a\0b", "/"]
)
def test_a_key_never_leaves_the_root(place: Place, key: str) -> None:
    with pytest.raises(StorageError, match="cannot be the name of a file"):
        check_key(key)

    async def work(storage: Any) -> None:
        for attempt in (storage.put(key, b"x"), storage.get(key), storage.size(key), storage.delete(key),
                        storage.put_if_absent(key, b"x")):  # fmt: skip
            with pytest.raises(StorageError, match="cannot be the name of a file"):
                await attempt

    place.run(work)


def test_the_blocking_facade_does_the_same(place: Place) -> None:
    place.run(lambda storage: storage.put("a/k", b"0123456789"))
    with BlockingStorage(open_storage(place.location, place.settings)) as facade:
        assert facade.get("a/k", 2, 5) == b"234"
        assert facade.size("a/k") == 10
        assert facade.exists("a/k")
        assert not facade.exists("a/none")
        assert [entry.key for entry in facade.list("a/")] == ["a/k"]
        with pytest.raises(NotFoundError):
            facade.get("a/none")
    facade.close()


S3_CLIENTS = ["aioboto3", "obstore"]


def failures(location: str, settings: S3Settings) -> list[Exception]:
    """Return what reading, sizing, writing and listing raise."""

    async def main() -> list[Exception]:
        caught: list[Exception] = []
        try:
            async with open_storage(location, settings) as storage:
                for attempt in (
                    storage.get("k"),
                    storage.size("k"),
                    storage.put("k", b""),
                    anext(storage.list()),
                ):
                    with pytest.raises(Exception) as error:  # noqa: PT011 - judged by the caller
                        await attempt
                    caught.append(error.value)
        except StorageError as error:
            caught.append(error)
        return caught

    return asyncio.run(main())


@pytest.mark.parametrize("client", S3_CLIENTS)
class TestS3Errors:
    def test_a_missing_bucket(self, s3_server: Any, client: str) -> None:
        settings = S3Settings(client=client, endpoint_url=s3_server.endpoint)
        for error in failures("s3://no-such-bucket/x", settings):
            assert type(error) is NoPlaceError
            assert "there is no bucket no-such-bucket; check its name" in str(error)

    def test_a_wrong_secret(
        self, s3_server: Any, bucket: str, client: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        for error in failures(f"s3://{bucket}/x", S3Settings(client=client, endpoint_url=s3_server.endpoint)):
            assert type(error) is CredentialsError
            assert "the secret key does not fit the access key id" in str(error)

    def test_an_unknown_key_id(
        self, s3_server: Any, bucket: str, client: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        for error in failures(f"s3://{bucket}/x", S3Settings(client=client, endpoint_url=s3_server.endpoint)):
            assert type(error) is CredentialsError
            assert "does not know this access key id" in str(error)

    def test_credentials_that_may_only_read(
        self, s3_server: Any, bucket: str, client: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "gtmask-reader")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "gtmask-reader-secret")
        place = Place(f"s3://{bucket}/x", S3Settings(client=client, endpoint_url=s3_server.endpoint))
        with pytest.raises(
            AccessError, match=r"Cannot write s3://.*/x/k: permission is denied; .* s3:PutObject"
        ):
            place.run(lambda storage: storage.put("k", b"1"))

    def test_no_credentials(
        self, s3_server: Any, bucket: str, client: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        caught = failures(f"s3://{bucket}/x", S3Settings(client=client, endpoint_url=s3_server.endpoint))
        assert caught
        for error in caught:
            assert type(error) is NoCredentialsError
            assert "credentials" in str(error)
            assert "--profile" in str(error)

    @pytest.mark.slow
    def test_missing_credentials_are_told_without_a_warning_of_python(
        self, s3_server: Any, bucket: str, client: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        facade = BlockingStorage(
            open_storage(f"s3://{bucket}/x", S3Settings(client=client, endpoint_url=s3_server.endpoint))
        )
        told = ""
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                facade.size("k")
            except AccessError as error:
                told = str(error)
            gc.collect()
        assert "credentials" in told
        assert not [warning for warning in warned if "never awaited" in str(warning.message)]

    @pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
    def test_the_option_beats_the_environment(
        self, s3_server: Any, bucket: str, client: str, variable: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
        place = Place(f"s3://{bucket}/x", S3Settings(client=client, endpoint_url=s3_server.endpoint))
        place.run(lambda storage: storage.put("k", b"1"))

    def test_nobody_listens(self, s3_server: Any, client: str) -> None:
        settings = S3Settings(client=client, endpoint_url="http://127.0.0.1:9")
        for error in failures("s3://some-bucket/x", settings)[:1]:
            assert type(error) is TransientError
            assert "(tried 3 times): check the endpoint and the network" in str(error)

    def test_a_profile_that_is_not_there(self, s3_server: Any, client: str) -> None:
        settings = S3Settings(client=client, endpoint_url=s3_server.endpoint, profile="nobody")
        with pytest.raises((UsageError, AccessError), match=r"profile.*nobody"):
            Place("s3://some-bucket/x", settings).run(lambda storage: storage.get("k"))


def test_masks_carry_their_content_type(place: Place, request: pytest.FixtureRequest) -> None:
    if not is_s3(place.location):
        pytest.skip("files have no content type")

    async def work(storage: Any) -> None:
        await storage.put("m.png", b"1", "image/png")
        await storage.put_if_absent("n.json", b"1", "application/json")

    place.run(work)
    server = request.getfixturevalue("s3_server")
    _, _, rest = place.location.partition("s3://")
    bucket, _, prefix = rest.partition("/")
    client = server.client()
    kinds = [
        client.head_object(Bucket=bucket, Key=f"{prefix}/{key}")["ContentType"] for key in ("m.png", "n.json")
    ]
    client.close()
    assert kinds == ["image/png", "application/json"]


@pytest.mark.parametrize("location", ["s3://", "s3:///x", "s3://a", "s3://b ucket/x", "S3://-x-/"])
@pytest.mark.parametrize("client", S3_CLIENTS)
def test_a_location_without_a_bucket_is_wrong_usage(location: str, client: str) -> None:
    with pytest.raises(UsageError, match=r"write s3://bucket/prefix"):
        open_storage(location, S3Settings(client=client))


def test_an_unknown_client_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="none of aioboto3, obstore"):
        open_storage("s3://bucket/x", replace(S3Settings(), client="boto"))


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("a/b.json", ("a", "b.json")),
        ("b.json", (".", "b.json")),
        ("/b.json", ("/", "b.json")),
        ("s3://bucket/b.json", ("s3://bucket", "b.json")),
        ("s3://bucket/x y/b#.json", ("s3://bucket/x y", "b#.json")),
    ],
)
def test_a_files_location_is_split(location: str, expected: tuple[str, str]) -> None:
    assert split_location(location) == expected


@pytest.mark.parametrize("location", ["s3://bucket", "s3://bucket/x/", "a/", ""])
def test_a_location_that_names_no_file_is_wrong_usage(location: str) -> None:
    with pytest.raises(UsageError, match="names no file"):
        split_location(location)
