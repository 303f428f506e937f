"""How the masks of an image's tiles become one mask of the image.

The overlap of two neighbours is divided in its middle, so that each pixel comes from the tile in which more
is to be seen around it. Where tiles differ in pixels that they share, these are counted, and never mixed.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gtmask import raster

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from gtmask.images.prepared import PreparedImage

#: What a pixel of an overlap is until a tile has it, where one has it or all agree, and where tiles differ.
_UNSEEN, _SEEN, _DIFFERING = 0, 1, 2


class Share(NamedTuple):
    """The pixels that count from a tile: rows and columns of the image as viewers show it."""

    rows: slice
    columns: slice


def shares(image: PreparedImage) -> list[Share]:
    """Return which pixels count from each new image of an image: together they are all pixels, each once.

    Raises ValueError: the new images are no grid that covers the image.
    """
    boxes = {(piece.x, piece.y, piece.width, piece.height) for piece in image.images}
    columns = _divide({(x, x + width) for x, _, width, _ in boxes}, image.shown[0])
    rows = _divide({(y, y + height) for _, y, _, height in boxes}, image.shown[1])
    if len(boxes) < len(image.images) or len(boxes) < len(columns) * len(rows):
        raise ValueError("the new images are no grid of tiles")
    return [
        Share(rows[piece.y, piece.y + piece.height], columns[piece.x, piece.x + piece.width])
        for piece in image.images
    ]


def _divide(spans: Iterable[tuple[int, int]], length: int) -> dict[tuple[int, int], slice]:
    """Return what counts from each span of pixels along one side; raises as :func:`shares`."""
    ordered = sorted(spans)
    inner = [(one, other) for one, other in pairwise(ordered)]
    if (ordered[0][0], ordered[-1][1]) != (0, length) or not all(
        one[0] < other[0] <= one[1] <= other[1] for one, other in inner
    ):
        raise ValueError("the new images do not cover the image")
    cuts = [0, *((other[0] + one[1]) // 2 for one, other in inner), length]
    return {span: slice(*cut) for span, cut in zip(ordered, pairwise(cuts), strict=True)}


class Whole:
    """The mask of an image, which takes those of its tiles in any order.

    It takes a byte for each pixel, and where tiles overlap another one.
    """

    def __init__(self, image: PreparedImage) -> None:
        self._image = image
        self._shares = shares(image)
        width, height = image.shown
        self._mask = np.zeros((height, width), np.uint8)
        overlaps = sum(piece.width * piece.height for piece in image.images) > width * height
        self._seen = np.full((height, width), _UNSEEN, np.uint8) if overlaps else None

    def add(self, number: int, mask: NDArray[np.uint8]) -> None:
        """Take the mask, uint8 (height, width), of the new image of this number."""
        piece, share = self._image.images[number], self._shares[number]
        box = (slice(piece.y, piece.y + piece.height), slice(piece.x, piece.x + piece.width))
        if self._seen is not None:
            seen, there = self._seen[box], self._mask[box]
            first = seen == _UNSEEN
            seen[~first & (there != mask)] = _DIFFERING
            np.copyto(there, mask, where=first)
            seen[first] = _SEEN
        top, left = share.rows.start - piece.y, share.columns.start - piece.x
        height, width = share.rows.stop - share.rows.start, share.columns.stop - share.columns.start
        self._mask[share] = mask[top : top + height, left : left + width]

    @property
    def differing(self) -> int:
        """The pixels in which tiles that overlap have different classes."""
        return 0 if self._seen is None else int(np.count_nonzero(self._seen == _DIFFERING))

    def mask(self, orientation: str) -> NDArray[np.uint8]:
        """Return the mask in the grid that the image's file "stored", or that viewers "display"."""
        return in_grid(self._image, self._mask, orientation)


def in_grid(image: PreparedImage, mask: NDArray[np.uint8], orientation: str) -> NDArray[np.uint8]:
    """Turn a mask of an image as viewers show it into the grid that is asked for, "stored" or "display"."""
    return raster.turn(mask, image.orientation) if orientation == "stored" else mask
