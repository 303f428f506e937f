"""Dataloop: rings, boxes, ellipses, binary masks, names of items."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from tests.support.small_exports import codes, grid, labels, painted, png, read_files, read_one


def xy(*points: tuple[float, float]) -> list[dict]:
    return [{"x": x, "y": y, "z": 0} for x, y in points]


OUTER = xy((0, 0), (6, 0), (6, 4), (0, 4))
INNER = xy((1, 1), (3, 1), (3, 3), (1, 3))


def item(*annotations: object, **more: object) -> dict:
    return {"filename": "/dir/a.jpg", "annotations": list(annotations), "datasetId": "d",
            "metadata": {"system": {"width": 6, "height": 4}}, **more}  # fmt: skip


def thing(kind: str, coordinates: object, **more: object) -> dict:
    return {"type": kind, "label": kind, "coordinates": coordinates, "itemId": "i", **more}


def test_rings_of_a_segment_are_filled_even_odd():
    record = read_one("dataloop", item(thing("segment", [OUTER, INNER])))
    assert np.array_equal(painted(record, "segment"), grid("111111", "1..111", "1..111", "111111"))
    assert painted(read_one("dataloop", item(thing("segment", INNER))), "segment").sum() == 4


def test_an_item_that_has_annotations_and_lists_none_is_no_empty_image():
    for count, told in ((3, ["annotation-bad"]), (0, ["image-unannotated"])):
        assert codes(read_one("dataloop", item(annotationsCount=count))) == told
    assert codes(read_one("dataloop", item(thing("segment", OUTER), annotationsCount=3))) == []


def test_open_segments_and_polylines_are_lines():
    opened = thing("segment", INNER, metadata={"system": {"isOpen": True}})
    record = read_one("dataloop", item(opened, thing("polyline", [INNER]), thing("point", INNER[0])))
    assert [shape.kind for shape in record.shapes] == ["polyline", "polyline", "point"]


def test_boxes_and_ellipses():
    record = read_one("dataloop", item(
        thing("box", xy((4, 3), (1, 1))), thing("box", INNER),
        thing("ellipse", {"center": {"x": 3, "y": 2}, "rx": 2, "ry": 1, "angle": 45}),
    ))  # fmt: skip
    assert [shape.kind for shape in record.shapes] == ["rectangle", "rotated_rectangle", "ellipse"]
    assert record.points[:4].tolist() == [[1, 1], [4, 1], [4, 3], [1, 3]]
    assert record.shapes[2].curve == (3, 2, 2, 1, 45)


@pytest.mark.parametrize("corners", [((1, 1), (5, 3)), ((5, 3), (1, 1))])
def test_boxes_with_an_angle_turn_clockwise_about_their_centre(corners: tuple):
    record = read_one("dataloop", item(thing("box", [*xy(*corners), 90]), thing("box", [*xy(*corners), "x"])))
    assert [shape.kind for shape in record.shapes] == ["rotated_rectangle"]
    assert record.points == pytest.approx(np.array([[4, 0], [4, 4], [2, 4], [2, 0]]))
    assert codes(record) == ["shape-bad-geometry"]


def test_binary_masks_count_by_alpha():
    pixels = np.zeros((4, 6, 4), np.uint8)
    pixels[1, 2] = (0, 0, 0, 255)
    pixels[2, 2] = (255, 255, 255, 0)
    # Soft edges: the SDK counts what is above 127.
    pixels[1, 3], pixels[1, 4] = (0, 0, 0, 128), (0, 0, 0, 127)
    text = base64.b64encode(png(pixels)).decode()
    for value in (f"data:image/png;base64,{text}", text, {"data": f"data:image/png;base64,{text}"}):
        record = read_one("dataloop", item(thing("binary", value)))
        assert np.array_equal(painted(record, "binary"), grid("......", "..11..", "......", "......"))


@pytest.mark.parametrize("value", ["data:image/png;base64,@@", None, 3, {}])
def test_a_damaged_binary_mask_is_told(value: object):
    assert codes(read_one("dataloop", item(thing("binary", value)))) == ["bitmap-unreadable"]


def test_items_may_be_wrapped_in_a_list_of_their_own():
    record = read_one("dataloop", {"annotations": [item(thing("segment", INNER))]})
    assert (record.image, record.width, labels(record)) == ("dir/a.jpg", 6, ["segment"])


@pytest.mark.parametrize(("name", "told", "image"), [
    ("x.json", "/dir/a.jpg", "dir/a.jpg"), ("dir/x.json", None, "dir/x.jpg"), ("dir/x.png.json", None,
                                                                               "dir/x.png"),
])  # fmt: skip
def test_image_names(name: str, told: str | None, image: str):
    (record,) = read_files("dataloop", {name: item(filename=told)})
    assert record.image == image


def test_broken_annotations_cost_only_themselves():
    record = read_one("dataloop", item(
        thing("segment", OUTER), thing("segment", None), thing("segment", [3]), thing("box", xy((1, 1))), 5,
        thing("ellipse", {}), thing("class", None), thing("cube_3d", {}), thing("segment", []), {},
    ))  # fmt: skip
    assert labels(record) == ["segment"]
    assert codes(record) == ["annotation-bad"] + ["shape-bad-geometry"] * 5 + [
        "shape-kind-unsupported", "shape-kind-unsupported", "shape-no-geometry"]  # fmt: skip


@pytest.mark.parametrize("metadata", [{"metadata": {}}, {}])
def test_what_is_told_of_an_item_may_stand_under_item_metadata(metadata: dict):
    about = {"system": {"width": 6, "height": 4, "mimetype": "image/jpeg", "exif": {"Orientation": 6}}}
    document = {"_id": "i", "filename": "/a.jpg", "annotations": [thing("segment", INNER)], **metadata}
    record = read_one("dataloop", {**document, "itemMetadata": about})
    assert (record.width, record.height, record.size_in_grid, codes(record)) == (6, 4, False, [])
    # darwin-py writes a list of nothing.
    record = read_one("dataloop", {**document, "itemMetadata": []})
    assert (record.width, codes(record)) == (None, [])


def test_videos_are_told():
    video = {"system": {"mimetype": "video/webm", "width": 6, "height": 4}}
    assert codes(read_one("dataloop", item(metadata=video))) == ["record-bad"]


@pytest.mark.parametrize(
    ("exif", "proven"), [(None, True), ({"Orientation": 1}, True), ({"Orientation": 6}, False)]
)
def test_the_size_of_an_image_that_exif_turns_proves_nothing(exif: object, proven: bool):
    system = {"width": 6, "height": 4, "exif": exif}
    assert read_one("dataloop", item(metadata={"system": system})).size_in_grid is proven
