"""A kernel that undoes the row filters of PNGs of any kind of pixel: for images, not for masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel("boolean(uint8[::1], uint8[::1], int64, int64)")
def undo_rows(rows: NDArray[np.uint8], above: NDArray[np.uint8], width: int, step: int) -> bool:
    """Undo the filters of whole rows, in place (PNG third edition, section 9).

    Returns whether all filters are among the five that there are.

    - ``rows``: rows of ``width`` + 1 bytes; each begins with the byte that names its filter, which stays.
    - ``above``: the ``width`` bytes of the row before the first one, zeros for the first of an image;
      afterwards those of the last row.
    - ``width``: bytes of a row.
    - ``step``: bytes of a pixel, at least 1.
    """
    for start in range(0, rows.size, width + 1):
        kind = rows[start]
        if kind > 4:
            return False
        at = start + 1
        for x in range(width):
            value = np.int64(rows[at + x])
            left = np.int64(rows[at + x - step]) if x >= step else np.int64(0)
            up = np.int64(above[x])
            if kind == 1:
                value += left
            elif kind == 2:
                value += up
            elif kind == 3:
                value += (left + up) >> 1
            elif kind == 4:
                corner = np.int64(above[x - step]) if x >= step else np.int64(0)
                # The estimate is left + up - corner; the nearest of the three counts, in this order.
                to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
                if to_left <= to_up and to_left <= to_corner:
                    value += left
                elif to_up <= to_corner:
                    value += up
                else:
                    value += corner
            rows[at + x] = value & 255
            # What stood here is wanted once more, as the corner of the pixel to the right: it is kept
            # until that pixel is done.
            if x >= step:
                above[x - step] = rows[at + x - step]
        for x in range(max(0, width - step), width):
            above[x] = rows[at + x]
    return True
