"""Holes that are taken out of their exterior, by every rule: against filling each ring alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gtmask
from gtmask.class_map import ClassMap, LabelClass
from gtmask.formats.reading.build import RecordBuilder
from gtmask.model import FillRule
from gtmask.run.covered import measure
from gtmask.run.paint import paint
from tests.support.small_exports import open_files

if TYPE_CHECKING:
    from numpy.typing import NDArray

RULES: tuple[FillRule, ...] = get_args(FillRule)
CLASSES = ClassMap((LabelClass(1, "car", "#2ca02c"), LabelClass(2, "road", "#1f77b4")))
WIDTH, HEIGHT = 30, 20
EXTERIOR, INTERIOR = [2, 2, 14, 2, 14, 14, 2, 14], [8, 5, 22, 5, 22, 10, 8, 10]
coordinate = st.integers(-12, 160).map(lambda number: number / 4)
vertex = st.tuples(coordinate, coordinate)
#: Rings as they are not refused: at least three different vertices.
ring = st.lists(vertex, min_size=3, max_size=7, unique=True).map(
    lambda ring: [v for pair in ring for v in pair]
)


def masked(rings: list[Any], rule: str, **options: Any) -> NDArray[np.uint8]:
    builder = RecordBuilder("a.jpg", WIDTH, HEIGHT)
    builder.polygons("car", [rings], **options)
    return gtmask.rasterize(builder.build(), CLASSES, fill=rule)


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=25, deadline=None)
@given(rings=st.lists(ring, min_size=2, max_size=4, unique_by=tuple))
def test_what_is_left_is_the_exterior_without_what_the_rule_fills_of_each_hole(
    rule: str, rings: list[list[float]]
) -> None:
    wanted = masked(rings[:1], rule)
    for hole in rings[1:]:
        wanted[masked([hole], rule) != 0] = 0
    np.testing.assert_array_equal(masked(rings, rule, subtract=True), wanted)


@pytest.mark.parametrize("rule", RULES)
def test_a_hole_beyond_its_exterior_paints_nothing_there(rule: str) -> None:
    found = masked([EXTERIOR, INTERIOR], rule, subtract=True)
    assert not found[:, 15:].any()
    assert masked([EXTERIOR, INTERIOR], rule)[:, 15:].any()
    again = INTERIOR[2:] + INTERIOR[:2]
    twice = masked([EXTERIOR, INTERIOR, again], rule, subtract=True)
    np.testing.assert_array_equal(found, twice)


def test_supervisely_paints_the_exterior_with_1_and_its_interior_with_0() -> None:
    found = masked([EXTERIOR, INTERIOR], "opencv", subtract=True)
    assert found.sum() == 13 * 13 - 7 * 6
    assert found[2:15, 2:8].all()


def test_what_lies_below_shows_through_a_hole_and_the_order_stays() -> None:
    builder = RecordBuilder("a.jpg", WIDTH, HEIGHT)
    builder.polygon("road", [0, 0, 30, 0, 30, 20, 0, 20])
    builder.polygons("car", [[EXTERIOR, INTERIOR]], subtract=True)
    builder.polygon("road", [2, 2, 4, 2, 4, 4, 2, 4])
    record = builder.build()
    mask = gtmask.rasterize(record, CLASSES, fill="center")
    assert (mask[3, 3], mask[3, 6], mask[7, 10], mask[7, 20], mask[12, 10]) == (2, 1, 2, 2, 1)
    (_, car, _) = measure(record, record.shapes, "center", 0)
    assert (car.painted, car.visible) == (12 * 12 - 6 * 5, 12 * 12 - 6 * 5 - 4)


def test_a_shape_that_its_holes_swallow_is_told() -> None:
    builder = RecordBuilder("a.jpg", WIDTH, HEIGHT)
    builder.polygons("car", [[EXTERIOR, [0, 0, 20, 0, 20, 20, 0, 20]]], subtract=True)
    record = builder.build()
    told = paint(record, CLASSES, fill="opencv", stroke=0, overlap="order", crowd="paint")
    assert not told.mask.any()
    assert [(item.code, item.detail) for item in told.findings] == [
        ("shape-no-geometry", "car: its holes take away all of it")
    ]


def test_a_shape_outside_the_image_stays_outside_although_a_hole_reaches_in() -> None:
    builder = RecordBuilder("a.jpg", WIDTH, HEIGHT)
    builder.polygons("car", [[[50, 0, 60, 0, 60, 9], [5, 0, 55, 0, 55, 9]]], subtract=True)
    told = paint(builder.build(), CLASSES, fill="opencv", stroke=0, overlap="order", crowd="paint")
    assert [item.code for item in told.findings] == ["shape-outside"]
    assert not told.mask.any()


def pairs(flat: list[int]) -> list[list[int]]:
    return [flat[i : i + 2] for i in range(0, len(flat), 2)]


def points(flat: list[int], scale: tuple[float, float] = (1, 1)) -> list[dict[str, float]]:
    return [{"x": x / scale[0], "y": y / scale[1]} for x, y in pairs(flat)]


SIZE = (WIDTH, HEIGHT)
DOCUMENTS: dict[str, tuple[str, Any]] = {
    "supervisely": ("ds/ann/a.jpg.json", {
        "size": {"width": WIDTH, "height": HEIGHT}, "tags": [], "objects": [{
            "classTitle": "car", "geometryType": "polygon",
            "points": {"exterior": pairs(EXTERIOR), "interior": [pairs(INTERIOR)]}}]}),
    "supervisely multipolygon": ("ds/ann/a.jpg.json", {
        "size": {"width": WIDTH, "height": HEIGHT}, "tags": [], "objects": [{
            "classTitle": "car", "geometryType": "multipolygon",
            "points": [{"exterior": pairs(EXTERIOR), "interior": [pairs(INTERIOR)]}]}]}),
    "superannotate": ("a.jpg___objects.json", {
        "metadata": {"name": "a.jpg", "width": WIDTH, "height": HEIGHT},
        "instances": [{"type": "polygon", "className": "car", "points": EXTERIOR, "exclude": [INTERIOR]}]}),
    "kili": ("a.json", [{
        "externalId": "a.jpg", "labels": [{"labelType": "DEFAULT", "jsonResponse": {"JOB": {"annotations": [{
            "categories": [{"name": "car"}], "type": "semantic", "mid": "1",
            "boundingPoly": [{"normalizedVertices": points(flat, SIZE)} for flat in (EXTERIOR, INTERIOR)],
        }]}}}]}]),
    "encord": ("a.json", [{
        "label_hash": "l", "data_hash": "d", "data_units": {"u": {
            "data_title": "a.jpg", "width": WIDTH, "height": HEIGHT, "labels": {"objects": [{
                "name": "car", "shape": "polygon",
                "polygons": [[[value / SIZE[i % 2] for i, value in enumerate(flat)]
                              for flat in (EXTERIOR, INTERIOR)]]}]}}}}]),
    "darwin": ("a.json", {
        "version": "2.0", "item": {"name": "a.jpg", "path": "/",
                                   "slots": [{"width": WIDTH, "height": HEIGHT}]},
        "annotations": [{"name": "car", "polygon": {"paths": [points(EXTERIOR), points(INTERIOR)]}}]}),
    "dataloop": ("a.json", {
        "filename": "/a.jpg", "itemId": "1", "metadata": {"system": {"width": WIDTH, "height": HEIGHT}},
        "annotations": [{"type": "segment", "label": "car",
                         "coordinates": [points(EXTERIOR), points(INTERIOR)]}]}),
}  # fmt: skip
#: Formats in which further rings are even-odd.
EVEN_ODD = {"darwin", "dataloop"}


@pytest.mark.parametrize("rule", ["source", *RULES])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_a_hole_is_in_each_format(name: str, rule: str) -> None:
    """See the table of holes in docs/rasterizing.md."""
    file, document = DOCUMENTS[name]
    reader = open_files(name.split(maxsplit=1)[0], {file: json.dumps(document).encode()})
    (record,) = [reader.record(unit) for unit in reader.units()]
    assert record.findings == []
    record.width, record.height = SIZE
    mask = gtmask.rasterize(record, CLASSES, fill=rule)
    # Encord's and Kili's fractions are not exact, which rules for whole vertices see.
    beyond = mask[:, 15:]
    assert bool(beyond.any()) == (name in EVEN_ODD)
    assert mask[3:5, 3:13].all()
    assert not mask[6:9, 9:13].any()
