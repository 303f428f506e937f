"""Which shapes lie on top is a guess where only the order of an object's keys says it: that is told."""

from __future__ import annotations

from typing import Any

import pytest

from gtmask.groundtruth.classes import class_map_from_labels
from gtmask.run.paint import paint
from tests.support.small_exports import read_files

SQUARE = [(1, 1), (9, 1), (9, 9), (1, 9)]
BESIDE = [(20, 1), (29, 1), (29, 9), (20, 9)]
SIDE = 40


def json_min(rings: dict[str, list[tuple[int, int]]]) -> tuple[str, Any]:
    row: dict[str, Any] = {"id": 1, "image": "/data/upload/1/a.jpg", "annotator": 1, "annotation_id": 1,
                           "lead_time": 1}  # fmt: skip
    for name, ring in rings.items():
        points = [[100 * x / SIDE, 100 * y / SIDE] for x, y in ring]
        row[name] = [
            {"points": points, "polygonlabels": [name], "original_width": SIDE, "original_height": SIDE}
        ]
    return "label_studio", [row]


def kili(rings: dict[str, list[tuple[int, int]]]) -> tuple[str, Any]:
    jobs = {
        name: {"annotations": [{"categories": [{"name": name}], "type": "semantic", "boundingPoly": [
            {"normalizedVertices": [{"x": x / SIDE, "y": y / SIDE} for x, y in ring]}]}]}
        for name, ring in rings.items()
    }  # fmt: skip
    size = {"width": SIDE, "height": SIDE}
    return "kili", [{"id": "1", "externalId": "a.jpg", "resolution": size,
                     "labels": [{"labelType": "DEFAULT", "jsonResponse": jobs}]}]  # fmt: skip


def labelbox(rings: dict[str, list[tuple[int, int]]]) -> tuple[str, Any]:
    label = {name: [[{"x": x, "y": y} for x, y in ring]] for name, ring in rings.items()}
    return "labelbox", [{"ID": "1", "DataRow ID": "1", "External ID": "a.jpg", "Label": label}]


@pytest.mark.parametrize("write", [json_min, kili, labelbox])
@pytest.mark.parametrize(
    ("second", "overlap", "told"),
    [(SQUARE, "order", True), (BESIDE, "order", False), (SQUARE, "area", False)],
)
def test_what_only_the_order_of_keys_says_is_told(write: Any, second: Any, overlap: str, told: bool) -> None:
    classes = class_map_from_labels(["one", "two"])
    for names in (("one", "two"), ("two", "one")):
        name, document = write(dict(zip(names, (SQUARE, second), strict=True)))
        (record,) = read_files(name, {"a.json": document})
        record.width, record.height = SIDE, SIDE
        painting = paint(record, classes, fill="opencv", stroke=0.0, overlap=overlap, crowd="paint")
        assert len(record.shapes) == 2
        assert ("order-guessed" in {finding.code for finding in painting.findings}) is told


def test_two_shapes_under_one_key_keep_their_order() -> None:
    name, document = json_min({"one": SQUARE})
    document[0]["one"] += [{**document[0]["one"][0], "polygonlabels": ["two"]}]
    (record,) = read_files(name, {"a.json": document})
    classes = class_map_from_labels(["one", "two"])
    painting = paint(record, classes, fill="opencv", stroke=0.0, overlap="order", crowd="paint")
    assert painting.findings == []
    assert painting.mask.max() == 2
