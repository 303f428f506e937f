"""Mapillary Vistas v2.0: pairs and flat rings, class list, image names, files that are no annotations."""

from __future__ import annotations

import pytest

from tests.support.small_exports import codes, labels, open_files, painted, read_files, read_one, rings

PAIRS = [[1, 1], [5, 1], [5, 4], [1, 4]]


def scene(*objects: dict, **size: object) -> dict:
    return {"width": 8, "height": 5, "objects": list(objects), **size}


def test_polygons_of_pairs_in_list_order():
    record = read_one("mapillary", scene(
        {"id": 1, "label": "nature--sky", "polygon": PAIRS}, {"id": 2, "label": "object--pole",
                                                              "polygon": PAIRS},
    ))  # fmt: skip
    assert labels(record) == ["nature--sky", "object--pole"]
    assert (painted(record, "nature--sky", "object--pole")[1:4, 1:5] == 2).all()
    assert (record.width, record.height) == (8, 5)


def test_flat_rings_are_parts_of_one_shape():
    record = read_one(
        "mapillary", scene({"label": "a--b", "polygon": [[1, 1, 5, 1, 5, 4], [0, 0, 2, 0, 2, 2]]})
    )
    assert rings(record, record.shapes[0]) == [[[[1, 1], [5, 1], [5, 4]]], [[[0, 0], [2, 0], [2, 2]]]]


def test_the_misspelled_height_of_other_writers_counts():
    record = read_one("mapillary", {"heigth": 5, "width": 8, "objects": []})
    assert (record.width, record.height) == (8, 5)


def test_classes_come_from_the_configuration_above():
    config = {"labels": [{"name": "b--x"}, {"name": "a--y"}, {}], "version": "2.0"}
    files = {
        "config_v2.0.json": config,
        "v2.0/panoptic/panoptic_2020.json": {},
        "v2.0/polygons/1.json": scene(),
    }
    reader = open_files("mapillary", files)
    assert reader.labels == ["b--x", "a--y"]
    assert list(reader.units()) == ["v2.0/polygons/1.json"]
    assert [finding.code for finding in reader.findings] == ["file-skipped"]
    assert open_files("mapillary", {"../../config_v2.0.json": config, "1.json": scene()}).labels == [
        "b--x",
        "a--y",
    ]
    assert open_files("mapillary", {"config_v2.0.json": b"{", "1.json": scene()}).labels is None


@pytest.mark.parametrize(("name", "image", "alias"), [
    ("training/v2.0/polygons/x.json", "training/images/x.jpg", "x.jpg"),
    ("polygons/x.json", "images/x.jpg", "x.jpg"),
    ("x.json", "x.jpg", None),
])  # fmt: skip
def test_the_image_lies_in_the_images_folder(name: str, image: str, alias: str | None):
    (record,) = read_files("mapillary", {name: scene()})
    assert record.image == image
    assert alias is None or alias in record.aliases


def test_broken_objects_cost_only_themselves():
    record = read_one("mapillary", scene(
        {"label": "a--b", "polygon": PAIRS}, {"label": "a--b", "polygon": 3}, {"label": "a--b"},
        {"label": "a--b", "polygon": [[1, 2], [3]]}, {"label": "a--b", "polygon": [[1, 2, 3, 4, 5]]},
        {"label": "a--b", "polygon": []}, None,
    ))  # fmt: skip
    assert labels(record) == ["a--b"]
    assert codes(record) == ["annotation-bad", "shape-bad-geometry", "shape-bad-geometry",
                             "shape-bad-geometry",
                             "shape-no-geometry", "shape-odd-count"]  # fmt: skip


def test_an_annotation_may_be_called_like_a_list():
    files = {"v2.0/polygons/panoptic_1.json": scene(), "v2.0/polygons/config-a.json": scene(),
             "config_v1.2.json": {}, "panoptic_2018.json": {}}  # fmt: skip
    reader = open_files("mapillary", files)
    assert list(reader.units()) == ["v2.0/polygons/config-a.json", "v2.0/polygons/panoptic_1.json"]
