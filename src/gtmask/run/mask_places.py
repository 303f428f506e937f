"""Where the masks of a record go: one, or one for each tile of an image that was prepared."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gtmask.images.prepared import masks_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from gtmask.images.prepared import PreparedImage


class MaskPlace(NamedTuple):
    """Where a mask goes: the image's reference, the mask's key, and which pixels of the whole; None: all."""

    image: str
    mask: str
    box: tuple[int, int, int, int] | None = None

    def cut(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the pixels, uint8 (height, width), of the whole image's mask."""
        if self.box is None:
            return mask
        x, y, width, height = self.box
        return np.ascontiguousarray(mask[y : y + height, x : x + width])


def mask_places(image: PreparedImage, target: str, prefix: str, *, is_given: bool) -> Iterator[MaskPlace]:
    """Yield where the masks of a prepared image go.

    - ``image``: what became of the image.
    - ``target``: the key of the whole image's mask.
    - ``prefix``: what stands before image keys in the manifest.
    - ``is_given``: whether somebody has said so: then images that were left where they are are below it, too.
    """
    for piece, mask in masks_of(image, target):
        before = prefix if is_given or not piece.at else f"{piece.at}/"
        box = None if image.is_whole else (piece.x, piece.y, piece.width, piece.height)
        yield MaskPlace(before + piece.key, mask, box)
