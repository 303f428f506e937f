"""Cityscapes and IDD: depth order, deleted objects, groups, classes that are not drawn, image names."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.small_exports import codes, grid, labels, painted, read_files, read_one

SQUARE = [[1, 1], [5, 1], [5, 4], [1, 4]]


def scene(*objects: dict, **size: object) -> dict:
    return {"imgHeight": 5, "imgWidth": 8, "objects": list(objects), **size}


def thing(label: str, polygon: list | None = None, **more: object) -> dict:
    return {"label": label, "polygon": SQUARE if polygon is None else polygon, **more}


def test_list_order_is_depth_order():
    record = read_one("cityscapes", scene(thing("road"), thing("car", [[2, 2], [7, 2], [7, 4], [2, 4]])))
    assert labels(record) == ["road", "car"]
    assert np.array_equal(
        painted(record, "road", "car"), grid("........", ".1111...", ".122222.", ".122222.", "........")
    )
    assert record.source_fill == "pillow"


def test_deleted_objects_do_not_count():
    record = read_one(
        "cityscapes", scene(thing("truck", deleted=1), thing("car", deleted=0), thing("bus", deleted=True))
    )
    assert labels(record) == ["car"]
    assert codes(record) == ["shape-deleted", "shape-deleted"]


@pytest.mark.parametrize(("label", "read_as"), [
    ("cargroup", "car"), ("persongroup", "person"), ("bicyclegroup", "bicycle"),
    ("polegroup", "polegroup"), ("mystery group", "mystery group"), ("group", "group"), ("car", "car"),
])  # fmt: skip
def test_a_group_is_read_as_its_class_only_where_that_is_known(label: str, read_as: str):
    record = read_one("cityscapes", scene(thing(label)))
    assert labels(record) == [read_as]
    assert codes(record) == (["label-group"] if label != read_as else [])


def test_classes_with_negative_ids_are_not_drawn():
    record = read_one("cityscapes", scene(thing("car"), thing("license plate")))
    assert labels(record) == ["car"]
    assert codes(record) == ["shape-ignored"]


def test_vertices_may_lie_outside_and_small_polygons_are_told():
    record = read_one(
        "cityscapes",
        scene(thing("sky", [[-5, -5], [20, -5], [20, 2], [-5, 2]]), thing("car", [[1, 1], [2, 2]])),
    )
    assert (painted(record, "sky")[:2] == 1).all()
    assert codes(record) == ["shape-few-points"]


@pytest.mark.parametrize(("name", "image", "alias"), [
    ("gtFine/train/a/a_0_1_gtFine_polygons.json", "leftImg8bit/train/a/a_0_1_leftImg8bit.png",
     "train/a/a_0_1_leftImg8bit.png"),
    ("x/gtCoarse/val/b_gtCoarse_polygons.json", "x/leftImg8bit/val/b_leftImg8bit.png",
     "val/b_leftImg8bit.jpg"),
    ("a/a_0_1_gtFine_polygons.json", "a/a_0_1_leftImg8bit.png", "a_0_1_leftImg8bit.png"),
    ("gtFine/0/frame0_gtFine_polygons.json", "leftImg8bit/0/frame0_leftImg8bit.png",
     "leftImg8bit/0/frame0_leftImg8bit.jpg"),
    ("plain.json", "plain.png", "plain.jpg"),
])  # fmt: skip
def test_the_image_lies_in_the_sibling_tree(name: str, image: str, alias: str):
    (record,) = read_files("cityscapes", {name: scene(thing("car"))})
    assert record.image == image
    assert alias in record.aliases
    assert image not in record.aliases


def test_broken_objects_cost_only_themselves():
    record = read_one("cityscapes", scene(
        thing("car"), thing("a", [[1, 2, 3]]), {"label": "b"}, 3, thing("c", "no list"), {"polygon": SQUARE},
    ))  # fmt: skip
    assert labels(record) == ["car", ""]
    assert codes(record) == [
        "annotation-bad",
        "shape-bad-geometry",
        "shape-bad-geometry",
        "shape-bad-geometry",
    ]


def test_a_zero_size_is_a_reject():
    assert codes(read_one("cityscapes", scene(imgWidth="wide"))) == ["record-size-bad"]
