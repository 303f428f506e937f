"""A rotation that stands where the format keeps none is told: the box or the ellipse was painted upright."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.small_exports import codes, read_files

BOX = {"x": 10, "y": 10, "width": 20, "height": 8}
CORNERS = [{"x": 10, "y": 10}, {"x": 30, "y": 18}]


def label_studio(turned: dict[str, Any]) -> tuple[str, str, Any]:
    value = {**BOX, "rotation": 0, "rectanglelabels": ["a"]}
    result = {"type": "rectanglelabels", "to_name": "image", "original_width": 40, "original_height": 30,
              "value": value, **turned}  # fmt: skip
    return (
        "label_studio",
        "a.json",
        [{"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"result": [result]}]}],
    )


def label_studio_ellipse(turned: dict[str, Any]) -> tuple[str, str, Any]:
    value = {"x": 50, "y": 50, "radiusX": 20, "radiusY": 8, "ellipselabels": ["a"]}
    result = {"type": "ellipselabels", "to_name": "image", "original_width": 40, "original_height": 30,
              "value": value, **turned}  # fmt: skip
    return (
        "label_studio",
        "a.json",
        [{"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"result": [result]}]}],
    )


def dataloop(turned: dict[str, Any]) -> tuple[str, str, Any]:
    item = {"type": "box", "label": "a", "coordinates": CORNERS, "attributes": {"angle": 3}, **turned}
    return "dataloop", "a.json", {"filename": "/a.jpg", "annotations": [item]}


def supervisely(turned: dict[str, Any]) -> tuple[str, str, Any]:
    item = {"classTitle": "a", "geometryType": "rectangle",
            "points": {"exterior": [[1, 1], [9, 5]], "interior": []}, **turned}  # fmt: skip
    return "supervisely", "ds/ann/a.jpg.json", {"size": {"width": 40, "height": 30}, "objects": [item]}


def darwin(turned: dict[str, Any]) -> tuple[str, str, Any]:
    item = {"name": "a", "bounding_box": {"x": 1, "y": 1, "w": 9, "h": 5, **turned}}
    slot = {"slot_name": "0", "width": 40, "height": 30}
    return (
        "darwin",
        "a.json",
        {"item": {"name": "a.jpg", "path": "/", "slots": [slot]}, "annotations": [item]},
    )


def via(turned: dict[str, Any]) -> tuple[str, str, Any]:
    shape = {"name": "rect", **BOX, **turned}
    region = {"shape_attributes": shape, "region_attributes": {"angle": "7", "label": "a"}}
    return "via", "a.json", {"a.jpg1": {"filename": "a.jpg", "size": 1, "regions": [region]}}


def superannotate(turned: dict[str, Any]) -> tuple[str, str, Any]:
    item = {"type": "bbox", "className": "a", "points": {"x1": 1, "y1": 1, "x2": 9, "y2": 5, **turned}}
    return "superannotate", "a.json", {"metadata": {"name": "a.jpg"}, "instances": [item]}


def scalabel(turned: dict[str, Any]) -> tuple[str, str, Any]:
    item = {"category": "a", "box2d": {"x1": 1, "y1": 1, "x2": 9, "y2": 5, **turned}}
    return "scalabel", "a.json", [{"name": "a.jpg", "labels": [item]}]


EXPORTS = [label_studio, label_studio_ellipse, dataloop, supervisely, darwin, via, superannotate, scalabel]


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("key", ["rotation", "angle", "theta"])
def test_a_rotation_that_is_not_read_is_told(export: Any, key: str) -> None:
    for turn, told in ((30.5, True), (0, False), (None, False)):
        name, file, document = export({key: turn})
        (record,) = read_files(name, {file: document})
        assert len(record.shapes) == 1
        assert ("rotation-unread" in codes(record)) is told


def test_rotations_that_are_read_are_not_told() -> None:
    name, file, document = label_studio({})
    document[0]["annotations"][0]["result"][0]["value"]["rotation"] = 30
    (record,) = read_files(name, {file: document})
    assert (codes(record), record.shapes[0].kind) == ([], "rotated_rectangle")
