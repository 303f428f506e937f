"""What new images are called: like the old ones, with another extension where the format is another one.

Two images that differ in their extension alone keep it in the names of new ones (``a.tif.png`` beside
``a.jpg``), as masks do. Tiles stand in a folder of the image's whole name (``a.tif.tiles/x0_y2048.png``), in
which no other image may be.
"""

from __future__ import annotations

from array import array
from posixpath import splitext
from typing import TYPE_CHECKING

import numpy as np

from gtmask.images.prepared import TILES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gtmask.preparing.tiles import Box


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
