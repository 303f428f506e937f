"""Masks and PNGs for the tests of gtmask.png: pictures that exercise it, and independent decoders."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import imagecodecs
import numpy as np
import png
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def street(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Polygons of 20 classes over bands, as street scenes have them."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    mask[height // 2 :] = 7
    for _ in range(40):
        center = rng.uniform(0, 1, 2) * (width, height)
        angles = np.sort(rng.uniform(0, 2 * np.pi, 12))
        radius = rng.uniform(0.02, 0.2) * width
        points = center + radius * np.c_[np.cos(angles), np.sin(angles)]
        cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], int(rng.integers(0, 20)))
    return mask


def odd_masks() -> dict[str, np.ndarray]:
    """Shapes and contents at the edges of what an encoder assumes."""
    rng = np.random.default_rng(5)
    return {
        "one pixel": np.array([[200]], np.uint8),
        "one row of 70,000": np.repeat(rng.integers(0, 4, 700), 100).astype(np.uint8)[None],
        "one column of 70,000": np.repeat(rng.integers(0, 4, 700), 100).astype(np.uint8)[:, None],
        "constant 0": np.zeros((300, 400), np.uint8),
        "constant 255": np.full((300, 400), 255, np.uint8),
        "value of the filter byte": np.full((50, 60), 2, np.uint8),
        "noise": rng.integers(0, 256, (257, 511)).astype(np.uint8),
        "two-valued noise": rng.integers(0, 2, (257, 511)).astype(np.uint8),
        "all values in a row": np.tile(np.arange(256, dtype=np.uint8), (40, 1)),
        "all values in a column": np.tile(np.arange(256, dtype=np.uint8)[:, None], (1, 40)),
        "checkerboard": (np.indices((200, 200)).sum(axis=0) & 1).astype(np.uint8),
        "stripes": np.tile((np.arange(500) // 7 % 3).astype(np.uint8), (90, 1)),
        "wraps around 255": np.tile(np.array([[255], [0], [1]], np.uint8), (30, 131)),
        "wider than the window": np.repeat(rng.integers(0, 9, (6, 40_000)), 1, axis=0).astype(np.uint8) // 8,
        "street": street(240, 321),
        "several blocks": rng.integers(0, 3, (700, 300)).astype(np.uint8),
    }


def decode_everywhere(data: bytes) -> dict[str, np.ndarray]:
    """Decode a PNG by every independent decoder at hand; palette indices stay indices."""
    decoded: dict[str, Any] = {
        "Pillow": np.array(Image.open(io.BytesIO(data))),
        "pypng": np.vstack([np.frombuffer(row, np.uint8) for row in png.Reader(bytes=data).read()[2]]),
    }
    header = png.Reader(bytes=data)
    header.preamble()
    if header.color_type == 0:  # these two turn a palette into colours
        decoded["OpenCV"] = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        decoded["libpng"] = imagecodecs.png_decode(data)
    return decoded


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Cut a PNG into (name, data) by the letter of the specification, checksums verified."""
    assert data[:8] == SIGNATURE
    found, place = [], 8
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        name, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        (crc,) = struct.unpack_from(">I", data, place + 8 + length)
        assert zlib.crc32(name + body) == crc
        found.append((name, body))
        place += 12 + length
    return found


def join(parts: list[tuple[bytes, bytes]]) -> bytes:
    """Make a PNG of (name, data) pairs."""
    return SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


def filtered_png(pixels: np.ndarray, filters: list[int], width: int, bits: int = 8, color: int = 0) -> bytes:
    """Write a PNG whose rows have the given filters, by the formulas of the specification."""
    rows = bytearray()
    above = [0] * pixels.shape[1]
    for y, row in enumerate(pixels.tolist()):
        kind = filters[y % len(filters)]
        rows.append(kind)
        for x, value in enumerate(row):
            left = row[x - 1] if x else 0
            corner = above[x - 1] if x else 0
            guess = left + above[x] - corner
            nearest = min((left, above[x], corner), key=lambda choice: abs(guess - choice))
            rows.append((value - (0, left, above[x], (left + above[x]) // 2, nearest)[kind]) & 255)
        above = row
    head = struct.pack(">IIBBBBB", width, len(pixels), bits, color, 0, 0, 0)
    palette = [(b"PLTE", bytes(range(48)))] if color == 3 else []
    return join([(b"IHDR", head), *palette, (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b"")])
