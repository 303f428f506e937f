"""COCO exports of any size for whole runs: polygons with fractions, and one JPEG under many names.

Everything follows from the numbers: the same ones give the same bytes.
"""

from __future__ import annotations

import json
import math
import random
from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = ("Sky", "Building", "Tree", "Road", "Sidewalk", "Car", "Person")
VERTICES = 24


def write_export(folder: Path, count: int, width: int, height: int, shapes: int) -> Path:
    """Write an export of so many images with so many polygons each, and the images; return its path."""
    rng = random.Random(0)
    pictures = folder / "images"
    pictures.mkdir(parents=True)
    held = BytesIO()
    Image.effect_noise((width, height), 20).convert("RGB").save(held, "JPEG")
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(1, count + 1):
        name = f"{number:06}.jpg"
        (pictures / name).write_bytes(held.getvalue())
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for _ in range(shapes):
            annotations.append({
                "id": len(annotations) + 1, "image_id": number, "category_id": rng.randint(1, len(CLASSES)),
                "iscrowd": 0, "segmentation": [_polygon(rng, width, height)],
            })  # fmt: skip
    export = folder / "annotations.json"
    categories = [{"id": i, "name": name} for i, name in enumerate(CLASSES, 1)]
    export.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return export


def _polygon(rng: random.Random, width: int, height: int) -> list[float]:
    """Return a rough closed curve, by coordinates of two decimals."""
    x, y, size = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.05, 0.25) * min(width, height)
    ring: list[float] = []
    for step in range(VERTICES):
        angle, radius = 2 * math.pi * step / VERTICES, size * rng.uniform(0.7, 1.3)
        ring += (round(x + radius * math.cos(angle), 2), round(y + radius * math.sin(angle), 2))
    return ring
