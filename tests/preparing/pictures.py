"""Images of every kind that ``prepare`` meets, made here."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps

if TYPE_CHECKING:
    from pathlib import Path


def noise(height: int = 37, width: int = 53, seed: int = 0) -> np.ndarray:
    """Return RGB pixels that differ everywhere, smooth enough for JPEG to keep them nearly."""
    rng = np.random.default_rng(seed)
    rough = Image.fromarray(rng.integers(0, 256, (4, 5, 3), np.uint8))
    return np.asarray(rough.resize((width, height), Image.Resampling.BICUBIC))


def save(path: Path, pixels: np.ndarray, orientation: int = 1, **how: Any) -> None:
    """Write pixels in the format that the name tells, with EXIF's orientation."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif, **how)


def shown(path: Path) -> np.ndarray:
    """Return an image's pixels as viewers show them."""
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def png(samples: np.ndarray, color: int, filters: str = "01234", interlace: bool = False) -> bytes:
    """Write a PNG of 8 or 16 bits, (height, width, samples), whose rows have these filters by turns."""
    height, width, count = samples.shape
    size = samples.dtype.itemsize
    passes = [(0, 0, 1, 1)]
    if interlace:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
                  (0, 1, 1, 2)]  # fmt: skip
    stream = b""
    for x, y, across, down in passes:
        part = samples[y::down, x::across]
        if part.size:
            rows = np.ascontiguousarray(part.astype(f">u{size}")).view(np.uint8).reshape(len(part), -1)
            stream += filtered(rows, count * size, filters)
    header = struct.pack(">IIBBBBB", width, height, 8 * size, color, 0, 0, interlace)
    packed = zlib.compress(stream)
    half = len(packed) // 2
    chunks = [(b"IHDR", header), (b"IDAT", packed[:half]), (b"IDAT", packed[half:]), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def filtered(rows: np.ndarray, step: int, filters: str) -> bytes:
    """Filter rows of bytes, the obvious way (PNG, third edition, section 9)."""
    above = [0] * rows.shape[1]
    stream = bytearray()
    for number, row in enumerate(rows.tolist()):
        kind = int(filters[number % len(filters)])
        stream.append(kind)
        for x, value in enumerate(row):
            left = row[x - step] if x >= step else 0
            corner = above[x - step] if x >= step else 0
            guess = (0, left, above[x], (left + above[x]) // 2, paeth(left, above[x], corner))[kind]
            stream.append((value - guess) & 255)
        above = row
    return bytes(stream)


def paeth(left: int, up: int, corner: int) -> int:
    """Return the neighbour that is nearest to left + up - corner."""
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))
