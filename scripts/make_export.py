"""Write a labeling tool's export of any size, fast and without holding it.

    python scripts/make_export.py coco big.json --bytes 4G --seed 1
    python scripts/make_export.py label-studio tasks.json --bytes 400M
    python scripts/make_export.py via via.json --bytes 40M --pretty

The same arguments give the same bytes. Shapes come from a pool that is rendered once; what differs from
shape to shape is only which of the pool it is, its class and its ids.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

POOL = 2048
PER_IMAGE = 7
WIDTH, HEIGHT = 640, 480
CLASSES = ["car", "road", "person", "tree", "sky", "building", "sign", "bicycle"]
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}
#: Pieces written at a time.
BATCH = 20_000


def size(text: str) -> int:
    """Return a number of bytes from text such as ``400M``."""
    unit = text[-1].upper() if text[-1:].isalpha() else ""
    return int(float(text.rstrip("kKmMgG")) * UNITS[unit])


def dump(value: Any, *, pretty: bool, level: int = 0) -> bytes:
    """Render a value minified, or indented as it would be at this depth of a document."""
    if not pretty:
        return json.dumps(value, separators=(",", ":")).encode()
    return json.dumps(value, indent=2).replace("\n", "\n" + "  " * level).encode()


def polygons(seed: int) -> list[list[list[float]]]:
    """Return the pool: star-shaped polygons of 4 to 120 vertices, two decimals, as lists of [x, y]."""
    rng = np.random.default_rng(seed)
    pool = []
    for _ in range(POOL):
        count = int(rng.integers(4, 40) if rng.random() < 0.9 else rng.integers(40, 120))
        angles = np.sort(rng.random(count)) * 2 * np.pi
        radii = rng.uniform(5, 90) * rng.uniform(0.7, 1.0, count)
        xy = np.stack([np.cos(angles) * radii, np.sin(angles) * radii], 1) + rng.random(2) * (WIDTH, HEIGHT)
        pool.append(np.clip(xy, 0, (WIDTH, HEIGHT)).round(2).tolist())
    return pool


def fill(template: bytes, *marks: bytes) -> list[bytes]:
    """Split a rendered template at its marks, so that pieces can be joined around what differs."""
    pieces = []
    for mark in marks:
        before, template = template.split(mark, 1)
        pieces.append(before)
    return [*pieces, template]


def coco(total: int, seed: int, *, pretty: bool, ungrouped: bool, string_ids: bool) -> Iterator[bytes]:
    """Yield a COCO export: images, annotations and categories, in this order."""
    quote = b'"img-' if string_ids else b""
    end = b'"' if string_ids else b""
    step = b",\n    " if pretty else b","
    image = {"license": 1, "file_name": "@N.jpg", "height": HEIGHT, "width": WIDTH, "id": "@I"}
    image_parts = fill(dump(image, pretty=pretty, level=2), b"@N", b'"@I"')
    shapes = []
    for number, points in enumerate(polygons(seed)):
        flat = [value for point in points for value in point]
        annotation = {
            "segmentation": [flat], "area": round(len(flat) * 37.25, 2), "iscrowd": 0, "image_id": "@I",
            "bbox": [min(flat[::2]), min(flat[1::2]), 50.5, 40.25], "category_id": number % len(CLASSES) + 1,
            "id": "@A",
        }  # fmt: skip
        shapes.append(fill(dump(annotation, pretty=pretty, level=2), b'"@I"', b'"@A"'))
    per_image = sum(map(len, image_parts)) + 20
    per_shape = sum(len(b"".join(parts)) for parts in shapes) / POOL + 14 + len(step) + len(quote + end)
    images = max(1, int(total / (per_image + PER_IMAGE * per_shape)))
    count = images * PER_IMAGE
    # A stride without a common divisor visits every annotation's image once, far from the one before.
    stride = next(n for n in range(int(images * 0.618) | 1, 2 * images + 3) if np.gcd(n, images) == 1)
    rng = random.Random(seed)
    yield b'{"info": {"description": "made by make_export.py"}, "licenses": [], "images": ['
    first, second, third = image_parts
    for i in range(images):
        yield b"%b%b%012d%b%b%d%b%b" % (step if i else b"", first, i, second, quote, i, end, third)
    yield b'], "annotations": ['
    for i in range(count):
        before, middle, after = shapes[rng.randrange(POOL)]
        owner = i * stride % images if ungrouped else i // PER_IMAGE
        yield b"%b%b%b%d%b%b%d%b" % (step if i else b"", before, quote, owner, end, middle, i + 1, after)
    categories = [{"id": i + 1, "name": name, "supercategory": "thing"} for i, name in enumerate(CLASSES)]
    yield b'], "categories": ' + dump(categories, pretty=pretty) + b"}\n"


def label_studio(total: int, seed: int, *, pretty: bool) -> Iterator[bytes]:
    """Yield a Label Studio export: an array of tasks with polygons in percent."""
    step = b",\n  " if pretty else b","
    results = []
    for number, points in enumerate(polygons(seed)):
        value = {
            "points": [[round(x / WIDTH * 100, 4), round(y / HEIGHT * 100, 4)] for x, y in points],
            "closed": True, "polygonlabels": [CLASSES[number % len(CLASSES)]],
        }  # fmt: skip
        result = {
            "original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0, "value": value,
            "id": f"r{number}", "from_name": "label", "to_name": "image", "type": "polygonlabels",
        }  # fmt: skip
        results.append(dump(result, pretty=pretty, level=4))
    task = {
        "id": "@I", "annotations": [{"id": "@I", "was_cancelled": False, "result": ["@R"]}],
        "data": {"image": "/data/upload/1/0a1b2c3d-@N.jpg"},
    }  # fmt: skip
    parts = fill(dump(task, pretty=pretty, level=1), b'"@I"', b'"@I"', b'"@R"', b"@N")
    rng = random.Random(seed)
    written, number = 0, 0
    yield b"["
    while not written or written < total:
        shapes = step.join(results[rng.randrange(POOL)] for _ in range(PER_IMAGE))
        piece = b"%b%b%d%b%d%b%b%b%012d%b" % (
            step if number else b"", parts[0], number + 1, parts[1], number + 1, parts[2], shapes, parts[3],
            number, parts[4],
        )  # fmt: skip
        yield piece
        written += len(piece)
        number += 1
    yield b"]\n"


def via(total: int, seed: int, *, pretty: bool) -> Iterator[bytes]:
    """Yield a VIA 2 export: an object with one member per image."""
    step = b",\n  " if pretty else b","
    regions = []
    for number, points in enumerate(polygons(seed)):
        shape = {
            "name": "polygon",
            "all_points_x": [point[0] for point in points],
            "all_points_y": [point[1] for point in points],
        }
        region = {"shape_attributes": shape, "region_attributes": {"class": CLASSES[number % len(CLASSES)]}}
        regions.append(dump(region, pretty=pretty, level=3))
    entry = {"filename": "@N.jpg", "size": 12345, "regions": ["@R"], "file_attributes": {}}
    parts = fill(dump(entry, pretty=pretty, level=1), b"@N", b'"@R"')
    rng = random.Random(seed)
    written, number = 0, 0
    yield b"{"
    while not written or written < total:
        shapes = step.join(regions[rng.randrange(POOL)] for _ in range(PER_IMAGE))
        piece = b'%b"%012d.jpg12345":%b%012d%b%b%b' % (
            step if number else b"", number, parts[0], number, parts[1], shapes, parts[2],
        )  # fmt: skip
        yield piece
        written += len(piece)
        number += 1
    yield b"}\n"


def write(path: Path, pieces: Iterator[bytes]) -> int:
    """Write the pieces and return how many bytes they were."""
    with path.open("wb", buffering=1 << 20) as file:
        batch: list[bytes] = []
        for piece in pieces:
            batch.append(piece)
            if len(batch) == BATCH:
                file.write(b"".join(batch))
                batch.clear()
        file.write(b"".join(batch))
        return file.tell()


def make(
    kind: str,
    path: Path,
    total: int,
    seed: int = 1,
    *,
    pretty: bool = False,
    ungrouped: bool = False,
    string_ids: bool = False,
) -> int:
    """Write an export of about ``total`` bytes and return its exact size."""
    if kind == "coco":
        return write(path, coco(total, seed, pretty=pretty, ungrouped=ungrouped, string_ids=string_ids))
    return write(path, (label_studio if kind == "label-studio" else via)(total, seed, pretty=pretty))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kind", choices=("coco", "label-studio", "via"))
    parser.add_argument("out", type=Path)
    parser.add_argument("--bytes", type=size, default=size("40M"), help="about how large, e.g. 400M or 4G")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pretty", action="store_true", help="indented, one number per line")
    parser.add_argument("--ungrouped", action="store_true", help="COCO: annotations of an image far apart")
    parser.add_argument("--string-ids", action="store_true", help="COCO: image ids are strings")
    args = parser.parse_args()
    written = make(
        args.kind, args.out, args.bytes, args.seed,
        pretty=args.pretty, ungrouped=args.ungrouped, string_ids=args.string_ids,
    )  # fmt: skip
    print(f"{args.out}: {written} bytes")


if __name__ == "__main__":
    main()
