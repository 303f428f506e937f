"""Run-length masks, bitmaps, id maps and counts against their twins; real COCO masks against pycocotools."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from gtmask.raster import fill_pillow_ellipse, paint_bitmap, paint_ids, paint_runs
from tests.support.raster_twins import bitmap_twin, runs_twin

SIDE = st.integers(0, 9)
OFFSET = st.integers(-9, 9)


@given(SIDE, SIDE, SIDE, SIDE, OFFSET, OFFSET, st.booleans(), st.data())
@settings(max_examples=500, deadline=None)
def test_runs_equal_their_twin(rows, columns, height, width, x, y, column_major, data):
    cuts = data.draw(st.lists(st.integers(0, height * width), max_size=12).map(sorted))
    counts = np.diff([0, *cuts, height * width]).astype(np.int64)
    found = np.zeros((rows, columns), np.uint8)
    expected = found.copy()
    paint_runs(found, counts, height, width, x, y, column_major, 200)
    runs_twin(expected, counts, height, width, x, y, column_major, 200)
    assert np.array_equal(found, expected)


@given(SIDE, SIDE, st.lists(st.integers(-(2**62), 2**62), max_size=6), st.booleans())
@settings(max_examples=200, deadline=None)
def test_runs_that_do_not_add_up_touch_nothing_outside(height, width, counts, column_major):
    frame = np.full((9, 6), 7, np.uint8)
    paint_runs(frame[3:6], np.array(counts, np.int64), height, width, -1, -1, column_major, 1)
    assert np.all(frame[:3] == 7)
    assert np.all(frame[6:] == 7)


def test_column_runs_equal_pycocotools():
    rng = np.random.default_rng(4)
    for _ in range(200):
        height, width = rng.integers(1, 80, 2)
        noise = rng.random((height, width)) < rng.random()
        encoded = coco.encode(np.asfortranarray(noise.astype(np.uint8)))
        columns = noise.T.ravel()
        borders = np.flatnonzero(np.diff(np.concatenate([[False], columns])))
        counts = np.diff([0, *borders, len(columns)]).astype(np.int64)
        found = np.zeros((height, width), np.uint8)
        paint_runs(found, counts, int(height), int(width), 0, 0, True, 1)
        assert np.array_equal(found, coco.decode(encoded))


def test_a_negative_size_is_told():
    for height, width in ((-1, 4), (4, -1)):
        with pytest.raises(ValueError, match=f"{height} x {width}"):
            paint_runs(np.zeros((2, 2), np.uint8), [4], height, width, 0, 0, True, 1)


def test_counts_beyond_64_bits_are_told():
    with pytest.raises(ValueError, match="counts must lie between"):
        paint_runs(np.zeros((2, 2), np.uint8), np.array([2**64 - 1], np.uint64), 2, 2, 0, 0, True, 1)


@pytest.mark.parametrize("value", [-1, 256])
def test_a_value_beyond_a_byte_is_told(value):
    mask = np.zeros((4, 4), np.uint8)
    with pytest.raises(ValueError, match="0 to 255"):
        paint_runs(mask, [0, 4], 2, 2, 0, 0, True, value)
    with pytest.raises(ValueError, match="0 to 255"):
        paint_bitmap(mask, np.ones((2, 2), np.uint8), 0, 0, value)
    with pytest.raises(ValueError, match="0 to 255"):
        fill_pillow_ellipse(mask, 0, 0, 3, 3, value)
    assert not mask.any()


@given(SIDE, SIDE, SIDE, SIDE, OFFSET, OFFSET, st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_bitmaps_and_ids_equal_their_twins(rows, columns, height, width, x, y, random):
    rng = np.random.default_rng(random.getrandbits(32))
    ids = rng.choice(np.array([0, 1, 7, 2**32 - 1], np.uint32), (height, width))
    found, expected = np.zeros((2, rows, columns), np.uint8)
    paint_bitmap(found, ids.astype(np.uint8), x, y, 5)
    bitmap_twin(expected, ids, x, y, 5)
    assert np.array_equal(found, expected)
    paint_ids(found, ids, x, y, np.array([1, 2**32 - 1], np.uint32), np.array([9, 8], np.uint8))
    bitmap_twin(expected, ids == 1, x, y, 9)
    bitmap_twin(expected, ids == 2**32 - 1, x, y, 8)
    assert np.array_equal(found, expected)


def test_ids_need_as_many_values_as_keys():
    with pytest.raises(ValueError, match="1 keys, but 2 values"):
        paint_ids(
            np.zeros((2, 2), np.uint8),
            np.zeros((2, 2), np.uint32),
            0,
            0,
            np.ones(1, np.uint32),
            np.ones(2, np.uint8),
        )
