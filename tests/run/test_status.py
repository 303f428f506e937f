"""``gtmask status``: what is done, by whom, and what is missing, also while the run works and in S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

import gtmask
from gtmask.errors import UsageError
from gtmask.loops import run_async
from gtmask.run.starts import EVERY, Presence, ranges, read_starts
from gtmask.storage import S3Settings, open_storage
from tests.support import coco_data

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.s3_server import S3Server

NAMES = [f"{number}.jpg" for number in range(10)]
COMMON: dict[str, Any] = {"chunk_size": 2, "workers": 1, "creation_date": "2024-01-01T00:00:00.000000"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Make an export of ten images, five chunks, one of whose images is not there."""
    coco_data.write(tmp_path, NAMES)
    (tmp_path / "images" / "3.jpg").unlink()
    return tmp_path


def test_a_sharded_run_tells_who_did_what_and_what_is_missing(data: Path) -> None:
    out = data / "out"
    with pytest.raises(UsageError, match="There is no run in"):
        gtmask.status(out)
    gtmask.convert(data / "export.json", out, images=data / "images", shard="1/3", **COMMON)
    seen = gtmask.status(out)
    assert (seen.done, seen.chunks, seen.missing, seen.complete) == (2, 5, [(0, 0), (2, 3)], False)
    assert (seen.tally.records, seen.tally.masks, seen.rejected) == (4, 3, {"image-missing": 1})
    told = {row["shard"]: (row["state"], row["done"]) for row in seen.workers}
    assert told == {"1/3": ("ended", 2), "0/3": ("not begun", 0), "2/3": ("not begun", 0)}
    assert (seen.unknown, seen.manifest) == (0, None)
    assert orjson.loads(orjson.dumps(seen.to_json()))["rejected"] == {"image-missing": 1}
    for shard in ("0/3", "2/3"):
        gtmask.convert(data / "export.json", out, images=data / "images", shard=shard, **COMMON)
    gtmask.finish(out)
    seen = gtmask.status(out)
    assert (seen.done, seen.missing, seen.complete, seen.workers) == (5, [], True, [])
    assert not (out / "_gtmask" / "starts").exists() or not any((out / "_gtmask" / "starts").iterdir())


def test_a_run_can_be_asked_while_it_works_and_after_it_was_stopped(data: Path) -> None:
    class Asks:
        """Asks for the status when the first chunk is done, then fails as a caller's own object may."""

        seen: gtmask.Status | None = None
        stages: list[str]

        def stage(self, name: str, total: int | None) -> None:
            pass

        def advance(self, records: int, rejects: int = 0) -> None:
            if records == 2 and Asks.seen is None:
                state = data / "out" / "_gtmask" / "parts" / "000000.json"
                if state.exists():
                    Asks.seen = gtmask.status(data / "out")
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gtmask.convert(data / "export.json", data / "out", images=data / "images", progress=Asks(), **COMMON)
    assert Asks.seen is not None
    assert [row["state"] for row in Asks.seen.workers] == ["working"]
    assert 1 <= Asks.seen.done <= 3
    after = gtmask.status(data / "out")
    assert [row["state"] for row in after.workers] == ["stopped"]
    assert after.workers[0]["done"] + after.unknown == after.done
    before = {path: path.read_bytes() for path in (data / "out").rglob("*") if path.is_file()}
    gtmask.status(data / "out")
    assert before == {path: path.read_bytes() for path in (data / "out").rglob("*") if path.is_file()}


@pytest.mark.parametrize("client", ["aioboto3", "obstore"])
def test_a_run_in_s3(data: Path, s3_server: S3Server, bucket: str, client: str) -> None:
    s3 = S3Settings(client=client, endpoint_url=s3_server.endpoint)
    out = f"s3://{bucket}/run"
    common = COMMON | {"image_uri": f"s3://{bucket}/images"}
    gtmask.convert(data / "export.json", out, images=data / "images", shard="0/2", s3=s3, **common)
    seen = gtmask.status(out, s3=s3)
    assert (seen.done, seen.missing) == (3, [(1, 1), (3, 3)])
    assert {row["shard"]: row["state"] for row in seen.workers} == {"0/2": "ended", "1/2": "not begun"}
    gtmask.convert(data / "export.json", out, images=data / "images", shard="1/2", s3=s3, **common)
    assert gtmask.status(out, s3=s3).done == 5


def test_a_start_that_is_not_heard_of_is_called_silent(data: Path) -> None:
    out = data / "out"
    gtmask.convert(data / "export.json", out, images=data / "images", shard="0/3", **COMMON)
    path = next((out / "_gtmask" / "starts").iterdir())
    start = orjson.loads(path.read_bytes())
    path.write_bytes(orjson.dumps(start | {"state": "working", "heard": start["heard"] - 1000}))
    assert gtmask.status(out).workers[0]["state"] == "silent"
    path.write_bytes(b"{")
    seen = gtmask.status(out)
    assert (seen.workers, seen.done, seen.unknown) == ([], 2, 0), "what is damaged is passed over"


def test_a_start_writes_again_after_a_while_and_never_fails_for_it(tmp_path: Path) -> None:
    moments, ticks = [1e9], [0.0]
    presence = Presence("run", "0/1", clock=lambda: moments[0], ticks=lambda: ticks[0])

    async def write(folder: Path) -> list[Any]:
        async with open_storage(str(folder)) as out:
            await presence.write(out)
            return await read_starts(out, "run")

    presence.note(4)
    presence.note(2)
    presence.note(3)
    assert not presence.is_due
    moments[0] += 2 * EVERY
    assert not presence.is_due, "the clock was set"
    moments[0], ticks[0] = 10.0, EVERY
    assert presence.is_due
    (start,) = run_async(write(tmp_path))
    assert (start.chunks, start.heard, start.worked) == ([(2, 4)], 10.0, EVERY)
    assert not presence.is_due
    (tmp_path / "file").write_text("no folder")
    assert run_async(write(tmp_path / "file")) == []


def test_rows_of_numbers() -> None:
    assert ranges([5, 1, 2, 3, 9, 8]) == [(1, 3), (5, 5), (8, 9)]
    assert ranges([]) == []
