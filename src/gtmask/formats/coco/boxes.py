"""Whether outlines and boxes of annotations tell of the same places: where most do not, one of them is wrong.

COCO writes both. What exchanges x and y, writes runs along rows, or scales one of the two leaves masks of
other places, of which nothing else tells. A few annotations show it: programs make such faults in all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.formats.reading.malformed import MALFORMED
from gtmask.formats.reading.rle import read_runs
from gtmask.formats.reading.typed import get_any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from gtmask.model import Runs

#: Annotations that are looked at, and bytes of those of one image.
MOST, MOST_BYTES = 64, 1 << 20
#: By how much a side may differ: pixels, and a share of the longer of both widths or heights.
_PIXELS, _SHARE = 2.0, 0.05


def unlike_boxes(annotations: Iterable[Any]) -> str:
    """Return what to tell where most outlines reach elsewhere than their boxes, else ""."""
    checked, unlike, example = 0, 0, ""
    for annotation in annotations:
        if not isinstance(annotation, dict):
            continue
        try:
            box, outline = _box(get_any(annotation, "bbox")), _extent(get_any(annotation, "segmentation"))
        except MALFORMED:
            continue  # it is told where it is read
        checked += 1
        sides = np.maximum(box[2:] - box[:2], outline[2:] - outline[:2])
        if (np.abs(box - outline) > np.maximum(_PIXELS, _SHARE * np.tile(sides, 2))).any():
            unlike += 1
            first = f"the first box reaches from {_spoken(box)}, its outline from {_spoken(outline)}"
            example = example or first
    return f"{unlike} of {checked} annotations; {example}" if unlike * 2 > checked else ""


def _spoken(extent: NDArray[np.float64]) -> str:
    left, top, right, bottom = (f"{value:g}" for value in extent)
    return f"{left}, {top} to {right}, {bottom}"


def _box(value: Any) -> NDArray[np.float64]:
    """Return left, top, right and bottom of ``[x, y, width, height]``.

    Raises ValueError: it is none, or not larger than a pixel, as programs write that know no boxes.
    """
    x, y, width, height = np.array(value, np.float64)
    if not (width > 1 and height > 1):
        raise ValueError("the box is a placeholder")
    return np.array([x, y, x + width, y + height])


def _extent(value: Any) -> NDArray[np.float64]:
    """Return how far the rings or runs of a segmentation reach; raises ValueError where there are none."""
    if isinstance(value, dict):
        return _extent_of_runs(read_runs(value))
    points = np.concatenate([np.array(ring, np.float64).reshape(-1, 2) for ring in value])
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def _extent_of_runs(runs: Runs) -> NDArray[np.float64]:
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
