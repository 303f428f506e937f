"""labelme and its dialects: every shape type, both grids, what Windows and old versions wrote."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from gtmask.formats import labelme
from gtmask.formats.labelme import LARGE, without_image_data
from gtmask.formats.sampling import take_sample
from tests.support.small_exports import (
    FilesExport,
    as_bytes,
    codes,
    grid,
    labels,
    open_files,
    painted,
    png,
    read_files,
    read_one,
    rings,
)

SQUARE = [[1.0, 1.0], [4.0, 1.0], [4.0, 3.0], [1.0, 3.0]]


def document(*shapes: dict, **more: object) -> dict:
    return {
        "version": "5.2.1", "flags": {}, "shapes": list(shapes), "imagePath": "a.jpg", "imageData": None,
        "imageHeight": 6, "imageWidth": 8, **more,
    }  # fmt: skip


def shape(kind: object, points: list, label: object = "a", **more: object) -> dict:
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, "flags": {}, **more}


def mask_shape(pixels: list, points: list, **more: object) -> dict:
    picture = base64.b64encode(png(np.array(pixels, np.uint8) * 255)).decode()
    return shape("mask", points, mask=picture, **more)


def test_a_polygon_in_the_displayed_grid_with_the_rule_of_pillow():
    record = read_one("labelme", document(shape("polygon", SQUARE)))
    assert (record.image, record.width, record.height) == ("a.jpg", 8, 6)
    assert (record.grid, record.source_fill, record.units) == ("displayed", "pillow", "pixel")
    assert rings(record, record.shapes[0]) == [[SQUARE]]
    assert np.array_equal(
        painted(record), grid("........", ".111....", ".111....", "........", "........", "........")
    )


@pytest.mark.parametrize("kind", [None, "", "missing"])
def test_labelme_3_has_polygons_without_a_type(kind: object):
    old = shape(kind, SQUARE)
    if kind == "missing":
        del old["shape_type"]
    record = read_one(
        "labelme", {"shapes": [old], "lineColor": [0, 255, 0, 128], "imagePath": "a.jpg", "imageData": ""}
    )
    assert [found.kind for found in record.shapes] == ["polygon"]
    assert (record.width, record.height) == (None, None)


def test_later_shapes_lie_over_earlier_ones():
    record = read_one("labelme", document(shape("polygon", SQUARE, "a"), shape("polygon", SQUARE, "b")))
    assert labels(record) == ["a", "b"]
    assert set(np.unique(painted(record, "a", "b"))) == {0, 2}


@pytest.mark.parametrize("corners", [[[1, 1], [4, 3]], [[4, 3], [1, 1]], [[1, 3], [4, 1]]])
def test_a_rectangle_by_two_corners_in_any_order(corners: list):
    record = read_one("labelme", document(shape("rectangle", corners)))
    assert rings(record, record.shapes[0]) == [[SQUARE]]


def test_a_rectangle_by_four_corners_as_x_anylabeling_writes_it():
    record = read_one("labelme", document(shape("rectangle", SQUARE)))
    assert rings(record, record.shapes[0]) == [[SQUARE]]


@pytest.mark.parametrize(("label", "told"), [("3", 1), (3, 1), ("3.5", 1), ("3d", 0), ("nan", 0), ("", 0)])
def test_a_class_that_is_a_number_is_told_even_as_text(label: object, told: int):
    record = read_one("labelme", document(shape("polygon", SQUARE, label)))
    assert labels(record) == [str(label)]
    assert codes(record).count("label-number") == told


def test_a_quadrilateral_is_a_polygon():
    record = read_one("labelme", document(shape("quadrilateral", [[3, 1], [6, 3], [3, 5], [1, 3]])))
    assert [found.kind for found in record.shapes] == ["polygon"]
    assert rings(record, record.shapes[0]) == [[[[3, 1], [6, 3], [3, 5], [1, 3]]]]


@pytest.mark.parametrize("kind", ["oriented_rectangle", "rotation"])
def test_oriented_rectangles(kind: str):
    record = read_one("labelme", document(shape(kind, [[3, 1], [5, 3], [3, 5], [1, 3]])))
    assert [found.kind for found in record.shapes] == ["rotated_rectangle"]
    assert rings(record, record.shapes[0]) == [[[[3, 1], [5, 3], [3, 5], [1, 3]]]]


def test_a_circle_is_given_by_its_centre_and_a_point_on_it():
    record = read_one("labelme", document(shape("circle", [[4, 3], [4, 1]])))
    assert record.shapes[0].curve == (4, 3, 2, 2, 0)
    assert painted(record).sum() == 12  # the pixel centres within 2 pixels of (4, 3)


def test_lines_and_points_have_no_area():
    record = read_one("labelme", document(
        shape("line", [[0, 0], [5, 5]]), shape("linestrip", [[0, 0], [5, 5], [5, 0]]),
        shape("point", [[3, 3]]), shape("points", [[3, 3], [4, 4]]),
    ))  # fmt: skip
    assert [found.kind for found in record.shapes] == ["polyline", "polyline", "point", "point"]
    assert not painted(record).any()


def test_the_corners_of_a_mask_are_inclusive_pixels():
    """A 3 x 2 mask from (2, 1) to (4, 2): a reader that takes corners for edges would scale or shift it."""
    record = read_one("labelme", document(mask_shape([[1, 0, 1], [1, 1, 1]], [[2, 1], [4, 2]])))
    assert np.array_equal(
        painted(record), grid("........", "..1.1...", "..111...", "........", "........", "........")
    )


def test_a_mask_with_fractional_corners_is_pasted_at_the_rounded_one():
    record = read_one("labelme", document(mask_shape([[1, 1], [1, 1]], [[3.6, 2.4], [1.6, 0.6]])))
    assert (record.shapes[0].bitmap.x, record.shapes[0].bitmap.y) == (2, 1)


@pytest.mark.parametrize("corner", [0.5, 1.5, 2.5, -0.5])
def test_halves_are_rounded_as_labelme_itself_does(corner: float):
    """The tool rounds with NumPy (``labelme/_utils/shape.py``, ``shapes_to_label``)."""
    record = read_one("labelme", document(mask_shape([[1, 1]] * 2, [[corner, corner], [corner + 1] * 2])))
    assert record.shapes[0].bitmap.x == record.shapes[0].bitmap.y == int(np.round(corner))


def test_a_mask_that_reaches_over_the_border_is_clipped():
    record = read_one("labelme", document(mask_shape([[1, 1], [1, 1]], [[-1, -1], [0, 0]])))
    assert painted(record).sum() == 1
    assert painted(record)[0, 0] == 1


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (shape("mask", [[1, 1], [2, 2]], mask="no base64!"), "bitmap-unreadable"),
        (shape("mask", [[1, 1], [2, 2]], mask=None), "shape-no-geometry"),
        (shape("mask", [[1, 1]], mask="AAAA"), "shape-bad-geometry"),
        (shape("mask", [[1e300, 1], [2e300, 2]], mask="AAAA"), "shape-bad-number"),
        (shape("polygon", [[1, 1], [2, 2]]), "shape-few-points"),
        (shape("polygon", [[1, 1], [2, 2], [1, 1], [2, 2]]), "shape-few-points"),
        (shape("polygon", []), "shape-no-geometry"),
        (shape("polygon", None), "shape-bad-geometry"),
        (shape("polygon", [[1, 1], [2], [3, 3]]), "shape-bad-geometry"),
        (shape("polygon", [[1, 1], [float("nan"), 2], [3, 3]]), "shape-bad-number"),
        (shape("polygon", [[1, 1], [1e300, 2], [3, 3]]), "shape-bad-number"),
        (shape("polygon", [[1, 1], ["x", 2], [3, 3]]), "shape-bad-number"),
        (shape("circle", [[1, 1]]), "shape-bad-geometry"),
        (shape("rectangle", [[1, 1], [2, 2], [3, 3]]), "shape-bad-geometry"),
        (shape("cuboid", SQUARE), "shape-kind-unsupported"),
        ("no object", "annotation-bad"),
    ],
)
def test_a_broken_shape_costs_only_itself(broken: object, code: str):
    record = read_one("labelme", document(shape("polygon", SQUARE, "good"), broken))
    assert labels(record) == ["good"]
    assert codes(record) == [code]


def test_a_label_that_is_a_number_is_its_text():
    assert labels(read_one("labelme", document(shape("polygon", SQUARE, 7)))) == ["7"]


@pytest.mark.parametrize(
    "extra", [{"document": {"checked": False}}, {"document": {"text": ""}}, {"shape": {"kie_linking": []}},
              {"shape": {"difficult": False}}],
)  # fmt: skip
def test_x_anylabeling_speaks_of_the_stored_pixels_and_truncates(extra: dict):
    record = read_one(
        "labelme",
        document(
            shape("polygon", SQUARE, **extra.get("shape", {})), version="2.3.6", **extra.get("document", {})
        ),
    )
    assert (record.grid, record.source_fill) == ("stored", "opencv-trunc")


@pytest.mark.parametrize(
    ("path", "name", "image"),
    [
        ("a.jpg", "x.json", "a.jpg"),
        ("..\\images\\a b.jpg", "ann/x.json", "images/a b.jpg"),
        ("sub/a.jpg", "ann/x.json", "ann/sub/a.jpg"),
        ("C:\\Users\\me\\a.jpg", "ann/x.json", "C:/Users/me/a.jpg"),
        ("/data/a.jpg", "ann/x.json", "/data/a.jpg"),
        (None, "ann/x.json", "ann/x.jpg"),
        ("", "ann/x.json", "ann/x.jpg"),
        ("x.json", "ann/x.json", "ann/x.jpg"),
    ],
)
def test_image_references(path: object, name: str, image: str):
    record = read_one("labelme", document(imagePath=path), name)
    assert record.image == image
    assert (name[:-5] + ".png") in record.aliases


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gbk"])
def test_files_from_windows(encoding: str):
    content = json.dumps(document(shape("polygon", SQUARE, "\u6c7d\u8f66")), ensure_ascii=False).encode(
        encoding
    )
    assert labels(read_one("labelme", content)) == ["\u6c7d\u8f66"]


def test_nan_and_infinity_are_read_as_the_bad_numbers_they_are():
    text = json.dumps(document(shape("polygon", SQUARE), shape("polygon", [[1, 1], [2, 9], [5, 5]], "b")))
    record = read_one("labelme", text.replace("[2, 9]", "[NaN, Infinity]"))
    assert labels(record) == ["a"]
    assert codes(record) == ["shape-bad-number"]


@pytest.mark.parametrize("order", ["first", "last"])
def test_embedded_image_data_is_cut_out_before_parsing(order: str):
    data = {"imageData": base64.b64encode(bytes(LARGE)).decode()}
    rest = document(shape("polygon", SQUARE, 'imageData": "x'))
    del rest["imageData"]
    text = json.dumps({**data, **rest} if order == "first" else {**rest, **data}).encode()
    small = without_image_data(text)
    assert len(small) < 1000
    assert json.loads(small) == {**rest, "imageData": ""}
    assert labels(read_one("labelme", text)) == ['imageData": "x']


def test_image_data_that_never_ends_is_left_for_the_parser_to_tell():
    text = b'{"shapes": [], "imageData": "' + b"A" * LARGE
    assert without_image_data(text) == text
    assert codes(read_one("labelme", text)) == ["record-bad"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"images": []}', b'{"shapes": 3}'])
def test_a_damaged_or_foreign_file_is_a_reject_with_its_name(content: bytes):
    (record,) = read_files("labelme", {"dir/bad.json": content})
    assert codes(record) == ["record-bad"]
    assert "dir/bad.json" in record.findings[0].detail


@pytest.mark.parametrize("size", [("x", 6), (1.5, 6), (1 << 31, 6)])
def test_impossible_sizes_reject(size: tuple):
    record = read_one("labelme", document(shape("polygon", SQUARE), imageWidth=size[0], imageHeight=size[1]))
    assert codes(record) == ["record-size-bad"]


def test_the_class_list_of_labels_txt_without_its_two_special_names():
    reader = open_files("labelme", {
        "a.json": document(), "labels.txt": "__ignore__\n_background_\ncar\nroad\n\ncar\n",
    })  # fmt: skip
    assert reader.labels == ["car", "road"]
    assert len(list(reader.units())) == 1
    assert [finding.code for finding in reader.findings] == ["file-skipped"]


@pytest.mark.parametrize(
    ("content", "title"),
    [
        (document(shape("polygon", SQUARE)), "labelme"),
        ({"imageData": "x", **document(shape("polygon", SQUARE), imageData="x" * 100_000)}, "labelme"),
        ({"shapes": [shape("polygon", SQUARE)] * 2000}, "labelme"),
        (document(shape("polygon", SQUARE), checked=True), "labelme, AnyLabeling dialect"),
        ({"images": [], "annotations": []}, None),
        ({"shapes": [{"x": 1}]}, None),
    ],
)
def test_sniff(content: dict, title: str | None):
    assert labelme.sniff(take_sample(FilesExport({"a.json": as_bytes(content)}), "a.json")) == title


@pytest.mark.parametrize(("far", "told"), [(2, False), (3, False), (1, False), (5, True), (0, True)])
def test_a_mask_that_is_not_as_large_as_its_box_is_told(far: int, told: bool):
    """One row or column less is what labelme itself cuts off at the edge of an image."""
    record = read_one("labelme", document(mask_shape([[1, 1, 1]] * 3, [[0, 0], [2, far]])))
    assert codes(record) == ["bitmap-size-differs"] * told
    assert len(record.shapes) == (not told)


@pytest.mark.parametrize("path", ["/home/ann/in/b.jpg", "C:\\\\in\\\\b.jpg", "file:///in/b.jpg"])
def test_an_image_path_of_another_machine_names_the_image_beside_the_file(path: str):
    record = read_one("labelme", document(shape("polygon", SQUARE), imagePath=path.replace("\\\\", "\\")))
    assert record.aliases[0] == "b.jpg"
