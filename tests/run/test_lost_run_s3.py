"""Two starts on one output in S3, the second with --overwrite: no mask of the first one stays."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

import gtmask
from gtmask.errors import NotFoundError, RunConflictError
from gtmask.loops import run_async
from gtmask.run import journal_s3
from gtmask.storage import S3Settings, open_storage
from tests.run.test_watch import COUNT, Meddler, coco
from tests.support import coco_data

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.s3_server import S3Server

DATE = "2024-01-01T00:00:00.000000"


def test_masks_that_a_killed_start_had_begun_are_taken_away(
    tmp_path: Path, s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a kill leaves: a journal whose last line is a key, and a mask that it names."""
    monkeypatch.setattr(journal_s3, "QUIET", 1.0)
    settings = S3Settings(endpoint_url=s3_server.endpoint)
    out = f"s3://{bucket}/out"

    async def killed() -> None:
        async def fine() -> None:
            await asyncio.sleep(0)

        async with open_storage(out, settings) as storage:
            journal = journal_s3.ObjectJournal(storage, 3, "0123", fine)
            await asyncio.gather(*(journal.note(f"begun {number}.png") for number in range(40)))
            await storage.put("masks/begun 7.png", b"half a run's")
            await storage.put("masks/mine.png", b"of other origin")

    run_async(killed())
    export = coco_data.write(tmp_path, ["x.jpg"])
    gtmask.convert(
        export, out, images=tmp_path / "images", overwrite=True, workers=1, creation_date=DATE, s3=settings
    )
    names = set(s3_server.objects(bucket, "out/"))
    assert {name for name in names if name.startswith("masks/")} == {"masks/x.png", "masks/mine.png"}
    assert not [name for name in names if name.endswith(".begun")]


def test_a_journal_that_a_kill_left_beside_its_commit_goes_with_the_run(
    tmp_path: Path, s3_server: S3Server, bucket: str
) -> None:
    """The chunk is done and never begun again, so that nobody else would take the journal away."""
    settings = S3Settings(endpoint_url=s3_server.endpoint)
    export = coco_data.write(tmp_path, ["x.jpg"])
    out = f"s3://{bucket}/out"
    given: dict[str, Any] = {"images": tmp_path / "images", "workers": 1, "s3": settings}
    gtmask.convert(export, out, **given)
    whole = s3_server.objects(bucket, "out/")
    part = next(name for name in whole if name.endswith(".jsonl") and "parts/" in name)
    s3_server.put(bucket, {f"out/{part.removesuffix('.jsonl')}.begun": b"x.png\n"})
    assert gtmask.convert(export, out, **given).resumed == 1
    assert s3_server.objects(bucket, "out/") == whole


def test_a_run_that_was_replaced_stops_and_leaves_no_mask(
    tmp_path: Path, s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second start has one image of the first one's, and begins while that is at work."""
    # However slow the machine is, the first one lives: its last word is waited for.
    monkeypatch.setattr(journal_s3, "QUIET", 300.0)
    source, _ = coco(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    fewer = coco_data.write(other, ["119.jpg", "z.jpg"], seed=9)
    settings = S3Settings(endpoint_url=s3_server.endpoint, concurrency=4)
    common: dict[str, Any] = {"workers": 1, "creation_date": DATE, "mask_uri": "s3://b/m", "s3": settings}
    winner = threading.Thread(
        target=lambda: gtmask.convert(
            fewer, f"s3://{bucket}/out", images=other / "images", overwrite=True, **common
        )
    )
    with pytest.raises(RunConflictError, match="taken over by another start"):
        gtmask.convert(
            source, f"s3://{bucket}/out", images=tmp_path / "images", chunk_size=8,
            progress=Meddler(winner.start), **common
        )  # fmt: skip
    winner.join(600)
    gtmask.convert(fewer, f"s3://{bucket}/whole", images=other / "images", **common)
    mine, whole = s3_server.objects(bucket, "out/"), s3_server.objects(bucket, "whole/")
    masks = {name: data for name, data in whole.items() if name.startswith("masks/")}
    assert {name: data for name, data in mine.items() if name.startswith("masks/")} == masks
    assert len(masks) == 2 < COUNT
    assert not [name for name in mine if name.endswith(".begun")]


def test_a_start_that_lost_its_run_before_a_chunk_leaves_no_journal_of_it(
    s3_server: S3Server, bucket: str
) -> None:
    """The new start has looked for journals by then: nobody would take this one away."""
    settings = S3Settings(endpoint_url=s3_server.endpoint)

    async def lost() -> None:
        raise RunConflictError("It is another's.")

    async def begin() -> None:
        async with open_storage(f"s3://{bucket}/out", settings) as storage:
            with pytest.raises(RunConflictError):
                async with journal_s3.ObjectJournal(storage, 3, "0123", lost) as journal:
                    await journal.note("a.png")

    run_async(begin())
    assert s3_server.objects(bucket, "out/") == {}


class SlowStorage:
    """Keeps objects in memory; each request takes a moment, in which others go on."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    async def put(self, key: str, data: bytes) -> None:
        await asyncio.sleep(0.001)
        self.objects[key] = data

    async def get(self, key: str) -> bytes:
        await asyncio.sleep(0)
        if key not in self.objects:
            raise NotFoundError(f"There is no {key}.")
        return self.objects[key]

    async def delete(self, key: str) -> None:
        self.objects.pop(key, None)


def test_no_mask_is_put_before_its_key_is_in_the_journal() -> None:
    """Also one that is noted while the journal is on its way with the keys of others."""
    storage: Any = SlowStorage()
    unknown: list[str] = []

    async def fine() -> None:
        await asyncio.sleep(0.001)

    async def mask(journal: journal_s3.ObjectJournal, number: int) -> None:
        await asyncio.sleep(number * 0.0003)
        await journal.note(f"{number}.png")
        (written,) = storage.objects.values()
        if f"{number}.png" not in written.decode().split("\n"):
            unknown.append(f"{number}.png")

    async def chunk() -> None:
        async with journal_s3.ObjectJournal(storage, 3, "0123", fine) as journal:
            await asyncio.gather(*(mask(journal, number) for number in range(40)))

    asyncio.run(chunk())
    assert unknown == []
    assert storage.objects == {}


def test_what_a_killed_start_had_begun_stays_in_the_journal_of_the_next() -> None:
    storage: Any = SlowStorage()

    async def fine() -> None:
        await asyncio.sleep(0)

    async def chunk() -> None:
        await storage.put("_gtmask/parts/000003-0123.begun", b"first.png\nsecond.png\n")
        async with journal_s3.ObjectJournal(storage, 3, "0123", fine) as journal:
            await journal.note("third.png")
            raise ValueError("midway")

    with pytest.raises(ValueError, match="midway"):
        asyncio.run(chunk())
    assert storage.objects == {"_gtmask/parts/000003-0123.begun": b"first.png\nsecond.png\nthird.png\n.\n"}
