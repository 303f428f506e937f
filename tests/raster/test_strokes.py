"""Strokes against a naive twin that asks every pixel, and the pictures that a reader expects."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtmask.raster import stroke_lines, stroke_points
from tests.support.random_rings import picture, random_rings


def naive_stroke(
    height: int, width: int, line: np.ndarray, stroke: float, *, joined: bool = True
) -> np.ndarray:
    """Ask each pixel whether its centre lies within half the stroke of any segment."""
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    mask = np.zeros((height, width), np.uint8)
    limit = stroke / 2 * (stroke / 2)
    ends = list(pairwise(line)) if joined and len(line) > 1 else [(v, v) for v in line]
    for (ax, ay), (bx, by) in ends:
        x, y, run, rise = columns - ax, rows - ay, bx - ax, by - ay
        length, along, across = run * run + rise * rise, x * run + y * rise, x * rise - y * run
        at_start = x * x + y * y <= limit
        at_end = (x - run) * (x - run) + (y - rise) * (y - rise) <= limit
        between = across * across <= limit * length
        mask |= np.where(along <= 0, at_start, np.where(along >= length, at_end, between)).astype(np.uint8)
    return mask


def stroked(height: int, width: int, line: np.ndarray, stroke: float) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    stroke_lines(mask, line, np.array([0, len(line)], np.int32), stroke, np.ones(1, np.uint8))
    return mask


def test_random_lines() -> None:
    rng = np.random.default_rng(1)
    for height, width, line in random_rings(21, 5000, 50):
        stroke = float(rng.choice([0.5, 1, 2, 3, 5, 10, 20 * rng.random() + 0.01]))
        assert np.array_equal(stroked(height, width, line, stroke), naive_stroke(height, width, line, stroke))


def test_random_points() -> None:
    rng = np.random.default_rng(2)
    for height, width, points in random_rings(22, 3000, 50):
        stroke = float(rng.choice([0.5, 1, 2, 3, 5, 10, 20 * rng.random() + 0.01]))
        mask = np.zeros((height, width), np.uint8)
        stroke_points(mask, points, stroke, np.ones(len(points), np.uint8))
        assert np.array_equal(mask, naive_stroke(height, width, points, stroke, joined=False))


coordinates = st.floats(-40, 40, width=32)


@settings(max_examples=300, deadline=None)
@given(
    line=st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=5),
    stroke=st.floats(0.01, 30),
    height=st.integers(1, 20),
    width=st.integers(1, 20),
)
def test_any_line(line: list[tuple[float, float]], stroke: float, height: int, width: int) -> None:
    vertices = np.array(line, np.float64)
    assert np.array_equal(
        stroked(height, width, vertices, stroke), naive_stroke(height, width, vertices, stroke)
    )


def test_a_line_along_pixel_borders_is_as_wide_as_told() -> None:
    line = np.array([[2.0, 2.0], [6.0, 2.0]])
    assert picture(stroked(4, 8, line, 2)).split() == ["........", ".######.", ".######.", "........"]


def test_a_joint_is_round() -> None:
    line = np.array([[1.5, 5.5], [1.5, 1.5], [5.5, 1.5]])
    assert picture(stroked(7, 7, line, 2)).split() == [
        ".#####.",
        "#######",
        "######.",
        "###....",
        "###....",
        "###....",
        ".#.....",
    ]


def test_later_lines_lie_over_earlier_ones() -> None:
    mask = np.zeros((3, 3), np.uint8)
    line = np.array([[0.0, 1.5], [3.0, 1.5], [1.5, 0.0], [1.5, 3.0]])
    stroke_lines(mask, line, np.array([0, 2, 4], np.int32), 1, np.array([1, 2], np.uint8))
    assert mask.tolist() == [[0, 2, 0], [1, 2, 1], [0, 2, 0]]


def test_far_ends_paint_nothing_wrong() -> None:
    line = np.array([[-(2.0**30), 1.5], [2.0**30, 1.5]])
    assert picture(stroked(3, 4, line, 1)).split() == ["....", "####", "...."]


@pytest.mark.parametrize("stroke", [0.0, -1.0, float("nan"), float("inf"), 1e200])
def test_a_width_that_is_none_is_refused(stroke: float) -> None:
    with pytest.raises(ValueError, match="width of a stroke"):
        stroked(3, 3, np.zeros((2, 2)), stroke)
