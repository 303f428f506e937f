"""Random polygons that ask raster rules awkward questions, and the array form in which kernels take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray


def random_ring(rng: np.random.Generator, most: int = 90) -> tuple[int, int, NDArray[np.float64]]:
    """Return a mask's height and width and one ring: often crossing itself, outside, flat or on the grid."""
    height, width = (int(size) for size in rng.integers(1, most, 2))
    if rng.random() < 0.08:
        height = 1
    if rng.random() < 0.08:
        width = 1
    count = int(rng.choice([3, 3, 4, 5, 6, 8, 12, 30]))
    spread = rng.choice([0.1, 0.3, 1, 1, 3, 20])
    ring = (rng.random((count, 2)) - 0.5) * spread * [width, height] + rng.random(2) * [width, height]
    grid = int(rng.choice([0, 0, 1, 1, 2, 10]))
    if grid:
        ring = np.round(ring * grid) / grid
    if rng.random() < 0.2:
        ring[rng.integers(count)] = ring[rng.integers(count)]
    for _ in range(rng.integers(4)):  # horizontal and vertical edges, vertices in one row or column
        vertex, axis = rng.integers(count), rng.integers(2)
        other = (vertex + 1) % count if rng.random() < 0.5 else rng.integers(count)
        ring[vertex, axis] = ring[other, axis]
    if rng.random() < 0.1:
        ring[-1] = ring[0]
    if rng.random() < 0.05:
        ring[:, rng.integers(2)] = ring[0, 0]
    return height, width, np.ascontiguousarray(ring)


def random_rings(seed: int, count: int, most: int = 90) -> Iterator[tuple[int, int, NDArray[np.float64]]]:
    """Yield ``count`` random rings with their mask sizes, the same ones for the same seed."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield random_ring(rng, most)


def flatten(
    parts: Sequence[Sequence[Sequence[Sequence[float]]]],
) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32], NDArray[np.uint8]]:
    """Return parts (lists of rings, which are lists of (x, y)) as points, offsets and values 1, 2, ..."""
    rings = [np.asarray(ring, np.float64).reshape(-1, 2) for part in parts for ring in part]
    points = np.concatenate(rings) if rings else np.empty((0, 2))
    ring_offsets = np.cumsum([0] + [len(ring) for ring in rings]).astype(np.int32)
    part_offsets = np.cumsum([0] + [len(part) for part in parts]).astype(np.int32)
    return points, ring_offsets, part_offsets, np.arange(1, len(parts) + 1, dtype=np.uint8)


def picture(mask: NDArray[np.uint8]) -> str:
    """Return a mask as lines of characters: a dot for background, # for everything else."""
    return "\n".join("".join("#" if value else "." for value in row) for row in mask)
