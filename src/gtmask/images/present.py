"""Which of many images are there: asked one by one, or listed once where that takes fewer requests."""

from __future__ import annotations

import asyncio
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from gtmask.errors import NoPlaceError, NotFoundError
from gtmask.storage import is_s3

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from numpy.typing import NDArray

    from gtmask.storage.base import Entry, Storage

#: After as many questions an S3 prefix is listed: a request lists a thousand objects.
MANY = 1000


class Lookup(Protocol):
    """What can be asked for images: the storage that they lie in, or a table of them."""

    root: str

    def uri(self, key: str) -> str:
        """Return the place of an image, for people."""
        ...

    async def size(self, key: str) -> int:
        """Return a number of bytes; raises NotFoundError where there is no such image."""
        ...

    def list(self, prefix: str = "") -> AsyncIterator[Entry]:
        """Yield the images whose keys begin so."""
        ...


class Present:
    """Answers which images are there, in 8 bytes per image of an S3 prefix that was listed."""

    def __init__(self) -> None:
        self._asked = 0
        self._listed: NDArray[np.int64] | None = None

    async def among(self, images: Lookup, keys: Sequence[str]) -> set[str]:
        """Return those of the keys that images have.

        - ``images``: the folder or prefix of the images: the same one on every call.
        - ``keys``: keys below it.
        """
        self._asked += len(keys)
        if self._listed is None and self._asked > MANY and is_s3(images.root):
            hashes = array("q")
            async for entry in images.list():
                hashes.append(hash(entry.key))
            self._listed = np.unique(np.frombuffer(hashes, np.int64))
        if self._listed is not None:
            wanted = np.array([hash(key) for key in keys], np.int64)
            return {
                key for key, is_there in zip(keys, np.isin(wanted, self._listed), strict=True) if is_there
            }
        found = await asyncio.gather(*(exists(images, key) for key in keys))
        return {key for key, is_there in zip(keys, found, strict=True) if is_there}


async def exists(images: Lookup, key: str) -> bool:
    """Say whether there is an image of this key."""
    try:
        await images.size(key)
    except NotFoundError:
        return False
    return True


def refuse_lost_place(images: Storage, error: NotFoundError) -> None:
    """Stop where the bucket or the folder of all images is gone: no image is missing by itself then.

    Raises NoPlaceError.

    - ``error``: what was said when an image was looked for.
    """
    if isinstance(error, NoPlaceError):
        raise error
    if not (is_s3(images.root) or Path(images.root).is_dir()):
        raise NoPlaceError(f"{images.root}, the folder of the images, is gone: bring it back and run again.")
