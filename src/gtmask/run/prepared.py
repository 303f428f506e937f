"""Whether the images of a run were prepared, the table that tells what became of them, and where masks go.

A mask has the size that the table tells. A table of another folder, or a copy that was made anew or edited
since, would give masks that do not fit, and nobody would see it before workers do.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from gtmask.errors import NotFoundError, ProbeError, UsageError
from gtmask.findings import Finding
from gtmask.images.prepared import (
    PREPARING,
    TABLE,
    Piece,
    PreparedImage,
    PreparedImages,
    masks_of,
    open_prepared,
)
from gtmask.images.present import exists
from gtmask.images.probe import probe
from gtmask.loops import run_async
from gtmask.progress import notice
from gtmask.run.outcomes import MaskPlace
from gtmask.run.places import NOT_PREPARED, RunRequest
from gtmask.storage import open_storage, split_location

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from contextlib import AsyncExitStack

    from gtmask.images.probe import ImageInfo
    from gtmask.storage.base import S3Settings, Storage


def with_table(request: RunRequest) -> RunRequest:
    """Return a start with the table of its images, where they were prepared; it is looked at as a whole.

    Raises UsageError: the table cannot be used, the images are not prepared yet, or no image shall be read.
    """
    prepared = request.prepared
    if prepared == NOT_PREPARED:
        return request
    if prepared is None:
        prepared = run_async(_find(request))
        if not prepared:
            return request
        notice(
            f"Masks are made for the images that {prepared} tells of, of labels that were made before: "
            "--prepared none if the new images were labeled."
        )
    if request.settings.size == "annotation":
        raise UsageError(
            f"--size annotation reads no image, and the table {prepared} tells their sizes: leave it out."
        )
    if request.prepared is not None and request.images_option is None:
        request = replace(request, images_option=split_location(prepared)[0])
    table = run_async(open_prepared(prepared, request.images, request.execution.s3))
    table.check()
    if request.settings.image_uri is None:
        run_async(_refuse_elsewhere(request, prepared, table))
    return replace(request, prepared=prepared, table=table, assumed=request.prepared is None)


async def _refuse_elsewhere(request: RunRequest, prepared: str, table: PreparedImages) -> None:
    """Refuse a folder in which the first of the new images is not; raises UsageError with the image."""
    first = next((piece.key for piece in table.first() if not piece.at), None)
    async with open_storage(request.images, request.execution.s3) as images:
        if first is not None and not await exists(images, first):
            raise UsageError(
                f"--images {request.images} has no {first}, which {prepared} names: give the folder of the "
                "prepared images."
            )


async def _find(request: RunRequest) -> str:
    """Return the location of the table among the images, "" where there is none.

    Raises UsageError: the images are being prepared.
    """
    async with open_storage(request.images, request.execution.s3) as images:
        if await exists(images, TABLE):
            return f"{request.images.rstrip('/')}/{TABLE}"
        if await exists(images, PREPARING):
            raise UsageError(
                f"--images {request.images} are not prepared yet: run the same gtmask prepare again first."
            )
    return ""


#: Copies of one image whose headers are on their way at a time.
_AT_ONCE = 16


class Copies:
    """Looks at the headers of copies.

    - ``look``: returns what the head of a copy says.
    - ``images``: where the copies are.
    - ``s3``: how to reach images that were left where they are.
    - ``until``: holds what is opened for these.
    - ``may_be_away``: whether the manifest refers to copies at another place: then those that are not here
      are no fault.
    """

    def __init__(
        self,
        look: Callable[[str], Awaitable[ImageInfo]],
        images: Storage,
        s3: S3Settings,
        until: AsyncExitStack,
        *,
        may_be_away: bool,
    ) -> None:
        self._look = look
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
            info = await (probe(place, piece.key) if piece.at else self._look(piece.key))
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
