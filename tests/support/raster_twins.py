"""Slow and obvious versions of the kernels: what each must equal, pixel for pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import DTypeLike, NDArray


def runs_twin(
    mask: NDArray[Any], counts: Iterable[int], height: int, width: int, x: int, y: int,
    column_major: bool, value: int,
) -> None:  # fmt: skip
    """Expand the runs, then paint pixel by pixel."""
    flat = np.zeros(height * width, bool)
    position = 0
    for i, count in enumerate(counts):
        flat[position : position + count] = i % 2 == 1
        position += count
    on = flat.reshape((width, height)).T if column_major else flat.reshape(height, width)
    bitmap_twin(mask, on, x, y, value)


def bitmap_twin(mask: NDArray[Any], pixels: NDArray[Any], x: int, y: int, value: int) -> None:
    """Paint pixel by pixel where the picture is not zero."""
    for row, column in zip(*np.nonzero(pixels), strict=True):
        if 0 <= row + y < mask.shape[0] and 0 <= column + x < mask.shape[1]:
            mask[row + y, column + x] = value


def center_twin(mask: NDArray[Any], rings: Sequence[NDArray[Any]], value: int) -> None:
    """Ask for every pixel how many edges cross its row at or before its centre."""
    for row in range(mask.shape[0]):
        for column in range(mask.shape[1]):
            if sum(_edges_before(ring, column + 0.5, row + 0.5) for ring in rings) % 2:
                mask[row, column] = value


def _edges_before(ring: NDArray[Any], x: float, y: float) -> int:
    found = 0
    for start, end in zip(np.roll(ring, 1, 0).tolist(), ring.tolist(), strict=True):
        (x0, y0), (x1, y1) = (start, end) if start[1] < end[1] else (end, start)
        if y0 <= y < y1 and x0 + (y - y0) * ((x1 - x0) / (y1 - y0)) <= x:
            found += 1
    return found


def flatten(parts: Sequence[Any], dtype: DTypeLike) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return points, ring offsets and part offsets of parts, each a list of rings."""
    rings = [np.asarray(ring, dtype).reshape(-1, 2) for part in parts for ring in part]
    points = np.concatenate([np.empty((0, 2), dtype), *rings])
    ring_offsets = np.cumsum([0, *map(len, rings)], dtype=np.int32)
    part_offsets = np.cumsum([0, *map(len, parts)], dtype=np.int32)
    return points, ring_offsets, part_offsets
