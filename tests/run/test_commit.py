"""Commits: what is durable when, what finished parts are checked for, and what a fingerprint covers."""

from __future__ import annotations

import asyncio
import os
import zlib
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import orjson
import pytest

import gtmask
from gtmask import finish
from gtmask.errors import GtmaskError, NotFoundError
from gtmask.findings import EXAMPLES, Finding
from gtmask.formats.locate import open_export
from gtmask.run import assemble, plan
from gtmask.run.commit import (
    AHEAD,
    ChunkResult,
    Tally,
    add_counts,
    commit,
    committed,
    each_part,
    pack_counts,
    read_ahead,
    read_commit,
    read_lines,
    reject_lines,
    unpack_counts,
)
from gtmask.storage import open_storage
from tests.support import coco_data

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from gtmask.storage import Storage


class Recorder:
    """Stands for a storage: records what is asked of it, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        self.done.append(key)

    async def sync(self) -> None:
        self.done.append("sync")


def test_a_commit_record_is_written_once_all_that_it_promises_is_durable() -> None:
    out: Any = Recorder()

    async def refuse_lost() -> None:
        """Nobody has taken the run over."""

    asyncio.run(commit(out, [ChunkResult(7, Tally())], "r", refuse_lost))
    assert out.done == ["_gtmask/parts/000007-r.jsonl", "sync", "_gtmask/parts/000007.json", "sync"]


def test_without_anybody_who_could_take_over_a_commit_is_the_same() -> None:
    out: Any = Recorder()
    asyncio.run(commit(out, [ChunkResult(7, Tally())], "r"))
    assert out.done == ["_gtmask/parts/000007-r.jsonl", "sync", "_gtmask/parts/000007.json", "sync"]


def test_nothing_is_committed_for_a_run_that_is_lost() -> None:
    out: Any = Recorder()

    async def refuse_lost() -> None:
        raise GtmaskError("lost")

    with pytest.raises(GtmaskError, match="lost"):
        asyncio.run(commit(out, [ChunkResult(7, Tally())], "r", refuse_lost))
    assert out.done == ["_gtmask/parts/000007-r.jsonl", "sync"]


def in_storage(tmp_path: Path, work: Callable[[Storage], Coroutine[Any, Any, Any]]) -> Any:
    """Return what work on the storage of a folder returns."""

    async def run() -> Any:
        async with open_storage(str(tmp_path)) as out:
            return await work(out)

    return asyncio.run(run())


REJECTED = [{"key": "a"}, {"key": "b"}]
CHUNKS = [
    ChunkResult(0, Tally(records=2), [b"0\n", b"1\n"], REJECTED, b"mm", "counts"),
    ChunkResult(1, Tally(), []),
    ChunkResult(2, Tally(), [b"2\n"]),
]


def test_parts_are_read_as_they_were_committed_in_their_order(tmp_path: Path) -> None:
    async def work(out: Storage) -> list[tuple[dict[str, Any], bytes]]:
        await commit(out, [CHUNKS[2]], "r")
        assert await committed(out) == {2}
        await commit(out, CHUNKS[:2], "r")
        assert await committed(out) == {0, 1, 2}
        return [part async for part in each_part(out, 3)]

    parts = in_storage(tmp_path, work)
    assert [lines for _, lines in parts] == [b"0\n1\n", b"", b"2\n"]
    assert parts[0][0] == {
        "chunk": 0,
        "run": "r",
        **CHUNKS[0].tally.to_json(),
        "lines": {"bytes": 4, "crc32": zlib.crc32(b"0\n1\n")},
        "rejected": REJECTED,
        "states": b64encode(b"mm").decode(),
        "counts": "counts",
    }
    assert reject_lines(parts[0][0]) == b'{"key":"a"}\n{"key":"b"}\n'


def test_lines_are_those_that_the_commit_record_promises_or_none(tmp_path: Path) -> None:
    """Neither a part that is gone nor one of other bytes, whether as many or more, becomes a manifest."""

    async def work(out: Storage) -> None:
        await commit(out, CHUNKS[:1])
        record = await read_commit(out, 0)
        assert await read_lines(out, 0, record) == b"0\n1\n"
        for changed in (b"0\n2\n", b"0\n1\n\n", b"", None):
            part = tmp_path / "_gtmask" / "parts" / "000000.jsonl"
            part.unlink() if changed is None else part.write_bytes(changed)
            with pytest.raises(
                GtmaskError, match=r"000000\.jsonl is missing or not what .*000000\.json and run"
            ):
                await read_lines(out, 0, record)

    in_storage(tmp_path, work)


def test_a_commit_record_that_is_damaged_is_told_and_one_that_is_not_there_is_no_damage(
    tmp_path: Path,
) -> None:
    async def work(out: Storage) -> None:
        with pytest.raises(NotFoundError):
            await read_commit(out, 0)
        await commit(out, CHUNKS[:1])
        record = tmp_path / "_gtmask" / "parts" / "000000.json"
        whole = record.read_bytes()
        for data in (whole[:-5], b"null", b"{}", b"[]", whole.replace(b'"run"', b'"ran"')):
            record.write_bytes(data)
            with pytest.raises(
                GtmaskError, match=r"000000\.json is damaged: delete it and run again to redo"
            ):
                await read_commit(out, 0)

    in_storage(tmp_path, work)


@pytest.mark.parametrize("chunks", [0, 1, AHEAD, AHEAD + 1, 3 * AHEAD])
def test_a_few_parts_are_read_ahead_of_the_one_that_is_wanted(chunks: int) -> None:
    begun: list[int] = []

    async def negative(chunk: int) -> int:
        await asyncio.sleep(0)
        return -chunk

    def read(chunk: int) -> Coroutine[Any, Any, int]:
        begun.append(chunk)
        return negative(chunk)

    async def work() -> None:
        given = 0
        async for value in read_ahead(read, range(chunks)):
            assert value == -given
            given += 1
            assert len(begun) == min(chunks, given + AHEAD)
        assert given == chunks

    asyncio.run(work())


def test_who_stops_reading_leaves_nothing_behind() -> None:
    stopped: list[int] = []

    async def read(chunk: int) -> int:
        if chunk:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                stopped.append(chunk)
                raise
        return chunk

    async def work() -> None:
        reading = read_ahead(read, range(100))
        assert await anext(reading) == 0
        await reading.aclose()
        await asyncio.sleep(0)
        assert stopped == list(range(1, AHEAD + 1))

    asyncio.run(work())


#: What three records of a chunk counted, with every count that there is.
RECORDS = [
    Tally(findings, examples, 1, masks, 1 - masks, size, pixels, shapes, covered)
    for findings, examples, masks, size, pixels, shapes, covered in (
        ({"a": 2, "b": 1}, {"a": ["1", "2"], "b": ["3"]}, 1, 90, {0: 5, 7: 2}, {"car": 1}, {"car": 3}),
        ({}, {}, 0, 0, {}, {}, {}),
        ({"a": 3}, {"a": ["4", "5", "6"]}, 1, 70, {7: 1, 9: 4}, {"car": 2, "bus": 1}, {"bus": 1}),
    )
]  # fmt: skip


def test_counts_of_records_add_up_to_those_of_their_chunk() -> None:
    assert not Tally().counts()
    expected = {
        "records": 3, "masks": 2, "rejects": 1, "mask_bytes": 160, "findings": {"a": 5, "b": 1},
        "examples": {"a": ["1", "2", "4"], "b": ["3"]}, "pixels": {"0": 5, "7": 3, "9": 4},
        "shapes": {"bus": 1, "car": 3}, "covered": {"bus": 1, "car": 3},
    }  # fmt: skip
    records = [Tally.from_json(orjson.loads(orjson.dumps(record.to_json()))) for record in RECORDS]
    counts = unpack_counts(pack_counts([record.counts() for record in records]))
    assert add_counts(counts).to_json() == expected
    whole = Tally()
    for record in records:
        whole.add(record)
    assert whole.to_json() == expected == Tally.from_json(expected).to_json()


def convert(tmp_path: Path, **options: Any) -> Any:
    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(5)])
    given = {
        "images": tmp_path / "images",
        "workers": 1,
        "chunk_size": 1,
        "mask_uri": "s3://b/masks",
        **options,
    }
    return gtmask.convert(export, tmp_path / "out", **given)


def test_a_part_file_that_was_changed_is_told(tmp_path: Path) -> None:
    convert(tmp_path)
    (part,) = (tmp_path / "out" / "_gtmask" / "parts").glob("000002-*.jsonl")
    part.write_bytes(part.read_bytes().replace(b'.jpg"', b'.jpx"'))
    with pytest.raises(
        GtmaskError, match=r"000002-[0-9a-f]{16}\.jsonl is missing or not what .*000002\.json and run again"
    ):
        finish(tmp_path / "out")


def test_parts_are_joined_to_pieces_of_a_few_bytes_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert(tmp_path)
    manifest = tmp_path / "out" / "labeling-qa.manifest"
    written = manifest.read_bytes()
    manifest.unlink()
    monkeypatch.setattr(assemble, "PIECE", 1)
    finish(tmp_path / "out")
    assert manifest.read_bytes() == written
    assert len(written.splitlines()) == 5


def test_a_run_keeps_the_first_few_examples_of_each_finding() -> None:
    whole = Tally()
    for chunk, count in enumerate((2, 2, 9)):
        part = Tally()
        part.count_findings(
            [Finding("image-missing", f"{chunk}-{number}.jpg") for number in range(count)], "here"
        )
        assert len(part.examples["image-missing"]) == min(count, EXAMPLES)
        whole.add(Tally.from_json(orjson.loads(orjson.dumps(part.to_json()))))
    assert whole.findings == {"image-missing": 13}
    assert whole.examples == {"image-missing": ["here: 0-0.jpg", "here: 0-1.jpg", "here: 1-0.jpg"]}


def test_the_fingerprint_of_many_files_covers_the_names_sizes_and_times_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "FILES_READ_WHOLE", 2)
    for number in range(4):
        (tmp_path / f"{number}.json").write_bytes(b"{}")
        os.utime(tmp_path / f"{number}.json", (1, 1))

    def mark() -> str:
        return plan.fingerprint(open_export(tmp_path))

    seen = {mark(), mark()}
    assert len(seen) == 1
    for name in ("0.json", "3.json"):
        os.utime(tmp_path / name, (2, 2))
        assert mark() not in seen
        seen.add(mark())
        (tmp_path / name).rename(tmp_path / f"5{name}")
        assert mark() not in seen
        seen.add(mark())
