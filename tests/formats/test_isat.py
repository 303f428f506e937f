"""ISAT: layers, truncation under its own rule, class list, names of images."""

from __future__ import annotations

import numpy as np
import pytest

from gtmask.groundtruth.classes import class_map_from_labels
from tests.support.small_exports import codes, grid, labels, open_files, painted, read_files, read_one, rings

SQUARE = [[1.0, 1.0], [5.0, 1.0], [5.0, 5.0], [1.0, 5.0]]
RIGHT = [[3.0, 1.0], [7.0, 1.0], [7.0, 5.0], [3.0, 5.0]]


def isat(*objects: dict, **info: object) -> dict:
    base = {"description": "ISAT", "folder": "C:\\data\\images", "name": "a.jpg", "width": 8, "height": 6}
    return {"info": {**base, **info}, "objects": list(objects)}


def thing(category: str, ring: list, **more: object) -> dict:
    return {"category": category, "group": 1, "segmentation": ring, "layer": 1.0, "iscrowd": False, **more}


def test_higher_layers_lie_over_lower_ones_whatever_the_list_order():
    record = read_one("isat", isat(thing("top", SQUARE, layer=10.0), thing("low", RIGHT, layer=9.0)))
    assert labels(record) == ["low", "top"]
    assert (painted(record, "low", "top")[1:5, 1:5] == 2).all()


def test_layers_are_numbers_and_not_text():
    """As text, 10.0 would come before 9.0."""
    record = read_one("isat", isat(thing("ten", SQUARE, layer=10.0), thing("nine", RIGHT, layer=9)))
    assert labels(record)[-1] == "ten"


def test_a_missing_layer_is_the_second():
    low, none, high = thing("low", SQUARE, layer=1.0), thing("none", SQUARE), thing("high", SQUARE, layer=3.0)
    del none["layer"]
    assert labels(read_one("isat", isat(high, none, low))) == ["low", "none", "high"]


def test_equal_layers_keep_the_list_order():
    record = read_one("isat", isat(thing("a", SQUARE), thing("b", RIGHT), thing("c", SQUARE)))
    assert labels(record) == ["a", "b", "c"]


def test_the_record_keeps_fractions_and_the_source_rule_truncates_them():
    ring = [[1.9, 1.9], [5.9, 1.9], [5.9, 4.9], [1.9, 4.9]]
    record = read_one("isat", isat(thing("a", ring)))
    assert rings(record, record.shapes[0]) == [[ring]]
    assert record.source_fill == "skimage"
    skimage_draw = pytest.importorskip("skimage.draw")
    expected = np.zeros((6, 8), np.uint8)
    whole = np.array(ring).astype(int)
    rows, columns = skimage_draw.polygon(whole[:, 1], whole[:, 0], expected.shape)
    expected[rows, columns] = 1
    assert np.array_equal(painted(record, "a", fill="source"), expected)
    assert not np.array_equal(painted(record, "a", fill="opencv"), expected)


def test_the_background_of_the_class_list_is_no_class_of_the_run():
    classes = (
        "label:\n- {color: '#000000', name: __background__}\n- {color: '#ff0000', name: b}\n- {name: a}\n"
    )
    reader = open_files("isat", {"isat.yaml": classes, "a.json": isat(thing("a", SQUARE))})
    assert reader.labels == ["__background__", "b", "a"]
    class_map = class_map_from_labels(reader.labels)
    assert [entry.name for entry in class_map.classes] == ["b", "a"]
    assert class_map.id_of("__background__") == 0
    assert list(reader.units()) == ["a.json"]
    assert reader.findings == []


@pytest.mark.parametrize("classes", ["label: 3", "- x", "{", "label: [{name: }]", "\xff"])
def test_a_broken_class_list_counts_as_none(classes: str):
    reader = open_files("isat", {"isat.yaml": classes.encode("latin-1"), "a.json": isat()})
    assert reader.labels is None


def test_background_objects_cut_holes():
    inner = [[2.0, 2.0], [4.0, 2.0], [4.0, 4.0], [2.0, 4.0]]
    record = read_one("isat", isat(thing("a", SQUARE), thing("__background__", inner, layer=2.0)))
    mask = painted(record, "a", background=("__background__",))
    assert np.array_equal(mask, grid("........", ".1111...", ".1..1...", ".1..1...", ".1111...", "........"))


def test_the_image_lies_beside_the_annotation_or_in_the_folder_it_names():
    (record,) = read_files("isat", {"sub/a.json": isat()})
    assert record.image == "sub/a.jpg"
    assert record.aliases[:2] == ("images/a.jpg", "a.jpg")
    assert record.aliases[2:4] == ("sub/a.png", "sub/a.jpeg")
    assert (record.width, record.height, record.grid) == (8, 6, "stored")


def test_crowd_regions_are_marked():
    record = read_one(
        "isat", isat(thing("a", SQUARE, iscrowd=True), thing("b", SQUARE, iscrowd=1), thing("c", SQUARE))
    )
    assert [shape.ignore for shape in record.shapes] == [True, True, False]


def test_broken_objects_cost_only_themselves():
    record = read_one("isat", isat(
        thing("a", SQUARE), thing("b", [[1, 2, 3], [4, 5, 6]]), thing("c", [[1, 1], [2, 2]]), "x",
        thing("d", SQUARE, layer="top"), {"category": "e"}, thing("f", [[1, 1], [2, None], [3, 3]]),
    ))  # fmt: skip
    assert labels(record) == ["a", "d"]
    assert codes(record) == [
        "annotation-bad", "shape-bad-geometry", "shape-bad-geometry", "shape-bad-number", "shape-few-points",
        "value-type",
    ]  # fmt: skip


@pytest.mark.parametrize("size", [(8, "x"), (8, "--6"), (1.5, 6), (True, 6), (8, [6])])
def test_an_impossible_size_rejects_the_record(size: tuple):
    record = read_one("isat", isat(thing("a", SQUARE), width=size[0], height=size[1]))
    assert codes(record) == ["record-size-bad"]
    assert record.width is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"objects": 3}', b"\xff\xfe"])
def test_a_damaged_file_is_a_reject(content: bytes):
    assert codes(read_one("isat", content)) == ["record-bad"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("polygon", []), ("rectangle", []), (None, []), ("line", ["shape-kind-unsupported"])],
)
def test_what_the_tool_does_not_call_an_area_is_told_and_not_filled(kind: object, expected: list):
    record = read_one("isat", isat(thing("a", SQUARE, shape_type=kind)))
    assert (codes(record), len(record.shapes)) == (expected, 0 if expected else 1)
