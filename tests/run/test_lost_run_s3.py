"""Two starts on one output in S3, the second with --overwrite: no mask of the first one stays."""

from __future__ import annotations

import asyncio
import json
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

    from tests.support.fault_proxy import FaultProxy
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


async def fine() -> None:
    await asyncio.sleep(0)


def test_keys_that_were_announced_are_not_said_to_be_begun() -> None:
    """Nobody is to remove a file of that name which this run has never written."""
    storage: Any = SlowStorage()

    async def chunk() -> None:
        async with journal_s3.ObjectJournal(storage, 3, "0123", fine) as journal:
            journal.announce(["a.png", "b.png"])
            await journal.note("a.png")
            assert storage.objects == {"_gtmask/parts/000003-0123.begun": b"a.png\nb.png\n"}
            raise ValueError("midway")

    with pytest.raises(ValueError, match="midway"):
        asyncio.run(chunk())
    assert storage.objects == {"_gtmask/parts/000003-0123.begun": b"a.png\n.\n"}


def test_a_chunk_that_fails_before_its_first_mask_leaves_no_journal() -> None:
    """Its journal may be on its way just then."""
    storage: Any = SlowStorage()

    async def chunk(moment: float) -> None:
        async with journal_s3.ObjectJournal(storage, 3, "0123", fine) as journal:
            journal.announce(["a.png"])
            await asyncio.sleep(moment)
            raise ValueError("early")

    for moment in (0.0, 0.0005, 0.01):
        with pytest.raises(ValueError, match="early"):
            asyncio.run(chunk(moment))
        assert storage.objects == {}


def test_a_run_that_is_lost_while_images_are_read_puts_no_mask() -> None:
    storage: Any = SlowStorage()
    looks: list[None] = []

    async def lost() -> None:
        looks.append(None)
        raise RunConflictError("It is another's.")

    async def chunk() -> None:
        async with journal_s3.ObjectJournal(storage, 3, "0123", lost) as journal:
            journal.announce(["a.png"])
            while not looks:  # noqa: ASYNC110 - nobody waits for the look
                await asyncio.sleep(0.001)
            await journal.note("a.png")

    with pytest.raises(RunConflictError):
        asyncio.run(chunk())
    assert storage.objects == {}


def test_a_journal_that_another_machine_has_removed_is_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two machines were at one chunk, and the other one has committed it."""
    monkeypatch.setattr(journal_s3, "_FRESH", 0.0)
    monkeypatch.setattr(journal_s3, "_TRUSTED", 0.0)
    storage: Any = SlowStorage()

    async def chunk() -> None:
        async with journal_s3.ObjectJournal(storage, 3, "0123", fine) as journal:
            journal.announce(["a.png", "b.png"])
            await journal.note("a.png")
            storage.objects.clear()
            await journal.note("b.png")
            assert storage.objects == {"_gtmask/parts/000003-0123.begun": b"a.png\nb.png\n"}

    asyncio.run(chunk())


@pytest.mark.parametrize("told", ["by the units", "by the records"])
def test_masks_do_not_wait_for_the_journal_one_by_one(
    tmp_path: Path, s3_server: S3Server, fault_proxy: FaultProxy, bucket: str, told: str
) -> None:
    """One journal names all masks of a chunk, and before the first is put it was looked for the plan, too."""
    names = [f"{number}.jpg" for number in range(12)]
    export = coco_data.write(tmp_path, names)
    if told == "by the records":
        export = tmp_path / "labelme"
        export.mkdir()
        for name in names:
            document = {"version": "5.0.1", "flags": {}, "imagePath": name, "imageData": None}
            shape = {"label": "cat", "shape_type": "polygon", "points": [[1, 1], [9, 1], [9, 9]], "flags": {}}
            document |= {"imageWidth": 32, "imageHeight": 24, "shapes": [shape]}
            (export / f"{name}.json").write_text(json.dumps(document))
    objects = {f"images/{name}": (tmp_path / "images" / name).read_bytes() for name in names}
    s3_server.put(bucket, objects)
    asked: list[str] = []

    def rule(method: str, path: str, attempt: int) -> None:
        asked.append(f"{method} {path.removeprefix(f'/{bucket}/')}")

    fault_proxy.rule = rule
    settings = S3Settings(endpoint_url=fault_proxy.endpoint)
    gtmask.convert(export, f"s3://{bucket}/out", images=f"s3://{bucket}/images", workers=1, s3=settings)
    journals = [place for place, request in enumerate(asked) if request.endswith(".begun")]
    assert [asked[place].split()[0] for place in journals] == ["GET", "PUT", "DELETE"]
    masks = [place for place, request in enumerate(asked) if request.startswith("PUT out/masks/")]
    assert len(masks) == len(names)
    assert "GET out/_gtmask/run.json" in asked[journals[1] : masks[0]]
