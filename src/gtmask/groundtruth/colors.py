"""Which colour a class gets where nobody chose one: Ground Truth's own first, then well-separated ones.

The colours follow from the count alone, by integer arithmetic, so every machine computes the same.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from gtmask.manifest.contract import BACKGROUND_COLOR, MAX_CLASS_ID

if TYPE_CHECKING:
    from collections.abc import Container

    from numpy.typing import NDArray

#: What Ground Truth assigns first, in its order (observed in output manifests of real jobs).
GROUND_TRUTH_COLORS = ("#2ca02c", "#1f77b4", "#ff7f0e", "#d62728", "#9467bd")


@cache
def palette() -> tuple[str, ...]:
    """Return the 255 class colours in the order in which they are given: ``#rrggbb``, all distinct.

    After Ground Truth's own, each colour is the one of a 16 x 16 x 16 grid that is farthest from all
    colours before it, from the background's white and from black, which hides in dark pictures; ties
    go to the smaller number.
    """
    colors = list(GROUND_TRUTH_COLORS)
    grid = np.arange(0, 256, 17, dtype=np.int64)
    candidates = np.stack(np.meshgrid(grid, grid, grid, indexing="ij"), axis=-1).reshape(-1, 3)
    nearest = np.full(len(candidates), 1 << 30, np.int64)
    for color in (BACKGROUND_COLOR, "#000000", *colors):
        np.minimum(nearest, _distance(candidates, bytes.fromhex(color[1:])), out=nearest)
    while len(colors) < MAX_CLASS_ID:
        best = bytes(candidates[int(np.argmax(nearest))].tolist())
        colors.append(f"#{best.hex()}")
        np.minimum(nearest, _distance(candidates, best), out=nearest)
    return tuple(colors)


def next_color(taken: Container[str]) -> str:
    """Return the first colour of the palette that is not taken (lower-case ``#rrggbb``)."""
    pool = GROUND_TRUTH_COLORS if any(c not in taken for c in GROUND_TRUTH_COLORS) else palette()
    return next(color for color in pool if color not in taken)


def _distance(candidates: NDArray[np.int64], color: bytes) -> NDArray[np.int64]:
    """Return the "redmean" distance of each candidate (n, 3) to a colour.

    That is a weighted RGB distance close to what the eye sees, in integers.
    """
    red, green, blue = (candidates[:, channel] - color[channel] for channel in range(3))
    mean = (candidates[:, 0] + color[0]) >> 1
    distance: NDArray[np.int64] = (
        ((512 + mean) * red * red >> 8) + 4 * green * green + ((767 - mean) * blue * blue >> 8)
    )
    return distance
