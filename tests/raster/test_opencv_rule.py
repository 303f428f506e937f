"""The OpenCV rule against cv2.fillPoly itself: 0 differing pixels."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtmask.raster import fill_polygons, round_points, trunc_points
from tests.support.raster_twins import flatten

SIZES = ((1, 1), (1, 40), (40, 1), (2, 2), (20, 30), (37, 100), (64, 64), (200, 7))
#: Part of the rule: OpenCV's 16.16 numbers hold coordinates up to here.
LIMIT = 2**30 - 1


def ours(shape, parts, values=None):
    mask = np.zeros(shape, np.uint8)
    values = range(1, len(parts) + 1) if values is None else values
    fill_polygons(mask, *flatten(parts, np.int32), np.array(list(values), np.uint8))
    return mask


def theirs(shape, parts):
    mask = np.zeros(shape, np.uint8)
    for value, part in enumerate(parts, 1):
        cv2.fillPoly(mask, [np.array(ring, np.int32) for ring in part], value)
    return mask


def random_ring(rng, height, width):
    """Return a ring of one of the kinds that go wrong: tiny, flat, upright, walking, huge, far outside."""
    count = int(rng.integers(1, 12)) if rng.random() < 0.95 else int(rng.integers(12, 120))
    kind = rng.integers(8)
    if kind == 0:
        return rng.integers(0, 4, (count, 2)) + rng.integers(0, max(width, height), 2)
    if kind == 1:
        return np.stack([rng.integers(-5, width + 5, count), np.full(count, rng.integers(-1, height + 1))], 1)
    if kind == 2:
        return np.stack([np.full(count, rng.integers(-1, width + 1)), rng.integers(-5, height + 5, count)], 1)
    if kind == 3:
        return np.cumsum(rng.integers(-3, 4, (count, 2)), 0) + np.array([width // 2, height // 2])
    if kind == 4:
        ring = np.stack([rng.integers(-LIMIT, LIMIT, count), rng.integers(-height, 2 * height, count)], 1)
        near = rng.random(count) < 0.5
        ring[near, 0] = rng.integers(0, width, near.sum())
        return ring
    reach = int(rng.choice([0, 1, 20, 1000]))
    return np.stack(
        [rng.integers(-reach, width + reach, count), rng.integers(-reach, height + reach, count)], 1
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_ten_thousand_random_polygons(seed):
    rng = np.random.default_rng(seed)
    for _ in range(10_000):
        height, width = SIZES[rng.integers(len(SIZES))]
        part = [random_ring(rng, height, width) for _ in range(rng.integers(1, 5))]
        expected = theirs((height, width), [part])
        found = ours((height, width), [part])
        assert np.array_equal(found, expected), (height, width, [ring.tolist() for ring in part])


@pytest.mark.parametrize("seed", range(30))
def test_whole_images_of_many_parts(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(100, 900, 2)
    parts = []
    for _ in range(100):
        centre = rng.random(2) * (width, height)
        angles = np.sort(rng.random(rng.integers(3, 400))) * 2 * np.pi
        radius = rng.lognormal(4, 1) * (1 + 0.2 * rng.random(len(angles)))
        ring = centre + np.stack([np.cos(angles) * radius, np.sin(angles) * radius], 1)
        parts.append([round_points(ring)])
    assert np.array_equal(ours((height, width), parts), theirs((height, width), parts))


@pytest.mark.parametrize("count", [30, 300, 3000])
def test_polygons_that_cross_themselves_everywhere(count):
    ring = np.random.default_rng(count).integers(-20, 420, (count, 2))
    assert np.array_equal(ours((400, 400), [[ring]]), theirs((400, 400), [[ring]]))


def test_parts_with_more_crossings_than_are_kept_at_once():
    ring = np.zeros((6000, 2), np.int64)
    ring[:, 0] = np.arange(6000) % 700
    ring[1::2, 1] = 399
    assert np.array_equal(ours((400, 700), [[ring]]), theirs((400, 700), [[ring]]))


@pytest.mark.parametrize("shape", [(0, 9), (9, 0)])
def test_masks_without_pixels_have_no_neighbours_painted(shape):
    frame = np.full(400, 7, np.uint8)
    rng = np.random.default_rng(3)
    for _ in range(2000):
        ring = rng.integers(-9, 9, (rng.integers(1, 7), 2))
        fill_polygons(frame[200:200].reshape(shape), *flatten([[ring]], np.int32), np.array([1], np.uint8))
    assert np.all(frame == 7)


def test_such_parts_with_edges_that_reach_outside():
    ring = np.zeros((6000, 2), np.int64)
    ring[:, 0] = np.arange(6000) * 7 % 1000 - 150
    ring[:, 1] = -30
    ring[1::2, 1] = 390 + np.arange(3000) % 60
    frame = np.full((440, 700), 7, np.uint8)
    frame[20:420] = 0
    fill_polygons(frame[20:420], *flatten([[ring]], np.int32), np.array([1], np.uint8))
    assert np.array_equal(frame[20:420], theirs((400, 700), [[ring]]))
    assert np.all(frame[:20] == 7)
    assert np.all(frame[420:] == 7)


def test_edges_taller_than_the_fixed_point_is_exact():
    ring = [(0, 0), (5, 39_999), (9, 17), (3, 40_100)]
    assert np.array_equal(ours((40_000, 10), [[ring]]), theirs((40_000, 10), [[ring]]))


@given(st.integers(1, 12), st.integers(1, 12), st.data())
@settings(max_examples=300, deadline=None)
def test_any_small_polygon(height, width, data):
    vertex = st.tuples(st.integers(-4, width + 4), st.integers(-4, height + 4))
    part = data.draw(st.lists(st.lists(vertex, min_size=1, max_size=8), min_size=1, max_size=3))
    assert np.array_equal(ours((height, width), [part]), theirs((height, width), [part]))


def test_a_triangle_as_a_person_would_draw_it():
    expected = ["#....", "##...", "###..", "####.", "#####"]
    found = ours((5, 5), [[[(0, 0), (4, 4), (0, 4)]]])
    assert ["".join(".#"[p] for p in row) for row in found] == expected


def test_rings_of_one_part_are_even_odd_and_parts_a_union():
    outer, inner = [(0, 0), (8, 0), (8, 8), (0, 8)], [(2, 2), (6, 2), (6, 6), (2, 6)]
    assert ours((9, 9), [[outer, inner]])[4, 4] == 0
    assert ours((9, 9), [[outer], [inner]], [1, 1])[4, 4] == 1


def test_later_parts_lie_over_earlier_ones():
    square = [(0, 0), (3, 0), (3, 3), (0, 3)]
    assert np.all(ours((4, 4), [[square], [square]], [5, 6]) == 6)


def test_empty_rings_parts_and_masks():
    assert not ours((4, 4), [[]]).any()
    assert not ours((4, 4), [[[]]]).any()
    assert ours((4, 4), [[[], [(1, 1)]]]).sum() == 1
    for shape in ((0, 5), (5, 0), (0, 0)):
        assert ours(shape, [[[(0, 0), (3, 0), (3, 3)]]]).shape == shape


@pytest.mark.parametrize("extreme", [-(2**31), 2**31 - 1])
def test_extreme_coordinates_touch_nothing_outside(extreme):
    frame = np.full((30, 50), 7, np.uint8)
    rng = np.random.default_rng(5)
    for _ in range(200):
        ring = rng.choice([extreme, -1, 0, 5, 9, 60], (6, 2))
        frame[10:20] = 0
        fill_polygons(frame[10:20], *flatten([[ring]], np.int32), np.array([1], np.uint8))
        assert np.all(frame[:10] == 7)
        assert np.all(frame[20:] == 7)


def test_rounding_is_half_to_even_and_truncation_towards_zero():
    points = np.array([[0.5, 1.5], [2.5, -0.5], [-1.7, 1.7]])
    assert round_points(points).tolist() == [[0, 2], [2, 0], [-2, 2]]
    assert trunc_points(points).tolist() == [[0, 1], [2, 0], [-1, 1]]
    assert round_points(points).dtype == trunc_points(points).dtype == np.int32


SQUARE = flatten([[[(0, 0), (3, 0), (3, 3)]]], np.int32)


@pytest.mark.parametrize(
    ("mask", "points", "rings", "parts", "values", "said"),
    [
        (np.zeros((4, 4)), *SQUARE, [1], "of integers"),
        (np.zeros(16, np.uint8), *SQUARE, [1], "height, width"),
        ([[0, 0], [0, 0]], *SQUARE, [1], "array"),
        (np.broadcast_to(np.uint8(0), (4, 4)), *SQUARE, [1], "writable"),
        (np.full((4, 4), -1), *SQUARE, [1], "mask must lie between 0 and 255"),
        (np.zeros((4, 4), np.int8), *SQUARE, [128], "values must lie between 0 and 127"),
        (np.zeros((4, 4), bool), *SQUARE, [2], "values must lie between 0 and 1,"),
        (np.zeros((4, 4), np.uint8), *SQUARE, [256], "values must lie between 0 and 255"),
        (np.zeros((4, 4), np.uint8), *SQUARE, np.array([2**64 - 1]), "values must lie"),
        (np.zeros((4, 4), np.uint8), *SQUARE, [-1], "values must lie"),
        (np.zeros((4, 4), np.uint8), *SQUARE, [1.0], "values must be uint8, but is float64"),
        (
            np.zeros((4, 4), np.uint8),
            SQUARE[0].astype(np.uint64) + np.uint64(2**64 - 9),
            *SQUARE[1:],
            [1],
            "points must lie",
        ),
        (
            np.zeros((4, 4), np.uint8),
            SQUARE[0],
            np.array([0, 2**64 - 1], np.uint64),
            SQUARE[2],
            [1],
            "ring_offsets must lie",
        ),
        (np.zeros((4, 4), np.uint8), SQUARE[0].astype(float), *SQUARE[1:], [1], "points must be int32"),
        (np.zeros((4, 4), np.uint8), SQUARE[0].reshape(-1), *SQUARE[1:], [1], "2 dimensions"),
        (np.zeros((4, 4), np.uint8), SQUARE[0].reshape(2, 3), *SQUARE[1:], [1], r"\(n, 2\)"),
        (np.zeros((4, 4), np.uint8), SQUARE[0], [0, 4], SQUARE[2], [1], "ring_offsets"),
        (np.zeros((4, 4), np.uint8), SQUARE[0], [2, 1], SQUARE[2], [1], "ring_offsets"),
        (np.zeros((4, 4), np.uint8), SQUARE[0], [-1, 3], SQUARE[2], [1], "ring_offsets"),
        (np.zeros((4, 4), np.uint8), *SQUARE[:2], [0, 2], [1], "part_offsets"),
        (np.zeros((4, 4), np.uint8), *SQUARE, [1, 2], "part_offsets"),
        (np.zeros((4, 4), np.uint8), [], *SQUARE[1:], [1], "2 dimensions"),
        (
            np.zeros((4, 4), np.uint8),
            SQUARE[0] + np.int64(2**32),
            *SQUARE[1:],
            [1],
            "points must lie between",
        ),
        (np.zeros((4, 4), np.uint8), SQUARE[0] - np.int64(2**31) - 1, *SQUARE[1:], [1], "points must lie"),
        (np.zeros((4, 4), np.uint8), SQUARE[0], [0, 2**32 + 3], SQUARE[2], [1], "ring_offsets must lie"),
    ],
)
def test_wrong_arguments_are_told(mask, points, rings, parts, values, said):
    with pytest.raises(ValueError, match=said):
        fill_polygons(mask, points, np.array(rings), np.array(parts), values)


def test_read_only_and_strided_arguments_are_taken():
    points, rings, parts = flatten([[[(0, 0), (3, 0), (3, 3)]]], np.int32)
    mask = np.zeros((4, 4), np.uint8)
    points.flags.writeable = False
    fill_polygons(mask, points, np.repeat(rings, 2)[::2], parts, np.array([1], np.uint8))
    assert np.array_equal(mask, ours((4, 4), [[[(0, 0), (3, 0), (3, 3)]]]))


INTEGERS = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", ">i4", ">u8")
LAYOUTS = ("C", "F", "strided", "backwards", "read-only", "shifted", "list")


def laid_out(array: np.ndarray, dtype: str, layout: str) -> Any:
    """Return the same numbers in another type and layout."""
    given = array.astype(dtype)
    if layout == "list":
        return given.tolist()
    if layout == "F":
        return np.asfortranarray(given)
    if layout == "strided":
        return np.repeat(given, 2, axis=-1)[..., ::2]
    if layout == "backwards":
        return given[::-1].copy()[::-1]
    if layout == "shifted":  # to where no number of its size is aligned
        room = np.zeros(given.nbytes + 1, np.uint8)[1:].view(given.dtype).reshape(given.shape)
        room[...] = given
        return room
    given.flags.writeable = layout != "read-only"
    return given


forms = st.tuples(st.sampled_from(INTEGERS), st.sampled_from(LAYOUTS))


@settings(max_examples=300, deadline=None)
@given(st.lists(forms, min_size=5, max_size=5), st.integers(0, 2**32 - 1))
def test_any_type_and_layout_gives_the_same_mask(chosen: list[tuple[str, str]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [
        [rng.integers(0, 60, (rng.integers(1, 9), 2)) for _ in range(rng.integers(1, 3))] for _ in range(3)
    ]
    points, rings, offsets = flatten(parts, np.int32)
    values = rng.integers(0, 128, 3).astype(np.uint8)
    expected = rng.integers(0, 128, (40, 50)).astype(np.uint8)
    (kind, layout), *others = chosen
    found = laid_out(expected, kind, "C" if layout in {"list", "read-only"} else layout)
    fill_polygons(expected, points, rings, offsets, values)
    fill_polygons(
        found,
        *(
            laid_out(array, *form)
            for array, form in zip((points, rings, offsets, values), others, strict=True)
        ),
    )
    assert found.dtype == np.dtype(kind)
    assert np.array_equal(found, expected)


def test_a_mask_that_is_refused_is_left_as_it_was() -> None:
    points, rings, parts = SQUARE
    mask = np.zeros((4, 8), np.uint8)[:, ::2]
    with pytest.raises(ValueError, match="part_offsets"):
        fill_polygons(mask, points, rings, parts, [1, 2])
    assert not mask.any()
