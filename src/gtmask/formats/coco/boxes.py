"""Whether the first annotations of a COCO document lie where their boxes say: COCO writes both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.formats.reading.boxes import Comparison, corners, extent_of_points, extent_of_runs
from gtmask.formats.reading.malformed import MALFORMED
from gtmask.formats.reading.rle import read_runs
from gtmask.formats.reading.typed import get_any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

#: Annotations that are looked at, and bytes of those of one image.
MOST, MOST_BYTES = 64, 1 << 20


def unlike_boxes(annotations: Iterable[Any]) -> str:
    """Return what to tell where most outlines reach elsewhere than their boxes, else ""."""
    comparison = Comparison()
    for annotation in annotations:
        if not isinstance(annotation, dict):
            continue
        try:
            x, y, width, height = np.array(get_any(annotation, "bbox"), np.float64)
            box = corners(x, y, x + width, y + height)
            comparison.look(box, _extent(get_any(annotation, "segmentation")))
        except MALFORMED:
            continue  # it is told where it is read
    return comparison.verdict()


def _extent(value: Any) -> NDArray[np.float64]:
    """Return how far the rings or runs of a segmentation reach; raises ValueError where there are none."""
    if isinstance(value, dict):
        return extent_of_runs(read_runs(value))
    return extent_of_points(np.concatenate([np.array(ring, np.float64).reshape(-1, 2) for ring in value]))
