"""Copies of prepared images: whether they have the pixels that the table tells, and where masks go.

A mask has the size that the table tells. A table of another folder, or a copy that was made anew or edited
since, would give masks that do not fit, and nobody would see it before workers do.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gtmask.errors import NotFoundError, ProbeError
from gtmask.findings import Finding
from gtmask.images.prepared import masks_of
from gtmask.images.probe import probe
from gtmask.storage import open_storage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AsyncExitStack

    from numpy.typing import NDArray

    from gtmask.images.prepared import Piece, PreparedImage
    from gtmask.storage.base import S3Settings, Storage


#: Copies of one image whose headers are on their way at a time.
_AT_ONCE = 16


class Copies:
    """Looks at the headers of copies.

    - ``images``: where the copies are.
    - ``s3``: how to reach images that were left where they are.
    - ``until``: holds what is opened for these.
    - ``may_be_away``: whether the manifest refers to copies at another place: then those that are not here
      are no fault.
    """

    def __init__(self, images: Storage, s3: S3Settings, until: AsyncExitStack, *, may_be_away: bool) -> None:
        self._places: dict[str, Storage] = {"": images}
        self._s3, self._until, self._may_be_away = s3, until, may_be_away

    async def look_at(self, image: PreparedImage) -> list[Finding]:
        """Return what is wrong with the first copies of an image that are not as the table tells."""
        for at in {piece.at for piece in image.images} - self._places.keys():
            self._places[at] = await self._until.enter_async_context(open_storage(at, self._s3))
        for start in range(0, len(image.images), _AT_ONCE):
            pieces = image.images[start : start + _AT_ONCE]
            found = await asyncio.gather(*(self._look_at(piece) for piece in pieces))
            if wrong := [finding for finding in found if finding is not None]:
                return wrong[:1]
        return []

    async def _look_at(self, piece: Piece) -> Finding | None:
        place = self._places[piece.at]
        try:
            info = await probe(place, piece.key)
        except NotFoundError:
            if self._may_be_away:
                return None
            return Finding("prepared-differs", f"{place.uri(piece.key)} is not there")
        except ProbeError as error:
            return Finding("image-unreadable", str(error))
        if (info.width, info.height, info.orientation) == (piece.width, piece.height, 1):
            return None
        turned = "" if info.orientation == 1 else f" and EXIF orientation {info.orientation}"
        return Finding(
            "prepared-differs",
            f"{piece.key} has {info.width}x{info.height} pixels{turned}, the table tells "
            f"{piece.width}x{piece.height}",
        )


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
