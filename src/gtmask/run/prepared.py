"""Whether the images of a run were prepared, and the table that tells what became of them."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from gtmask.errors import UsageError
from gtmask.images.prepared import PREPARING, TABLE, open_prepared
from gtmask.images.present import exists
from gtmask.loops import run_async
from gtmask.progress import notice
from gtmask.run.places import absolute_location
from gtmask.storage import open_storage, split_location

if TYPE_CHECKING:
    from os import PathLike

    from gtmask.images.prepared import PreparedImages
    from gtmask.run.places import RunRequest

#: In place of a table's location: the images are taken as they are.
NOT_PREPARED = "none"


def prepared_location(given: str | PathLike[str] | None) -> str | None:
    """Return the location of a table as it is used, or :data:`NOT_PREPARED`.

    Raises UsageError where it cannot be one.
    """
    if given is None or os.fspath(given).lower() == NOT_PREPARED:
        return None if given is None else NOT_PREPARED
    return absolute_location(given, "--prepared")


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
