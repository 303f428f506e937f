"""Commits: what is durable when, what finished parts are checked for, and what a fingerprint covers."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import orjson
import pytest

import gtmask
from gtmask import finish
from gtmask.errors import GtmaskError
from gtmask.findings import EXAMPLES, Finding
from gtmask.formats.locate import open_export
from gtmask.run import assemble, plan
from gtmask.run.commit import ChunkResult, Tally, commit
from tests.support import coco_data

if TYPE_CHECKING:
    from pathlib import Path


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
