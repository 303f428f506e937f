"""What the first bytes of a PNG tell: its header, its palette and the order of its chunks.

The only parser of chunks in the project: :mod:`gtmask.png.decoder` walks the same way. Sections named
below are those of the PNG specification, third edition (https://www.w3.org/TR/png-3/).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from deflate import crc32

from gtmask.errors import PngError

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"

#: Bit depths that section 11.2.1 allows, by colour type.
_BIT_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}

_OTHER_KINDS = {
    b"\xff\xd8\xff": "a JPEG",
    b"GIF8": "a GIF",
    b"BM": "a BMP",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
}

_CHUNK_HEAD = struct.Struct(">I4s")
_IHDR = struct.Struct(">IIBBBBB")
_CRC = struct.Struct(">I")


class PngHeader(NamedTuple):
    """What is known of a PNG before its pixels are.

    - ``width``, ``height``: size in pixels.
    - ``bit_depth``: bits per sample: 1, 2, 4, 8 or 16.
    - ``color_type``: 0 gray, 2 RGB, 3 palette, 4 gray with alpha, 6 RGB with alpha.
    - ``interlace``: 0 none, 1 Adam7.
    - ``palette``: the bytes of PLTE (three per entry), None where there is none.
    - ``transparency``: whether there is a tRNS chunk.
    - ``chunks``: names of the chunks in order of appearance, as far as the bytes reach.
    """

    width: int
    height: int
    bit_depth: int
    color_type: int
    interlace: int
    palette: bytes | None
    transparency: bool
    chunks: tuple[str, ...]

    @property
    def is_wide(self) -> bool:
        """Whether there are colours or transparency of 16 bits, which Pillow cuts to 8 without a word."""
        return self.bit_depth == 16 and self.color_type in {2, 4, 6}


class Chunk(NamedTuple):
    """One chunk: its name, where its data begins, and how long its data says it is (section 5.3)."""

    name: str
    start: int
    length: int


def read_header(data: bytes) -> PngHeader:
    """Read the header of a PNG from its first bytes.

    Returns header, palette, and the chunks seen. Raises PngError: without the signature, with an IHDR that is
    missing, damaged or against the specification, or with a palette that is.

    - ``data``: the file, or its beginning. 64 KiB hold every header and palette that encoders write before
      the pixels; chunks beyond the end of `data` are not seen, and that is no error.
    """
    return header_of(data, list(walk(data)))


def header_of(data: bytes, chunks: list[Chunk]) -> PngHeader:
    """Return the header of a PNG whose chunks :func:`walk` found; raises as :func:`read_header` does."""
    header = _parse_ihdr(data, chunks)
    palette = None
    for chunk in chunks:
        if chunk.name == "PLTE" and chunk.start + chunk.length + 4 <= len(data):
            palette = bytes(checked_data(data, chunk))
            if not palette or len(palette) % 3 or len(palette) > 768:
                raise PngError(
                    f"The PNG's palette (PLTE) has {len(palette)} bytes; it must have 3 for each of "
                    "1 to 256 colours: write the file again."
                )
            break
    names = tuple(chunk.name for chunk in chunks)
    width, height, bit_depth, color_type, interlace = header
    return PngHeader(width, height, bit_depth, color_type, interlace, palette, "tRNS" in names, names)


def walk(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks whose heads lie in `data`, up to and with IEND.

    Raises PngError: without the signature, or where a chunk's name or length cannot be one.
    """
    if data[:8] != SIGNATURE:
        raise PngError(_no_signature(data))
    position = 8
    while position + 8 <= len(data):
        length, name = _CHUNK_HEAD.unpack_from(data, position)
        if length > 0x7FFFFFFF or not name.isalpha():
            raise PngError(
                f"The PNG is damaged: at byte {position} stands no chunk, where one must begin; "
                "write or upload the file again."
            )
        yield Chunk(name.decode("ascii"), position + 8, length)
        if name == b"IEND":
            return
        position += 12 + length


def checked_data(data: bytes, chunk: Chunk) -> memoryview:
    """Return the data of a chunk, not copied, after checking its CRC-32 (section 5.5).

    Raises PngError when `data` ends inside the chunk, or the checksum differs.
    """
    end = chunk.start + chunk.length
    if end + 4 > len(data):
        raise PngError(
            f"The PNG is cut off: its {chunk.name} chunk needs {end + 4} bytes and there are {len(data)}; "
            "write or upload the file again."
        )
    view = memoryview(data)
    if crc32(view[chunk.start - 4 : end]) != _CRC.unpack_from(data, end)[0]:
        raise PngError(
            f"The PNG is damaged: the checksum of its {chunk.name} chunk at byte {chunk.start - 8} does "
            "not fit; write or upload the file again."
        )
    return view[chunk.start : end]


def _parse_ihdr(data: bytes, chunks: list[Chunk]) -> tuple[int, int, int, int, int]:
    """Return width, height, bit depth, colour type and interlace method after checking section 11.2.1."""
    if not chunks:
        raise PngError(f"The PNG is cut off after {len(data)} bytes, before its header (IHDR).")
    first = chunks[0]
    if first.name != "IHDR" or first.length != _IHDR.size:
        raise PngError(
            f"The PNG begins with a {first.name} chunk of {first.length} bytes instead of its header "
            "(IHDR, 13 bytes): write the file again."
        )
    fields = _IHDR.unpack(checked_data(data, first))
    width, height, bit_depth, color_type, compression, filtering, interlace = fields
    if not (0 < width <= 0x7FFFFFFF and 0 < height <= 0x7FFFFFFF):
        raise PngError(f"The PNG's header gives a size of {width}x{height} pixels: write the file again.")
    if bit_depth not in _BIT_DEPTHS.get(color_type, ()):
        raise PngError(
            f"The PNG's header gives colour type {color_type} with {bit_depth} bits, which PNG does not "
            "have: write the file again."
        )
    if compression or filtering or interlace > 1:
        raise PngError(
            f"The PNG's header names compression {compression}, filter method {filtering} and interlace "
            f"{interlace}; PNG has 0, 0 and 0 or 1: write the file again."
        )
    return width, height, bit_depth, color_type, interlace


def _no_signature(data: bytes) -> str:
    """Say what the bytes are instead of a PNG."""
    if not data:
        return "The file is empty; a mask must be a PNG."
    for magic, kind in _OTHER_KINDS.items():
        if data.startswith(magic):
            return f"The file is {kind}, not a PNG, whatever its name says: save the mask as PNG."
    if data.lstrip()[:1] in (b"{", b"["):
        return "The file is JSON, not a PNG: the reference must point at a mask image."
    if SIGNATURE.startswith(data):
        return f"The PNG is cut off after {len(data)} bytes."
    return "The file does not begin with the PNG signature: save the mask as PNG."
