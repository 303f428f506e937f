"""Kili: fractions, holes, parts joined by mid, which label counts."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.support.small_exports import codes, grid, labels, painted, read_files, read_one, rings


def ring(*points: tuple[float, float]) -> dict:
    return {"normalizedVertices": [{"x": x, "y": y} for x, y in points]}


OUTER = ring((0, 0), (1, 0), (1, 1), (0, 1))
HOLE = ring((0.2, 0.2), (0.6, 0.2), (0.6, 0.8), (0.2, 0.8))
RIGHT = ring((0.7, 0.2), (0.9, 0.2), (0.9, 0.8), (0.7, 0.8))


def thing(name: str, *poly: dict, **more: object) -> dict:
    return {
        "categories": [{"name": name, "confidence": 100}],
        "type": "semantic",
        "boundingPoly": list(poly),
        **more,
    }


def label(*annotations: object, **more: object) -> dict:
    return {"labelType": "DEFAULT", "createdAt": "2024-01-01", "author": {"email": "a@b.c"},
            "jsonResponse": {"JOB_0": {"annotations": list(annotations)}}, **more}  # fmt: skip


def asset(*made: dict, **more: object) -> dict:
    return {"id": "1", "externalId": "a.jpg", "content": "https://h/f", "labels": list(made),
            "resolution": {"width": 10, "height": 5}, **more}  # fmt: skip


def test_the_first_ring_is_the_exterior_and_the_others_are_holes():
    record = read_one("kili", [asset(label(thing("a", OUTER, HOLE)))])
    assert np.array_equal(painted(record, "a"), grid(
        "1111111111", "11....1111", "11....1111", "11....1111", "1111111111"))  # fmt: skip
    assert (record.image, record.aliases) == ("a.jpg", ("https://h/f", "1"))


def test_annotations_of_one_mid_are_parts_of_one_shape():
    record = read_one("kili", [asset(label(
        thing("a", HOLE, mid="m1"), thing("b", OUTER, mid="m2"), thing("a", RIGHT, mid="m1"), thing("c",
                RIGHT, mid="m1"),
    ))])  # fmt: skip
    assert labels(record) == ["a", "b", "c"]
    assert len(rings(record, record.shapes[0])) == 2


def test_without_a_resolution_coordinates_stay_fractions():
    record = read_one("kili", [asset(label(thing("a", HOLE)), resolution=None)])
    assert record.units == "fraction"
    assert painted(record, "a", size=(10, 5)).sum() == 12


@pytest.mark.parametrize(("made", "options", "chosen", "found"), [
    ([label(thing("old", OUTER)), label(thing("new", OUTER), createdAt="2024-02")], {}, "new",
     ["annotation-chosen"]),
    ([label(thing("new", OUTER), createdAt="2024-02"), label(thing("old", OUTER))], {}, "new",
     ["annotation-chosen"]),
    ([label(thing("a", OUTER)), label(thing("b", OUTER), labelType="REVIEW", createdAt="2025")], {}, "b",
     ["annotation-chosen"]),
    ([label(thing("a", OUTER)), label(thing("p", OUTER), labelType="PREDICTION", createdAt="2025")], {},
     "a", ["prediction-left-out"]),
    ([label(thing("a", OUTER)), label(thing("s", OUTER), labelType="AUTOSAVE", createdAt="2025")], {}, "a",
     []),
    ([label(thing("a", OUTER)), label(thing("z", OUTER), author={"email": "z@b.c"})],
     {"annotator": "z@b.c"}, "z", []),
    ([label(thing("p", OUTER), labelType="PREDICTION")], {"include_predictions": True}, "p", []),
])  # fmt: skip
def test_which_label_counts(made: list, options: dict, chosen: str, found: list):
    record = read_one("kili", [asset(*made)], **options)
    assert (labels(record), codes(record)) == ([chosen], found)


def test_assets_without_a_label():
    assert codes(read_one("kili", [asset()])) == ["record-unannotated"]
    assert codes(read_one("kili", [asset()], include_unannotated=True)) == ["image-unannotated"]
    prediction = label(thing("p", OUTER), labelType="PREDICTION")
    assert codes(read_one("kili", [asset(prediction)])) == ["prediction-left-out", "record-unannotated"]


def test_labels_stand_in_three_places():
    made = label(thing("a", OUTER))
    plain = {"externalId": "a.jpg", "jsonResponse": json.dumps(made["jsonResponse"])}
    for document in (asset(made), {"externalId": "a.jpg", "latestLabel": made}, plain):
        assert labels(read_one("kili", [document])) == ["a"]
        assert labels(read_one("kili", json.dumps(document, indent=1))) == ["a"]


def test_one_file_per_asset():
    records = read_files(
        "kili", {"a.json": asset(label(thing("a", OUTER))), "b.json": asset(externalId="b.jpg")}
    )
    assert [record.image for record in records] == ["a.jpg", "b.jpg"]


def test_videos_and_damaged_responses_are_told():
    assert codes(read_one("kili", [asset(label(jsonResponse={"0": {}, "1": {}}))])) == ["record-bad"]
    assert codes(read_one("kili", [asset(label(jsonResponse="{"))])) == ["record-bad"]
    for broken in ([], {"JOB_0": []}, "3"):
        assert codes(read_one("kili", [asset(label(jsonResponse=broken))])) == ["value-type"]


def test_other_shapes_and_broken_annotations():
    point = {"x": 0.5, "y": 0.5}
    record = read_one("kili", [asset(label(
        thing("box", OUTER, type="rectangle"), {"categories": [{"name": "l"}], "polyline": [point, {"x": 0,
                                                                                                    "y": 0}]},
        {"categories": [{"name": "p"}], "point": point}, {"categories": [], "type": "x"}, 3, thing("b", {}),
        thing("c", mid="m"), thing("d", ring(("x", 1)), mid="n"), thing("e", 5),
    ))])  # fmt: skip
    assert [shape.kind for shape in record.shapes] == ["rectangle", "polyline", "point"]
    assert codes(record) == [
        "annotation-bad", "shape-bad-geometry", "shape-bad-geometry", "shape-few-points",
        "shape-kind-unsupported", "shape-no-geometry",
    ]  # fmt: skip


def test_a_part_without_rings_is_told():
    parts = [thing("a", OUTER, mid="m"), {**thing("a", mid="m"), "boundingPoly": []}]
    record = read_one("kili", [asset(label(*parts))])
    assert (labels(record), codes(record)) == (["a"], ["shape-no-geometry"])


def test_of_several_categories_the_first_counts_and_is_told():
    both = {**thing("a", OUTER), "categories": [{"name": "a"}, {"name": "b"}]}
    record = read_one("kili", [asset(label(both))])
    assert (labels(record), codes(record)) == (["a"], ["label-several"])


@pytest.mark.parametrize("rotation", [0, 90, 180, 270, -90, 450])
def test_what_was_drawn_on_the_turned_image_is_turned_back(rotation: int):
    upright = np.zeros((5, 10), np.uint8)
    upright[1:3, 0:4] = 1
    seen = np.rot90(upright, -rotation // 90)
    rows, columns = np.nonzero(seen)
    height, width = seen.shape
    left, right, top, bottom = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    box = ring(*((x / width, y / height) for x, y in
                 ((left, top), (right, top), (right, bottom), (left, bottom))))  # fmt: skip
    drawn = label(thing("a", box))
    drawn["jsonResponse"]["ROTATION_JOB"] = {"rotation": rotation}
    for more in ({}, {"resolution": None}):
        assert np.array_equal(painted(read_one("kili", [asset(drawn, **more)]), "a", size=(10, 5)), upright)


def test_an_image_that_was_turned_by_any_other_angle_is_rejected():
    drawn = label(thing("a", OUTER))
    drawn["jsonResponse"]["ROTATION_JOB"] = {"rotation": 45}
    assert codes(read_one("kili", [asset(drawn)])) == ["record-bad"]


def test_the_newest_of_the_latest_labels_counts():
    latest = [label(thing("a", OUTER)), label(thing("b", OUTER), createdAt="2024-01-02")]
    record = read_one("kili", [asset(latestLabels=latest)])
    assert (labels(record), codes(record)) == (["b"], ["annotation-chosen"])


def test_labels_are_compared_as_moments():
    made = [label(thing("old", OUTER), createdAt="2024-01-02T01:00:00+05:00"),
            label(thing("new", OUTER), createdAt="2024-01-01T22:00:00.000Z")]  # fmt: skip
    assert labels(read_one("kili", [asset(*made)])) == ["new"]
