"""Values of one picture become those of another by a table: how a ready-made mask is re-coded.

A mask is flat: 64 pixels at a time are compared with their neighbours, and one value is looked up for each
run of equal ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel
from gtmask.simd import clear_lowest_bit, count_bits, differences, fill, lowest_bit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def look_up(
    pixels: NDArray[np.uint8], table: Mapping[int, int], out: NDArray[np.uint8], *, others: int | None = None
) -> None:
    """Write ``table[value]`` where a picture has a value of the table.

    Raises ValueError: the shapes differ.

    - ``pixels``: uint8, C-contiguous, of any shape.
    - ``table``: what each value becomes; both are 0..255.
    - ``out``: uint8, C-contiguous, of the same shape; written in place.
    - ``others``: what is written for values that the table does not have; None leaves what is there, and is
      slower.
    """
    if pixels.shape != out.shape:
        raise ValueError(f"The picture has shape {pixels.shape}, and what it is written to {out.shape}.")
    values = np.full(256, others or 0, np.uint8)
    values[list(table)] = list(table.values())
    flat, target = np.require(pixels, requirements=["C", "W", "E"]).reshape(-1), out.reshape(-1)
    if others is not None:
        look_up_runs(flat, values, target)
        return
    kept = np.full(256, 255, np.uint8)
    kept[list(table)] = 0
    look_up_some(flat, values, kept, target)


@kernel("void(uint8[::1], uint8[::1], uint8[::1])")
def look_up_runs(pixels: NDArray[np.uint8], values: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Write ``values[v]`` for each pixel v: each run writes 64 bytes, the next ones over what is too much."""
    place = 0
    while place + 128 < pixels.size:
        fill(out, place, values[np.uint64(pixels[np.uint64(place)])])
        ends = differences(pixels, place, place + 1)
        for _ in range(count_bits(ends)):
            start = place + lowest_bit(ends) + 1
            ends = clear_lowest_bit(ends)
            fill(out, start, values[np.uint64(pixels[np.uint64(start)])])
        place += 64
    for i in range(place, pixels.size):
        out[np.uint64(i)] = values[np.uint64(pixels[np.uint64(i)])]


@kernel("void(uint8[::1], uint8[::1], uint8[::1], uint8[::1])")
def look_up_some(
    pixels: NDArray[np.uint8], values: NDArray[np.uint8], kept: NDArray[np.uint8], out: NDArray[np.uint8]
) -> None:
    """Write ``values[v]`` and keep the bits ``kept[v]`` of what is there, v being each pixel's value."""
    for i in range(pixels.size):
        value = np.uint64(pixels[np.uint64(i)])
        out[np.uint64(i)] = (out[np.uint64(i)] & kept[value]) | values[value]
