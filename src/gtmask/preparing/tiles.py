"""How an image is cut into tiles, and where their pixels are in the file's own grid."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

#: EXIF orientations (CIPA DC-008, 4.6.5.1.2) by what brings the stored pixels upright: first columns are
#: mirrored, then rows, then both are exchanged.
_MIRRORED, _UPSIDE_DOWN, _EXCHANGED = {2, 3, 7, 8}, {3, 4, 6, 7}, {5, 6, 7, 8}


class Box(NamedTuple):
    """Some of an image's pixels: left upper corner, width and height."""

    x: int
    y: int
    width: int
    height: int


def tiles(width: int, height: int, tile: tuple[int, int], overlap: int) -> Iterator[Box]:
    """Yield tiles of an image, row by row, all nearly of one size.

    Each has ``overlap`` pixels in common with the next one to its right, and with the one below; without
    overlap each pixel is in one tile.

    - ``tile``: width and height that no tile exceeds; more than ``overlap``.
    - ``overlap``: in pixels.
    """
    for top, bottom in _spans(height, tile[1], overlap):
        for left, right in _spans(width, tile[0], overlap):
            yield Box(left, top, right - left, bottom - top)


def _spans(length: int, most: int, overlap: int) -> list[tuple[int, int]]:
    count = 1 if length <= most else -(-length // (most - overlap))
    edges = [length * number // count for number in range(count + 1)]
    return [(first, min(last + overlap, length)) for first, last in itertools.pairwise(edges)]


def stored_box(box: Box, width: int, height: int, orientation: int) -> Box:
    """Return where the pixels of a box of the upright image are in the file.

    - ``box``: in the image as viewers show it.
    - ``width``, ``height``: size of the image as the file stores it.
    - ``orientation``: EXIF's, 1 to 8.
    """
    x, y, across, down = box
    if orientation in _EXCHANGED:
        x, y, across, down = y, x, down, across
    if orientation in _MIRRORED:
        x = width - x - across
    if orientation in _UPSIDE_DOWN:
        y = height - y - down
    return Box(x, y, across, down)


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn stored pixels, (height, width) or (height, width, samples), as viewers show them."""
    if orientation in _MIRRORED:
        pixels = pixels[:, ::-1]
    if orientation in _UPSIDE_DOWN:
        pixels = pixels[::-1]
    if orientation in _EXCHANGED:
        pixels = pixels.swapaxes(0, 1)
    return np.ascontiguousarray(pixels)
