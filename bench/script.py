"""The usual script that people write in place of a converter: the peer of whole runs.

It imports what it needs and nothing of gtmask, so that its start can be timed too.
"""

from __future__ import annotations

import json
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

#: Images that a process of the pool gets at a time.
SHARE = 100


def usual_script(export: str, images: str, out: str, processes: int = 1) -> int:
    """Convert the usual way, in this process or in a pool of several; return the number of masks."""
    document = json.loads(Path(export).read_bytes())
    ids = {category["id"]: 1 + i for i, category in enumerate(document["categories"])}
    of_image = defaultdict(list)
    for annotation in document["annotations"]:
        of_image[annotation["image_id"]].append(annotation)
    Path(out, "masks").mkdir(parents=True)
    work = [(image, of_image[image["id"]], ids, images, out) for image in document["images"]]
    if processes == 1:
        lines = [convert_image(one) for one in work]
    else:
        shares = [work[first : first + SHARE] for first in range(0, len(work), SHARE)]
        with ProcessPoolExecutor(processes) as pool:
            lines = list(chain.from_iterable(pool.map(convert_images, shares)))
    with Path(out, "labeling-qa.manifest").open("w") as manifest:
        manifest.writelines(lines)
    return len(work)


def convert_images(work: list[tuple[Any, ...]]) -> list[str]:
    """Convert several images in a process of a pool."""
    cv2.setNumThreads(1)
    return list(map(convert_image, work))


def convert_image(work: tuple[Any, ...]) -> str:
    """Convert one image; return its manifest line."""
    image, annotations, ids, images, out = work
    source = Path(images, image["file_name"])
    with Image.open(source) as picture:
        width, height = picture.size
    mask = np.zeros((height, width), np.uint8)
    for annotation in annotations:
        for ring in annotation["segmentation"]:
            points = np.round(np.array(ring).reshape(-1, 2)).astype(np.int32)
            cv2.fillPoly(mask, [points], ids[annotation["category_id"]])
    target = Path(out, "masks", f"{source.stem}.png")
    Image.fromarray(mask).save(target)
    return json.dumps({"source-ref": str(source), "labeling-qa-ref": str(target)}) + "\n"
