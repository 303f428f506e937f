"""Small COCO exports with images, and an independent painting of them with OpenCV and pycocotools."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import orjson
from PIL import Image
from pycocotools import mask as coco_mask

if TYPE_CHECKING:
    from pathlib import Path

CATEGORIES = [{"id": 7, "name": "Car"}, {"id": 3, "name": "Road"}, {"id": 90, "name": "Person"}]


def jpeg(width: int, height: int, orientation: int = 1) -> bytes:
    """Return a JPEG of one colour."""
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (width, height), (90, 120, 150)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def polygon(rng: random.Random, width: int, height: int) -> list[float]:
    """Return a random ring, partly outside the image."""
    corners = rng.randint(3, 12)
    return [
        round(value, 2)
        for _ in range(corners)
        for value in (rng.uniform(-10, width + 10), rng.uniform(-10, height + 10))
    ]


def make_document(names: list[str], seed: int = 0) -> dict[str, Any]:
    """Return a COCO document: polygons of several parts, both kinds of RLE, crowd; any order."""
    rng = random.Random(seed)
    document: dict[str, Any] = {"images": [], "annotations": [], "categories": CATEGORIES}
    for number, name in enumerate(names):
        width, height = rng.randint(20, 90), rng.randint(20, 90)
        document["images"].append({"id": number * 3 + 1, "file_name": name, "width": width, "height": height})
        for _ in range(rng.randint(1, 6)):
            document["annotations"].append(_annotation(rng, number * 3 + 1, width, height))
    rng.shuffle(document["images"])
    for number, annotation in enumerate(document["annotations"]):
        annotation["id"] = number + 1
    return document


def _annotation(rng: random.Random, image: int, width: int, height: int) -> dict[str, Any]:
    segmentation: Any
    kind = rng.choice(("polygon", "polygon", "parts", "counts", "string"))
    if kind == "polygon":
        segmentation = [polygon(rng, width, height)]
    elif kind == "parts":
        segmentation = [polygon(rng, width, height), polygon(rng, width, height)]
    else:
        bits = np.zeros((height, width), np.uint8)
        cv2.circle(bits, (rng.randrange(width), rng.randrange(height)), rng.randint(2, 30), 1, -1)
        packed = coco_mask.encode(np.asfortranarray(bits))
        segmentation = {"size": [height, width], "counts": packed["counts"].decode()}
        if kind == "counts":
            flat = bits.flatten(order="F")
            edges = np.flatnonzero(np.diff(flat)) + 1
            runs = np.diff([0, *edges, flat.size]).tolist()
            segmentation["counts"] = [0, *runs] if flat[0] else runs
    return {
        "image_id": image,
        "category_id": rng.choice(CATEGORIES)["id"],
        "iscrowd": int(kind == "counts"),
        "segmentation": segmentation,
    }


def write(folder: Path, names: list[str], seed: int = 0) -> Path:
    """Write a document and its images below ``folder/images``; return the document's path."""
    document = make_document(names, seed)
    for image in document["images"]:
        path = folder / "images" / image["file_name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        data = jpeg(image["width"], image["height"])
        if path.suffix == ".png":
            buffer = io.BytesIO()
            Image.open(io.BytesIO(data)).save(buffer, "PNG")
            data = buffer.getvalue()
        path.write_bytes(data)
    path = folder / "export.json"
    path.write_bytes(orjson.dumps(document))
    return path


def paint(document: dict[str, Any], image: dict[str, Any], size: tuple[int, int] | None = None) -> np.ndarray:
    """Paint one image's mask from the raw document, without a line of the project's code.

    Class ids follow the category list from 1, equal names merged; a flat ring is one cv2.fillPoly call with
    vertices rounded to nearest, run-length masks go through pycocotools; annotations in list order.
    """
    width, height = size or (image["width"], image["height"])
    ids: dict[Any, int] = {}
    names: dict[str, int] = {}
    for category in document["categories"]:
        ids[category["id"]] = names.setdefault(category["name"], len(names) + 1)
    mask = np.zeros((height, width), np.uint8)
    for annotation in document["annotations"]:
        if annotation["image_id"] != image["id"]:
            continue
        value = ids[annotation["category_id"]]
        segmentation = annotation.get("segmentation")
        if isinstance(segmentation, dict):
            packed = segmentation
            if isinstance(packed["counts"], list):
                packed = coco_mask.frPyObjects(packed, height, width)
            mask[coco_mask.decode(packed) != 0] = value
        for ring in segmentation if isinstance(segmentation, list) else ():
            points = np.round(np.array(ring, float).reshape(-1, 2)).astype(np.int32)
            if len(np.unique(points, axis=0)) >= 1 and len(points) >= 3:
                cv2.fillPoly(mask, [points], value)
    return mask
