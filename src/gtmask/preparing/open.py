"""Which reader an image gets: Pillow for a whole, rows of a PNG, strips of a TIFF."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import png

from gtmask.errors import PrepareError
from gtmask.preparing.encode import JpegTables
from gtmask.preparing.png_rows import is_interlaced, read_png
from gtmask.preparing.samples import Samples
from gtmask.preparing.tiff_strips import layout_of, read_tiff
from gtmask.preparing.whole import WHOLE_PIXELS, decode_whole, open_with_pillow

if TYPE_CHECKING:
    from contextlib import ExitStack

    from gtmask.images.probe import ImageInfo
    from gtmask.preparing.samples import Pixels

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
