"""Requester pays, encryption, ACLs, access points: every request of both clients carries what was asked."""

from __future__ import annotations

import asyncio
import inspect
import socket
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from gtmask.cli import app
from gtmask.errors import AccessError, UsageError
from gtmask.progress import hearing_notices
from gtmask.storage import S3Settings, open_storage
from gtmask.storage.names import split_bucket
from gtmask.storage.s3_wishes import _tell_choice, choose_client
from tests.support.fake_aws import FakeAws

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd"
#: Bytes of a part of an upload, here.
PART = 4096
POINT = "arn:aws:s3:us-east-1:123456789012:accesspoint/team"
WISHES: dict[str, dict[str, Any]] = {
    "x-amz-request-payer": {"request_payer": True},
    "x-amz-server-side-encryption": {"sse": "AES256"},
    "x-amz-server-side-encryption-aws-kms-key-id": {"sse": "aws:kms", "sse_kms_key_id": KEY},
    "x-amz-acl": {"acl": "bucket-owner-full-control"},
}
VALUES = ["requester", "AES256", KEY, "bucket-owner-full-control"]
READS = {"s3:GetObject", "s3:ListBucket", "s3:DeleteObject"}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    with FakeAws() as server:
        server.lead_here(monkeypatch)
        for module in ("s3", "s3_prefix"):
            monkeypatch.setattr(f"gtmask.storage.{module}.PART", PART)
        server.buckets["team"] = {}
        yield server


async def do_everything(location: str, settings: S3Settings) -> None:
    """Use every verb, the first time and again, with small, large and streamed objects."""

    async def pieces() -> Any:
        for _ in range(2):
            yield bytes(PART)

    async with open_storage(location, settings) as storage:
        for key in ("a", "b"):
            await storage.put(key, b"1", "image/png")
            assert await storage.get(key) == b"1"
            assert (await storage.look(key)).size == 1
            assert not await storage.put_if_absent(key, b"2")
        await storage.put("large", bytes(1 << 21))
        await storage.put_stream("stream", pieces())
        assert [entry.key async for entry in storage.list()] == ["a", "b", "large", "stream"]
        await storage.delete("a")


@pytest.mark.parametrize("client", ["aioboto3", "obstore"])
@pytest.mark.parametrize(("header", "value"), list(zip(WISHES, VALUES, strict=True)))
def test_every_request_carries_what_was_asked_for(aws: FakeAws, header: str, value: str, client: str) -> None:
    settings = S3Settings(client=client, **WISHES[header], attempts=1)
    if header == "x-amz-acl" and client == "obstore":
        with pytest.raises(
            UsageError, match=r"--s3-client obstore cannot send an ACL .*use --s3-client aioboto3"
        ):
            asyncio.run(do_everything("s3://team/p", settings))
        assert not aws.calls
        return
    asyncio.run(do_everything("s3://team/p", settings))
    assert aws.actions() == READS | {"s3:PutObject"}
    for call in aws.calls:
        begins = call.action == "s3:PutObject" and "partNumber" not in call.name
        sent = call.headers.get(header)
        if header == "x-amz-request-payer":
            assert sent == value, call
        elif call.action in READS:
            assert sent is None, call
        else:
            assert sent in ({value, None} if begins and _is_of_upload(call) else {value}), call


def _is_of_upload(call: Any) -> bool:
    """Say whether a request belongs to a multipart upload that has begun, whose first request decided."""
    return bool(call.name.endswith("stream"))


def test_an_upload_in_parts_begins_with_what_was_asked_for(aws: FakeAws) -> None:
    asyncio.run(do_everything("s3://team/p", S3Settings(sse="aws:kms", sse_kms_key_id=KEY, acl="private")))
    first = next(call for call in aws.calls if call.name.endswith("stream"))
    assert first.headers["x-amz-server-side-encryption"] == "aws:kms"
    assert first.headers["x-amz-server-side-encryption-aws-kms-key-id"] == KEY
    assert first.headers["x-amz-acl"] == "private"


def test_a_bucket_whose_requesters_pay_lets_only_them_in(aws: FakeAws) -> None:
    aws.requires = dict.fromkeys(("s3:GetObject", "s3:PutObject", "s3:ListBucket"), "x-amz-request-payer")
    with pytest.raises(AccessError):
        asyncio.run(do_everything("s3://team/p", S3Settings(attempts=1)))
    asyncio.run(do_everything("s3://team/p", S3Settings(request_payer=True, attempts=1)))


