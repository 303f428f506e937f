"""Polygon fill: one call of fill_polygons against a Python loop of cv2.fillPoly, one call per polygon.

Both start from the same rounded int32 vertices and paint into the same cleared mask; OpenCV runs on one
thread. Clearing is not timed. Each call's overhead counts, which is most of the time where polygons are few.

Outlines are real ones, made ones that bump on several scales and reach beyond the image, and scribbles, whose
vertices lie anywhere: no labels that anyone draws, but the worst case of painting row by row. Rows with int64
offsets call with what `numpy.cumsum` gives, which the kernels take only once it is narrowed. Real files count
even where they are smaller, or hold fewer polygons, than the goal asks for.
"""

from __future__ import annotations

import itertools
import json
import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from bench.harness import ROOT, Goal, Measure, Row, Table, alone, geometric_mean, race, ratios
from gtmask.raster import fill_polygons, round_points

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SAMPLES = Path(os.environ.get("GTMASK_SAMPLES", ROOT.parent / "shared" / "samples"))
SIZES = ((640, 480), (1280, 800), (1920, 1080), (3840, 2160))
COUNTS = (5, 40, 200, 1000)
VERTICES = (4, 30, 300, 2000)
OURS = "gtmask"
PEER = "cv2.fillPoly"


@dataclass(frozen=True)
class Scene:
    """Polygons of one image, each int32 (n, 2), painted in order."""

    name: str
    width: int
    height: int
    polygons: list[NDArray[np.int32]]
    offsets: type[np.int32 | np.int64] = np.int32


def blob(
    rng: np.random.Generator, centre: NDArray[np.float64], radius: float, vertices: int
) -> NDArray[np.int32]:
    """Return an outline as people draw them: star-shaped, with bumps on several scales."""
    angles = np.sort(rng.random(vertices)) * 2 * np.pi
    reach = 1 + 0.25 * np.sin(angles * 3 + rng.random() * 6) + 0.12 * np.sin(angles * 7 + rng.random() * 6)
    reach += rng.normal(0, 0.02, vertices)
    stretch = np.array([1.0, 0.4 + 0.6 * rng.random()])
    ring = np.stack([np.cos(angles), np.sin(angles)], 1) * (radius * reach)[:, None] * stretch
    return round_points(centre + ring)


def made_scene(width: int, height: int, count: int, vertices: int, seed: int = 1) -> Scene:
    """Return polygons that together have about the area of the image, some of them reaching beyond it."""
    rng = np.random.default_rng([width, count, vertices, seed])
    radius = np.sqrt(width * height / count / np.pi)
    polygons = [
        blob(rng, rng.random(2) * (width, height), radius * rng.lognormal(0, 0.5), vertices)
        for _ in range(count)
    ]
    return Scene(f"{width}x{height}, {count} of {vertices} vertices", width, height, polygons)


def scribbles(width: int, height: int, count: int, vertices: int) -> Scene:
    """Return polygons whose vertices lie anywhere: they cross themselves all over the image."""
    rng = np.random.default_rng([width, count, vertices])
    corners = rng.random((count, vertices, 2)) * (width, height)
    return Scene(
        f"{width}x{height}, {count} scribbles of {vertices} vertices",
        width, height, [round_points(ring) for ring in corners],
    )  # fmt: skip


def with_int64_offsets(scene: Scene) -> Scene:
    """Return the scene, to be painted with the offsets that NumPy makes unless told otherwise."""
    return replace(scene, name=f"{scene.name}, int64 offsets", offsets=np.int64)


def coco_scenes() -> Iterator[Scene]:
    """Yield the images of real COCO exports that have at least five polygons."""
    for path in sorted(SAMPLES.glob("coco/**/*.json")):
        document = json.loads(path.read_bytes())
        if not isinstance(document, dict) or "annotations" not in document:
            continue
        for image in document["images"]:
            polygons = [
                round_points(np.array(ring, np.float64).reshape(-1, 2))
                for annotation in document["annotations"]
                if annotation["image_id"] == image["id"] and isinstance(annotation.get("segmentation"), list)
                for ring in annotation["segmentation"]
            ]
            if len(polygons) >= 5:
                name = f"COCO {Path(image['file_name']).name}, {_extent(image, polygons)}"
                yield Scene(name, image["width"], image["height"], polygons)


