"""What stands behind coordinates: confidences, track numbers, key points; and lines that lost a number."""

from __future__ import annotations

import json

import pytest

from gtmask.formats.yolo.columns import are_key_points, behind
from tests.support.small_exports import codes, labels, open_files, read_files, rings

BOX = "0 0.5 0.5 0.2 0.2"
SQUARE = "0 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5"
CORNERS = [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5], [0.1, 0.5]]


@pytest.mark.parametrize("tail", [" 0.9", " 3", " 0.9 1", " 0.9 2", " 0.87 1", " 0.25 17"])
@pytest.mark.parametrize("line", [BOX, SQUARE])
def test_a_confidence_or_a_track_number_never_becomes_a_vertex(line: str, tail: str):
    (plain,) = read_files("yolo", {"a.txt": line + "\n"})
    (record,) = read_files("yolo", {"a.txt": line + tail + "\n"})
    assert rings(record, record.shapes[0]) == rings(plain, plain.shapes[0])
    assert codes(record) == sorted([*codes(plain), "columns-left-out"])


def test_the_other_lines_of_a_file_decide():
    many = [f"{SQUARE} 0.9 {track}\n" for track in (3, 1, 2)]
    (record,) = read_files("yolo", {"a.txt": "".join(many)})
    assert [rings(record, shape) for shape in record.shapes] == [[[CORNERS]]] * 3
    # Two polygons that end at the lower edge of the image have no track of one number.
    edge = "0 0.1 0.1 0.5 0.1 0.5 1\n"
    (record,) = read_files("yolo", {"a.txt": edge + edge})
    assert [len(rings(record, shape)[0][0]) for shape in record.shapes] == [3, 3]
    assert codes(record) == []


def test_other_files_decide_where_a_file_does_not():
    files = {"labels/a.txt": f"{BOX} 0.9 2\n", "labels/b.txt": "0 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5 0.3 1\n"}
    reader = open_files("yolo", files)
    records = [reader.record(unit) for unit in reader.units()]
    assert rings(records[1], records[1].shapes[0]) == [[CORNERS]]


@pytest.mark.parametrize(
    "line", [
        "0 0.1 0.1 0.9 0.1 0.9 0.9 0.5 1", "0 0.2 0.1 0.9 0.1 0.9 1 0.2 1", "0 0 0 1 0 1 1 0 1",
        "0 0.5 0.2 0.9 0.9 0.1 0.9", "0 0.1 0.1 0.5 0.1 0.1 1 ",
    ],
)  # fmt: skip
def test_polygons_that_end_at_an_edge_of_the_image_stay_whole(line: str):
    (record,) = read_files("yolo", {"a.txt": line + "\n"})
    assert len(record.points) == len(line.split()) // 2
    assert codes(record) == []


def test_a_line_that_lost_or_won_a_number_is_left_out():
    for bad in (SQUARE[:-4], SQUARE + " 0.3"):
        (record,) = read_files("yolo", {"a.txt": f"{SQUARE}\n{bad}\n{SQUARE}\n"})
        assert len(record.shapes) == 2
        assert codes(record) == ["shape-odd-count"]


def test_tracked_lines_among_others_have_their_number():
    (record,) = read_files("yolo", {"a.txt": f"{SQUARE}\n{SQUARE} 4\n"})
    assert [rings(record, shape) for shape in record.shapes] == [[[CORNERS]]] * 2
    assert codes(record) == ["columns-left-out"]


def test_key_points_are_known_by_their_visibility():
    pose = "0 0.5 0.5 0.2 0.2" + " 0.4 0.4 2 0.5 0.5 1 0.6 0.6 0"
    (record,) = read_files("yolo", {"a.txt": f"{pose}\n{pose}\n"})
    assert [shape.kind for shape in record.shapes] == ["rectangle"] * 2
    assert codes(record) == ["box-painted"]
    assert not are_key_points([])
    assert not are_key_points([[0.1] * 10])


PAIRS = "0 0.5 0.5 0.2 0.2 0.45 0.45 0.55 0.45 0.5 0.55\n"
OTHER = "0 0.3 0.7 0.2 0.1 0.25 0.68 0.35 0.7 0 0\n"


@pytest.mark.parametrize(
    "files", [{"a.txt": PAIRS + OTHER}, {"a.txt": PAIRS, "b.txt": OTHER}, {"a.txt": PAIRS}]
)
def test_key_points_in_pairs_are_known_by_their_boxes(files: dict):
    records = read_files("yolo", files)
    assert {shape.kind for record in records for shape in record.shapes} == {"rectangle"}
    assert rings(records[0], records[0].shapes[0]) == [
        [[pytest.approx(xy) for xy in ([0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6])]]
    ]
    assert {code for record in records for code in codes(record)} == {"box-painted"}


@pytest.mark.parametrize(
    "text",
    [
        PAIRS + SQUARE + "\n",
        # Small pentagons in the middle: all vertices lie in the box that the first two would be.
        "0 0.5 0.5 0.55 0.5 0.58 0.55 0.52 0.6 0.48 0.55\n0 0.4 0.5 0.45 0.5 0.48 0.55 0.42 0.6 0.38 0.55\n",
        PAIRS + "0 0.5 0.5 0.2 0.2 0.45 0.45 0.55 0.45 0.5 0.75\n",
    ],
)
def test_polygons_are_no_boxes_with_key_points(text: str):
    (record,) = read_files("yolo", {"a.txt": text})
    assert {shape.kind for shape in record.shapes} == {"polygon"}


PENTAGON = "0 0.5 0.5 0.55 0.5 0.58 0.55 0.52 0.6 0.48 0.55\n"
TWO_POINTS = "0 0.5 0.5 0.2 0.2 0.45 0.45 0.55 0.45\n"


@pytest.mark.parametrize(
    ("text", "told"), [(PENTAGON, True), (TWO_POINTS, True), (SQUARE, False), (PENTAGON + SQUARE, False)]
)
def test_polygons_that_may_be_boxes_with_key_points_are_told(text: str, told: bool):
    reader = open_files("yolo", {"a.txt": text, "data.yaml": "names: [x]\n"})
    assert {shape.kind for unit in reader.units() for shape in reader.record(unit).shapes} == {"polygon"}
    assert [finding.code for finding in reader.findings] == ["key-points-suspected"] * told


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_numbers_that_are_none_stay_where_they_are(value: float):
    assert behind([[0.1, 0.1, 0.5, 0.1, 0.5, value]]) == [0]


def test_rows_of_ndjson_have_as_many_numbers_as_their_list_says():
    head = {"type": "dataset", "task": "detect", "class_names": {"0": "a"}}
    rows = {"boxes": [[0, 0.5, 0.5, 0.2, 0.2], [0, 0.5, 0.5, 0.2, 0.2, 0.2], [0, 0.5, 0.5, 0.2]]}
    image = {"type": "image", "file": "a.jpg", "width": 9, "height": 9, "annotations": rows}
    text = "\n".join(map(json.dumps, (head, image)))
    (record,) = read_files("ultralytics", {"d.ndjson": text})
    assert labels(record) == ["a"]
    assert codes(record) == ["box-painted", "shape-bad-geometry", "shape-bad-geometry"]
    assert record.balance.handed == 3
