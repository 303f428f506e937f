"""Where the images are if they are not below ``--images``: a look around, to name the folder in a refusal."""

from __future__ import annotations

import os
from itertools import islice
from posixpath import basename, dirname
from typing import TYPE_CHECKING

from gtmask.storage import is_s3, open_storage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from gtmask.storage.base import S3Settings

#: So many files are looked at in each place.
MOST = 10_000


async def folders_with(names: Sequence[str], places: Sequence[str], s3: S3Settings) -> list[str]:
    """Return the folders around some places in which there are files of these names.

    Returns the folders above the part of the path that the names share, and those of the files themselves.

    - ``names``: what images are called: paths of which the last part counts.
    - ``places``: folders or ``s3://`` prefixes, the likeliest first; each is searched with all that lies in
      it.
    """
    wanted: dict[str, list[str]] = {}
    for name in names:
        path = name.replace("\\", "/").partition("?")[0]
        wanted.setdefault(basename(path), []).append(path)
    wanted.pop("", None)
    found: dict[str, None] = {}
    for place in places:
        async for path in _files(place, s3):
            for name in wanted.get(basename(path), ()):
                found |= dict.fromkeys(_folders(path, name))
        if found:
            break
    return list(found)


def _folders(path: str, name: str) -> Iterator[str]:
    """Yield the folder of a file from which a name leads to it, and the folder that it is in."""
    if path.endswith("/" + name.strip("/")):
        yield path[: -len(name.strip("/")) - 1]
    yield dirname(path)


async def _files(place: str, s3: S3Settings) -> AsyncIterator[str]:
    """Yield the first files below a place."""
    if is_s3(place):
        async with open_storage(place, s3) as storage:
            count = 0
            async for entry in storage.list():
                yield storage.uri(entry.key)
                count += 1
                if count == MOST:
                    return
        return
    for path in islice(_walk(place), MOST):  # of what is no folder it yields nothing
        yield path


def _walk(place: str) -> Iterator[str]:
    for folder, folders, files in os.walk(place):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            yield f"{folder.rstrip('/')}/{name}"
