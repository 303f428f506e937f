"""Counts how two masks differ, pixel by pixel: one kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtmask.jit import kernel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@kernel("void(uint8[:, ::1], uint8[:, ::1], int64[:, ::1])")
def count_pairs(before: NDArray[np.uint8], after: NDArray[np.uint8], table: NDArray[np.int64]) -> None:
    """Add to ``table[a, b]`` (int64, 256 x 256) the pixels that were a and became b.

    Both masks are uint8 (height, width) of one size. Areas are flat, so runs of one pair are counted
    before the table is touched.
    """
    for row in range(before.shape[0]):
        a, b, run = before[row, 0], after[row, 0], 0
        for column in range(before.shape[1]):
            if before[row, column] != a or after[row, column] != b:
                table[a, b] += run
                a, b, run = before[row, column], after[row, column], 0
            run += 1
        table[a, b] += run