def labelme_scenes() -> Iterator[Scene]:
    """Yield the images of real labelme files that have polygons."""
    for path in sorted(SAMPLES.glob("labelme/**/*.json")):
        document = json.loads(path.read_bytes())
        polygons = [
            round_points(np.array(shape["points"], np.float64))
            for shape in document.get("shapes", [])
            if shape.get("shape_type", "polygon") in {None, "polygon"}
        ]
        if polygons:
            size = {"width": document["imageWidth"], "height": document["imageHeight"]}
            yield Scene(
                f"labelme {path.name}, {_extent(size, polygons)}", size["width"], size["height"], polygons
            )


def _extent(size: dict[str, int], polygons: list[NDArray[np.int32]]) -> str:
    vertices = sum(map(len, polygons)) / len(polygons)
    return f"{size['width']}x{size['height']}, {len(polygons)} of {vertices:.0f} vertices"


def paint_loop(mask: NDArray[np.uint8], polygons: list[NDArray[np.int32]], values: list[int]) -> None:
    """Paint as the usual script does."""
    for polygon, value in zip(polygons, values, strict=True):
        cv2.fillPoly(mask, [polygon], value)


def measure(scene: Scene, rounds: int) -> Row:
    """Return one row, after both candidates painted the same pixels."""
    mask = np.zeros((scene.height, scene.width), np.uint8)
    values = [1 + i % 255 for i in range(len(scene.polygons))]
    expected = mask.copy()
    paint_loop(expected, scene.polygons, values)
    points = np.concatenate(scene.polygons)
    rings = np.cumsum([0, *map(len, scene.polygons)], dtype=scene.offsets)
    parts = np.arange(len(values) + 1, dtype=scene.offsets)
    candidates = {
        OURS: partial(fill_polygons, mask, points, rings, parts, np.array(values, np.uint8)),
        PEER: partial(paint_loop, mask, scene.polygons, values),
    }

    def check(name: str, _: None) -> None:
        differing = np.count_nonzero(mask != expected)
        if differing:
            raise AssertionError(f"{name} paints {differing} pixels of {scene.name} differently")

    times = race(candidates, check, prepare=partial(mask.fill, 0), rounds=rounds)
    return Row(scene.name, {name: Measure(seconds) for name, seconds in times.items()})


def run(quick: bool) -> list[Table]:
    """Measure polygon fill."""
    cv2.setNumThreads(1)
    rounds = 3 if quick else 9
    if quick:
        scenes = [made_scene(640, 480, 5, 30), scribbles(320, 240, 2, 50)]
        scenes.append(with_int64_offsets(scenes[0]))
    else:
        made = itertools.product(SIZES, COUNTS, VERTICES)
        scenes = [*coco_scenes(), *labelme_scenes()]
        scenes += [made_scene(*size, count, vertices) for size, count, vertices in made]
        scenes += [scribbles(1280, 800, 5, vertices) for vertices in (4, 30, 1000)]
        scenes += [with_int64_offsets(made_scene(640, 480, count, 30)) for count in COUNTS]
    rows = [measure(scene, rounds) for scene in scenes]
    found = ratios(Table("", "", OURS, rows), PEER)
    mean, least = geometric_mean(found), min(found)
    goals = [
        Goal(f"geometric mean at least 2.0x {PEER}", f"{mean:.2f}x over {len(found)} scenes", mean >= 2),
        Goal("no scene under 1.2x", f"least {least:.2f}x", least >= 1.2),
        Goal("0 differing pixels", "0, checked before timing", True),
    ]
    return [Table("Polygon fill", __doc__ or "", OURS, rows, goals)]


if __name__ == "__main__":
    raise SystemExit(alone(run))
