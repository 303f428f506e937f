"""All files below the images, in the order of their keys, their versions, and what new images are called.

New images are called like the old ones, with another extension where the format is another one. Two images
that differ in their extension alone keep it in the names of new ones (``a.tif.png`` beside ``a.jpg``), as
masks do. Tiles stand in a folder of the image's whole name (``a.tif.tiles/x0_y2048.png``), in which no other
image may be.
"""

from __future__ import annotations

from array import array
from hashlib import blake2b
from posixpath import splitext
from typing import TYPE_CHECKING

import numpy as np

from gtmask.errors import ChangedError, NotFoundError
from gtmask.images.prepared import TILES
from gtmask.storage import S3Settings, is_s3, open_storage
from gtmask.storage.blocking import BlockingStorage
from gtmask.storage.local_files import version_of_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from gtmask.preparing.tiles import Box


class Listing:
    """What must be known of all images before the first one is written, in 24 bytes for each.

    - ``images``, ``s3``: the folder or prefix, and how to reach it.
    """

    def __init__(self, images: str, s3: S3Settings) -> None:
        self._images, self._s3 = images, s3
        self.names = Names()
        self.count = 0
        versions = array("q")
        digest = blake2b(digest_size=16)
        for key, size, version in self.files():
            self.names.add(key)
            versions.append(hash((key, version)))
            digest.update(f"{key}\0{size}\0{version}\n".encode("utf-8", "surrogatepass"))
            self.count += 1
        self.digest = digest.hexdigest()
        self._versions = np.sort(np.array(versions, np.int64))

    def files(self) -> Iterator[tuple[str, int, str]]:
        """Yield key, bytes and version of each file."""
        with BlockingStorage(open_storage(self._images, self._s3)) as storage:
            for entry in storage.list():
                if is_s3(self._images):
                    if not entry.key.endswith("/"):  # what consoles write to show a folder
                        yield entry.key, entry.size, entry.etag
                    continue
                try:
                    yield entry.key, entry.size, version_of_file(f"{self._images}/{entry.key}")
                except NotFoundError:  # deleted since it was listed
                    continue

    def has(self, key: str, version: str) -> bool:
        """Say whether an image is there in this version."""
        wanted = hash((key, version))
        at = self._versions.searchsorted(wanted)
        return bool(at < len(self._versions) and self._versions[at] == wanted)

    def again(self) -> Iterator[tuple[str, int, str]]:
        """Yield the files once more; raises ChangedError where they are no longer what they were."""
        count = 0
        for key, size, version in self.files():
            if not self.has(key, version):
                break
            count += 1
            yield key, size, version
        if count != self.count:
            raise ChangedError(
                f"The files in {self._images} change while they are prepared: run again to go on."
            )


class Names:
    """All names that images have, in 16 bytes each: which of them share all but the extension."""

    def __init__(self) -> None:
        self._keys, self._stems = array("q"), array("q")
        self._sorted: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    def add(self, key: str) -> None:
        """Take the next image's key."""
        self._keys.append(hash(key))
        self._stems.append(hash(splitext(key)[0]))

    def _of(self, which: int) -> NDArray[np.int64]:
        if self._sorted is None:
            self._sorted = (np.sort(np.array(self._keys, np.int64)), np.sort(np.array(self._stems, np.int64)))
        return self._sorted[which]

    def base(self, key: str) -> str:
        """Return what a new image's name begins with, up to its extension.

        A name that is itself an image's is not used: ``a.tif`` may become ``a.tif.png``, so ``a.tif.tif``
        becomes ``a.tif.tif.png``.
        """
        stem = splitext(key)[0]
        low, high = self._of(1).searchsorted([hash(stem), hash(stem) + 1])
        return stem if high - low < 2 and not self.is_taken(stem) else key

    def is_taken(self, key: str) -> bool:
        """Say whether an image has this name."""
        at = self._of(0).searchsorted(hash(key))
        return bool(at < len(self._of(0)) and self._of(0)[at] == hash(key))

    def trouble(self, key: str) -> str:
        """Say why an image cannot get a name with another extension, "" where it can."""
        base = self.base(key)
        if base == key and any(self.is_taken(base + end) for end in (".jpg", ".png")):
            return f"{base}.jpg or {base}.png is an image, too"
        return ""

    def inside(self, key: str) -> str:
        """Return the image whose tiles would stand in the folder that this one is in, "" if there is none."""
        folder = key
        while folder := folder.rpartition("/")[0]:
            image = folder.removesuffix(TILES.rstrip("/"))
            if image != folder and self.is_taken(image):
                return image
        return ""


def new_key(key: str, base: str, extension: str) -> str:
    """Return the key of a whole new image: the old one where its extension tells the format."""
    ends = (".jpg", ".jpeg") if extension == ".jpg" else (extension,)
    return key if key.lower().endswith(ends) else base + extension


def tile_key(key: str, box: Box, extension: str) -> str:
    """Return the key of a tile."""
    return f"{key}{TILES}x{box.x}_y{box.y}{extension}"
