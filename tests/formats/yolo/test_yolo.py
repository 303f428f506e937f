"""YOLO labels: class lists, boxes among polygons, the order by area, where the images are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from gtmask.formats import open_reader, yolo
from gtmask.formats.sampling import take_sample
from tests.support.small_exports import (
    FilesExport,
    codes,
    grid,
    labels,
    open_files,
    painted,
    read_files,
    rings,
)

if TYPE_CHECKING:
    from pathlib import Path

TRIANGLE = "0 0.1 0.1 0.5 0.1 0.5 0.6\n"
YAML = "path: .\ntrain: images/train\nnames:\n  0: car\n  1: road\n"


def read(text: str, name: str = "labels/a.txt", **files: str) -> list:
    return read_files("yolo", {name: text, **{key.replace("__", "."): value for key, value in files.items()}})


def test_polygons_are_fractions_of_an_image_whose_size_only_it_knows():
    (record,) = read(TRIANGLE, data__yaml=YAML)
    assert (record.width, record.height, record.units, record.grid) == (None, None, "fraction", "displayed")
    assert record.source_fill == "opencv-trunc"
    assert rings(record, record.shapes[0]) == [[[[0.1, 0.1], [0.5, 0.1], [0.5, 0.6]]]]
    assert labels(record) == ["car"]


def test_class_0_is_a_class_and_not_the_background():
    (record,) = read("0 0 0 0.5 0 0.5 1 0 1\n", data__yaml=YAML)
    assert np.array_equal(painted(record, "car", size=(4, 2)), grid("11..", "11.."))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("names: [a, b]\nnc: 2\n", ["a", "b"]),
        ("train: ../train/images\nnames:\n- a\n- b\n", ["a", "b"]),
        ("nc: 3\nnames: {2: c, 0: a}\n", ["a", "c"]),
        ("nc: 1\nnames: ['1']\n", ["1"]),
        ("names: 3\nnc: 1\n", None),
        ("names: [\n", None),
        ("- a\n", None),
    ],
)
def test_class_names_from_data_yaml(text: str, names: list[str] | None):
    assert open_files("yolo", {"labels/a.txt": TRIANGLE, "data.yaml": text}).labels == names


@pytest.mark.parametrize(
    "where", ["classes.txt", "../classes.txt", "../../data.yaml", "obj.names", "my-set.yaml"]
)
def test_class_names_from_other_places(where: str):
    files = {"a.txt": TRIANGLE, where: YAML if where.endswith("yaml") else "car\nroad\n"}
    reader = open_files("yolo", files)
    assert reader.labels == ["car", "road"]
    assert list(reader.units()) == ["a.txt"]


def test_without_a_class_list_labels_are_numbers():
    (record,) = read("7" + TRIANGLE[1:])
    assert labels(record) == ["7"]


def test_larger_areas_are_painted_first_whatever_the_order_of_lines():
    small = "0 0.25 0.25 0.5 0.25 0.5 0.5 0.25 0.5\n"
    large = "1 0 0 1 0 1 1 0 1\n"
    for text in (small + large, large + small):
        (record,) = read(text, data__yaml=YAML)
        assert labels(record) == ["road", "car"]
        assert np.array_equal(
            painted(record, "car", "road", size=(4, 4)), grid("2222", "2122", "2222", "2222")
        )


def test_boxes_among_polygons_are_painted_and_counted():
    """ultralytics drops every polygon of such a set."""
    (record,) = read(TRIANGLE + "1 0.5 0.5 0.5 1.0\n1 0.5 0.5 0.1 0.1 0.97\n", data__yaml=YAML)
    assert sorted(shape.kind for shape in record.shapes) == ["polygon", "rectangle", "rectangle"]
    assert [(finding.code, finding.detail) for finding in record.findings] == [
        ("box-painted", "2 of 3 lines are boxes"),
        ("columns-left-out", "1 of 3 lines have a confidence or a track number behind their coordinates"),
    ]
    box = next(shape for shape in record.shapes if shape.kind == "rectangle")
    assert rings(record, box) == [[[[0.25, 0], [0.75, 0], [0.75, 1], [0.25, 1]]]]


def test_nine_columns_are_four_corners_in_either_reading():
    (record,) = read("0 0.5 0.1 0.9 0.5 0.5 0.9 0.1 0.5\n")
    assert rings(record, record.shapes[0]) == [[[[0.5, 0.1], [0.9, 0.5], [0.5, 0.9], [0.1, 0.5]]]]


def test_key_points_behind_a_box_are_not_a_polygon():
    pose = YAML + "kpt_shape: [2, 3]\n"
    (record,) = read("0 0.5 0.5 0.5 1.0 0.1 0.1 2 0.9 0.9 1\n", data__yaml=pose)
    assert [shape.kind for shape in record.shapes] == ["rectangle"]
    assert codes(record) == ["box-painted"]


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("labels/train/a.txt", "images/train/a.jpg"),
        ("x/labels/labels/a.txt", "x/labels/images/a.jpg"),
        ("train/labels/a.b.txt", "train/images/a.b.jpg"),
        ("a.txt", "a.jpg"),
        ("train/a.txt", "train/a.jpg"),
        ("mylabels/a.txt", "mylabels/a.jpg"),
    ],
)
def test_images_stand_where_the_labels_do(name: str, image: str):
    (record,) = read(TRIANGLE, name)
    assert record.image == image
    stem = image.removesuffix(".jpg")
    assert {stem + ".png", stem + ".jpeg", stem + ".JPG"} <= set(record.aliases)


def test_an_empty_file_is_an_image_of_background():
    (record,) = read("\n")
    assert codes(record) == ["image-unannotated"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("0 0.1 0.1 0.5 0.1 0.5 0.6 0.9", "shape-odd-count"),
        ("0 0.1 0.1", "shape-few-points"),
        ("0", "shape-no-geometry"),
        ("0 0.1 0.1 0.5 nan 0.5 0.6", "shape-bad-number"),
        ("0 0.1 0.1 0.5 inf 0.5 0.6", "shape-bad-number"),
        ("0 100 100 500 100 500 600", "shape-bad-geometry"),
        ("1.5 0.1 0.1 0.5 0.1 0.5 0.6", "annotation-bad"),
        ("-1 0.1 0.1 0.5 0.1 0.5 0.6", "annotation-bad"),
        ("nan 0.1 0.1 0.5 0.1 0.5 0.6", "annotation-bad"),
        ("car 0.1 0.1 0.5 0.1 0.5 0.6", "annotation-bad"),
        ("0 a b c d e f", "annotation-bad"),
    ],
)
def test_a_broken_line_costs_only_itself(line: str, code: str | None):
    (record,) = read(TRIANGLE + line + "\n")
    assert codes(record) == ([code])
    assert "0" in labels(record)


def test_vertices_a_little_outside_are_legal():
    (record,) = read("0 -0.01 0.1 1.01 0.1 0.5 1.005\n")
    assert codes(record) == []


@pytest.mark.parametrize(
    "line", ["0 -0.1 0.1 0.9 0.1 0.5 0.9", "0 0.1 0.1 1.2 0.1 0.5 0.9", "0 0.1 0.5 0.5 0.5"]
)
def test_what_reaches_beyond_the_image_is_painted_and_told(line: str):
    (record,) = read(line + "\n")
    assert len(record.shapes) == 1
    assert "fraction-outside" in codes(record)


def test_a_box_of_a_size_below_0_is_no_box():
    (record,) = read(TRIANGLE + "0 0.5 0.5 -0.5 0.5\n")
    assert codes(record) == ["shape-bad-geometry"]


def test_lists_and_readme_files_are_no_labels():
    files = {
        "labels/a.txt": TRIANGLE,
        "train.txt": "images/a.jpg\n",
        "README.dataset.txt": "hello",
        "classes.txt": "car\n",
    }
    reader = open_files("yolo", files)
    assert list(reader.units()) == ["labels/a.txt"]
    assert [finding.code for finding in reader.findings] == ["file-skipped"]


def test_a_data_set_can_be_named_by_its_data_yaml(tmp_path: Path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text(TRIANGLE)
    (tmp_path / "data.yaml").write_text(YAML)
    for source in (tmp_path, tmp_path / "data.yaml", tmp_path / "labels", tmp_path / "labels" / "a.txt"):
        reader = open_reader(source)
        assert reader.labels == ["car", "road"]
        assert [labels(reader.record(unit)) for unit in reader.units()] == [["car"]]


@pytest.mark.parametrize(
    ("name", "text", "title"),
    [
        ("a.txt", TRIANGLE, "YOLO segmentation"),
        ("a.txt", "0 0.5 0.5 0.1 0.1\n", "YOLO boxes"),
        ("a.txt", TRIANGLE * 5000, "YOLO segmentation"),
        ("data.yaml", YAML, "YOLO data.yaml"),
        ("a.txt", "hello world\n", None),
        ("a.txt", "", None),
        ("a.txt", "0 100 200 300 400\n", None),
        ("classes.txt", "1 2 3 4 5\n", None),
        ("compose.yaml", "services:\n  a: b\n", None),
    ],
)
def test_sniff(name: str, text: str, title: str | None):
    assert yolo.sniff(take_sample(FilesExport({name: text.encode()}), name)) == title
