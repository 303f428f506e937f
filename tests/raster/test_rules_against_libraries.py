"""Every source rule against the library that it is the rule of, pixel by pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw
from pycocotools import mask as coco_mask
from skimage.draw import polygon as skimage_polygon

from gtmask.raster import fill_coco, fill_pillow, fill_pillow_ellipse, fill_skimage
from tests.support.random_rings import random_rings

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

POLYGONS = 20_000
ONE_PART = np.array([0, 1], np.int32)
ONE_VALUE = np.array([1], np.uint8)


def by_pycocotools(height: int, width: int, ring: NDArray[np.float64]) -> NDArray[np.uint8]:
    runs = coco_mask.frPyObjects([ring.ravel().tolist()], height, width)
    return coco_mask.decode(runs)[:, :, 0]


def by_pillow(height: int, width: int, ring: NDArray[np.float64]) -> NDArray[np.uint8]:
    image = Image.new("L", (width, height))
    ImageDraw.Draw(image).polygon([tuple(vertex) for vertex in ring.tolist()], outline=1, fill=1)
    return np.asarray(image)


def by_skimage(height: int, width: int, ring: NDArray[np.float64]) -> NDArray[np.uint8]:
    mask = np.zeros((height, width), np.uint8)
    rows, columns = skimage_polygon(ring[:, 1], ring[:, 0], (height, width))
    mask[rows, columns] = 1
    return mask


RULES = {
    "coco": (fill_coco, by_pycocotools),
    "pillow": (fill_pillow, by_pillow),
    "skimage": (fill_skimage, by_skimage),
}


def painted(
    fill: Callable[..., None], height: int, width: int, ring: NDArray[np.float64]
) -> NDArray[np.uint8]:
    mask = np.zeros((height, width), np.uint8)
    fill(mask, ring, np.array([0, len(ring)], np.int32), ONE_PART, ONE_VALUE)
    return mask


def assert_same(rule: str, seed: int, height: int, width: int, ring: NDArray[np.float64]) -> None:
    fill, reference = RULES[rule]
    mask, expected = painted(fill, height, width, ring), reference(height, width, ring)
    if not np.array_equal(mask, expected):
        pytest.fail(
            f"{(mask != expected).sum()} pixels differ (seed {seed}) in {width}x{height}: {ring.tolist()}"
        )


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "most"), [("coco", 90), ("pillow", 90), ("skimage", 32)])
def test_random_polygons(rule: str, most: int) -> None:
    """Small masks and every kind of awkward ring: outside, flat, self-crossing, on the grid, one row."""
    inside = 0
    for height, width, ring in random_rings(20260101, POLYGONS, most):
        assert_same(rule, 20260101, height, width, ring)
        inside += bool((ring >= 0).all() and (ring <= [width, height]).all())
    assert POLYGONS * 0.1 < inside < POLYGONS * 0.9


@pytest.mark.parametrize("rule", ["coco", "pillow"])
def test_large_polygons(rule: str) -> None:
    """Photo-sized masks, rings of up to 200 vertices, and vertices thousands of pixels away."""
    rng = np.random.default_rng(7)
    for _ in range(300):
        height, width = (int(size) for size in rng.integers(200, 1500, 2))
        spread = rng.choice([0.5, 1, 10])
        count = int(rng.integers(3, 200))
        ring = (rng.random((count, 2)) - 0.5) * spread * [width, height] + [width / 2, height / 2]
        assert_same(rule, 7, height, width, np.ascontiguousarray(ring.round(int(rng.integers(4)))))


def test_smooth_outlines() -> None:
    """Blobs of many short edges, as brushes and segmenters write them."""
    rng = np.random.default_rng(8)
    for _ in range(500):
        count = int(rng.integers(20, 300))
        angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
        radius = 30 + 8 * np.sin(angle * rng.integers(2, 9) + rng.random()) + rng.random(count)
        ring = np.stack([60 + radius * np.cos(angle), 55 + radius * np.sin(angle)], axis=1)
        for rule in RULES:
            assert_same(rule, 8, 110, 120, np.ascontiguousarray(ring.round(int(rng.integers(3)))))


def test_crossings_that_are_nearly_whole() -> None:
    """Where rounding decides: vertices within 10**-9 and 10**-13 of whole and half pixels."""
    rng = np.random.default_rng(9)
    for _ in range(3000):
        ring = rng.integers(-4, 44, (int(rng.integers(3, 7)), 2)) / 2
        ring = ring + rng.choice([0, 1e-9, -1e-9, 4e-13, -4e-13, 2e-12], ring.shape)
        for rule in RULES:
            assert_same(rule, 9, 20, 20, ring)


def test_fill_and_outline_of_one_colour_are_the_fill_alone() -> None:
    """Cityscapes fills without an outline, labelme with one: Pillow paints the same, so one rule serves."""
    for height, width, ring in random_rings(3, 500):
        image = Image.new("L", (width, height))
        ImageDraw.Draw(image).polygon([tuple(vertex) for vertex in ring.tolist()], fill=1)
        assert np.array_equal(np.asarray(image), by_pillow(height, width, ring))


def test_rectangles_are_polygons() -> None:
    """``ImageDraw.rectangle`` includes both corners, and so does the rule on a rectangle's ring."""
    rng = np.random.default_rng(4)
    for _ in range(1000):
        height, width = (int(size) for size in rng.integers(1, 40, 2))
        (x0, x1), (y0, y1) = np.sort((rng.random((2, 2)) - 0.2) * 60).tolist()
        image = Image.new("L", (width, height))
        ImageDraw.Draw(image).rectangle((x0, y0, x1, y1), outline=1, fill=1)
        ring = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
        assert np.array_equal(painted(fill_pillow, height, width, ring), np.asarray(image))


def assert_ellipse(height: int, width: int, box: tuple[float, float, float, float]) -> None:
    image = Image.new("L", (width, height))
    ImageDraw.Draw(image).ellipse(box, outline=1, fill=1)
    mask = np.zeros((height, width), np.uint8)
    fill_pillow_ellipse(mask, *box, 1)
    assert np.array_equal(mask, np.asarray(image)), (height, width, box)


def test_all_small_ellipses() -> None:
    for across in range(45):
        for along in range(45):
            assert_ellipse(48, 48, (1, 1, 1 + across, 1 + along))


def test_random_ellipses() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20_000):
        height, width = (int(size) for size in rng.integers(1, 80, 2))
        spread = rng.choice([1, 3, 30])
        (x0, x1), (y0, y1) = np.sort((rng.random((2, 2)) - 0.3) * spread * [[width], [height]]).tolist()
        assert_ellipse(height, width, (x0, y0, x1, y1))


def test_the_longest_exact_ellipse() -> None:
    assert_ellipse(60, 60, (-23_000, -23_100, 23_340, 23_240))
    assert_ellipse(60, 60, (-46_300, 10, 40, 11))
