"""The instances of a mask for COCO: its connected areas, as run lengths or polygons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.answers.components import areas_of, column_runs, compress_runs
from gtmask.answers.polygons import outlines
from gtmask.raster import fill_coco

if TYPE_CHECKING:
    from numpy.typing import NDArray


def instances_of(mask: NDArray[np.uint8], *, polygons: bool) -> tuple[list[dict[str, Any]], int]:
    """Return COCO annotations without ids, and the pixels that their polygons would paint otherwise.

    - ``mask``: uint8 (height, width) of class ids.
    - ``polygons``: polygons in place of run lengths: holes are lost.
    """
    labels, count = areas_of(mask)
    found = []
    lost = 0
    for number, box in enumerate(_boxes(labels, count), 1):
        inside = labels[box] == number
        y, x = box[0].start, box[1].start
        area = int(inside.sum())
        made = {
            "category_id": int(mask[box][inside][0]), "area": area, "iscrowd": 0,
            "bbox": [x, y, inside.shape[1], inside.shape[0]],
        }  # fmt: skip
        if polygons:
            rings = made["segmentation"] = outlines(inside, x, y)
            lost += _differing(inside, rings, x, y)
        else:
            runs = column_runs(inside, x, y, *mask.shape)
            made["segmentation"] = {"size": list(mask.shape), "counts": compress_runs(runs)}
        found.append(made)
    return found, lost


def _boxes(labels: NDArray[np.int32], count: int) -> list[tuple[slice, slice]]:
    """Return rows and columns of each area."""
    rows, columns = np.nonzero(labels)
    numbers = labels[rows, columns] - 1
    low = np.full((count, 2), np.iinfo(np.int64).max)
    high = np.zeros((count, 2), np.int64)
    for axis, values in enumerate((rows, columns)):
        np.minimum.at(low[:, axis], numbers, values)
        np.maximum.at(high[:, axis], numbers, values)
    return [
        (slice(top, bottom + 1), slice(left, right + 1))
        for (top, left), (bottom, right) in zip(low.tolist(), high.tolist(), strict=True)
    ]


def _differing(inside: NDArray[np.bool_], rings: list[list[float]], x: int, y: int) -> int:
    """Count the pixels that COCO's rule paints otherwise than the area."""
    painted = np.zeros(inside.shape, np.uint8)
    points = np.array([value for ring in rings for value in ring], np.float64).reshape(-1, 2) - (x, y)
    offsets = np.cumsum([0, *(len(ring) // 2 for ring in rings)]).astype(np.int32)
    parts = np.arange(len(rings) + 1, dtype=np.int32)
    fill_coco(painted, points, offsets, parts, np.ones(len(rings), np.uint8))
    return int(np.count_nonzero((painted != 0) != inside))