@pytest.mark.parametrize("location", [f"s3://{POINT}/p", f"s3://{POINT.replace('point/', 'point:')}/p"])
def test_an_access_point_is_reached_by_its_arn(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    # An access point's requests go to a host of its own, which no resolver knows here.
    real = socket.getaddrinfo

    def resolve(host: Any, *more: Any, **options: Any) -> Any:
        return real("127.0.0.1" if str(host).endswith(".localhost") else host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    endpoint = aws.endpoint.replace("127.0.0.1", "localhost")
    asyncio.run(do_everything(location, S3Settings(endpoint_url=endpoint, attempts=1)))
    assert {call.headers["host"].partition(".")[0] for call in aws.calls} == {"team-123456789012"}
    assert sorted(aws.buckets["team"]) == ["p/b", "p/large", "p/stream"]


def test_what_a_client_cannot_do_another_one_does() -> None:
    point = f"s3://{POINT}/p"
    with pytest.raises(UsageError, match=r"access point by its ARN .* use --s3-client aioboto3") as caught:
        open_storage(point, S3Settings(client="obstore"))
    assert caught.value.exit_code == 2
    auto = S3Settings(client="auto")
    assert choose_client(point, auto) == "aioboto3"
    assert choose_client("s3://team/p", S3Settings(client="auto", acl="private")) == "aioboto3"
    assert choose_client("s3://team/p", S3Settings(client="auto", request_payer=True)) == "obstore"
    assert choose_client("s3://team-1234abcd-s3alias/p", auto) == "obstore"


ROLE, TEAM = (
    "arn:aws:iam::123456789012:role/x",
    "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/x",
)
#: Every command that may touch S3, with its locations there.
COMMANDS = {
    "convert": "{0}/export.json --out {0}/out", "inspect": "{0}/export.json", "classes": "{0}/export.json",
    "validate": "{0}/qa.manifest", "pilot": "{0}/qa.manifest --out {0}/pilot",
    "preview": "{0}/qa.manifest --out page.html", "finish": "{0}/out", "status": "{0}/out",
    "job": f"{{0}}/qa.manifest --dry-run --role {ROLE} --workteam {TEAM} --output s3://team/answer",
    "answer": "{0}/output.manifest --out {0}/back",
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_at_the_start_what_its_client_cannot_send(
    aws: FakeAws, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for location, more in (("s3://team", ["--acl", "private"]), (f"s3://{POINT}", [])):
        arguments = [command, *COMMANDS[command].format(location).split(), "--s3-client", "obstore", *more]
        result = CliRunner().invoke(app, arguments)
        assert isinstance(result.exception, UsageError), result.output
        assert "use --s3-client aioboto3" in str(result.exception)
        assert result.exception.exit_code == 2
    assert not aws.calls
    assert not list(tmp_path.iterdir())


def test_all_commands_with_options_for_s3_are_among_these() -> None:
    offered = {
        info.name or info.callback.__name__
        for info in app.registered_commands
        if info.callback is not None and "request_payer" in inspect.signature(info.callback).parameters
    }
    assert offered - {"config"} <= COMMANDS.keys()


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://b/k/l", ("b", "k/l")), ("s3://b", ("b", "")), (f"s3://{POINT}/k/l", (POINT, "k/l")),
        (f"s3://{POINT}", (POINT, "")), ("s3://arn:aws:s3:::b/k", ("arn:aws:s3:::b", "k")),
    ],
)  # fmt: skip
def test_a_bucket_or_an_access_point_stands_before_the_key(uri: str, expected: tuple[str, str]) -> None:
    assert split_bucket(uri) == expected


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"sse": "aes"}, "--sse 'aes' is none of AES256, aws:kms"),
        ({"acl": "mine"}, "--acl 'mine' is none of private, "),
        ({"sse_kms_key_id": KEY}, "--sse-kms-key-id names the key of --sse aws:kms"),
    ],
)
def test_what_s3_does_not_know_is_wrong_usage(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        S3Settings(**wrong)


def test_auto_tells_once_which_client_it_took_and_why() -> None:
    _tell_choice.cache_clear()
    told: list[str] = []
    with hearing_notices(told.append):
        for settings in (S3Settings(client="auto"), S3Settings(client="auto", acl="private"), S3Settings()):
            for _ in range(2):
                choose_client("s3://team/p", settings)
    assert told == ["S3 client: obstore", "S3 client: aioboto3, because obstore cannot send an ACL (--acl)"]
