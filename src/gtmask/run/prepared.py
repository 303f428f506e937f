"""Whether the images of a run were prepared, and the table that tells what became of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gtmask.errors import UsageError
from gtmask.images.prepared import PREPARING, TABLE, open_prepared
from gtmask.images.present import exists
from gtmask.loops import run_async
from gtmask.progress import notice
from gtmask.storage import open_storage, split_location

if TYPE_CHECKING:
    from gtmask.run.places import RunRequest


def with_table(request: RunRequest) -> RunRequest:
    """Return a start with the table of its images, where they were prepared; it is looked at as a whole.

    Raises
    ------
    UsageError
        The table cannot be used, the images are not prepared yet, or no image shall be read.
    """
    prepared = request.prepared
    if prepared is None:
        prepared = run_async(_find(request))
        if not prepared:
            return request
        notice(f"Masks are made for the images that {prepared} tells of.")
    if request.settings.size == "annotation":
        raise UsageError(
            f"--size annotation reads no image, and the table {prepared} tells their sizes: leave it out."
        )
    if request.prepared is not None and request.images_option is None:
        request = replace(request, images_option=split_location(prepared)[0])
    table = run_async(open_prepared(prepared, request.images, request.execution.s3))
    table.check()
    return replace(request, prepared=prepared, table=table)


async def _find(request: RunRequest) -> str:
    """Return the location of the table among the images, "" where there is none.

    Raises
    ------
    UsageError
        The images are being prepared.
    """
    async with open_storage(request.images, request.execution.s3) as images:
        if await exists(images, TABLE):
            return f"{request.images.rstrip('/')}/{TABLE}"
        if await exists(images, PREPARING):
            raise UsageError(
                f"--images {request.images} are not prepared yet: run the same gtmask prepare again first."
            )
    return ""
