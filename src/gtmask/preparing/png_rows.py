"""PNGs read by rows: those of 16 bits, whose colours Pillow cuts to 8, and those too large for a whole.

Sections are those of the PNG specification, third edition (https://www.w3.org/TR/png-3/).
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from gtmask.png.filtered import undo_rows
from gtmask.png.header import SIGNATURE
from gtmask.preparing.samples import Samples, let_go, make_array

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_PIECE = 1 << 20
#: About as many bytes are unfiltered together.
_BAND = 4 << 20
#: Samples by colour type (11.2.1): gray, RGB, palette, gray with alpha, RGB with alpha.
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


class _Chunks:
    """Walks through a PNG's chunks; what stands before the pixels is kept."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        if file.read(8) != SIGNATURE:
            raise ValueError("no PNG")
        self.kept: dict[bytes, bytes] = {}
        self._left = 0
        self._find_pixels()

    def _find_pixels(self) -> None:
        while True:
            length, kind = self._head()
            if kind == b"IDAT":
                self._left = length
                return
            if kind == b"IEND":
                raise ValueError("no pixels")
            # Text may be long, and is not looked at.
            if kind in {b"IHDR", b"PLTE", b"tRNS", b"iCCP", b"acTL"}:
                self.kept[kind] = self._file.read(length)
            else:
                self._file.seek(length, 1)
            self._file.seek(4, 1)

    def _head(self) -> tuple[int, bytes]:
        data = self._file.read(8)
        if len(data) < 8:
            raise ValueError("cut off")
        length, kind = struct.unpack(">I4s", data)
        return length, kind

    def pixels(self) -> Iterator[bytes]:
        """Yield the compressed pixels."""
        while True:
            check = zlib.crc32(b"IDAT")
            while self._left:
                data = self._file.read(min(self._left, _PIECE))
                if not data:
                    raise ValueError("cut off")
                self._left -= len(data)
                check = zlib.crc32(data, check)
                yield data
            if self._file.read(4) != check.to_bytes(4, "big"):
                raise ValueError("pixels are not those that were written")
            self._left, kind = self._head()
            if kind != b"IDAT":
                return


def is_interlaced(path: str) -> bool:
    """Say whether a PNG's rows come in another order than from above."""
    with open(path, "rb") as file:  # noqa: PTH123
        return _Chunks(file).kept[b"IHDR"][12] != 0


def read_png(path: str) -> Samples:
    """Decode a PNG that is not interlaced.

    Raises ValueError, KeyError, zlib.error or struct.error where it is damaged. Raises OSError where it
    cannot be read, or the disk is full.
    """
    with open(path, "rb") as file:  # noqa: PTH123
        chunks = _Chunks(file)
        width, height, depth, color, *_ = struct.unpack(">IIBBBBB", chunks.kept[b"IHDR"])
        count = _SAMPLES[color]
        dtype = np.uint16 if depth == 16 else np.uint8
        values = make_array((height, width, count), dtype)
        row = (width * count * depth + 7) // 8
        first = 0
        for band in _bands(chunks.pixels(), row, max(1, depth * count // 8), height):
            values[first : first + len(band)] = _unpack(band, depth, color, width, count)
            first += len(band)
            let_go(values)
    return Samples(
        values,
        {3: "palette", 2: "rgb", 6: "rgb"}.get(color, "gray"),
        alpha=color in {4, 6},
        pages=int.from_bytes(chunks.kept.get(b"acTL", b"\0\0\0\1")[:4], "big"),  # frames (11.3.6)
        profile=_profile(chunks.kept),
        **_transparent(chunks.kept, color, depth),
    )


def _bands(pieces: Iterator[bytes], row: int, step: int, height: int) -> Iterator[NDArray[np.uint8]]:
    """Yield all rows, many at a time, without their filters: uint8 (rows, row)."""
    inflate, held = zlib.decompressobj(), bytearray()
    above = np.zeros(row, np.uint8)
    wanted = max(1, _BAND // (row + 1)) * (row + 1)
    left = height * (row + 1)
    for piece in pieces:
        rest = piece
        while rest and left:
            held += inflate.decompress(rest, wanted)
            rest = inflate.unconsumed_tail
            while len(held) >= wanted or len(held) >= left > 0:
                size = min(wanted, left)
                rows = np.frombuffer(bytes(held[:size]), np.uint8).copy()
                del held[:size]
                left -= size
                if not undo_rows(rows, above, row, step):
                    raise ValueError("a row has a filter that there is not")
                yield rows.reshape(-1, row + 1)[:, 1:]
    if left:
        raise ValueError("cut off")


def _unpack(band: NDArray[np.uint8], depth: int, color: int, width: int, count: int) -> NDArray[Any]:
    """Return samples, (rows, width, samples); gray of less than 8 bits is spread to 0..255 (13.12)."""
    if depth == 16:
        return np.ascontiguousarray(band).view(">u2").reshape(len(band), width, count)
    if depth == 8:
        return band.reshape(len(band), width, count)
    shifts = np.arange(8 - depth, -1, -depth, dtype=np.uint8)
    values = (band[..., None] >> shifts) & ((1 << depth) - 1)
    values = values.reshape(len(band), -1)[:, :width, None]
    return values if color == 3 else values * np.uint8(255 // ((1 << depth) - 1))


def _transparent(kept: dict[bytes, bytes], color: int, depth: int) -> dict[str, Any]:
    """Return the palette, and which value is transparent."""
    opacity = kept.get(b"tRNS")
    if color == 3:
        palette = np.frombuffer(kept[b"PLTE"], np.uint8).reshape(-1, 3)
        if opacity is not None:
            alpha = np.full((len(palette), 1), 255, np.uint8)
            alpha[: len(opacity), 0] = np.frombuffer(opacity, np.uint8)[: len(palette)]
            palette = np.hstack([palette, alpha])
        return {"palette": palette}
    if opacity is None or color not in {0, 2}:
        return {}
    spread = 1 if depth >= 8 else 255 // ((1 << depth) - 1)
    return {"key": tuple(value * spread for (value,) in struct.iter_unpack(">H", opacity))}


def _profile(kept: dict[bytes, bytes]) -> bytes | None:
    """Return the ICC profile (11.3.2.3)."""
    if b"iCCP" not in kept:
        return None
    _, _, packed = kept[b"iCCP"].partition(b"\0")
    return zlib.decompress(packed[1:])
