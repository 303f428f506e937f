"""From a PNG's bytes to one number per pixel, and what each number stands for.

Gray and palette PNGs of at most 8 bits go through gtmask's own decoder, and their samples stay as they are.
What has colours, alpha, 16 bits or interlacing is decoded by Pillow, but for colours of 16 bits, which Pillow
cuts; its different colours or samples are
numbered, of which there may be 256.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.errors import PngError
from gtmask.formats.reading.per_image import BadFile
from gtmask.model import Plane
from gtmask.png import PngHeader, count_values, decode_png, read_header
from gtmask.png.wide import decode_wide

if TYPE_CHECKING:
    from numpy.typing import NDArray


GRAY, COLORS, PALETTE, GRAY_ALPHA, COLORS_ALPHA = 0, 2, 3, 4, 6
MOST = 256
#: What a fully transparent pixel stands for.
NOTHING = -1
#: By how much Pillow multiplies gray samples of 2 and 4 bits.
_SCALE = {2: 85, 4: 17}


class NotAMask(BadFile):
    """A picture of more colours or values than classes can be."""


@dataclass(frozen=True, slots=True)
class Pixel:
    """What one number of a plane stands for: a sample, a colour as 0xRRGGBB, or both (palette)."""

    number: int
    count: int
    value: int | None = None
    color: int | None = None

    @property
    def marks(self) -> tuple[str, ...]:
        """What a class map may call it by."""
        value = () if self.value is None else (f"{self.value}",)
        return value if self.color in {None, NOTHING} else (*value, f"#{self.color:06x}")

    def __str__(self) -> str:
        return "transparent" if self.color == NOTHING else " ".join(self.marks)


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded mask: the plane, what its numbers stand for, and its PNG's colour type."""

    plane: Plane
    pixels: tuple[Pixel, ...]
    color_type: int


def decode(data: bytes) -> Picture:
    """Decode a mask; raises BadFile where it is no PNG, is damaged, or has too many colours to be a mask."""
    try:
        header = read_header(data)
        plain = header.color_type in {GRAY, PALETTE} and header.bit_depth <= 8 and not header.interlace
        if plain:
            picture = _sampled(np.ascontiguousarray(decode_png(data)), header)
        elif header.is_wide:
            picture = _by_16_bits(data, header)
        else:
            picture = _by_pillow(data, header)
    except PngError as error:
        raise BadFile(f"{error}".rstrip(".")) from error
    # Of the file and not of the pixels, which are many times as many bytes.
    return replace(picture, plane=replace(picture.plane, digest=blake2b(data, digest_size=16).digest()))


def _sampled(samples: NDArray[np.uint8], header: PngHeader) -> Picture:
    counts = count_values(samples)
    palette = header.palette if header.color_type == PALETTE else None
    numbers = counts.nonzero()[0]
    pixels = [Pixel(number, count, number, palette_color(palette, number))
              for number, count in zip(numbers.tolist(), counts[numbers].tolist(), strict=True)]  # fmt: skip
    return Picture(Plane(samples), tuple(pixels), header.color_type)


def palette_color(palette: bytes | None, number: int) -> int | None:
    """Return a palette's colour as 0xRRGGBB; None where it has none for this number."""
    entry = palette[3 * number : 3 * number + 3] if palette else b""
    return int.from_bytes(entry, "big") if len(entry) == 3 else None


def _by_pillow(data: bytes, header: PngHeader) -> Picture:
    from PIL import Image  # noqa: PLC0415 - most masks need none of it

    try:
        with Image.open(io.BytesIO(data)) as opened:
            opened.load()
            array = np.asarray(opened)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadFile(f"it cannot be decoded: {error}"[:200]) from error
    if header.color_type in {GRAY, PALETTE}:
        if header.bit_depth == 16:
            return _numbered(array.astype(np.uint32), header, colored=False)
        samples = array.astype(np.uint8)
        if header.color_type == GRAY and header.bit_depth in _SCALE:
            samples //= np.uint8(_SCALE[header.bit_depth])
        return _sampled(np.ascontiguousarray(samples), header)
    return _colored(array, header)


def _by_16_bits(data: bytes, header: PngHeader) -> Picture:
    """Return a picture of 16 bits: colours that were made of 8 bits, or grays of any value."""
    samples = decode_wide(data, header)
    if header.color_type == GRAY_ALPHA:
        return _colored(samples, header)
    if not (samples != (samples >> 8) * np.uint16(257)).any():
        return _colored(samples >> 8, header)
    if (samples[..., :1] != samples[..., 1:3]).any():
        raise BadFile("its colours have 16 bits, which no list of classes has: save it with 8")
    alpha = samples[..., 3] if header.color_type == COLORS_ALPHA else np.ones(samples.shape[:2], np.uint16)
    return _numbered(_faded(samples[..., 0].astype(np.uint32), alpha), header, colored=False)


def _colored(array: NDArray[Any], header: PngHeader) -> Picture:
    """Give a number to each colour, or gray sample with alpha, of (height, width, samples)."""
    if header.color_type == GRAY_ALPHA:
        gray = array[..., 0].astype(np.uint32)
        return _numbered(_faded(gray, array[..., 1]), header, colored=False)
    rgb: Any = array[..., :3].astype(np.uint32)
    colors: Any = rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2]
    if header.color_type == COLORS_ALPHA:
        colors = _faded(colors, array[..., 3])
    return _numbered(colors, header, colored=True)


def _faded(samples: Any, alpha: Any) -> NDArray[np.uint32]:
    """Mark pixels that are fully transparent."""
    return np.where(alpha == 0, np.uint32(1 << 24), samples).astype(np.uint32)


def _numbered(samples: NDArray[np.uint32], header: PngHeader, *, colored: bool) -> Picture:
    """Give a number to each different sample of a picture, after counting its runs of equal ones."""
    flat = np.ascontiguousarray(samples).ravel()
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    lengths = np.diff(np.append(starts, len(flat)))
    found, places = np.unique(flat[starts], return_inverse=True)
    if len(found) > MOST:
        what = "colours" if colored else "values"
        raise NotAMask(f"it has {len(found)} different {what}, so it is no mask of classes")
    counts = np.bincount(places, weights=lengths).astype(np.int64)
    plane = np.repeat(places.astype(np.uint8), lengths).reshape(samples.shape)
    pixels = []
    for number, (sample, count) in enumerate(zip(found.tolist(), counts.tolist(), strict=True)):
        color = NOTHING if sample == 1 << 24 else sample if colored else None
        pixels.append(Pixel(number, count, None if colored or color == NOTHING else sample, color))
    return Picture(Plane(plane), tuple(pixels), header.color_type)
