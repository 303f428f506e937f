"""Chunks that take much longer than others are begun first, and what becomes of them is the same."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

import gtmask
from gtmask.formats import open_reader
from gtmask.run import chunks
from gtmask.run import run as whole_run
from gtmask.run.chunks import dear_chunks
from gtmask.run.plan import Plan
from gtmask.workers import pool, tasks
from tests.support.commands import tree

if TYPE_CHECKING:
    from pathlib import Path

IMAGES, SIZE = 24, 2
#: Of these images there are many more annotations than of others.
CROWDED = {9: 40, 21: 60}


def write(folder: Path) -> Path:
    (folder / "images").mkdir()
    images, annotations = [], []
    for number in range(IMAGES):
        Image.fromarray(np.zeros((20, 30), np.uint8)).save(folder / "images" / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 30, "height": 20})
        for shape in range(CROWDED.get(number, 1)):
            ring = [2, 2, 12 + shape % 9, 3, 8, 15]
            annotations.append({"id": len(annotations), "image_id": number, "category_id": 1 + shape % 2,
                                "iscrowd": 0, "segmentation": [ring]})  # fmt: skip
    annotations.append(
        {"id": 9999, "image_id": 777, "category_id": 1, "iscrowd": 0, "segmentation": [[1] * 999]}
    )
    export = folder / "export.json"
    categories = [{"id": 1, "name": "Car"}, {"id": 2, "name": "Road"}]
    export.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return export


def test_dear_chunks_come_first(tmp_path: Path, monkeypatch: Any) -> None:
    export = write(tmp_path)
    begun: list[int] = []
    cut = vars(whole_run)["cut_chunks"]

    def noted(*given: Any) -> Any:
        for chunk in cut(*given):
            begun.append(chunk.number)
            yield chunk

    monkeypatch.setattr(whole_run, "cut_chunks", noted)
    options: dict[str, Any] = {
        "images": tmp_path / "images", "chunk_size": SIZE, "mask_uri": "s3://b/masks",
        "creation_date": "2024-01-01T00:00:00.000000",
    }  # fmt: skip
    chunks = list(range(IMAGES // SIZE))
    gtmask.convert(export, tmp_path / "one", workers=1, **options)
    assert begun == chunks
    begun.clear()
    gtmask.convert(export, tmp_path / "two", workers=2, **options)
    dear = sorted(number // SIZE for number in CROWDED)
    assert begun == dear + [number for number in chunks if number not in dear]
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    begun.clear()
    gtmask.convert(export, tmp_path / "dry", workers=2, dry_run=True, **options)
    assert begun == chunks


def test_where_chunks_are_alike_none_is_dear(tmp_path: Path) -> None:
    reader = open_reader(write(tmp_path))
    plan = Plan({"chunk_size": SIZE}, "", "", "", {}, "", IMAGES)
    weights = reader.weights(SIZE)  # type: ignore[attr-defined] # of a reader of COCO
    assert len(weights) == plan.chunks
    assert weights.argmax() == 21 // SIZE
    assert dear_chunks(reader, plan, {0, 1, 2}) == set()
    assert dear_chunks(reader, plan, {0, 1, 2, 3, 4, 5}) == {9 // SIZE}


@pytest.mark.parametrize("workers", [1, None])
def test_tasks_have_several_chunks_whoever_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int | None
) -> None:
    """One is converted while the disk takes another, also where it is open whether processes pay."""
    export = write(tmp_path)
    groups: list[int] = []
    run_chunks = vars(chunks)["run_chunks"]

    def noted(job: bytes, *group: Any) -> Any:
        groups.append(len(group))
        return run_chunks(job, *group)

    ticks = itertools.count()
    monkeypatch.setattr(chunks, "run_chunks", noted)
    monkeypatch.setattr(chunks, "perf_counter", lambda: next(ticks) * 0.1)
    # No time passes that processes could save.
    monkeypatch.setattr(tasks, "perf_counter", lambda: 0.0)
    monkeypatch.setattr(pool, "cores", lambda: 2)
    options: dict[str, Any] = {
        "images": tmp_path / "images", "chunk_size": 1, "mask_uri": "s3://b/masks",
        "creation_date": "2024-01-01T00:00:00.000000",
    }  # fmt: skip
    made = gtmask.convert(export, tmp_path / "out", workers=workers, **options)
    assert made.tally.masks == IMAGES == sum(groups)
    assert groups[:2] == [1, 1], "nobody knows yet how long they take"
    assert max(groups) == 3, "a sixth of those left"
    assert groups[-1] == 1, "at the end there is something to do for all"
