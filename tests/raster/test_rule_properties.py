"""What all source rules share: parts in order, even-odd rings, the domain, and nothing outside the mask."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from gtmask.raster import fill_coco, fill_pillow, fill_pillow_ellipse, fill_skimage, fill_touched
from tests.support.random_rings import flatten, picture, random_rings

if TYPE_CHECKING:
    from collections.abc import Callable

    Fill = Callable[..., None]

RULES = [fill_coco, fill_pillow, fill_skimage, fill_touched]
each_rule = pytest.mark.parametrize("fill", RULES, ids=lambda fill: fill.__name__)

SQUARE = [(2.0, 2.0), (9.0, 2.0), (9.0, 9.0), (2.0, 9.0)]
HOLE = [(4.0, 4.0), (7.0, 4.0), (7.0, 7.0), (4.0, 7.0)]


@each_rule
def test_parts_are_painted_in_order(fill: Fill) -> None:
    """One call for many parts is the same as one call for each, later over earlier."""
    rng = np.random.default_rng(31)
    for height, width, first in random_rings(31, 150, 40):
        rings = [first, first * 0.7 + rng.random(2) * 5, first[::-1] - 3]
        together = rng.integers(0, 4, (height, width)).astype(np.uint8)
        apart = together.copy()
        fill(together, *flatten([[ring.tolist()] for ring in rings]))
        for value, ring in enumerate(rings, start=1):
            points, ring_offsets, part_offsets, _ = flatten([[ring.tolist()]])
            fill(apart, points, ring_offsets, part_offsets, np.array([value], np.uint8))
        assert np.array_equal(together, apart)


@each_rule
def test_value_zero_paints_background(fill: Fill) -> None:
    mask = np.full((12, 12), 7, np.uint8)
    points, ring_offsets, part_offsets, _ = flatten([[SQUARE]])
    fill(mask, points, ring_offsets, part_offsets, np.zeros(1, np.uint8))
    assert mask[5, 5] == 0
    assert mask[0, 0] == 7


@each_rule
def test_a_hole_stays_open(fill: Fill) -> None:
    for hole in (HOLE, HOLE[::-1]):
        mask = np.zeros((12, 12), np.uint8)
        fill(mask, *flatten([[SQUARE, hole]]))
        assert not mask[5, 5]
        assert mask[3, 3]
        assert mask[5, 3]
        assert mask[8, 8]


def test_rings_of_a_coco_part_are_an_exclusive_or() -> None:
    for height, width, first in random_rings(32, 500, 40):
        second = first[::-1] * 0.8 + 1.3
        mask = np.zeros((height, width), np.uint8)
        fill_coco(mask, *flatten([[first.tolist(), second.tolist()]]))
        runs = coco_mask.frPyObjects([ring.ravel().tolist() for ring in (first, second)], height, width)
        expected = np.bitwise_xor.reduce(coco_mask.decode(runs), axis=2)
        assert np.array_equal(mask, expected)


@each_rule
def test_rings_apart_are_a_union(fill: Fill) -> None:
    """Two rings side by side in one part are what two parts of one value would be."""
    far = [(x + 9.5, y + 0.25) for x, y in HOLE]
    together, apart = np.zeros((12, 18), np.uint8), np.zeros((12, 18), np.uint8)
    points, ring_offsets, part_offsets, values = flatten([[SQUARE, far]])
    fill(together, points, ring_offsets, part_offsets, values)
    points, ring_offsets, part_offsets, values = flatten([[SQUARE], [far]])
    fill(apart, points, ring_offsets, part_offsets, np.ones_like(values))
    assert np.array_equal(together, apart)


def test_the_same_square_under_each_rule() -> None:
    """What the rules do with an edge on a pixel's border and one through its centre."""
    ring = [(1.0, 1.0), (3.5, 1.0), (3.5, 4.0), (1.0, 4.0)]
    pictures = {}
    for fill in RULES:
        mask = np.zeros((6, 6), np.uint8)
        fill(mask, *flatten([[ring]]))
        pictures[fill.__name__] = picture(mask).split()  # type: ignore[attr-defined] # kernels have names
    rows = {"fill_coco": (".###..", 3), "fill_touched": (".###..", 3),
            "fill_pillow": (".###..", 4), "fill_skimage": (".###..", 4)}  # fmt: skip
    for name, (row, count) in rows.items():
        assert pictures[name] == ["......"] + [row] * count + ["......"] * (5 - count)


