"""The usual script that people write in place of a converter: the peer of whole runs.

It imports what it needs and nothing of gtmask, so that its start can be timed too.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
from PIL import Image


def usual_script(export: str, images: str, out: str) -> int:
    """Convert the usual way; return the number of masks."""
    document = json.loads(Path(export).read_bytes())
    ids = {category["id"]: 1 + i for i, category in enumerate(document["categories"])}
    of_image = defaultdict(list)
    for annotation in document["annotations"]:
        of_image[annotation["image_id"]].append(annotation)
    masks = Path(out, "masks")
    masks.mkdir(parents=True)
    with Path(out, "labeling-qa.manifest").open("w") as manifest:
        for image in document["images"]:
            source = Path(images, image["file_name"])
            with Image.open(source) as picture:
                width, height = picture.size
            mask = np.zeros((height, width), np.uint8)
            for annotation in of_image[image["id"]]:
                for ring in annotation["segmentation"]:
                    points = np.round(np.array(ring).reshape(-1, 2)).astype(np.int32)
                    cv2.fillPoly(mask, [points], ids[annotation["category_id"]])
            target = masks / f"{source.stem}.png"
            Image.fromarray(mask).save(target)
            manifest.write(json.dumps({"source-ref": str(source), "labeling-qa-ref": str(target)}) + "\n")
    return len(document["images"])
