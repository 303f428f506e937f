"""The touched rule: against exact areas in rational numbers, matplotlib's own pictures, and a real mask."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from gtmask.raster import fill_touched
from tests.support.random_rings import flatten, picture, random_rings

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

Ring = list[tuple[Fraction, Fraction]]


def painted(height: int, width: int, ring: NDArray[np.float64]) -> NDArray[np.uint8]:
    mask = np.zeros((height, width), np.uint8)
    points, ring_offsets, part_offsets, values = flatten([[ring.tolist()]])
    fill_touched(mask, points, ring_offsets, part_offsets, values)
    return mask


def clipped(ring: Ring, axis: int, bound: int, keep_above: bool) -> Ring:
    """Cut a ring at a horizontal or vertical line; its signed area on the kept side stays right."""
    out: Ring = []
    for (ax, ay), (bx, by) in zip(ring[-1:] + ring[:-1], ring, strict=True):
        a, b = (ax, bx) if axis == 0 else (ay, by)
        a_in, b_in = (a >= bound, b >= bound) if keep_above else (a <= bound, b <= bound)
        if a_in != b_in:
            share = (bound - a) / (b - a)
            out.append((ax + (bx - ax) * share, ay + (by - ay) * share))
        if b_in:
            out.append((bx, by))
    return out


def covered_area(ring: Ring, column: int, row: int) -> Fraction:
    """Return the area of a pixel that the ring covers, times how often it winds around, with its sign."""
    for axis, low in ((0, column), (1, row)):
        ring = clipped(clipped(ring, axis, low, keep_above=True), axis, low + 1, keep_above=False)
    pairs = zip(ring[-1:] + ring[:-1], ring, strict=True)
    return sum((ax * by - bx * ay for (ax, ay), (bx, by) in pairs), Fraction(0)) / 2


def rounded(ring: NDArray[np.float64]) -> Ring:
    return [(Fraction(math.floor(x + 0.5)), Fraction(math.floor(y + 0.5))) for x, y in ring.tolist()]


@pytest.mark.slow
def test_against_exact_areas() -> None:
    """Everything that is clearly covered is painted, nothing that is not met; what lies between is rare.

    Agg cuts areas down to 1/256 of a pixel, each edge's position to 1/256 pixel in every row, and an edge
    that leaves the frame at 1/256 pixel.
    """
    covered = unmet = between = 0
    for height, width, ring in random_rings(11, 300, 14):
        mask, exact = painted(height, width, ring), rounded(ring)
        slack = Fraction(1 + len(ring), 256)
        for row in range(height):
            for column in range(width):
                area = abs(covered_area(exact, column, row))
                if area >= slack:
                    assert mask[row, column], (column, row, ring.tolist())
                    covered += 1
                elif area > 0:
                    between += 1
                elif not meets(exact, column, row):
                    assert not mask[row, column], (column, row, ring.tolist())
                    unmet += 1
    assert covered > 2000
    assert unmet > 5000
    assert between < covered / 20


def meets(ring: Ring, column: int, row: int) -> bool:
    """Tell whether an edge passes through a pixel or within 1/64 of one."""
    near = Fraction(1, 64)
    for (ax, ay), (bx, by) in zip(ring[-1:] + ring[:-1], ring, strict=True):
        low, high = Fraction(0), Fraction(1)
        for a, b, start in ((ax, bx, column), (ay, by, row)):
            if a == b:
                if not start - near < a < start + 1 + near:
                    low, high = Fraction(1), Fraction(0)
                continue
            ends = sorted(((start - near - a) / (b - a), (start + 1 + near - a) / (b - a)))
            low, high = max(low, ends[0]), min(high, ends[1])
        if low < high:
            return True
    return False


def test_whole_edges_are_exact() -> None:
    """Rings with horizontal and vertical edges only leave nothing to rounding."""
    rng = np.random.default_rng(12)
    for _ in range(2000):
        x0, y0, x1, y1 = rng.integers(-3, 16, 4).tolist()
        ring = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], float) + (rng.random() - 0.5) * 0.98
        expected = np.zeros((12, 12), np.uint8)
        left, right, top, bottom = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
        expected[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = 1
        assert np.array_equal(painted(12, 12, ring), expected)


#: What matplotlib 3.11 paints for these rings, with the settings of Scalabel's exporter.
PICTURES = {
    "triangle": (
        [[1, 1], [8, 2], [3, 5]],
        """
        .........
        .#######.
        .#######.
        ..#####..
        ..###....
        .........
        """,
    ),
    "crossing itself": (
        [[1, 1], [7, 5], [7, 1], [1, 5]],
        """
        ........
        .##..##.
        .######.
        .######.
        .##..##.
        ........
        """,
    ),
    "a needle": (
        [[0, 1], [39, 2], [39, 3]],
        """
        ........................................
        #######################################.
        ...................####################.
        ........................................
        """,
    ),
    "wound around twice": (
        [[1, 1], [6, 1], [6, 5], [1, 5], [1, 1], [4, 1], [4, 3], [1, 3]],
        """
        ........
        .#####..
        .#####..
        .#####..
        .#####..
        ........
        """,
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_by_matplotlib(name: str) -> None:
    ring, expected = PICTURES[name]
    rows = expected.split()
    assert picture(painted(len(rows), len(rows[0]), np.array(ring, float))).split() == rows


def test_halves_round_up() -> None:
    ring = np.array([[0.5, -0.5], [2.5, -0.5], [2.5, 1.5], [0.5, 1.5]])
    assert picture(painted(3, 4, ring)).split() == [".##.", ".##.", "...."]


def test_later_rings_are_holes_whichever_way_they_run() -> None:
    outer = [(0, 0), (6, 0), (6, 6), (0, 6)]
    hole = [(2, 2), (4, 2), (4, 5), (2, 5)]
    for inner in (hole, hole[::-1]):
        mask = np.zeros((6, 6), np.uint8)
        fill_touched(mask, *flatten([[outer, inner]]))
        assert picture(mask).split() == ["######", "######", "##..##", "##..##", "##..##", "######"]


def test_a_real_mask_of_scalabel(samples: Path) -> None:
    """A label whose vertices are all straight, painted by Scalabel itself: equal, pixel for pixel."""
    folder = samples / "scalabel_bdd" / "scalabel__scalabel" / "tests" / "label" / "testcases"
    export = json.loads((folder / "rles" / "insseg_rle.json").read_bytes())
    checked = 0
    for label in (label for frame in export["frames"] for label in frame["labels"]):
        if any("C" in poly["types"] for poly in label["poly2d"]):
            continue
        expected = coco_mask.decode(label["rle"])
        mask = np.zeros_like(expected, order="C")
        points, ring_offsets, part_offsets, values = flatten([[poly["vertices"]] for poly in label["poly2d"]])
        fill_touched(mask, points, ring_offsets, part_offsets, np.ones_like(values))
        assert np.array_equal(mask, expected)
        checked += int(expected.sum())
    assert checked > 1000


def test_bands_of_a_large_mask_join() -> None:
    """A mask worked on in several bands equals its slices, painted one by one.

    All edges are level, upright or diagonal, so that cutting them at a slice's border loses nothing.
    """
    star = np.array([[350, 20], [500, 170], [680, 170], [680, 560], [560, 680], [560, 300], [350, 510],
                     [140, 300], [140, 690], [20, 570], [20, 350]], float)  # fmt: skip
    for ring in (star, star[::-1]):
        whole = painted(700, 700, ring)
        for top in range(0, 700, 50):
            assert np.array_equal(whole[top : top + 50], painted(50, 700, ring - [0, top]))
        assert 100_000 < whole.sum() < 400_000
