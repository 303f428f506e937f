"""The outline of an area of pixels along their edges; holes are left out: COCO's polygons have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Point = tuple[int, int]


def outlines(inside: NDArray[np.bool_], x: int, y: int) -> list[list[float]]:
    """Return the outer rings of an area within a box.

    Returns each ring as flat coordinates x, y, x, y, ... of pixel corners, clockwise. Parts that only touch
    at a corner are rings of their own.

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
