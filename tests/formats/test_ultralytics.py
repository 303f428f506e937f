"""Ultralytics NDJSON: the line about the data set, YOLO's rows, which list counts."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest

from gtmask.formats import ultralytics
from gtmask.formats.detect import detect, matches
from gtmask.formats.sampling import take_sample
from tests.support.small_exports import FilesExport, codes, labels, open_files, painted, read_files, read_one

DATASET = {
    "type": "dataset",
    "task": "segment",
    "name": "d",
    "class_names": {"0": "cat", "2": "dog", "10": "ox"},
}
SQUARE = [0, 0.1, 0.2, 0.5, 0.2, 0.5, 0.8, 0.1, 0.8]


def image(annotations: Any, **more: Any) -> dict:
    return {
        "type": "image", "file": "a.jpg", "url": "https://h/p/a.jpg?s=1", "width": 10, "height": 5,
        "split": "train", "annotations": annotations, **more,
    }  # fmt: skip


def as_lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def read(*rows: Any) -> list:
    return read_files("ultralytics", {"d.ndjson": as_lines(DATASET, *rows)})


def test_segments_are_fractions_and_classes_stand_in_the_first_line():
    (record,) = read(image({"segments": [SQUARE, [2, 0.1, 0.2, 0.2, 0.2, 0.2, 0.4]]}))
    assert (record.image, record.width, record.height) == ("images/train/a.jpg", 10, 5)
    assert record.units == "fraction"
    assert record.aliases == ("train/a.jpg", "a.jpg", "https://h/p/a.jpg?s=1")
    assert (record.grid, record.source_fill) == ("displayed", "opencv-trunc")
    assert labels(record) == ["cat", "dog"]
    mask = painted(record, "cat", "dog")
    assert mask[1:4, 1:5].all()
    assert codes(record) == []
    assert open_files("ultralytics", {"d.ndjson": as_lines(DATASET)}).labels == ["cat", "dog", "ox"]


def test_smaller_shapes_lie_over_larger_ones_whatever_their_order():
    small = [2, 0.2, 0.2, 0.4, 0.2, 0.4, 0.6, 0.2, 0.6]
    masks = [
        painted(read(image({"segments": rows}))[0], "cat", "dog")
        for rows in ([SQUARE, small], [small, SQUARE])
    ]
    assert np.array_equal(*masks)
    assert (masks[0] == 2).any()


@pytest.mark.parametrize(
    ("annotations", "shapes", "found"),
    [
        ({"boxes": [[0, 0.5, 0.5, 0.2, 0.4]]}, 1, ["box-painted"]),
        ({"boxes": [[0, 0.5, 0.5, 0.2, 0.4]], "segments": [SQUARE]}, 1, ["annotation-superseded"]),
        ({"pose": [[0, 0.5, 0.5, 0.2, 0.4, 0.5, 0.5, 2, 0.6, 0.6, 2]]}, 1, ["box-painted"]),
        ({"obb": [SQUARE]}, 1, []),
        ({"classification": [0]}, 0, ["shape-no-geometry"]),
        ({"segments": []}, 0, ["image-unannotated"]),
        ({"segments": [], "boxes": [[0, 0.5, 0.5, 0.2, 0.4]]}, 1, ["box-painted"]),
        ({}, 0, ["image-unannotated"]),
        (None, 0, ["image-unannotated"]),
        ({"segments": "x"}, 0, ["value-type"]),
        ({"segments": [SQUARE, 7, [], ["x", 1]]}, 1, ["annotation-bad"] * 3),
        ({"segments": [[0, 10, 20, 30, 40, 50, 60]]}, 0, ["shape-bad-geometry"]),
        ([], 0, ["image-unannotated", "value-type"]),
    ],
)
def test_which_rows_count_and_what_is_told(annotations: Any, shapes: int, found: list):
    (record,) = read(image(annotations))
    assert len(record.shapes) == shapes
    assert codes(record) == found


def test_without_a_first_line_numbers_are_the_classes():
    (record,) = read_files("ultralytics", {"d.ndjson": as_lines(image({"segments": [SQUARE]}))})
    assert labels(record) == ["0"]


def test_what_is_no_image_is_a_reject():
    records = read(3, image({}, file=None, url=None))
    assert [codes(record) for record in records] == [["record-bad"], ["image-name-bad", "image-unannotated"]]
    assert codes(read_one("ultralytics", as_lines(DATASET) + "{", "d.ndjson")) == ["record-bad"]


def test_detection_and_pickling():
    export = FilesExport({"d.ndjson": as_lines(DATASET, image({"segments": [SQUARE]})).encode()})
    assert [entry.name for entry, _ in matches(take_sample(export, "d.ndjson"))] == ["ultralytics"]
    assert detect(export).format.name == "ultralytics"
    other = FilesExport({"d.json": b'{"type": "FeatureCollection", "name": "x"}'})
    assert ultralytics.sniff(take_sample(other, "d.json")) is None
    reader = open_files("ultralytics", {"d.ndjson": export.files["d.ndjson"]})
    copy = pickle.loads(pickle.dumps(reader))
    assert [labels(copy.record(unit)) for unit in reader.units()] == [["cat"]]
