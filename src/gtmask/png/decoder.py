"""From the bytes of a PNG file to its sample values, for the PNGs that a mask can be.

One channel (gray or palette), 1 to 8 bits, not interlaced; every filter; every chunk's checksum is
looked at. Made for ``validate --deep``, which reads every pixel of every mask: inflation is zlib-ng's (on
the long runs of masks two to five times as fast as isal's, ten to forty times as zlib's), filters are
undone by :mod:`gtmask.png.unfilter`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from zlib_ng import zlib_ng

from gtmask.png.header import PngError, checked_data, read_header, walk
from gtmask.png.unfilter import undo_filters, unpack_samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Deflate cannot expand by more than this factor (258 bytes for each 2 bits, RFC 1951): a header that
#: promises more is refused before any memory is taken for it.
_MOST_EXPANSION = 1040
#: A stream that cannot become longer than this is inflated without watching its length.
_HARMLESS = 1 << 26


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
    """
    header = read_header(data)
    if header.color_type not in (0, 3) or header.bit_depth > 8:
        raise PngError(
            f"The PNG has colour type {header.color_type} with {header.bit_depth} bits per sample; a mask "
            "has one channel (colour type 0 or 3) of at most 8 bits: save it as 8-bit gray or palette."
        )
    if header.interlace:
        raise PngError("The PNG is interlaced, which is not supported for masks: save it without interlace.")
    height, width = header.height, header.width
    row_bytes = (width * header.bit_depth + 7) // 8
    rows = _inflate(_image_data(data), height * (row_bytes + 1))
    pixels = np.empty((height, row_bytes), np.uint8)
    bad_row = undo_filters(rows.reshape(height, row_bytes + 1), pixels)
    if bad_row >= 0:
        raise PngError(
            f"The PNG is damaged: row {bad_row} names filter {rows[bad_row * (row_bytes + 1)]}, and PNG has "
            "filters 0 to 4; write or upload the file again."
        )
    if header.bit_depth == 8:
        return pixels
    samples = np.empty((height, width), np.uint8)
    unpack_samples(pixels, header.bit_depth, samples)
    return samples


def _image_data(data: bytes) -> bytes:
    """Return the joined data of the IDAT chunks; check every chunk's checksum on the way."""
    parts = []
    name = ""
    for chunk in walk(data):
        name = chunk.name
        body = checked_data(data, chunk)
        if name == "IDAT":
            parts.append(body)
    if name != "IEND":
        raise PngError(
            f"The PNG is cut off after {len(data)} bytes, before its end (IEND): write or upload the file "
            "again."
        )
    if not parts:
        raise PngError("The PNG has no image data (IDAT): write or upload the file again.")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _inflate(stream: bytes, size: int) -> NDArray[np.uint8]:
    """Return the `size` bytes that the zlib stream must hold."""
    if size > _MOST_EXPANSION * len(stream) + 64:
        raise PngError(
            f"The PNG's header asks for {size} bytes of rows, and {len(stream)} bytes of image data cannot "
            "hold them: write or upload the file again."
        )
    try:
        if len(stream) * _MOST_EXPANSION <= max(4 * size, _HARMLESS):
            rows = zlib_ng.decompress(stream, bufsize=size)
        else:  # slower, but what is too long is never held
            rows = zlib_ng.decompressobj().decompress(stream, size + 1)
    except zlib_ng.error as error:  # type: ignore[misc] # the stub calls the class an instance
        raise PngError(
            f"The PNG's image data cannot be decompressed ({error}): write or upload the file again."
        ) from error
    if len(rows) != size:
        raise PngError(
            f"The PNG's image data does not hold the {size} bytes that its header asks for: write or upload "
            "the file again."
        )
    return np.frombuffer(rows, np.uint8)
