"""Label masks to encode and decode: real annotations painted by OpenCV, and made scenes, 0.2 to 8 MP.

Real polygons are also painted two and four times as large, as the same scene from a larger camera.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from bench.harness import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SAMPLES = Path(os.environ.get("GTMASK_SAMPLES", ROOT.parent / "shared" / "samples"))
SIZES = ((400, 512), (720, 1280), (1080, 1920), (2160, 3840))
LEAST_PIXELS = 200_000
MOST_PIXELS = 8_500_000


def all_masks(quick: bool) -> dict[str, NDArray[np.uint8]]:
    """Return the masks by name."""
    if quick:
        return {"street 0.2 MP": street(400, 512, 40, 3), "blobs 0.2 MP": blobs(400, 512)}
    found = {**dict(coco_masks()), **dict(labelme_masks()), **dict(png_masks()), **dict(made_masks())}
    return {
        name: np.ascontiguousarray(mask)
        for name, mask in found.items()
        if LEAST_PIXELS <= mask.size <= MOST_PIXELS
    }


def paint(size: tuple[int, int], scale: int, shapes: list[tuple[list[Any], int]]) -> NDArray[np.uint8]:
    """Paint rings of one image: (rings, class id) in order."""
    mask = np.zeros((size[0] * scale, size[1] * scale), np.uint8)
    for rings, class_id in shapes:
        points = [np.rint(np.array(ring, float).reshape(-1, 2) * scale).astype(np.int32) for ring in rings]
        cv2.fillPoly(mask, points, class_id)
    return mask


def coco_masks() -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Paint the real COCO images among the samples."""
    for path in sorted(SAMPLES.glob("coco/**/coco_tiny.json")) + sorted(
        SAMPLES.glob("coco/**/instances_test.json")
    ):
        export = json.loads(path.read_bytes())
        class_ids = {category["id"]: 1 + i for i, category in enumerate(export["categories"])}
        for image in export["images"]:
            shapes = [
                (a["segmentation"], class_ids[a["category_id"]])
                for a in export["annotations"]
                if a["image_id"] == image["id"] and isinstance(a["segmentation"], list)
            ]
            for scale in (1, 2, 4):
                name = f"COCO {image['id']}" + (f" x{scale}" if scale > 1 else "")
                yield name, paint((image["height"], image["width"]), scale, shapes)


def labelme_masks() -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Paint the real labelme files among the samples."""
    for path in sorted(SAMPLES.glob("labelme/wkentaro*/**/*.json")):
        export = json.loads(path.read_bytes())
        polygons = [s for s in export["shapes"] if s.get("shape_type", "polygon") == "polygon"]
        labels = sorted({shape["label"] for shape in polygons})
        shapes = [([shape["points"]], 1 + labels.index(shape["label"])) for shape in polygons]
        for scale in (1, 2, 4):
            name = f"labelme {path.stem}" + (f" x{scale}" if scale > 1 else "")
            yield name, paint((export["imageHeight"], export["imageWidth"]), scale, shapes)


def png_masks() -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Read the masks that tools made themselves: Ground Truth, panoptic categories, SuperAnnotate."""
    for pattern in (
        "sagemaker_gt/**/mask.png",
        "coco_panoptic/**/*_2ch_format/*.png",
        "superannotate/**/*.png",
    ):
        for path in sorted(SAMPLES.glob(pattern)):
            pixels = np.array(Image.open(path))
            if "2ch_format" in str(path):
                pixels = pixels[:, :, 0]
            if pixels.ndim == 3:
                colors, index = np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0, return_inverse=True)
                if len(colors) > 256:
                    continue
                pixels = index.reshape(pixels.shape[:2]).astype(np.uint8)
            yield f"{path.relative_to(SAMPLES).parts[0]} {path.parent.name[:6]} {path.stem}", pixels


def made_masks() -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Make scenes of every size."""
    for height, width in SIZES:
        size = f"{height * width / 1e6:.1f} MP"
        yield f"street {size}", street(height, width, 200, 0)
        yield f"crowded street {size}", street(height, width, 1000, 1)
        yield f"blobs {size}", blobs(height, width)
        yield f"tiling {size}", tiling(height, width, 400)
        yield f"fine tiling {size}", tiling(height, width, 4000)
        box = np.zeros((height, width), np.uint8)
        box[height // 4 : height // 2, width // 4 : width // 2] = 1
        yield f"one box {size}", box


def textures() -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Make masks of fine patterns that repeat: no labels look like this, but some software hatches."""
    y, x = np.mgrid[0:720, 0:1280]
    yield "checkerboard of 8 px", ((y // 8 + x // 8) % 2).astype(np.uint8)
    yield "checkerboard of 1 px", ((y + x) % 2).astype(np.uint8)
    yield "diagonal hatching", ((y + x) // 5 % 3).astype(np.uint8)
    yield "grid of dots", ((y % 10 < 3) & (x % 10 < 3)).astype(np.uint8)


def street(height: int, width: int, objects: int, seed: int) -> NDArray[np.uint8]:
    """Sky, house fronts, a road, poles, and objects that grow towards the viewer."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    horizon = height // 2
    mask[:horizon] = 10
    left = 0
    while left < width:
        front = int(rng.integers(width // 30, width // 8))
        mask[int(rng.integers(height // 10, horizon)) : horizon + height // 20, left : left + front] = (
            rng.integers(2, 4)
        )
        left += front
    road = [[0, height - 1], [width * 2 // 5, horizon], [width * 3 // 5, horizon], [width - 1, height - 1]]
    cv2.fillPoly(mask, [np.array(road, np.int32)], 1)
    for _ in range(objects):
        x, y = rng.integers(0, width), rng.integers(horizon - height // 10, height)
        reach = max(4.0, (y - horizon + height // 10) * rng.uniform(0.1, 0.5))
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 40))))
        radius = reach * rng.uniform(0.6, 1, angles.size)
        ring = np.c_[x + radius * np.cos(angles), y + radius * np.sin(angles) * 0.8]
        cv2.fillPoly(mask, [np.rint(ring).astype(np.int32)], int(rng.integers(3, 20)))
    for x in rng.integers(0, width, width // 100):
        mask[int(height * 0.3) : int(height * 0.6), x : x + max(2, width // 400)] = 21
    return mask


def blobs(height: int, width: int, classes: int = 40) -> NDArray[np.uint8]:
    """Smooth areas of many classes: at each pixel the class whose smoothed noise is largest."""
    rng = np.random.default_rng(2)
    best = np.full((height, width), -np.inf, np.float32)
    mask = np.zeros((height, width), np.uint8)
    small = (height // 8 + 1, width // 8 + 1)
    for class_id in range(classes):
        field = cv2.GaussianBlur(rng.standard_normal(small).astype(np.float32), (0, 0), width / 240)
        field = cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC)
        mask[field > best] = class_id
        np.maximum(best, field, out=best)
    return mask


def tiling(height: int, width: int, tiles: int) -> NDArray[np.uint8]:
    """Voronoi cells of 30 classes: straight edges at every angle."""
    rng = np.random.default_rng(3)
    plane = cv2.Subdiv2D((0, 0, width, height))
    for x, y in rng.uniform(0, 1, (tiles, 2)):
        plane.insert((float(x * (width - 1)), float(y * (height - 1))))
    mask = np.zeros((height, width), np.uint8)
    for facet in plane.getVoronoiFacetList([])[0]:
        cv2.fillPoly(mask, [np.rint(facet).astype(np.int32)], int(rng.integers(0, 30)))
    return mask
