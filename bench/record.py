"""One record from its JSON bytes to PNG bytes, against the script that most people would write.

The usual script: ``json.loads``, one ``cv2.fillPoly`` per shape with rounded vertices, Pillow's default
save of mode L. Both start from the bytes of one labelme file without image data and both masks are decoded
and compared before a time counts.
"""

from __future__ import annotations

import io
import json
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from bench.fill import SAMPLES, blob
from bench.harness import Goal, Measure, Row, Table, alone, geometric_mean, race, ratios
from gtmask import ReadOptions, encode_png, rasterize
from gtmask.formats.labelme import parse
from gtmask.groundtruth.classes import class_map_from_labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.class_map import ClassMap

OURS = "gtmask"
PEER = "json, cv2, Pillow"
#: As much of a reader as a file of labelme asks for.
READER: Any = SimpleNamespace(options=ReadOptions())
SIZES = ((640, 480), (1280, 720), (1920, 1080), (3840, 2160))
SHAPES = ((8, 60), (40, 30), (200, 20))


def usual_script(data: bytes, ids: dict[str, int]) -> bytes:
    """Return a mask PNG the usual way."""
    document = json.loads(data)
    mask = np.zeros((document["imageHeight"], document["imageWidth"]), np.uint8)
    for shape in document["shapes"]:
        points = np.round(np.array(shape["points"])).astype(np.int32)
        cv2.fillPoly(mask, [points], ids[shape["label"]])
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    return buffer.getvalue()


def ours(data: bytes, classes: ClassMap) -> bytes:
    """Return a mask PNG our way."""
    return encode_png(rasterize(parse(data, "a.json", READER), classes))


def made_records(quick: bool) -> Iterator[tuple[str, bytes]]:
    """Yield made labelme files: closed outlines as people draw them, of about the image's area together."""
    for width, height in SIZES[: 1 if quick else None]:
        for count, vertices in SHAPES[: 1 if quick else None]:
            rng = np.random.default_rng([width, count])
            radius = np.sqrt(width * height / count / np.pi)
            shapes = []
            for _ in range(count):
                ring = blob(rng, rng.random(2) * (width, height), radius, vertices) + rng.random(2).round(2)
                label = f"class {rng.integers(12)}"
                shapes.append({"label": label, "points": ring.tolist(), "shape_type": "polygon", "flags": {}})
            yield f"{width}x{height}, {count} of {vertices} vertices", document(width, height, shapes)


def real_records() -> Iterator[tuple[str, bytes]]:
    """Yield the polygons of the real labelme files among the samples, without their image data."""
    folder = SAMPLES / "labelme/wkentaro__labelme/examples/semantic_segmentation/data_annotated"
    for path in sorted(folder.glob("*.json")):
        found = json.loads(path.read_bytes())
        # The usual script knows no labels to ignore: both get those that are painted.
        shapes = [shape for shape in found["shapes"] if shape["label"] != "__ignore__"]
        yield f"labelme {path.stem}", document(found["imageWidth"], found["imageHeight"], shapes)


def document(width: int, height: int, shapes: list[dict[str, Any]]) -> bytes:
    """Return a labelme file."""
    return json.dumps(
        {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": "a.jpg", "imageData": None,
         "imageHeight": height, "imageWidth": width}
    ).encode()  # fmt: skip


def measure(name: str, data: bytes) -> Row:
    """Race both on one record."""
    labels = sorted({shape["label"] for shape in json.loads(data)["shapes"]})
    classes = class_map_from_labels(labels)
    ids = {entry.name: entry.id for entry in classes.classes}
    expected = np.array(Image.open(io.BytesIO(usual_script(data, ids))))
    sizes: dict[str, int] = {}

    def check(who: str, made: bytes) -> None:
        np.testing.assert_array_equal(np.array(Image.open(io.BytesIO(made))), expected)
        sizes[who] = len(made)

    times = race({OURS: partial(ours, data, classes), PEER: partial(usual_script, data, ids)}, check)
    return Row(name, {who: Measure(seconds, sizes[who]) for who, seconds in times.items()})


def run(quick: bool) -> list[Table]:
    """Race one record to PNG bytes against the usual script."""
    cv2.setNumThreads(1)
    records = [*made_records(quick), *([] if quick else real_records())]
    table = Table("One record, from JSON bytes to PNG bytes", (__doc__ or "").split("\n\n", 1)[1], OURS,
                  [measure(name, data) for name, data in records])  # fmt: skip
    mean = geometric_mean(ratios(table, PEER))
    goal = Goal("at least 10 times as fast as the usual script, geometric mean", f"{mean:.1f}x", mean >= 10)
    return [Table(table.title, table.about, table.ours, table.rows, [goal])]


if __name__ == "__main__":
    raise SystemExit(alone(run))
