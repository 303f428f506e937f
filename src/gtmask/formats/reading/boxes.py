"""Whether outlines and the boxes beside them tell of the same places: where most do not, one is wrong.

Tools that compute the box from the outline write both. What exchanges x and y, writes runs along the wrong
axis, or scales one of the two leaves masks of other places, of which nothing else tells. A few shapes show
it: programs make such faults in all. (Scalabel's boxes are drawn apart from its outlines, and prove nothing.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gtmask.model import Runs

#: By how much a side may differ: pixels, and a share of the longer of both widths or heights.
_PIXELS, _SHARE = 2.0, 0.05


class Comparison:
    """Counts outlines that reach elsewhere than the boxes beside them."""

    def __init__(self) -> None:
        self._checked = self._unlike = 0
        self._example = ""

    def look(self, box: NDArray[np.float64], outline: NDArray[np.float64]) -> None:
        """Take one shape; ``box`` and ``outline`` are float64 (4,): left, top, right, bottom in pixels."""
        self._checked += 1
        sides = np.maximum(box[2:] - box[:2], outline[2:] - outline[:2])
        if (np.abs(box - outline) > np.maximum(_PIXELS, _SHARE * np.tile(sides, 2))).any():
            self._unlike += 1
            first = f"the first box reaches from {_spoken(box)}, its outline from {_spoken(outline)}"
            self._example = self._example or first

    def verdict(self) -> str:
        """Return what to tell where most outlines reach elsewhere than their boxes, else ""."""
        most = self._unlike * 2 > self._checked
        return f"{self._unlike} of {self._checked} annotations; {self._example}" if most else ""


def _spoken(extent: NDArray[np.float64]) -> str:
    left, top, right, bottom = (f"{value:g}" for value in extent)
    return f"{left}, {top} to {right}, {bottom}"


def corners(left: Any, top: Any, right: Any, bottom: Any) -> NDArray[np.float64]:
    """Return a box as float64 (4,).

    Raises ValueError or TypeError: it is none, or not larger than a pixel, as programs write that know no
    boxes.
    """
    box = np.array([left, top, right, bottom], np.float64)
    if not (box[2] - box[0] > 1 and box[3] - box[1] > 1):
        raise ValueError("the box is a placeholder")
    return box


def extent_of_points(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far vertices, float64 (n, 2), reach; raises ValueError where there are none."""
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def extent_of_runs(runs: Runs) -> NDArray[np.float64]:
    """Return how far a run-length mask reaches; raises ValueError where it has no pixel.

    ``runs`` are along the columns, as COCO has them.
    """
    ends = np.cumsum(runs.counts)
    stops = ends[1::2]
    starts = stops - runs.counts[1::2]
    starts, stops = starts[stops > starts], stops[stops > starts] - 1
    left, right = starts // runs.height, stops // runs.height
    # A run over the end of a column covers its last row, and the first one of the next.
    over = left != right
    top = np.where(over, 0, starts % runs.height).min()
    bottom = np.where(over, runs.height - 1, stops % runs.height).max()
    return np.array([left.min(), top, right.max() + 1, bottom + 1], np.float64)
