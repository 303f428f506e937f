"""From the bytes of a PNG file to its sample values, or to how many there are of each.

For the PNGs that a mask can be: one channel (gray or palette), 1 to 8 bits, not interlaced; every filter;
every chunk's checksum is looked at. Made for ``validate --deep``, which looks at every pixel of every mask:
libdeflate inflates (on masks 1.4 to 2 times as fast as zlib-ng, three to forty times as zlib), filters are
undone by :mod:`gtmask.png.unfilter`, and values are counted by :mod:`gtmask.png.tally`.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
from deflate import DeflateError, zlib_decompress

from gtmask.errors import PngError
from gtmask.png.header import Chunk, PngHeader, checked_data, header_of, walk
from gtmask.png.tally import count_rows
from gtmask.png.unfilter import SPILL, undo_filters, unpack_samples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


#: Deflate cannot expand by more than this factor (258 bytes for each 2 bits, RFC 1951): a header that
#: promises more is refused before any memory is taken for it.
_MOST_EXPANSION = 1040
#: Rows of so many bytes are left to zlib: libdeflate's binding cuts sizes to 32 bits.
_LARGEST = 1 << 32
_PIECE = 1 << 16


def decode_png(data: bytes) -> NDArray[np.uint8]:
    """Decode a single-channel PNG to its sample values (palette indices stay indices).

    Parameters
    ----------
    data
        The whole file.

    Returns
    -------
    numpy.ndarray
        Sample values, shape (height, width), dtype uint8; samples of 1, 2 and 4 bits are not scaled.

    Raises
    ------
    PngError
        When the file is no PNG, is damaged or cut off, is interlaced, or has colours, alpha or 16 bits.

    Examples
    --------
    >>> import numpy as np
    >>> import gtmask
    >>> print(gtmask.decode_png(gtmask.encode_png(np.eye(3, dtype=np.uint8))))
    [[1 0 0]
     [0 1 0]
     [0 0 1]]
    """
    chunks = list(walk(data))
    header = header_of(data, chunks)
    rows, row_bytes = _filtered_rows(data, header, chunks)
    height, width = header.height, header.width
    lines = np.empty(row_bytes * (height + 1) + SPILL, np.uint8)
    lines[:row_bytes] = 0
    scratch = np.empty(row_bytes + 64, np.uint8)
    _expect_filters(rows, row_bytes, undo_filters(rows, row_bytes, height, scratch, lines))
    pixels = lines[row_bytes : row_bytes * (height + 1)].reshape(height, row_bytes)
    if header.bit_depth == 8:
        return pixels
    samples = np.empty((height, width), np.uint8)
    unpack_samples(pixels, header.bit_depth, samples)
    return samples


def count_png(data: bytes, header: PngHeader | None = None) -> NDArray[np.int64]:
    """Count the pixels of a single-channel PNG by value, in a fraction of the time to decode and count.

    Returns int64, shape (256,). Raises PngError as :func:`decode_png` does.

    - ``data``: the whole file.
    - ``header``: what :func:`gtmask.png.read_header` returned for `data`, where it was called.
    """
    chunks = list(walk(data))
    header = header or header_of(data, chunks)
    if header.bit_depth < 8:
        # In pieces: NumPy counts eight bytes per sample.
        samples = decode_png(data).reshape(-1)
        pieces = (samples[start : start + _PIECE] for start in range(0, samples.size, _PIECE))
        return sum((np.bincount(piece, minlength=256) for piece in pieces), np.zeros(256, np.int64))
    rows, width = _filtered_rows(data, header, chunks)
    blocks = -(-width // 64)
    counts = np.zeros(256, np.int64)
    lines = np.zeros(3 * 64 * (blocks + 1), np.uint8)
    _expect_filters(
        rows, width, count_rows(rows, width, header.height, lines, np.zeros(blocks, np.int64), counts)
    )
    return counts


def _filtered_rows(data: bytes, header: PngHeader, chunks: Sequence[Chunk]) -> tuple[NDArray[np.uint8], int]:
    """Return the rows as the file has them, a byte for the filter before each, and the bytes of a row."""
    if header.color_type not in (0, 3) or header.bit_depth > 8:
        raise PngError(
            f"The PNG has colour type {header.color_type} with {header.bit_depth} bits per sample; a mask "
            "has one channel (colour type 0 or 3) of at most 8 bits: save it as 8-bit gray or palette."
        )
    if header.interlace:
        raise PngError("The PNG is interlaced, which is not supported for masks: save it without interlace.")
    row_bytes = (header.width * header.bit_depth + 7) // 8
    return inflate(image_data(data, chunks), header.height * (row_bytes + 1)), row_bytes


def _expect_filters(rows: NDArray[np.uint8], row_bytes: int, bad_row: int) -> None:
    """Raise the error for a row whose filter PNG does not have, where there is one."""
    if bad_row >= 0:
        raise PngError(
            f"The PNG is damaged: row {bad_row} names filter {rows[bad_row * (row_bytes + 1)]}, and PNG has "
            "filters 0 to 4; write or upload the file again."
        )


def image_data(data: bytes, chunks: Sequence[Chunk]) -> bytes | memoryview:
    """Return the joined data of the IDAT chunks, after checking every chunk's checksum."""
    pieces = []
    name = ""
    for chunk in chunks:
        name = chunk.name
        body = checked_data(data, chunk)
        if name == "IDAT":
            pieces.append(body)
    if name != "IEND":
        raise PngError(
            f"The PNG is cut off after {len(data)} bytes, before its end (IEND): write or upload the file "
            "again."
        )
    if not pieces:
        raise PngError("The PNG has no image data (IDAT): write or upload the file again.")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def inflate(stream: bytes | memoryview, size: int) -> NDArray[np.uint8]:
    """Return the `size` bytes that a zlib stream must hold."""
    if size > _MOST_EXPANSION * len(stream) + 64:
        raise PngError(
            f"The PNG's header asks for {size} bytes of rows, and {len(stream)} bytes of image data cannot "
            "hold them: write or upload the file again."
        )
    try:
        rows = zlib_decompress(stream, size) if size < _LARGEST else _inflate_by_zlib(stream, size)
    except DeflateError:
        rows = _inflate_by_zlib(stream, size)
    if len(rows) != size:
        raise PngError(
            f"The PNG's image data does not hold the {size} bytes that its header asks for: write or upload "
            "the file again."
        )
    # Kernels take writable arrays, as those on a bytearray are.
    return np.frombuffer(rows, np.uint8)


def _inflate_by_zlib(stream: bytes | memoryview, size: int) -> bytearray:
    """Return at least `size` + 1 bytes of a stream that holds more; say why a stream cannot be read.

    libdeflate does not tell why it fails. What zlib takes is right.
    """
    inflater = zlib.decompressobj()
    try:
        rows = inflater.decompress(stream, size + 1)
    except zlib.error as error:
        raise PngError(
            f"The PNG's image data cannot be decompressed ({error}): write or upload the file again."
        ) from error
    if len(rows) <= size and not inflater.eof:
        raise PngError(
            "The PNG's image data cannot be decompressed (it is cut off): write or upload the file again."
        )
    return bytearray(rows)
