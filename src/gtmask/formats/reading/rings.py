"""Which numbers are coordinates, and which rings can be painted: kernels judge all of a record at once."""

from __future__ import annotations

from struct import error as StructError  # noqa: N812 - it is a class
from struct import pack
from typing import TYPE_CHECKING

import numpy as np

from gtmask.formats.reading.geometry import refuse_truth
from gtmask.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel("uint8[::1](float64[:, ::1], int32[::1], uint8[::1], float64)", arrays=True)
def judge_rings(
    points: NDArray[np.float64], ring_offsets: NDArray[np.int32], least: NDArray[np.uint8], limit: float
) -> NDArray[np.uint8]:
    """Judge each ring: 0 good, 1 a number that is not finite or beyond ``limit``, 2 too few distinct points.

    ``points`` float64 (n, 2), ``ring_offsets`` int32 (rings + 1,), ``least`` uint8 (rings,): how many
    distinct points the ring needs, 1 to 3.
    """
    verdict = np.empty(least.shape[0], np.uint8)
    numbers = points.reshape(points.size)
    for ring in range(least.shape[0]):
        verdict[ring] = judge_ring(numbers, ring_offsets[ring], ring_offsets[ring + 1], least[ring], limit)
    return verdict


@kernel("int64(float64[::1], int64, int64, int64, float64)", inner=True)
def judge_ring(numbers: NDArray[np.float64], start: int, stop: int, least: int, limit: float) -> int:
    """Judge one ring: its points are the pairs ``start`` to ``stop`` of ``numbers``; else as above."""
    distinct = 0
    ax = ay = bx = by = 0.0
    for i in range(start, stop):
        x, y = numbers[2 * i], numbers[2 * i + 1]
        if not (-limit <= x <= limit and -limit <= y <= limit):
            return 1
        if distinct == 0:
            ax, ay, distinct = x, y, 1
        elif distinct == 1:
            if x != ax or y != ay:
                bx, by, distinct = x, y, 2
        elif distinct == 2 and (x != ax or y != ay) and (x != bx or y != by):
            distinct = 3
    return 0 if distinct >= least else 2


def as_reals(values: list[float]) -> NDArray[np.float64]:
    """Return numbers as float64 (n,).

    Values of exactly 0 and 1 are looked at a second time: true and false would pass for them. Raises
    TypeError or OverflowError where one is no number, or too large.
    """
    try:
        # Faster than array and NumPy, which look at each number by a protocol.
        found = np.frombuffer(pack(f"{len(values)}d", *values), np.float64).copy()
    except StructError as error:
        raise TypeError(f"{error}") from None
    doubtful = zeros_and_ones(found)
    if len(doubtful):
        # Only 0 and 1 equal what they are as a truth value.
        refuse_truth(*map(values.__getitem__, doubtful.tolist()))
    return found


@kernel("int64[::1](float64[::1])", arrays=True)
def zeros_and_ones(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return where float64 (n,) has a value of exactly 0 or 1: int64 (m,), ascending."""
    count = 0
    for i in range(values.shape[0]):
        count += values[i] == 0 or values[i] == 1
    places = np.empty(count, np.int64)
    at = 0
    for i in range(values.shape[0]):
        if values[i] == 0 or values[i] == 1:
            places[at] = i
            at += 1
    return places
