"""What is uploaded for a job is found again byte by byte, and nothing else passes for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gtmask.groundtruth import job_files
from gtmask.groundtruth.job_plan import JobShare
from gtmask.groundtruth.manifest_file import ManifestReader
from gtmask.storage import open_storage

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = b"0123456789abcdefghij"


@pytest.mark.parametrize("span", [(0, 20), (3, 17), (4, 12), (5, 6)])
@pytest.mark.parametrize("block", [4, 100])
def test_only_the_same_bytes_are_the_same_upload(
    span: tuple[int, int], block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_files, "BLOCK", block)
    start, stop = span
    part = JobShare("qa", start, stop, 1)
    source = ManifestReader("m", len(MANIFEST), lambda offset, length: MANIFEST[offset : offset + length])
    right = MANIFEST[start:stop]
    others = [right[:-1], right + b"k", b"", *(right[:i] + b"?" + right[i + 1 :] for i in range(len(right)))]

    async def look() -> None:
        async with open_storage(str(tmp_path)) as storage:
            assert not await job_files.is_uploaded(part, source, storage)
            for other in others:
                await storage.put(part.file, other, "x/y")
                assert not await job_files.is_uploaded(part, source, storage)
            await storage.put(
                part.file, b"".join([piece async for piece in job_files._pieces(source, part)]), "x/y"
            )
            assert (tmp_path / "qa.manifest").read_bytes() == right
            assert await job_files.is_uploaded(part, source, storage)

    asyncio.run(look())