@each_rule
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), 2.0**30 + 1, -1e300])
def test_coordinates_beyond_the_domain_are_refused(fill: Fill, bad: float) -> None:
    mask = np.zeros((4, 4), np.uint8)
    with pytest.raises(ValueError, match=r"finite and at most 2\*\*30"):
        fill(mask, *flatten([[[(0.0, 0.0), (3.0, bad), (3.0, 3.0)]]]))
    assert not mask.any()


def test_an_ellipse_beyond_the_domain_is_refused() -> None:
    with pytest.raises(ValueError, match=r"finite and at most 2\*\*30"):
        fill_pillow_ellipse(np.zeros((4, 4), np.uint8), 0, 0, float("nan"), 4, 1)


def test_an_ellipse_too_large_for_pillow_follows_its_equation() -> None:
    mask = np.zeros((4, 4), np.uint8)
    fill_pillow_ellipse(mask, -(2**30), -(2**30), 2**30, 2**30, 1)
    assert mask.all()
    fill_pillow_ellipse(mask, 1, -(2**30), 2, 2**30, 2)
    assert mask.tolist() == [[1, 2, 2, 1]] * 4


@each_rule
def test_nothing_to_paint(fill: Fill) -> None:
    """No parts, a part without rings, rings without vertices, masks without pixels: no error, no paint."""
    mask = np.zeros((3, 3), np.uint8)
    for parts in ([], [[]], [[[]]], [[[(1.2, 1.2)]], [[]]]):
        fill(mask[:, :0].copy(), *flatten(parts))
        if parts != [[[(1.2, 1.2)]], [[]]]:
            fill(mask, *flatten(parts))
    assert not mask.any()
    fill(np.zeros((0, 5), np.uint8), *flatten([[SQUARE]]))


far = st.floats(-(2.0**30), 2.0**30) | st.floats(-50, 50) | st.integers(-50, 50).map(float)


@each_rule
@settings(max_examples=150, deadline=None)
@given(
    rings=st.lists(st.lists(st.tuples(far, far), max_size=7), max_size=3),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
)
def test_nothing_outside_the_mask_is_touched(
    fill: Fill, rings: list[list[tuple[float, float]]], height: int, width: int
) -> None:
    """Whatever the coordinates, the bytes before and after the mask stay what they were."""
    frame = np.full((height + 2) * width, 9, np.uint8)
    mask = frame[width:-width].reshape(height, width)
    fill(mask, *flatten([rings]))
    assert (frame[:width] == 9).all()
    assert (frame[-width:] == 9).all()
    assert set(np.unique(mask)) <= {1, 9}


CHECKED = """
import sys
import numpy as np
from tests.support.random_rings import flatten, random_rings
from gtmask.raster import (
    fill_coco, fill_pillow, fill_pillow_ellipse, fill_skimage, fill_touched, stroke_lines, stroke_points
)
for height, width, ring in random_rings(41, int(sys.argv[1]), 24):
    for fill in (fill_coco, fill_pillow, fill_skimage, fill_touched):
        fill(np.zeros((height, width), np.uint8), *flatten([[ring.tolist()], [ring[::2].tolist()], []]))
    mask = np.zeros((height, width), np.uint8)
    stroke_lines(mask, ring, np.array([0, len(ring)], np.int32), 3.0, np.ones(1, np.uint8))
    stroke_points(mask, ring, 2.5, np.ones(len(ring), np.uint8))
    fill_pillow_ellipse(mask, *ring.min(axis=0).tolist(), *ring.max(axis=0).tolist(), 1)
print("all within bounds")
"""


@pytest.mark.slow
@pytest.mark.parametrize(("flag", "rounds"), [("NUMBA_BOUNDSCHECK", "400"), ("NUMBA_DISABLE_JIT", "60")])
def test_no_index_leaves_its_array(flag: str, rounds: str, tmp_path: Path) -> None:
    """The kernels once more, compiled with bounds checks, and as Python, which knows no undefined numbers."""
    paths = os.pathsep.join([str(Path(__file__).resolve().parents[2]), *sys.path])
    environment = os.environ | {flag: "1", "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": paths}
    command = [sys.executable, "-c", CHECKED, rounds]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "all within bounds", done.stderr[-2000:]
