"""The rules of one mask and one image, on what was read of them: headers, palette, pixel values.

What a mask must be follows from the 8 real Ground Truth masks that are public (8 bits, one channel,
sample value = class id, 256 palette entries, no further chunks), from the Developer Guide's page
sms-data-output, and from that browsers paint them. Image limits: sms-supported-data-formats and
input-data-limits; EXIF: sms-cors-update.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtmask.manifest.contract import (
    BACKGROUND_COLOR,
    HEX_COLOR,
    IMAGE_FORMATS,
    MAX_IMAGE_BYTES,
    MAX_IMAGE_PIXELS,
)
from gtmask.png import PngHeader, decode_png

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from gtmask.groundtruth.line_rules import Colors
    from gtmask.groundtruth.metadata_rules import Breach
    from gtmask.images.probe import ImageInfo

#: Chunks by which a browser may shift colours.
_COLOR_CHUNKS = frozenset({"gAMA", "cHRM", "iCCP", "sRGB", "cICP", "mDCV", "cLLI", "sBIT"})
#: Chunks by which a browser may turn a mask (EXIF's orientation) or play it (APNG's frames).
_MOVING_CHUNKS = frozenset({"eXIf", "acTL"})
#: An image below this many pixels cannot exceed the limit of bytes: PNG has at most 8 bytes a pixel.
SMALL_IMAGE_PIXELS = MAX_IMAGE_BYTES // 8


def check_mask(header: PngHeader, colors: Colors) -> Iterator[Breach]:
    """Yield what is wrong with a mask's header and palette."""
    if header.color_type in {2, 6}:
        yield "mask-rgb", "RGB with alpha" if header.color_type == 6 else "RGB"
    elif header.color_type == 4 or header.transparency:
        yield "mask-alpha", "gray with alpha" if header.color_type == 4 else "a tRNS chunk"
    elif header.bit_depth != 8:
        yield "mask-bit-depth", f"{header.bit_depth} bits"
    elif header.color_type == 3:
        yield from _palette(header.palette or b"", colors)
    if header.interlace:
        yield "mask-interlaced", "so its pixel values are not looked at"
    if moving := [name for name in header.chunks if name in _MOVING_CHUNKS]:
        yield "mask-moves", ", ".join(sorted(set(moving)))
    if shifting := [name for name in header.chunks if name in _COLOR_CHUNKS]:
        yield "mask-color-chunks", ", ".join(shifting)


def _palette(palette: bytes, colors: Colors) -> Iterator[Breach]:
    """Compare PLTE with the color map: entry i is the colour of class i, unused ones are white."""
    if not colors:
        return
    count = len(palette) // 3
    for number, color in sorted(colors.items()):
        entry = f"#{palette[3 * number : 3 * number + 3].hex()}" if number < count else "missing"
        if HEX_COLOR.fullmatch(color) and entry != color:
            yield "mask-palette", f"entry {number} is {entry}, and class {number} has {color}"
            return
    white = bytes.fromhex(BACKGROUND_COLOR[1:])
    unused = [i for i in range(count) if i not in colors and palette[3 * i : 3 * i + 3] != white]
    if unused:
        yield "mask-palette-padding", f"entry {unused[0]} of no class is no white"
    elif count < 256:
        yield "mask-palette-padding", f"the palette has {count} entries instead of 256"


def can_decode(header: PngHeader) -> bool:
    """Say whether the pixel values of a mask mean class ids at all."""
    return header.color_type in {0, 3} and header.bit_depth <= 8 and not header.interlace


def check_size(header: PngHeader, image: ImageInfo, grid: str = "stored") -> Iterator[Breach]:
    """Compare the mask's size with that of the image: as its file stores it, or as EXIF turns it."""
    mask, stored = (header.width, header.height), (image.width, image.height)
    if grid == "display" and image.orientation > 4:
        if mask != stored[::-1]:
            turned = f"{stored[1]}x{stored[0]} as EXIF turns it"
            yield "mask-size", f"the mask has {mask[0]}x{mask[1]} pixels, the image {turned}"
    elif mask != stored:
        turned = " (the image as EXIF turns it)" if image.orientation > 4 and mask == stored[::-1] else ""
        detail = f"the mask has {mask[0]}x{mask[1]} pixels{turned}, the image {stored[0]}x{stored[1]}"
        yield "mask-size", detail


def check_values(
    header: PngHeader, data: bytes, counts: NDArray[np.int64], colors: Colors
) -> Iterator[Breach]:
    """Yield the pixel values that the color map does not know.

    ``counts`` int64 (256,): pixels by value. The mask is decoded from ``data``, its file, only to say where
    an unknown value stands.
    """
    present = [value for value, count in enumerate(counts.tolist()) if count]
    unknown = [value for value in present if value not in colors]
    if unknown and header.bit_depth == 8 and colors:
        value = unknown[0]
        row, column = divmod(int((decode_png(data) == value).argmax()), header.width)
        others = f" (and {len(unknown) - 1} more values)" if len(unknown) > 1 else ""
        pixels = int(counts[unknown].sum())
        where = f"first at column {column}, row {row}"
        yield "mask-value", f"value {value}{others} in {pixels:,} pixels, {where}; the map has {_ids(colors)}"
    if present == [0]:
        yield "mask-all-background", ""


def check_image(image: ImageInfo, grid: str = "stored") -> Iterator[Breach]:
    """Yield what is wrong with an image's header; ``grid`` is the one that its mask fits."""
    if image.format not in IMAGE_FORMATS:
        yield "source-format", f"the file is {image.format}"
    if image.coding:
        yield "source-coding", f"{image.coding} JPEG"
    if image.bits > 8:
        yield "source-depth", f"{image.bits} bits a sample"
    if image.width * image.height > MAX_IMAGE_PIXELS:
        yield "source-pixels", f"{image.width}x{image.height} pixels"
    if image.orientation != 1:
        yield "source-turned" if grid == "stored" else "mask-turned", f"EXIF orientation {image.orientation}"


def check_bytes(size: int) -> Iterator[Breach]:
    """Yield a breach where an image's file is too large."""
    if size > MAX_IMAGE_BYTES:
        yield "source-bytes", f"{size:,} bytes"


def _ids(colors: Colors) -> str:
    ids = sorted(colors)
    whole = ids == list(range(len(ids)))
    return f"0 to {ids[-1]}" if whole else ", ".join(map(str, ids))
