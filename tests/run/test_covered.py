"""Counting covered pixels, against sets of pixels."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import cv2
import numpy as np
import orjson
import pytest

import gtmask
from gtmask.formats.reading.build import RecordBuilder
from gtmask.model import Runs
from gtmask.run.covered import measure
from tests.support import coco_data

if TYPE_CHECKING:
    from pathlib import Path


def test_coverage_equals_sets_of_pixels() -> None:
    rng = random.Random(4)
    builder = RecordBuilder("a.jpg", 60, 50)
    own = []
    for number in range(300):
        mask = np.zeros((50, 60), np.uint8)
        if number % 7 == 0:
            counts = np.array([5, 3 + number % 4, 5], np.int64)
            counts[2] = 30 - counts[:2].sum()
            builder.runs("r", Runs(counts, 5, 6, "row", 10, 20))
            mask[20:25, 10:16].ravel()[:] = 0
            block = np.zeros(30, np.uint8)
            block[5 : 5 + counts[1]] = 1
            mask[20:25, 10:16] = block.reshape(5, 6)
        else:
            ring = [rng.randint(-5, 64) for _ in range(6)]
            points = np.array(ring).reshape(-1, 2)
            if len(np.unique(points, axis=0)) < 3:
                continue
            builder.polygon("p", ring)
            cv2.fillPoly(mask, [points.astype(np.int32)], 1)
        own.append(mask != 0)
    record = builder.build()
    covered = np.zeros((50, 60), bool)
    expected = []
    for mask in reversed(own):
        expected.append((int(mask.sum()), int((mask & ~covered).sum())))
        covered |= mask
    measured = [(item.painted, item.visible) for item in measure(record, record.shapes, "opencv", 0.0)]
    assert measured == expected[::-1]


@pytest.mark.parametrize("count_covered", [True, False])
def test_a_covered_shape_is_told_on_request(tmp_path: Path, count_covered: bool) -> None:
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 40, "height": 30}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[5, 5, 9, 5, 9, 9, 5, 9]]},
            {"id": 2, "image_id": 1, "category_id": 2, "segmentation": [[0, 0, 20, 0, 20, 20, 0, 20]]},
        ],
        "categories": [{"id": 1, "name": "small"}, {"id": 2, "name": "large"}],
    }
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(coco_data.jpeg(40, 30))
    export = tmp_path / "export.json"
    export.write_bytes(orjson.dumps(document))
    summary = gtmask.convert(
        export, tmp_path / "out", images=tmp_path / "images", workers=1, count_covered=count_covered
    )
    assert summary.tally.findings == ({"shape-covered": 1} if count_covered else {})
    assert summary.tally.covered == ({"small": 25, "large": 0} if count_covered else {})
    swapped = gtmask.convert(
        export, tmp_path / "area", images=tmp_path / "images", workers=1, count_covered=True, overlap="area"
    )
    assert swapped.tally.covered == {"small": 0, "large": 25}
