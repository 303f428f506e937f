"""Which reader an image gets: Pillow for one that fits into memory, rows of a PNG, strips of a TIFF."""

from __future__ import annotations

import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import png

from gtmask.errors import PrepareError
from gtmask.images.probe import ImageInfo, opener_of, orientation_of, turned
from gtmask.preparing.make import JpegTables
from gtmask.preparing.png_rows import is_interlaced, read_png
from gtmask.preparing.samples import WHOLE_PIXELS, Levels, Pixels, Samples, on_white, pages_of
from gtmask.preparing.tiff_strips import layout_of, read_tiff

if TYPE_CHECKING:
    from contextlib import ExitStack

    from numpy.typing import NDArray

    from gtmask.preparing.tiles import Box


#: What decoders raise at damaged files.
DAMAGED = (
    SyntaxError, OSError, EOFError, ValueError, TypeError, IndexError, KeyError, OverflowError,
    AttributeError, struct.error, zlib.error, png.Error,
)  # fmt: skip


def open_pixels(path: str, info: ImageInfo, rule: str, until: ExitStack) -> tuple[Pixels, JpegTables | None]:
    """Decode an image, or as much of it as is needed to see any part of it.

    Returns pixels in the grid of the file, and how it was encoded where that is of use. Raises PrepareError
    where it is too large to be decoded as a whole and cannot be read in strips, or its samples have no high
    byte; one of :data:`DAMAGED` where the file is damaged.

    - ``path``: of a local file.
    - ``rule``: how samples of more than 8 bits become 8.
    - ``until``: holds what is open; the pixels end with it.
    """
    samples = _samples(path, info, until)
    if samples is None:
        if info.width * info.height > WHOLE_PIXELS:
            size = Path(path).stat().st_size
            raise PrepareError(
                f"A {info.format} of {info.width}x{info.height} pixels and {size:,} bytes cannot be read in "
                "strips.",
                "prepare-strips",
            )
        image = until.enter_context(open_with_pillow(path, info.format))
        tables = JpegTables.of(image) if info.format == "JPEG" else None
        whole = decode_whole(image)
        if not isinstance(whole, Samples):
            return whole, tables
        samples = whole
    samples.look_at_levels(rule)
    return samples, None


def _samples(path: str, info: ImageInfo, until: ExitStack) -> Samples | None:
    """Read what can be read in strips and is worth it; None for Pillow."""
    if info.format == "TIFF":
        image = until.enter_context(open_with_pillow(path, info.format))
        layout = layout_of(image)
        return None if layout is None else read_tiff(image, path, layout)
    if info.format == "PNG" and (info.bits > 8 or info.width * info.height > WHOLE_PIXELS):
        if not is_interlaced(path):
            return read_png(path)
        if info.bits > 8 and info.width * info.height <= WHOLE_PIXELS:
            return _interlaced(path)
    return None


def _interlaced(path: str) -> Samples:
    """Decode an interlaced PNG of 16 bits with all of them, which Pillow does not."""
    with open(path, "rb") as file:  # noqa: PTH123
        width, _, rows, about = png.Reader(file).read()
        count = about["planes"]
        values: Any = np.vstack([np.asarray(row, np.uint16) for row in rows]).reshape(-1, width, count)
    colors = {1: "gray", 2: "gray", 3: "rgb", 4: "rgb"}[count]
    key = about.get("transparent")
    key = (key,) if isinstance(key, int) else key
    return Samples(values, colors, alpha=bool(about["alpha"]), key=key)


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
