"""What documents are made of: pictures, runs and encoded texts."""

from __future__ import annotations

import base64
import io
from itertools import groupby
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from tests.silence.variant import ring

TWO = {"train/a.jpg": (48, 32), "val/a.jpg": (40, 56)}


def mask_of(numbers: dict[int, int], size: tuple[int, int] = (48, 32)) -> np.ndarray:
    """Return uint8 (height, width): cell ``n`` has the value ``numbers[n]``, all else 0."""
    picture = Image.new("L", size)
    for number, value in numbers.items():
        ImageDraw.Draw(picture).polygon([tuple(point) for point in ring(number)], fill=value)
    return np.asarray(picture)


def encoded(pixels: np.ndarray, palette: dict[int, tuple[int, int, int]] | None = None) -> bytes:
    """Return a PNG of samples, with a palette where one is given."""
    picture = Image.fromarray(pixels)
    if palette is not None:
        picture = picture.convert("P")
        picture.putpalette([value for index in range(256) for value in palette.get(index, (0, 0, 0))])
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def colored(mask: np.ndarray, colors: dict[int, tuple[int, ...]]) -> bytes:
    """Return a PNG in which each value of a mask has its colour, of three or four samples."""
    out = np.zeros((*mask.shape, len(next(iter(colors.values())))), np.uint8)
    for value, color in colors.items():
        out[mask == value] = color
    return encoded(out)


def id_colors(ids: dict[int, int]) -> dict[int, tuple[int, int, int]]:
    """Return colours R + 256 G + 65536 B of ids, by mask value."""
    return {value: (number & 255, number >> 8 & 255, number >> 16) for value, number in ids.items()}


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def runs(mask: np.ndarray, *, down: bool) -> list[int]:
    """Return lengths of runs, off first, down the columns or along the rows."""
    lengths = [
        (bool(value), len(list(group))) for value, group in groupby(mask.ravel("F" if down else "C") != 0)
    ]
    return ([0] if lengths[0][0] else []) + [length for _, length in lengths]


def coco_string(counts: list[int]) -> str:
    """Return COCO's compressed text of runs (maskApi.c: differences to the run before last, 5 bits each)."""
    out = ""
    for index, count in enumerate(counts):
        value = count - counts[index - 2] if index > 2 else count
        more = True
        while more:
            bits = value & 0x1F
            value >>= 5
            more = value != (-1 if bits & 0x10 else 0)
            out += chr((bits | 0x20 if more else bits) + 48)
    return out


def dense(mask: np.ndarray) -> list[int]:
    """Return value, count, value, count, ... along the rows."""
    out: list[int] = []
    for value, group in groupby(mask.ravel().tolist()):
        out += [value, len(list(group))]
    return out


def brush(mask: np.ndarray) -> list[int]:
    """Return Label Studio's run-length bytes: RGBA samples, runs of at most 2^16, one value each."""
    samples = np.repeat(np.where(mask.ravel() != 0, 255, 0), 4)
    bits = f"{len(samples):032b}{8 - 1:05b}{3 - 1:04b}{4 - 1:04b}{8 - 1:04b}{16 - 1:04b}"
    for value, group in groupby(samples.tolist()):
        bits += f"1{3:02b}{len(list(group)) - 1:016b}{value:08b}"
    bits += "0" * (-len(bits) % 8)
    return [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]


def names(items: list[str], **more: Any) -> list[dict[str, Any]]:
    return [{"id": number, "name": item, **more} for number, item in enumerate(items, 1)]
