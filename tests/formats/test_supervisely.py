"""Supervisely: holes, inclusive rectangles, bitmaps in all their wrappings, project layout."""

from __future__ import annotations

import base64
import io
import math
import zipfile
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gtmask.formats import supervisely
from gtmask.formats.base import ReadOptions
from gtmask.formats.locate import open_export
from gtmask.formats.supervisely import read
from tests.support.small_exports import (
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

RING = [[1, 1], [6, 1], [6, 6], [1, 6]]
HOLE = [[3, 3], [5, 3], [5, 5], [3, 5]]


def scene(*objects: dict, **more: object) -> dict:
    return {
        "description": "",
        "tags": [],
        "size": {"height": 8, "width": 8},
        "objects": list(objects),
        **more,
    }


def polygon(label: str, exterior: list = RING, interior: Any = (), **more: object) -> dict:
    points = {"exterior": exterior, "interior": list(interior) if interior is not None else None}
    return {"classTitle": label, "geometryType": "polygon", "points": points, **more}


def bitmap(label: str, data: bytes | str, origin: Any = (2, 3)) -> dict:
    text = data if isinstance(data, str) else base64.b64encode(data).decode()
    return {"classTitle": label, "geometryType": "bitmap", "bitmap": {"data": text, "origin": list(origin)}}


def test_interior_rings_are_holes_of_their_own_shape_only():
    record = read_one("supervisely", scene(polygon("under"), polygon("over", interior=[HOLE])))
    assert rings(record, record.shapes[1]) == [[RING, HOLE]]
    mask = painted(record, "under", "over")
    assert np.array_equal(mask, grid(
        "........", ".22222..", ".22222..", ".22112..", ".22112..", ".22222..", "........", "........"
    ))  # fmt: skip


@pytest.mark.parametrize("origin", [(1e300, 0), (0, -1e19), (2**63, 1)])
def test_a_bitmap_beyond_all_pixels_is_told(origin: tuple[float, float]):
    pixels = base64.b64encode(zlib.compress(png(np.full((2, 2), 255, np.uint8)))).decode()
    record = read_one("supervisely", scene(polygon("a"), bitmap("b", pixels, origin)))
    assert labels(record) == ["a"]
    assert codes(record) == ["shape-bad-number"]


def test_rectangles_include_both_corners_under_every_rule():
    item = {
        "classTitle": "a",
        "geometryType": "rectangle",
        "points": {"exterior": [[5, 6], [2, 3]], "interior": []},
    }
    record = read_one("supervisely", scene(item))
    for fill in ("center", "opencv"):
        mask = painted(record, "a", fill=fill)
        assert mask[3:7, 2:6].all()
        assert mask.sum() == 16


@pytest.mark.parametrize("packed", [zlib.compress, bytes])
def test_bitmaps_are_pasted_at_their_origin(packed):
    record = read_one("supervisely", scene(bitmap("a", packed(png([[255, 0, 255], [0, 255, 0]])))))
    assert np.array_equal(painted(record, "a"), grid(
        "........", "........", "........", "..1.1...", "...1....", "........", "........", "........"
    ))  # fmt: skip


@pytest.mark.parametrize("origin", [(1e300, 0), (0, -(10**30)), (2**63, 0)])
def test_a_bitmap_beyond_all_numbers_is_told(origin: tuple):
    record = read_one("supervisely", scene(bitmap("a", png([[255]]), origin)))
    assert record.shapes == []
    assert codes(record) == ["shape-bad-number"]


def test_bitmaps_with_four_channels_count_by_alpha():
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0, 1] = (0, 0, 0, 255)  # black, and there
    pixels[0, 2] = (255, 255, 255, 0)  # white, and transparent
    record = read_one("supervisely", scene(bitmap("a", zlib.compress(png(pixels)), (0, 0))))
    assert painted(record, "a")[0].tolist() == [0, 1, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(("mode", "expected"), [("1", [1, 0]), ("P", [1, 0]), ("L", [1, 0])])
def test_bitmaps_of_every_mode(mode: str, expected: list[int]):
    picture = Image.new("L", (2, 1))
    picture.putpixel((0, 0), 255)
    out = io.BytesIO()
    (picture.point(lambda value: value and 1).convert("P") if mode == "P" else picture.convert(mode)).save(
        out, "PNG"
    )
    record = read_one("supervisely", scene(bitmap("a", zlib.compress(out.getvalue()), (0, 0))))
    assert painted(record, "a")[0, :2].tolist() == expected


@pytest.mark.parametrize("data", [
    "eJwBgQd++IlQTkcNChoKAAAADUlIRF", zlib.compress(png([[255]]))[:-9], zlib.compress(b"no picture"), "***",
    "",
    zlib.compress(bytes(2 << 20)),
], ids=["cut base64", "cut zlib", "no PNG", "no base64", "empty", "bomb"])  # fmt: skip
def test_a_bitmap_that_cannot_be_decoded_is_told_and_the_others_stay(data, monkeypatch):
    monkeypatch.setattr(supervisely, "LARGEST_BITMAP", 1 << 20)
    record = read_one("supervisely", scene(bitmap("bad", data), polygon("good")))
    assert codes(record) == ["bitmap-unreadable"]
    assert "bad" in record.findings[0].detail
    assert labels(record) == ["good"]


def test_later_objects_win():
    assert labels(read_one("supervisely", scene(polygon("b"), polygon("a")))) == ["b", "a"]


def test_other_shapes():
    line = {
        "classTitle": "line",
        "geometryType": "line",
        "points": {"exterior": [[0, 0], [5, 5]], "interior": []},
    }
    point = {"classTitle": "point", "geometryType": "point", "points": {"exterior": [[4, 4]], "interior": []}}
    nodes = {"classTitle": "graph", "geometryType": "graph", "nodes": {}}
    any_type = polygon("any", geometryType="any")
    wrapped = {"classTitle": "wrapped", "geometryType": "polygon", "geometry": {"points": {"exterior": RING}}}
    multi = {"classTitle": "multi", "geometryType": "multipolygon",
             "points": [{"exterior": RING, "interior": [HOLE]}, {"exterior": HOLE}]}  # fmt: skip
    record = read_one("supervisely", scene(line, point, nodes, any_type, wrapped, multi))
    assert [shape.kind for shape in record.shapes] == ["polyline", "point", "polygon", "polygon", "polygon"]
    assert len(rings(record, record.shapes[-1])) == 2
    assert codes(record) == ["shape-kind-assumed", "shape-kind-unsupported"]


def test_oriented_boxes_turn_in_radians_about_their_centre():
    item = {"classTitle": "a", "geometryType": "oriented_bbox", "angle": math.pi / 2,
            "points": {"exterior": [[2, 3], [6, 5]], "interior": []}}  # fmt: skip
    record = read_one("supervisely", scene(item))
    assert record.shapes[0].kind == "rotated_rectangle"
    assert sorted(map(tuple, np.round(record.points, 9).tolist())) == [(3, 2), (3, 6), (5, 2), (5, 6)]


def test_the_image_lies_in_the_img_folder_and_classes_in_meta():
    meta = {"classes": [{"title": "b", "shape": "any"}, {"title": "a"}], "tags": []}
    files = {"meta.json": meta, "ds/ann/x.jpg.json": scene(polygon("a")), "ds/img/x.jpg": b""}
    reader = open_files("supervisely", files)
    assert reader.labels == ["b", "a"]
    assert list(reader.units()) == ["ds/ann/x.jpg.json"]
    record = reader.record("ds/ann/x.jpg.json")
    assert record.image == "ds/img/x.jpg"
    assert record.aliases == ("ds/x.jpg", "x.jpg")
    nested = {f"project/{name}": content for name, content in files.items()}
    assert open_files("supervisely", nested).labels == ["b", "a"]
    assert open_files("supervisely", {"../../meta.json": meta, "x.jpg.json": scene()}).labels == ["b", "a"]


def test_an_annotation_without_the_extension_takes_the_name_it_tells():
    (record,) = read_files("supervisely", {"ds/ann/x.json": scene(name="x.png")})
    assert record.image == "ds/img/x.png"


def test_a_zipped_project_is_read_in_place(tmp_path):
    archive = tmp_path / "project.zip"
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("meta.json", '{"classes": [{"title": "a"}]}')
        writer.writestr("ds/ann/x.jpg.json", '{"size": {"width": 8, "height": 8}, "tags": [], "objects": []}')
    reader = read(open_export(archive), ReadOptions())
    assert reader.labels == ["a"]
    assert [reader.record(unit).image for unit in reader.units()] == ["ds/img/x.jpg"]


def test_broken_objects_cost_only_themselves():
    record = read_one("supervisely", scene(
        polygon("a"), polygon("b", exterior=[[1, 2, 3]]), polygon("c", interior=[3]), {"classTitle": "d"},
        {"classTitle": "e", "geometryType": "rectangle", "points": {"exterior": [[1, 1]]}}, None,
        bitmap("f", zlib.compress(png([[1]])), origin=(1, "x")), {"classTitle": "g", "bitmap": {}},
    ))  # fmt: skip
    assert labels(record) == ["a"]
    assert codes(record) == ["annotation-bad", *["shape-bad-geometry"] * 5, "shape-kind-unsupported"]


@pytest.mark.parametrize("kind", ["cuboid", "line_3d", "point_3d"])
def test_kinds_whose_points_are_of_another_form_are_told_by_name(kind: str):
    item = {"classTitle": "a", "geometryType": kind, "points": [[1, 1], [5, 5]]}
    record = read_one("supervisely", scene(item))
    assert [(found.code, found.detail) for found in record.findings] == [
        ("shape-kind-unsupported", f"a: {kind}")
    ]


def test_what_is_malformed_is_not_told_in_the_words_of_python():
    broken = [{"classTitle": "a", "points": [[1, 1]]}, {"classTitle": "a", "points": None}]
    for found in read_one("supervisely", scene(*broken)).findings:
        assert found.code == "shape-bad-geometry"
        assert found.detail.endswith("it is of another form")


@pytest.mark.parametrize("origin", [None, [], [1], [1, 2, 3], ["1", True], {"x": 1}])
def test_a_bitmap_without_a_place_is_told_and_never_put_into_the_corner(origin: Any):
    item = bitmap("a", zlib.compress(png([[255]])))
    item["bitmap"]["origin"] = origin
    if origin is None:
        del item["bitmap"]["origin"]
    record = read_one("supervisely", scene(polygon("b"), item))
    assert labels(record) == ["b"]
    assert codes(record) == ["shape-bad-geometry"]


def test_annotations_are_known_by_their_folder_whatever_is_above_it():
    files = {
        "meta.json": {"classes": [{"title": "a"}]},
        "meta/ann/a.jpg.json": scene(polygon("a")),
        "datasets/seg/ann/meta.json": scene(polygon("a")),
        "img_info/a.jpg.json": {"id": 1},
        "ds/img_info/a.jpg.json": {"id": 1},
        "key_id_map.json": {},
    }
    reader = open_files("supervisely", files)
    assert list(reader.units()) == ["datasets/seg/ann/meta.json", "meta/ann/a.jpg.json"]
    assert [finding.code for finding in reader.findings] == ["file-skipped"]


def test_documents_of_other_formats_beside_annotations_are_a_loss():
    files = {
        "ds/ann/a.jpg.json": scene(polygon("a")),
        "ds/coco.xml": "<annotation/>",
        "train.txt": "img/a.jpg\n",
    }
    reader = open_files("supervisely", files)
    assert list(reader.units()) == ["ds/ann/a.jpg.json"]
    told = [(finding.code, finding.detail) for finding in reader.findings]
    assert told == [
        ("file-skipped", "1 file train.txt"),
        ("file-unrecognised", "ds/coco.xml: not of this format"),
    ]


def test_a_class_id_that_the_project_gives_another_title_is_told():
    meta = {"classes": [{"id": 1, "title": "car"}, {"id": 2, "title": "dog"}]}
    files = {
        "meta.json": meta,
        "ds/ann/a.jpg.json": scene(polygon("car", classId=1), polygon("car", classId=2)),
    }
    (record,) = read_files("supervisely", files)
    assert record.class_ids == {("1", "car"), ("2", "car"), ("2", "dog")}


def test_the_sdk_writes_parts_of_multipolygons_and_corners_of_turned_boxes_without_an_exterior():
    parts = [{"exterior": RING, "interior": []}, {"exterior": [[x + 20, y] for x, y in RING], "interior": []}]
    several = {"classTitle": "a", "geometryType": "multipolygon", "parts": parts}
    turned = {"classTitle": "b", "geometryType": "oriented_bbox", "angle": math.pi / 2,
              "points": [[2, 3], [6, 5]]}  # fmt: skip
    record = read_one("supervisely", scene(several, turned))
    assert (labels(record), codes(record)) == (["a", "b"], [])
    assert rings(record, record.shapes[0]) == [[part["exterior"]] for part in parts]
    corners = np.round(rings(record, record.shapes[1])[0][0], 9).tolist()
    assert sorted(map(tuple, corners)) == [(3, 2), (3, 6), (5, 2), (5, 6)]


def test_objects_of_the_first_format_have_the_kind_of_their_class():
    """Its lines look like boxes and polygons: only ``shape`` of the class in ``meta.json`` tells."""
    kinds = {"lane": "line", "post": "point", "sign": "rectangle", "egg": "polygon"}
    points = {"lane": [[1, 1], [6, 6]], "post": [[4, 4]], "sign": [[1, 1], [6, 6]], "egg": RING}
    drawn = [{"classTitle": name, "bitmap": None, "points": {"exterior": points[name], "interior": []}}
             for name in kinds]  # fmt: skip
    bent = {"classTitle": "lane", "bitmap": None, "points": {"exterior": RING, "interior": []}}
    meta = {"classes": [{"title": name, "shape": kind} for name, kind in kinds.items()]}
    [record] = read_files("supervisely", {"meta.json": meta, "ds/ann/a.jpg.json": scene(*drawn, bent)})
    assert [shape.kind for shape in record.shapes] == [
        "polyline",
        "point",
        "rectangle",
        "polygon",
        "polyline",
    ]
    assert codes(record) == []
    [record] = read_files("supervisely", {"ds/ann/a.jpg.json": scene(*drawn, bent)})
    assert [shape.kind for shape in record.shapes] == ["rectangle", "rectangle", "polygon", "polygon"]
    assert [code for code in codes(record) if code != "shape-few-points"] == ["shape-kind-assumed"] * 5


@pytest.mark.parametrize(
    ("own", "of_class", "kind", "told"),
    [
        ({"geometryType": "polygon"}, "line", "polygon", True),
        ({"geometryType": "line"}, "polygon", "polyline", True),
        ({"shape": "line"}, "any", "polyline", False),
        ({"geometryType": "polyline"}, "line", "polyline", False),
    ],
)
def test_a_shape_and_its_class_may_say_two_kinds(own: dict, of_class: str, kind: str, told: bool):
    """The SDK asks the class, and only of classes of any shape the object, under either name."""
    thing = {"classTitle": "a", "points": {"exterior": RING, "interior": []}, **own}
    meta = {"classes": [{"title": "a", "shape": of_class}]}
    [record] = read_files("supervisely", {"meta.json": meta, "ds/ann/a.jpg.json": scene(thing)})
    assert ([shape.kind for shape in record.shapes], codes(record)) == ([kind], ["shape-kind-assumed"] * told)
