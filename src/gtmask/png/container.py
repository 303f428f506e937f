"""From a mask to the bytes of a PNG file: which chunks it has. pypng writes them, but for the pixels'.

Exactly IHDR, [PLTE], IDAT, IEND, as Ground Truth's own masks have them: other chunks (gamma, colour
profiles) can make a browser shift the colours by which the worker UI tells the classes apart. There is more
than one IDAT only where the pixels take more bytes than one may hold.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Literal

import numpy as np
import png

from gtmask.png.counts import count_values
from gtmask.png.deflate import NOT_COUNTED, deflate_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: Colour of palette entries that no class has, as in the masks that Ground Truth itself writes.
UNUSED = "#ffffff"

#: The longest data of a chunk (https://www.w3.org/TR/png-3/, 5.3).
_LONGEST_CHUNK = (1 << 31) - 1

_IDAT = b"IDAT"
_IDAT_CHECKSUM = zlib.crc32(_IDAT)
_HEX = re.compile(r"#[0-9A-Fa-f]{6}\Z")


def encode_png(
    mask: NDArray[np.uint8],
    *,
    palette: Sequence[str] | Mapping[int, str] | None = None,
    encoder: Literal["fast", "pypng"] = "fast",
) -> bytes:
    r"""Encode a mask as a single-channel 8-bit PNG.

    Parameters
    ----------
    mask
        Array of class ids, shape (height, width), dtype uint8, both sizes at least 1.
    palette
        Colours ``#rrggbb`` by class id. With it the PNG has colour type 3 and a palette of 256 entries,
        those without a class ``#ffffff``; without it colour type 0. The sample values are the same.
    encoder
        ``"fast"``, or ``"pypng"`` to have pypng compress as well: slow, the reference.

    Returns
    -------
    bytes
        The file. The same mask gives the same bytes, always.

    Raises
    ------
    ValueError
        When the array is no mask, a colour is no ``#rrggbb``, a class id is outside 0..255, or there is no
        such encoder.

    Examples
    --------
    >>> import numpy as np
    >>> import gtmask
    >>> gtmask.encode_png(np.eye(4, dtype=np.uint8))[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    return _encode(mask, palette, encoder, NOT_COUNTED)


def encode_counted(
    mask: NDArray[np.uint8],
    *,
    palette: Sequence[str] | Mapping[int, str] | None = None,
    encoder: Literal["fast", "pypng"] = "fast",
) -> tuple[bytes, NDArray[np.int64]]:
    """Encode a mask as :func:`encode_png` does; return the file and how many pixels have each value.

    The counts are int64 (256,), those of :func:`gtmask.png.count_values`.
    """
    counts = np.zeros(256, np.int64)
    return _encode(mask, palette, encoder, counts), counts


def _encode(
    mask: NDArray[np.uint8],
    palette: Sequence[str] | Mapping[int, str] | None,
    encoder: str,
    counts: NDArray[np.int64],
) -> bytes:
    if not isinstance(mask, np.ndarray) or mask.ndim != 2 or mask.dtype != np.uint8 or not mask.size:
        given = np.asarray(mask)
        raise ValueError(
            f"A mask is a 2-dimensional uint8 array with at least one pixel; this {type(mask).__name__} has "
            f"shape {given.shape} and type {given.dtype}."
        )
    height, width = mask.shape
    colors = None
    if palette is not None:
        by_id = palette if isinstance(palette, Mapping) else dict(enumerate(palette))
        colors = _palette_key(tuple(by_id.items()))
    if encoder == "pypng":
        if counts is not NOT_COUNTED:
            counts += count_values(np.ascontiguousarray(mask))
        return _encode_with_pypng(mask, colors)
    if encoder != "fast":
        raise ValueError(f"There is no PNG encoder {encoder!r}; there are 'fast' and 'pypng'.")
    # Kernels take writable arrays: for one that is not, Numba would compile them anew, for seconds.
    rows = mask if mask.flags.carray else np.require(mask, requirements=["C", "W", "E"])
    return _contain(deflate_rows(rows, counts), width, height, colors)


def _contain(stream: bytes | memoryview, width: int, height: int, colors: bytes | None) -> bytes:
    """Return the file around a zlib stream, joined at once: pypng would copy the stream three times."""
    parts: list[bytes | memoryview] = [_preamble(width, height, colors)]
    for start in range(0, len(stream), _LONGEST_CHUNK):
        piece = stream[start : start + _LONGEST_CHUNK]
        checksum = zlib.crc32(piece, _IDAT_CHECKSUM).to_bytes(4, "big")
        parts += (len(piece).to_bytes(4, "big") + _IDAT, piece, checksum)
    return b"".join((*parts, _end()))


def _encode_with_pypng(mask: NDArray[np.uint8], colors: bytes | None) -> bytes:
    """Have pypng do it all, one IDAT chunk as far as one can hold the pixels."""
    height, width = mask.shape
    out = BytesIO()
    writer = _writer(width, height, colors)
    # So many bytes of rows; noise becomes a little longer.
    writer.chunk_limit = min(mask.size + height, _LONGEST_CHUNK // 2)
    writer.write_packed(out, (row.tobytes() for row in mask))
    return out.getvalue()


@lru_cache(maxsize=256)
def _preamble(width: int, height: int, colors: bytes | None) -> bytes:
    """Return signature, IHDR and PLTE; cached, because a data set has few sizes and one palette."""
    out = BytesIO()
    _writer(width, height, colors).write_preamble(out)
    return out.getvalue()


@lru_cache(maxsize=1)
def _end() -> bytes:
    """Return the chunk that ends a PNG."""
    out = BytesIO()
    png.write_chunk(out, b"IEND")
    return out.getvalue()


def _writer(width: int, height: int, colors: bytes | None) -> png.Writer:
    if colors is None:
        return png.Writer(width, height, greyscale=True, bitdepth=8)
    return png.Writer(width, height, bitdepth=8, palette=list(zip(*[iter(colors)] * 3, strict=True)))


@lru_cache(maxsize=16)
def _palette_key(given: tuple[tuple[int, str], ...]) -> bytes:
    """Return the 256 colours as bytes, unused ones filled in; cached, because a data set has one palette."""
    by_id = dict(given)
    for class_id, color in given:
        if not 0 <= class_id <= 255:
            raise ValueError(f"The palette names class id {class_id}; class ids are 0 to 255.")
        if not _HEX.match(color):
            raise ValueError(f"The colour of class id {class_id} is {color!r}; colours are '#rrggbb'.")
    return b"".join(bytes.fromhex(by_id.get(class_id, UNUSED)[1:]) for class_id in range(256))
