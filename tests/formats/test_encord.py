"""Encord: fractions, nested rings, bitmasks along the rows, boxes turned in pixels, image groups."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.support.small_exports import codes, grid, labels, painted, read_files, read_one, rings


def unit(*objects: dict, **more: object) -> dict:
    return {"data_hash": "h", "data_title": "a.jpg", "data_link": "https://h/a.jpg?s",
            "data_type": "image/jpeg",
            "width": 10, "height": 5, "labels": {"objects": list(objects), "classifications": []},
            **more}  # fmt: skip


def rows(*units: dict) -> list:
    return [{"label_hash": "l", "data_title": "row", "data_type": "image",
             "object_answers": {"data_units": {}},
             "data_units": {str(i): entry for i, entry in enumerate(units)}}]  # fmt: skip


def points(*pairs: tuple[float, float]) -> dict:
    return {str(i): {"x": x, "y": y} for i, (x, y) in enumerate(pairs)}


CORNERS = ((0.1, 0.2), (0.5, 0.2), (0.5, 0.8), (0.1, 0.8))
PIXELS = [[1, 1], [5, 1], [5, 4], [1, 4]]


def test_fractions_become_pixels():
    shuffled = dict(reversed(points(*CORNERS).items()))
    record = read_one("encord", rows(unit(
        {"name": "a", "polygon": points(*CORNERS)}, {"name": "b", "polygon": shuffled},
        {"name": "c", "polygon": [{"x": x, "y": y} for x, y in CORNERS]},
    )))  # fmt: skip
    for shape in record.shapes:
        assert np.allclose(rings(record, shape)[0][0], PIXELS)
    assert record.units == "pixel"
    assert (record.image, record.aliases) == ("a.jpg", ("https://h/a.jpg?s", "h"))


def test_the_tenth_vertex_comes_after_the_ninth():
    """As text, "10" would come before "2"."""
    many = [(0.01 * i, 0.02 * (i % 3)) for i in range(12)]
    record = read_one("encord", rows(unit({"name": "a", "polygon": points(*many)})))
    assert np.allclose(record.points[:, 0], [0.1 * i for i in range(12)])


def test_nested_rings_have_holes_and_parts():
    outer, hole = [0, 0, 1, 0, 1, 1, 0, 1], [0.2, 0.2, 0.6, 0.2, 0.6, 0.8, 0.2, 0.8]
    record = read_one(
        "encord", rows(unit({"name": "a", "polygon": points((0, 0)), "polygons": [[outer, hole], [hole]]}))
    )
    assert [len(part) for part in rings(record, record.shapes[0])] == [2, 1]
    record = read_one("encord", rows(unit({"name": "a", "polygons": [[outer, hole]]})))
    assert np.array_equal(painted(record, "a"), grid(
        "1111111111", "11....1111", "11....1111", "11....1111", "1111111111"))  # fmt: skip


def test_an_older_outline_that_is_none_of_the_newer_form_is_told():
    outer, other = [0, 0, 1, 0, 1, 1, 0, 1], [0.2, 0.2, 0.6, 0.2, 0.6, 0.8, 0.2, 0.8]
    for ring, told in ((outer, []), (other, []), ([0, 0, 0.5, 0, 0.5, 1, 0, 1], ["outlines-differ"])):
        older = points(*zip([value + 0.0004 for value in ring[0::2]], ring[1::2], strict=True))
        thing = {"name": "a", "polygon": older, "polygons": [[outer], [other]]}
        record = read_one("encord", rows(unit(thing)))
        assert (codes(record), len(rings(record, record.shapes[0]))) == (told, 2)


def bitmask(pixels: np.ndarray, top: int = 0, left: int = 0) -> dict:
    """Code a mask as the SDK does: COCO's string of the runs of the transposed picture."""
    mask = pytest.importorskip("pycocotools.mask")
    coded = mask.encode(np.asfortranarray(pixels.T.astype(np.uint8)))
    return {"top": top, "left": left, "height": pixels.shape[0], "width": pixels.shape[1],
            "rleString": coded["counts"].decode()}  # fmt: skip


def test_bitmasks_run_along_the_rows():
    pixels = grid("11...", "..1..", "....1")
    record = read_one("encord", rows(unit({"name": "a", "bitmask": bitmask(pixels, 1, 4)})))
    expected = np.zeros((5, 10), np.uint8)
    expected[1:4, 4:9] = pixels
    assert np.array_equal(painted(record, "a"), expected)


def test_random_bitmasks():
    generator = np.random.default_rng(3)
    for _ in range(30):
        pixels = (generator.random((5, 10)) < 0.4).astype(np.uint8)
        assert np.array_equal(
            painted(read_one("encord", rows(unit({"name": "a", "bitmask": bitmask(pixels)}))), "a"), pixels
        )


@pytest.mark.parametrize("broken", [
    {"rleString": "zzz"}, {"rleString": 3}, {"height": 0}, {"width": 99}, {"top": None}, {"rleString": "é"},
])  # fmt: skip
def test_broken_bitmasks_are_told(broken: dict):
    item = {"name": "a", "bitmask": {**bitmask(grid("11", "..")), **broken}}
    assert codes(read_one("encord", rows(unit(item)))) == ["shape-bad-geometry"]


