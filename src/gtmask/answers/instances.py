"""The instances of a mask for COCO: its connected areas, as run lengths or polygons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.answers.components import areas_of, column_runs, compress_runs
from gtmask.raster import fill_coco

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Point = tuple[int, int]


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


def outlines(inside: NDArray[np.bool_], x: int, y: int) -> list[list[float]]:
    """Return the outer rings of an area within a box, along the edges of its pixels.

    Each ring is flat coordinates x, y, x, y, ... of pixel corners, clockwise. Parts that only touch at a
    corner are rings of their own; holes are left out, as COCO's polygons have none.

    - ``inside``: bool (rows, columns): the box, whose top-left pixel is at column ``x``, row ``y``.
    """
    edges = _edges(inside)
    rings: list[list[float]] = []
    while edges:
        ring = _walk(edges)
        area = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:] + ring[:1], strict=True))
        if area > 0:
            rings.append([float(value) for corner in ring for value in (corner[0] + x, corner[1] + y)])
    return rings


def _edges(inside: NDArray[np.bool_]) -> dict[_Point, list[_Point]]:
    """Return the edges between inside and outside, from corner to corner with the inside on the right."""
    padded = np.pad(inside, 1)
    edges: dict[_Point, list[_Point]] = {}
    sides = (
        (padded[:-2, 1:-1], (0, 0), (1, 0)),
        (padded[1:-1, 2:], (1, 0), (1, 1)),
        (padded[2:, 1:-1], (1, 1), (0, 1)),
        (padded[1:-1, :-2], (0, 1), (0, 0)),
    )
    for beyond, start, stop in sides:
        for row, column in np.argwhere(inside & ~beyond).tolist():
            begin = (column + start[0], row + start[1])
            edges.setdefault(begin, []).append((column + stop[0], row + stop[1]))
    return edges


def _walk(edges: dict[_Point, list[_Point]]) -> list[_Point]:
    """Take one closed ring out of the edges, and return its corners."""
    first = min(edges, key=lambda point: (point[1], point[0]))
    here, ring = first, []
    step = (0, 0)
    while True:
        ends = edges[here]
        right = (here[0] - step[1], here[1] + step[0])
        there = right if right in ends else ends[0]
        ends.remove(there)
        if not ends:
            del edges[here]
        towards = (there[0] - here[0], there[1] - here[1])
        if towards != step:
            ring.append(here)
        here, step = there, towards
        if here == first:
            return ring
