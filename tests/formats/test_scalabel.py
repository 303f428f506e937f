"""Scalabel and BDD100K: curves, inclusive boxes, runs, old vertices, lanes, sizes, scores."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtmask.formats.scalabel import flatten_bezier
from tests.support.small_exports import (
    codes,
    codes_of_painting,
    labels,
    open_files,
    painted,
    read_files,
    read_one,
    rings,
)

SQUARE = [[1, 1], [5, 1], [5, 4], [1, 4]]


def frame(*made: dict, **more: object) -> dict:
    return {"name": "a.jpg", "labels": list(made), **more}


def poly(category: str, *parts: list, **more: object) -> dict:
    return {"category": category, "poly2d": [
        {"vertices": part, "types": "L" * len(part), "closed": True} for part in parts], **more}  # fmt: skip


def test_several_polygons_of_a_label_are_a_union():
    record = read_one("scalabel", [frame(poly("car", SQUARE, [[3, 2], [7, 2], [7, 5], [3, 5]]))])
    assert len(rings(record, record.shapes[0])) == 2
    mask = painted(record, "car", size=(8, 6))
    assert mask[2:4, 3:5].all()
    assert record.source_fill == "touched"


def test_boxes_are_inclusive_and_told():
    item = {"category": "car", "box2d": {"x1": 1, "y1": 2, "x2": 3, "y2": 4}, "poly2d": None}
    record = read_one("scalabel", [frame(item)])
    for fill in ("center", "opencv"):
        mask = painted(record, "car", size=(8, 8), fill=fill)
        assert mask[2:5, 1:4].all()
        assert mask.sum() == 9
    assert codes(record) == ["box-painted"]


def test_a_box_beside_a_polygon_is_no_shape():
    record = read_one("scalabel", [frame(poly("car", SQUARE, box2d={"x1": 0, "y1": 0, "x2": 7, "y2": 5}))])
    assert [shape.kind for shape in record.shapes] == ["polygon"]


def bezier(t: float, points: list) -> tuple[float, float]:
    u = 1 - t
    weights = (u**3, 3 * u * u * t, 3 * u * t * t, t**3)
    return tuple(sum(w * p[axis] for w, p in zip(weights, points, strict=True)) for axis in (0, 1))


def distance(x: float, y: float, path: list) -> float:
    """Return the distance of a point from a chain of segments."""
    best = math.inf
    for (ax, ay), (bx, by) in itertools.pairwise(path):
        dx, dy = bx - ax, by - ay
        length = dx * dx + dy * dy
        t = 0 if length == 0 else min(max(((x - ax) * dx + (y - ay) * dy) / length, 0), 1)
        best = min(best, math.hypot(x - ax - t * dx, y - ay - t * dy))
    return best


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.floats(-800, 800), st.floats(-800, 800)), min_size=4, max_size=4))
def test_curves_are_left_by_at_most_a_sixteenth_of_a_pixel(points: list):
    flat = flatten_bezier([value for point in points for value in point], "LCCL", closed=False)
    path = list(zip(flat[::2], flat[1::2], strict=True))
    assert path[0] == points[0]
    assert path[-1] == points[3]
    assert max(distance(*bezier(step / 60, points), path) for step in range(61)) <= 1 / 16 + 1e-9


def test_a_curve_may_end_at_the_first_vertex():
    flat = flatten_bezier([0, 0, 10, 0, 10, 10, 0, 10], "LLCC", closed=True)
    assert flat[:4] == [0, 0, 10, 0]
    assert len(flat) > 8
    assert flat[-2:] != [0, 10]


def test_control_points_are_not_corners():
    """Read as a corner, the control point at y = -40 would make the shape twice as high."""
    item = {"category": "a", "poly2d": [{
        "vertices": [[10, 40], [10, -40], [50, -40], [50, 40]], "types": "LCCL",
        "closed": True}]}  # fmt: skip
    record = read_one("scalabel", [frame(item)])
    assert record.shapes[0].kind == "bezier"
    assert record.points[:, 1].min() == pytest.approx(-20, abs=0.1)


@pytest.mark.parametrize("types", ["LCLL", "CCLL", "LLCC", "LLL", "LLLLL", "LXLL", 3])
def test_malformed_types_are_told(types: object):
    item = {"category": "a", "poly2d": [{"vertices": SQUARE, "types": types, "closed": False}]}
    assert codes(read_one("scalabel", [frame(item)])) == ["shape-bad-geometry"]


def test_old_vertices_carry_their_letter():
    old = [{"vertices": [[*point, "L"] for point in SQUARE], "closed": True}]
    bare = [[*point, "L"] for point in SQUARE]
    record = read_one("scalabel", [frame(
        {"category": "a", "poly2d": old}, {"category": "area/drivable", "poly2d": bare},
        {"category": "lane/road curb", "poly2d": bare},
    )])  # fmt: skip
    assert [shape.kind for shape in record.shapes] == ["polygon", "polygon", "polyline"]
    assert rings(record, record.shapes[0]) == [[SQUARE]]
    assert rings(record, record.shapes[1]) == [[SQUARE]]


def test_open_polygons_are_lines():
    item = poly("lane", SQUARE)
    item["poly2d"][0]["closed"] = False
    assert [shape.kind for shape in read_one("scalabel", [frame(item)]).shapes] == ["polyline"]


def runs(*counts: int, size: tuple[int, int]) -> dict:
    return {"counts": list(counts), "size": list(size)}


def test_runs_go_down_the_columns_and_come_before_polygons():
    record = read_one("scalabel", [frame(poly("a", SQUARE, rle=runs(1, 2, 3, size=(3, 2))))])
    assert painted(record, "a").tolist() == [[0, 0], [1, 0], [1, 0]]
    assert (record.width, record.height) == (2, 3)


def test_compressed_runs():
    mask = pytest.importorskip("pycocotools.mask")
    pixels = np.zeros((6, 8), np.uint8)
    pixels[1:4, 2:7] = 1
    coded = mask.encode(np.asfortranarray(pixels))
    rle = {"counts": coded["counts"].decode(), "size": [6, 8]}
    record = read_one("scalabel", [frame({"category": "a", "rle": rle})])
    assert np.array_equal(painted(record, "a"), pixels)


def test_runs_that_do_not_fit_are_told():
    record = read_one("scalabel", [frame({"category": "a", "rle": runs(1, 2, size=(3, 2))},
                                         {"category": "b", "rle": runs(1, 5, size=(3, 2))},
                                         size={"width": 9, "height": 9})])  # fmt: skip
    assert codes(record) == ["runs-bad"]
    assert codes_of_painting(record) == ["runs-size-differs"]


def test_sizes_come_from_the_frame_then_from_the_configuration():
    config = {"imageSize": {"width": 1280, "height": 720}, "categories": [{"name": "car"}]}
    document = {"frames": [frame(), frame(size={"width": 5, "height": 6})], "config": config, "groups": None}
    first, second = read_files("scalabel", {"a.json": document})
    assert (first.width, first.height) == (1280, 720)
    assert (second.width, second.height) == (5, 6)
    assert read_one("scalabel", [frame(poly("a", SQUARE))]).width is None


def test_the_class_list_has_the_leaves():
    categories = [
        {"name": "human", "subcategories": [{"name": "rider"}, {"name": "person"}]},
        {"name": "sky"},
    ]
    document = {"frames": [frame()], "config": {"categories": categories}}
    assert open_files("scalabel", {"a.json": document}).labels == ["rider", "person", "sky"]
    assert open_files("scalabel", {"a.json": [frame()]}).labels is None


def test_scores_order_the_shapes_where_all_have_one():
    scored = [poly(name, SQUARE, score=score) for name, score in (("a", 0.9), ("b", 0.1), ("c", 0.5))]
    assert labels(read_one("scalabel", [frame(*scored)])) == ["b", "c", "a"]
    del scored[1]["score"]
    assert labels(read_one("scalabel", [frame(*scored)])) == ["a", "b", "c"]


def test_crowds_and_ignored_regions_are_marked():
    made = [
        poly("a", SQUARE, attributes=attributes)
        for attributes in ({"crowd": True}, {"ignored": True}, {"crowd": False}, None)
    ]
    assert [shape.ignore for shape in read_one("scalabel", [frame(*made)]).shapes] == [
        True,
        True,
        False,
        False,
    ]


def test_frames_without_labels_are_background():
    assert codes(read_one("scalabel", [frame(labels=None)])) == ["image-unannotated"]
    assert codes(read_one("scalabel", [frame()])) == ["image-unannotated"]


def test_names_and_other_names():
    record = read_one("scalabel", [frame(videoName="v", url="s3://b/c.jpg")])
    assert (record.image, record.aliases) == ("a.jpg", ("v/a.jpg", "s3://b/c.jpg"))
    assert codes(read_one("scalabel", [{"labels": []}])) == ["image-name-bad"]


def test_broken_labels_cost_only_themselves():
    record = read_one("scalabel", [frame(
        poly("a", SQUARE), {"category": "b"}, 3, {"category": "c", "poly2d": "x"}, {"category": "d",
                                                                                    "box2d": {"x1": 1}},
        {"category": "e", "rle": 5}, {"category": "f", "poly2d": [{}]}, {"category": "g",
                                                                         "poly2d": [{"vertices": [[1]]}]},
    )])  # fmt: skip
    assert labels(record) == ["a"]
    assert codes(record) == ["annotation-bad", "runs-bad"] + ["shape-bad-geometry"] * 4 + [
        "shape-no-geometry",
        "value-type",
    ]


def test_frames_behind_other_members_are_found():
    text = json.dumps({"groups": [{"name": "g", "labels": []}], "config": None, "frames": [frame(), frame()]})
    assert len(read_files("scalabel", {"a.json": text})) == 2