def test_boxes_turn_in_pixels_about_their_centre():
    box = {"x": 0.2, "y": 0.2, "w": 0.4, "h": 0.4}
    record = read_one("encord", rows(unit(
        {"name": "a", "boundingBox": box}, {"name": "b", "rotatableBoundingBox": {**box, "theta": 90}},
    )))  # fmt: skip
    assert np.allclose(rings(record, record.shapes[0])[0][0], [[2, 1], [6, 1], [6, 3], [2, 3]])
    turned = sorted(map(tuple, np.round(rings(record, record.shapes[1])[0][0], 9).tolist()))
    assert turned == [(3, 0), (3, 4), (5, 0), (5, 4)]


def test_without_a_size_coordinates_stay_fractions():
    box = {"x": 0, "y": 0, "w": 1, "h": 1, "theta": 0}
    record = read_one("encord", rows(unit(
        {"name": "a", "polygon": points(*CORNERS)}, {"name": "b", "rotatableBoundingBox": box},
        width=None)))  # fmt: skip
    assert record.units == "fraction"
    assert codes(record) == ["shape-bad-geometry"]
    assert (painted(record, "a", size=(10, 5))[1:4, 1:5] == 1).all()


def test_every_data_unit_is_an_image():
    document = rows(unit({"name": "a", "polygon": points(*CORNERS)}), unit(data_title="b.jpg")) + rows(
        unit(data_title="c.jpg")
    )
    for text in (json.dumps(document), json.dumps(document, indent=1)):
        assert [record.image for record in read_files("encord", {"a.json": text})] == [
            "a.jpg",
            "b.jpg",
            "c.jpg",
        ]
    assert [record.image for record in read_files("encord", {"a.json": document[1]})] == ["c.jpg"]


@pytest.mark.parametrize("told", [[], "x", 3])
def test_labels_that_are_no_object_are_told(told: object):
    assert codes(read_one("encord", rows(unit(labels=told)))) == ["value-type"]


def test_videos_are_told():
    assert codes(read_one("encord", rows(unit(data_type="video")))) == ["record-bad"]


def test_other_shapes_and_broken_objects():
    record = read_one("encord", rows(unit(
        {"name": "l", "polyline": points((0, 0), (1, 1))}, {"name": "p", "point": points((0.5, 0.5))},
        {"name": "s", "shape": "skeleton", "skeleton": {}}, 3, {"name": "x", "polygon": {"a": {}}},
        {"name": "y", "polygon": {"0": {"x": "1"}}}, {"name": "z", "boundingBox": {"x": 1}},
        {"name": "w", "polygons": [3]}, {"name": "v", "polygon": {}},
    )))  # fmt: skip
    assert labels(record) == ["l", "p"]
    assert [shape.kind for shape in record.shapes] == ["polyline", "point"]
    assert codes(record) == ["annotation-bad"] + ["shape-bad-geometry"] * 4 + [
        "shape-kind-unsupported",
        "shape-no-geometry",
    ]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_polygon_whose_numbering_has_a_gap_is_told(number: int):
    """A point that is missing would cut a corner off."""
    gapped = points(*CORNERS, (0.5, 0.5))
    del gapped[str(number)]
    assert codes(read_one("encord", rows(unit({"name": "a", "polygon": gapped})))) == ["shape-bad-geometry"]


def test_deleted_objects_are_told_and_not_drawn():
    deleted = {"name": "b", "polygon": points(*CORNERS), "isDeleted": True}
    kept = {"name": "a", "polygon": points(*CORNERS), "isDeleted": False}
    record = read_one("encord", rows(unit(kept, deleted)))
    assert (labels(record), codes(record)) == (["a"], ["shape-deleted"])


@pytest.mark.parametrize("about", ["child_info", "info", "root_info"])
def test_images_of_a_data_group_stand_in_its_spaces(about: str):
    def space(name: str, kind: str = "image") -> dict:
        drawn = {"objects": [{"name": name, "polygon": points(*CORNERS)}]}
        return {"space_type": kind, "width": 10, "height": 5, "labels": {"0": drawn},
                about: {"file_name": f"{name}.jpg", "layout_key": "left"}}  # fmt: skip

    (row,) = rows({"data_hash": "g", "data_title": "a group", "data_type": "group", "labels": {}})
    row |= {"data_type": "group", "label_status": "LABELLED", "spaces": {
        "1": space("a"), "2": space("b"), "3": space("c", "video")}}  # fmt: skip
    found = read_files("encord", {"e.json": [row]})
    assert [(record.image, labels(record), codes(record)) for record in found] == [
        ("a.jpg", ["a"], []), ("b.jpg", ["b"], []), ("c.jpg", [], ["record-bad"])]  # fmt: skip
    assert np.allclose(rings(found[1], found[1].shapes[0])[0][0], PIXELS)
    assert [record.statuses for record in found] == [("LABELLED",)] * 3
