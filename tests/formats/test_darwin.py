"""Darwin: even-odd paths, raster layers along the rows, both versions, slots."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gtmask.formats.darwin import value_runs
from tests.support.small_exports import codes, grid, labels, painted, read_files, read_one, rings


def xy(*points: tuple[float, float]) -> list[dict]:
    return [{"x": x, "y": y} for x, y in points]


def scene(*annotations: dict, width: object = 6, height: object = 4, slots: int = 1) -> dict:
    """Return a document of version 2.0."""
    made = [{"slot_name": str(i), "type": "image", "width": width, "height": height,
             "source_files": [{"file_name": f"up{i}.jpg"}]} for i in range(slots)]  # fmt: skip
    item = {"name": "a.jpg", "path": "/", "slots": made}
    return {"version": "2.0", "item": item, "annotations": list(annotations)}


OUTER = xy((0, 0), (6, 0), (6, 4), (0, 4))
INNER = xy((1, 1), (3, 1), (3, 3), (1, 3))
RIGHT = xy((4, 1), (5, 1), (5, 3), (4, 3))


def test_paths_are_filled_even_odd_as_one_part():
    record = read_one(
        "darwin", scene({"name": "a", "polygon": {"paths": [OUTER, INNER, RIGHT]}, "bounding_box": {}})
    )
    assert len(rings(record, record.shapes[0])) == 1
    assert np.array_equal(painted(record, "a"), grid("111111", "1..1.1", "1..1.1", "111111"))


def test_version_1_has_path_and_additional_paths():
    document = {
        "dataset": "d", "image": {"filename": "1.jpg", "original_filename": "a.jpg", "path": "/sub",
                                  "width": 6,
                                  "height": 4},
        "annotations": [{"name": "a", "polygon": {"path": OUTER, "additional_paths": [INNER]}},
                        {"name": "b", "polygon": {"path": INNER}},
                        {"name": "c", "complex_polygon": {"path": [OUTER, INNER]}}],
    }  # fmt: skip
    record = read_one("darwin", document)
    assert (record.image, record.aliases) == ("sub/a.jpg", ("a.jpg", "1.jpg"))
    assert [len(rings(record, shape)[0]) for shape in record.shapes] == [2, 1, 2]


def layer(dense: list, mapping: dict, **more: object) -> dict:
    return {"id": "L", "name": "__raster_layer__", "raster_layer": {
        "dense_rle": dense, "mask_annotation_ids_mapping": mapping, "total_pixels": 24, **more}}  # fmt: skip


def mask(name: str, identity: str) -> dict:
    return {"id": identity, "name": name, "mask": {}}


DENSE = [0, 2, 1, 3, 2, 2, 0, 10, 2, 1, 1, 6]
ROWS = grid("..1112", "2.....", ".....2", "111111")


def test_raster_layers_run_along_the_rows():
    record = read_one("darwin", scene(layer(DENSE, {"x": 1, "y": 2}), mask("a", "x"), mask("b", "y")))
    assert np.array_equal(painted(record, "a", "b"), ROWS)
    assert {shape.runs.order for shape in record.shapes} == {"row"}


def test_masks_are_painted_where_their_annotation_stands():
    box = {"name": "box", "bounding_box": {"x": 0, "y": 0, "w": 6, "h": 4}}
    record = read_one("darwin", scene(mask("a", "x"), box, layer(DENSE, {"x": 1, "y": 2}), mask("b", "y")))
    assert labels(record) == ["a", "box", "b"]
    assert np.array_equal(painted(record, "box", "b"), np.where(ROWS == 2, 2, 1))


def test_runs_of_one_value_against_the_decoded_layer():
    generator = np.random.default_rng(5)
    for _ in range(200):
        dense = np.stack([generator.integers(0, 4, 20), generator.integers(0, 6, 20)], axis=1)
        pixels = np.repeat(dense[:, 0], dense[:, 1])
        for value in range(5):
            counts = value_runs(dense, value)
            assert counts.sum() == len(pixels)
            assert np.array_equal(np.repeat(np.arange(len(counts)) % 2, counts), pixels == value)


@pytest.mark.parametrize("dense", [[0, 23], [0, 24, 1], [0, -1, 1, 25], ["a", 24], None, [0, 25]])
def test_a_layer_that_does_not_add_up_is_told(dense: object):
    record = read_one("darwin", scene(layer(dense, {"x": 1}), mask("a", "x")))
    assert codes(record) == ["bitmap-missing", "runs-bad"]


def test_a_mask_in_no_layer_is_told():
    assert codes(read_one("darwin", scene(mask("a", "x")))) == ["bitmap-missing"]


def test_ellipses_turn_in_radians_and_boxes_stand_alone():
    ellipse = {
        "name": "e",
        "ellipse": {"center": {"x": 3, "y": 2}, "radius": {"x": 2, "y": 1}, "angle": math.pi / 2},
    }
    box = {"name": "b", "bounding_box": {"x": 1, "y": 1, "w": 2, "h": 2}}
    record = read_one("darwin", scene(ellipse, box))
    assert record.shapes[0].curve == (3, 2, 2, 1, 90)
    assert painted(record, "b").sum() == 4


def test_lines_points_and_what_cannot_be_painted():
    record = read_one("darwin", scene(
        {"name": "l", "line": {"path": OUTER}}, {"name": "k", "keypoint": {"x": 1, "y": 2}}, {"name": "t",
                                                                                              "tag": {}},
        {"name": "s", "skeleton": {"nodes": []}}, {"name": "c", "cuboid": {}},
    ))  # fmt: skip
    assert [shape.kind for shape in record.shapes] == ["polyline", "point"]
    assert codes(record) == ["shape-kind-unsupported", "shape-kind-unsupported", "shape-no-geometry"]


def test_only_the_first_of_several_slots_is_read():
    first = {"name": "a", "bounding_box": {"x": 0, "y": 0, "w": 1, "h": 1}, "slot_names": ["0"]}
    second = {"name": "b", "bounding_box": {"x": 0, "y": 0, "w": 1, "h": 1}, "slot_names": ["1"]}
    record = read_one("darwin", scene(first, second, slots=2))
    assert labels(record) == ["a"]
    assert codes(record) == ["annotation-chosen"]


@pytest.mark.parametrize(
    ("slots", "names", "read", "told"),
    [
        (1, ["0"], ["a"], []),
        (1, [], ["a"], []),
        (1, ["1"], [], ["annotation-orphan"]),
        (2, ["2"], [], ["annotation-chosen", "annotation-orphan"]),
        (2, ["2", "0"], ["a"], ["annotation-chosen"]),
    ],
)
def test_an_annotation_of_a_slot_that_the_item_lacks_is_told_and_left_out(
    slots: int, names: list, read: list, told: list
):
    box = {"name": "a", "bounding_box": {"x": 0, "y": 0, "w": 1, "h": 1}, "slot_names": names}
    record = read_one("darwin", scene(box, slots=slots))
    assert (labels(record), codes(record)) == (read, told)
    orphans = [item.detail for item in record.findings if item.code == "annotation-orphan"]
    assert orphans == ([f"a: the item has no slot '{names[0]}'"] if "annotation-orphan" in told else [])


def test_a_slot_without_a_name_takes_all_annotations():
    document = scene({"name": "a", "bounding_box": {"x": 0, "y": 0, "w": 1, "h": 1}, "slot_names": ["0"]})
    del document["item"]["slots"][0]["slot_name"]
    record = read_one("darwin", document)
    assert (labels(record), codes(record)) == (["a"], [])


def test_folders_and_names():
    document = scene()
    document["item"].update(path="/x/y", name="b.jpg")
    (record,) = read_files("darwin", {"n.json": document, ".v7/metadata.json": {}})
    assert (record.image, record.aliases) == ("x/y/b.jpg", ("b.jpg", "up0.jpg"))


def test_broken_annotations_cost_only_themselves():
    record = read_one("darwin", scene(
        {"name": "a", "polygon": {"paths": [OUTER]}}, {"name": "b", "polygon": {}}, {"name": "c",
                                                                                     "polygon": 3},
        {"name": "d", "bounding_box": {"x": 1}}, None, {"name": "e", "polygon": {"paths": [[{"x": 1}]]}},
        {"name": "f", "ellipse": {"center": [1, 2]}},
    ))  # fmt: skip
    assert labels(record) == ["a"]
    assert codes(record) == ["annotation-bad"] + ["shape-bad-geometry"] * 5


@pytest.mark.parametrize("more", [{"type": "video"}, {"frame_count": 9}, {"frame_urls": []}])
def test_videos_are_told(more: dict):
    document = scene()
    document["item"]["slots"][0].update(more)
    assert codes(read_one("darwin", document)) == ["record-bad"]


@pytest.mark.parametrize(
    ("dense", "mapping", "told"),
    [
        ([0, 10, 1, 4, 0, 10], {"m": 1}, []),
        ([0, 10, 1, 4, 2, 3, 0, 7], {"m": 1}, ["raster layer: 3 pixels of 2"]),
        ([0, 10, 1, 4, 2, 3, 0, 7], {"m": 1, "gone": 2}, ["raster layer: 3 pixels of 2"]),
        ([0, 10, 1, 4, 2, 0, 0, 10], {"m": 1}, []),
    ],
)
def test_pixels_of_a_layer_that_no_mask_claims_are_told(dense: list, mapping: dict, told: list):
    record = read_one("darwin", scene(layer(dense, mapping), mask("a", "m")))
    found = [item.detail for item in record.findings if item.code == "bitmap-value-unknown"]
    assert found == told
    assert painted(record, "a").sum() == 4


def test_masks_of_two_classes_with_one_value_are_told():
    shared = scene(layer(DENSE, {"m": 1, "n": 1, "o": 2}), mask("a", "m"), mask("b", "n"), mask("c", "o"))
    record = read_one("darwin", shared)
    assert [item.detail for item in record.findings if item.code == "segment-id-shared"] == ["a, b: value 1"]
    same = scene(layer(DENSE, {"m": 1, "n": 1, "o": 2}), mask("a", "m"), mask("a", "n"), mask("c", "o"))
    assert codes(read_one("darwin", same)) == []


def test_the_box_beside_what_cannot_be_painted_is_not_painted():
    box = {"x": 1, "y": 1, "w": 3, "h": 2}
    record = read_one("darwin", scene({"name": "a", "skeleton": {"nodes": []}, "bounding_box": box}))
    assert (labels(record), codes(record)) == ([], ["shape-kind-unsupported"])
