"""What is said where none of the first images is found: where they are, and what would work instead."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from posixpath import dirname
from typing import TYPE_CHECKING, Any

from gtmask.errors import GtmaskError
from gtmask.images.elsewhere import folders_with
from gtmask.images.present import exists
from gtmask.images.resolve import choose_rule
from gtmask.loops import run_async
from gtmask.run.places import RunRequest, real
from gtmask.storage import open_storage
from gtmask.text import escape_unprintable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gtmask.formats.base import Reader
    from gtmask.model import ImageNames

#: So many records are read to see whether the export tells sizes.
_LOOKED_AT = 20


def none_found(request: RunRequest, reader: Reader[Any], images: Sequence[ImageNames]) -> str:
    """Return the sentence that refuses ``--images``: it advises nothing that would be refused."""
    return run_async(_none_found(request, reader, images))


async def _none_found(request: RunRequest, reader: Reader[Any], images: Sequence[ImageNames]) -> str:
    images = [one for one in images if one.image]
    if not images:
        return f"The first records of {request.source} name no image: look at them with `gtmask inspect`."
    example = escape_unprintable(images[0].image)
    alone = len(request.sources) == 1
    source = request.sources[images[0].source]
    within = f"{request.images}/{request.folders[images[0].source]}".rstrip("/")
    of = "" if alone else f" of {source}"
    told = f"None of the first {len(images):,} images{of} is in {within}, such as {example:.200}"
    if len(images) == 1:
        told = f"The image {example:.200}{of} is not in {within}"
    advice = []
    # A folder that has the images of one export would be looked through for those of all.
    folder = await _elsewhere(request, images) if alone else None
    if folder is not None:
        advice.append(f"give --images {folder}, where they are" if len(images) > 1 else
                      f"give --images {folder}, where it is")  # fmt: skip
    else:
        advice.append("check --images")
    if tells_sizes(reader):
        advice.append("take the sizes from the export with --size annotation")
    return f"{told}: {', or '.join(advice)}."


def has_labels(reader: Reader[Any]) -> bool:
    """Say whether the first records have shapes with labels: else the format may be the wrong one."""
    records = (reader.record(unit) for unit in islice(reader.units(), _LOOKED_AT))
    return any(shape.label for record in records for shape in record.shapes)


def tells_sizes(reader: Reader[Any]) -> bool:
    """Say whether the export itself tells the size of its first images."""
    records = (reader.record(unit) for unit in islice(reader.units(), _LOOKED_AT))
    return any(record.width and record.height for record in records)


async def _elsewhere(request: RunRequest, images: Sequence[ImageNames]) -> str | None:
    """Return a folder in which the images are found, and that would not be refused."""
    names = [name for one in images for name in (one.image, *one.aliases)]
    source = real(request.source.partition("*")[0])
    places = dict.fromkeys([real(request.images), dirname(real(request.images)), source, dirname(source)])
    try:
        for folder in await folders_with(names, [place for place in places if place], request.execution.s3):
            moved = replace(request, images_option=folder)
            if not moved.meets(request.out) and await _has(moved, images):
                return folder
    except (GtmaskError, OSError):  # what cannot be listed is not looked at: this is a favour only
        pass
    return None


async def _has(request: RunRequest, images: Sequence[ImageNames]) -> bool:
    async with open_storage(request.images, request.execution.s3) as storage:
        seen: list[bool] = []

        async def is_there(key: str) -> bool:
            seen.append(await exists(storage, key))
            return seen[-1]

        await choose_rule(images, is_there, request.images)
        return any(seen)
