"""Images that Pillow decodes as a whole: the pixels stay in its memory, at four bytes each."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.images.probe import opener_of, orientation_of, turned
from gtmask.preparing.samples import Samples, on_white

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gtmask.preparing.samples import Levels
    from gtmask.preparing.tiles import Box

#: The most pixels that are decoded as a whole, in each process at a time: 1 GiB.
WHOLE_PIXELS = 1 << 28

_DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")


@dataclass
class WholeImage:
    """An image that Pillow has opened, of 8 bits a sample."""

    image: Any
    pages: int
    profile: bytes | None
    levels: Levels | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in the grid of the file."""
        width, height = self.image.size
        return width, height

    def block(self, box: Box) -> NDArray[np.uint8]:
        """Return some pixels, as a screen shows them."""
        part = self.image.crop((box.x, box.y, box.x + box.width, box.y + box.height))
        if part.mode == "1":
            part = part.convert("L")
        if part.mode in {"L", "RGB"} and "transparency" not in self.image.info:
            return np.asarray(part)
        if part.mode.endswith(("A", "a")) or "transparency" in self.image.info:
            values = np.asarray(part.convert("RGBA"))
            colors = on_white(values[..., :3], values[..., 3:])
            return colors[..., 0] if part.mode in {"L", "LA", "La"} else colors
        return np.asarray(part.convert("RGB"))


def open_with_pillow(path: str, name: str) -> Any:
    """Open an image by the name of its format; nothing is decoded yet. Close it after use."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about oddities that do not touch the pixels
        return opener_of(name)(path)


def decode_whole(image: Any) -> WholeImage | Samples:
    """Decode an open image; raises OSError, ValueError or SyntaxError where it is damaged."""
    pages, orientation = pages_of(image), orientation_of(image) if image.format == "TIFF" else 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image.load()
    # Pillow turns a TIFF as it decodes it, and no other format: back to the grid of the file.
    image = turned(image, orientation, back=True)
    profile = image.info.get("icc_profile") if image.mode in {"L", "LA", "RGB", "RGBA", "P"} else None
    if image.mode in _DEEP:
        return Samples(np.asarray(image)[..., None], "gray", pages=pages)
    return WholeImage(image, pages, profile)


def pages_of(image: Any) -> int:
    """Return how many pages or frames the file of an open image has, of which the first is the image."""
    if image.format == "JPEG":  # what follows a photo there is its depth, or smaller ones of it
        return 1
    count = getattr(image, "n_frames", 1)
    if count > 1:
        image.seek(0)
    return int(count)
