"""The centre rule: its twin, and that polygons which tile a plane paint each pixel exactly once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from gtmask.raster import fill_center
from tests.support.raster_twins import center_twin, flatten


def ours(shape, rings, value=1):
    mask = np.zeros(shape, np.uint8)
    fill_center(mask, *flatten([rings], np.float64), np.array([value], np.uint8))
    return mask


@given(st.integers(1, 8), st.integers(1, 8), st.data())
@settings(max_examples=300, deadline=None)
def test_equals_its_twin(height, width, data):
    number = st.one_of(st.integers(-6, 20).map(lambda i: i / 2), st.floats(-3, 11))
    ring = st.lists(st.tuples(number, number), max_size=8)
    rings = [np.array(r, np.float64).reshape(-1, 2) for r in data.draw(st.lists(ring, max_size=3))]
    expected = np.zeros((height, width), np.uint8)
    center_twin(expected, rings, 1)
    assert np.array_equal(ours((height, width), rings), expected)


@pytest.mark.parametrize("seed", range(20))
def test_triangles_that_tile_a_plane_paint_each_pixel_once(seed):
    rng = np.random.default_rng(seed)
    height, width = 90, 120
    points = rng.random((300, 2)) * (width + 40, height + 40) - 20
    if seed % 2:
        points = np.round(points * 2) / 2  # vertices and edges right on pixel centres
    corners = [[-60, -60], [width + 60, -60], [width + 60, height + 60], [-60, height + 60]]
    points = np.concatenate([np.unique(points, axis=0), corners])
    painted = np.zeros((height, width), np.int64)
    for triangle in Delaunay(points).simplices:
        ring = points[triangle] if rng.random() < 0.5 else points[triangle][::-1]
        painted += ours((height, width), [np.roll(ring, rng.integers(3), 0)])
    assert np.all(painted == 1)


def test_a_polygon_and_its_complement_share_every_edge():
    rng = np.random.default_rng(3)
    for _ in range(200):
        ring = rng.random((rng.integers(3, 40), 2)) * 80 - 10
        frame = np.array([(-20, -20), (90, -20), (90, 90), (-20, 90)], np.float64)
        assert np.all(ours((60, 60), [ring]) + ours((60, 60), [frame, ring[::-1]]) == 1)


def test_half_open_in_both_directions():
    assert ours((4, 4), [[(0.5, 0.5), (2.5, 0.5), (2.5, 2.5), (0.5, 2.5)]]).tolist() == [
        [1, 1, 0, 0],
        [1, 1, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
    ]


def test_whole_pixel_boxes_are_exact():
    mask = ours((10, 10), [[(2, 3), (7, 3), (7, 9), (2, 9)]])
    assert mask[3:9, 2:7].all()
    assert mask.sum() == 30


def test_many_crossings_in_a_row():
    rng = np.random.default_rng(9)
    ring = rng.random((900, 2)) * (50, 40) - 3
    expected = np.zeros((30, 40), np.uint8)
    center_twin(expected, [ring], 1)
    assert np.array_equal(ours((30, 40), [ring]), expected)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 1e300, -1e300, 1e-300])
def test_odd_numbers_touch_nothing_outside(odd):
    rng = np.random.default_rng(1)
    frame = np.full((30, 40), 7, np.uint8)
    for _ in range(200):
        ring = rng.choice([odd, -odd, 0.0, 3.5, 9.0, 50.0], (5, 2))
        frame[10:20] = 0
        fill_center(frame[10:20], *flatten([[ring]], np.float64), np.array([1], np.uint8))
        assert np.all(frame[:10] == 7)
        assert np.all(frame[20:] == 7)
        assert frame[10:20].max() <= 1
