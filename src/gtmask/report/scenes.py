"""Street-like scenes for the demo and the tests: pictures, and a COCO export that labels them.

Everything follows from a seed: the same number of scenes gives the same bytes.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from pathlib import Path

#: Category name and the colour that the picture shows it in.
CATEGORIES = {
    "Sky": (150, 196, 232),
    "Building": (148, 132, 120),
    "Tree": (74, 122, 66),
    "Road": (96, 98, 104),
    "Sidewalk": (172, 166, 158),
    "Car": (170, 44, 48),
    "Person": (44, 60, 110),
}
WIDTH, HEIGHT = 640, 480

Ring = list[float]


@dataclass
class Scene:
    """One picture's shapes, from back to front: (category name, rings as flat x, y lists)."""

    shapes: list[tuple[str, list[Ring]]] = field(default_factory=list)


def make_scene(seed: int) -> Scene:
    """Compose one scene."""
    rng = random.Random(seed)
    horizon = HEIGHT * rng.uniform(0.38, 0.5)
    scene = Scene()
    scene.shapes.append(("Sky", [[0, 0, WIDTH, 0, WIDTH, horizon, 0, horizon]]))
    x = -20.0
    while x < WIDTH:
        width = rng.uniform(50, 130)
        top = horizon - rng.uniform(40, 170)
        scene.shapes.append(("Building", [[x, top, x + width, top, x + width, horizon + 6, x, horizon + 6]]))
        x += width + rng.choice((0, 0, rng.uniform(4, 40)))
    vanish = WIDTH * rng.uniform(0.35, 0.65)
    left, right = WIDTH * rng.uniform(-0.1, 0.12), WIDTH * rng.uniform(0.88, 1.1)
    scene.shapes.append(("Sidewalk", [[0, horizon, WIDTH, horizon, WIDTH, HEIGHT, 0, HEIGHT]]))
    scene.shapes.append(("Road", [[vanish - 24, horizon, vanish + 24, horizon, right, HEIGHT, left, HEIGHT]]))
    for _ in range(rng.randint(1, 4)):
        scene.shapes.append(
            ("Tree", [_blob(rng, rng.uniform(0, WIDTH), horizon - rng.uniform(10, 60), 26, 44)])
        )
    for _ in range(rng.randint(1, 4)):
        scene.shapes.append(("Car", _car(rng, vanish, horizon)))
    for _ in range(rng.randint(0, 4)):
        scene.shapes.append(("Person", _person(rng, horizon)))
    return scene


def _blob(rng: random.Random, cx: float, cy: float, small: float, large: float) -> Ring:
    """Return a rough closed curve, with coordinates that have fractions."""
    ring: Ring = []
    for step in range(22):
        angle = 2 * math.pi * step / 22
        radius = rng.uniform(small, large)
        ring += (round(cx + radius * math.cos(angle), 2), round(cy + radius * math.sin(angle), 2))
    return ring


def _car(rng: random.Random, vanish: float, horizon: float) -> list[Ring]:
    """Return a car's body and cabin: one shape of two parts."""
    depth = rng.uniform(0.15, 0.95)
    y = horizon + depth * (HEIGHT - horizon)
    x = vanish + (rng.uniform(-1, 1)) * depth * WIDTH * 0.4
    size = 24 + 90 * depth
    body = [x - size, y - size * 0.45, x + size, y - size * 0.45, x + size * 1.05, y, x - size * 1.05, y]
    cabin = [x - size * 0.6, y - size * 0.44, x - size * 0.4, y - size * 0.8, x + size * 0.4, y - size * 0.8,
             x + size * 0.65, y - size * 0.44]  # fmt: skip
    return [[round(value, 2) for value in ring] for ring in (body, cabin)]


def _person(rng: random.Random, horizon: float) -> list[Ring]:
    side = rng.choice((0.08, 0.92))
    x = WIDTH * side + rng.uniform(-40, 40)
    y = rng.uniform(horizon + 40, HEIGHT - 10)
    tall = 40 + 0.25 * (y - horizon)
    body = [
        x - tall * 0.14,
        y,
        x - tall * 0.18,
        y - tall * 0.7,
        x + tall * 0.18,
        y - tall * 0.7,
        x + tall * 0.14,
        y,
    ]
    head = _blob(rng, x, y - tall * 0.85, tall * 0.1, tall * 0.13)
    return [[round(value, 2) for value in body], head]


def write_data_set(folder: Path, count: int, *, turned: bool = True) -> Path:
    """Write ``images/scene_000.jpg`` ... and ``annotations.json`` (COCO); return the JSON's path.

    With ``turned``, the last picture is stored on its side with an EXIF orientation, as phones do; its
    geometry is in the stored grid, as COCO tools write it.
    """
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    ids = {name: number for number, name in enumerate(CATEGORIES, 1)}
    document: dict[str, Any] = {
        "info": {"description": "gtmask demo"},
        "images": [],
        "annotations": [],
        "categories": [{"id": number, "name": name} for name, number in ids.items()],
    }
    for index in range(count):
        name = f"scene_{index:03d}.jpg"
        scene = make_scene(index)
        _draw(scene, images / name, orientation=6 if turned and count > 1 and index == count - 1 else 1)
        document["images"].append({"id": index + 1, "file_name": name, "width": WIDTH, "height": HEIGHT})
        for category, rings in scene.shapes:
            document["annotations"].append({
                "id": len(document["annotations"]) + 1, "image_id": index + 1, "category_id": ids[category],
                "segmentation": rings, "iscrowd": 0,
            })  # fmt: skip
    path = folder / "annotations.json"
    path.write_bytes(orjson.dumps(document))
    return path


def _draw(scene: Scene, path: Path, orientation: int) -> None:
    """Draw a scene as a JPEG."""
    from PIL import Image, ImageDraw, ImageFilter  # noqa: PLC0415 - only whoever makes scenes needs it

    picture = Image.new("RGB", (WIDTH, HEIGHT), (200, 200, 200))
    draw = ImageDraw.Draw(picture)
    for category, rings in scene.shapes:
        shade = random.Random(str(rings)).randint(-18, 18)
        color = tuple(max(0, min(255, part + shade)) for part in CATEGORIES[category])
        for ring in rings:
            draw.polygon(list(zip(ring[::2], ring[1::2], strict=True)), fill=color)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.filter(ImageFilter.GaussianBlur(0.6)).save(
        path, quality=88, exif=exif if orientation != 1 else b""
    )
