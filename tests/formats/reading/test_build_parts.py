"""What the record builder makes of parts whose rings are bad or missing: never an area out of a hole."""

from __future__ import annotations

import numpy as np
import pytest

from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.rings import zeros_and_ones
from gtmask.model import Bitmap, Runs
from tests.support.small_exports import codes, labels, rings

OUTER = [0, 0, 9, 0, 9, 9, 0, 9]
HOLE = [2, 2, 4, 2, 4, 4, 2, 4]
SQUARE = [[0, 0], [9, 0], [9, 9], [0, 9]]


@pytest.mark.parametrize(
    "exterior", [[], [0, 0, 9, 9], [0, 0, 9], [0, 0, 0, 0, 9, 9], [0, 0, float("nan"), 0, 9, 9]]
)
def test_a_hole_does_not_become_an_area_where_its_exterior_is_bad(exterior: list):
    builder = RecordBuilder("a.jpg")
    builder.polygons("a", [[exterior, HOLE], [OUTER]])
    builder.polygons("b", [[exterior, HOLE]])
    record = builder.build()
    assert labels(record) == ["a"]
    assert rings(record, record.shapes[0]) == [[SQUARE]]
    assert len(codes(record)) == 2


def test_a_bad_hole_costs_only_itself():
    builder = RecordBuilder("a.jpg")
    builder.polygons("a", [[OUTER, HOLE[:4], HOLE]])
    record = builder.build()
    assert [len(part) for part in rings(record, record.shapes[0])] == [2]
    assert codes(record) == ["shape-few-points"]


@pytest.mark.parametrize("parts", [[], [[]], [[], []]])
def test_a_shape_without_parts_is_told(parts: list):
    builder = RecordBuilder("a.jpg")
    builder.polygons("a", parts)
    record = builder.build()
    assert record.shapes == []
    assert codes(record) == ["shape-no-geometry"] * max(len(parts), 1)


def test_a_part_without_rings_beside_a_good_one_is_told():
    builder = RecordBuilder("a.jpg")
    builder.polygons("a", [[OUTER], []])
    record = builder.build()
    assert (labels(record), codes(record)) == (["a"], ["shape-no-geometry"])


@pytest.mark.parametrize(("x", "y", "told"), [(2**30, -(2**30), []), (2**30 + 1, 0, ["shape-bad-number"])])
def test_a_mask_that_begins_beyond_the_limit_is_told(x: int, y: int, told: list[str]):
    builder = RecordBuilder("a.jpg")
    builder.runs("a", Runs(np.array([0, 4]), 2, 2, "row", x, y))
    builder.bitmap("b", Bitmap(b"", x=x, y=y))
    record = builder.build()
    assert labels(record) == ([] if told else ["a", "b"])
    assert codes(record) == told * 2


@pytest.mark.parametrize("place", range(8))
@pytest.mark.parametrize("truth", [True, False])
def test_true_and_false_are_no_coordinates(place: int, truth: bool):
    flat = [*OUTER[:place], truth, *OUTER[place + 1 :]]
    for add in (
        lambda builder: builder.polygon("a", flat),
        lambda builder: builder.polygon_pairs("a", [flat[i : i + 2] for i in range(0, 8, 2)]),
        lambda builder: builder.polygons("a", [[flat]]),
        lambda builder: builder.rectangle("a", *(flat[:4] if place < 4 else flat[4:])),
        lambda builder: builder.rectangle("a", *(flat[:4] if place < 4 else flat[4:]), inclusive=True),
        lambda builder: builder.ellipse("a", tuple(flat[:2]), tuple(flat[2:4]), flat[place]),
    ):
        builder = RecordBuilder("a.jpg")
        add(builder)
        builder.polygons("b", [[OUTER]])
        record = builder.build()
        assert labels(record) == ["b"]
        assert codes(record) == ["shape-bad-number"]


def test_true_in_a_hole_costs_the_hole():
    builder = RecordBuilder("a.jpg")
    builder.polygons("a", [[OUTER, [True, *HOLE[1:]]]])
    record = builder.build()
    assert rings(record, record.shapes[0]) == [[SQUARE]]
    assert codes(record) == ["shape-bad-number"]


def test_numbers_of_exactly_0_and_1_stay():
    builder = RecordBuilder("a.jpg")
    builder.polygon("a", [0, 0, 1, 0, 1, 1.0, 0.0, 1])
    record = builder.build()
    assert rings(record, record.shapes[0]) == [[[[0, 0], [1, 0], [1, 1], [0, 1]]]]
    assert codes(record) == []


@pytest.mark.parametrize("ring", [OUTER, HOLE])
def test_a_ring_that_is_there_twice_counts_once_and_is_told(ring: list):
    builder = RecordBuilder("a.jpg")
    builder.polygons("a", [[OUTER, HOLE, list(ring)], [OUTER]])
    record = builder.build()
    assert [len(part) for part in rings(record, record.shapes[0])] == [2, 1]
    assert codes(record) == ["ring-doubled"]


def test_a_class_that_is_a_number_is_written_out_and_told():
    builder = RecordBuilder("a.jpg")
    assert [builder.as_label(value, "label") for value in ("7", 7, 2.5, None, "")] == [
        "7",
        "7",
        "2.5",
        "",
        "",
    ]
    assert codes(builder.record) == ["label-number"] * 2
    assert [builder.as_label(value, "label") for value in (True, ["a"], {"a": 1})] == ["", "", ""]
    assert codes(builder.record)[2:] == ["value-type"] * 3


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, 0.5, -1.0, float("nan"), float("inf"), 5e-324])
@pytest.mark.parametrize("place", [0, 3, 6])
def test_the_kernel_that_looks_for_zeros_and_ones_agrees_with_numpy(value: float, place: int):
    values = np.full(7, 2.5)
    assert not len(zeros_and_ones(values))
    values[place] = value
    assert zeros_and_ones(values).tolist() == np.flatnonzero(np.isin(values, [0, 1])).tolist()


def test_a_part_of_very_many_rings_is_compared_in_one_pass():
    holes = [[x, 2, x + 1, 2, x + 1, 3] for x in range(20_000)]
    builder = RecordBuilder("a.jpg")
    builder.polygons("a", [[OUTER, *holes, holes[7]]])
    record = builder.build()
    assert len(record.ring_offsets) == 20_002
    assert codes(record) == ["ring-doubled"]
