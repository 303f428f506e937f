"""Pictures among annotations: decoding them, and which of their pixels are a shape's.

A picture is a drawing (what is not zero, or not transparent), or its pixels name segments by an id or a
colour; then nothing but the exact values counts.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.png.header import SIGNATURE as PNG_SIGNATURE
from gtmask.png.header import read_header

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: Modes of Pillow whose samples may be ids; of these, the ones that may also stand for colours.
_BY_SAMPLE = frozenset({"1", "L", "LA", "P", "I", "I;16", "I;16B", "I;16L"})
_EITHER = frozenset({"L", "LA", "P"})
_BY_COLOR = frozenset({"RGB", "RGBA", "RGBX", "PA"})
_WITH_ALPHA = frozenset({"RGBA", "LA", "PA", "La", "RGBa"})
#: Formats that do not keep colours.
_LOSSY = frozenset({"JPEG", "MPO"})


def decode_picture(data: bytes, how: str) -> tuple[Any, tuple[str, str]]:
    """Decode an encoded picture with Pillow: (image, ignored), or (None, (finding code, detail)).

    ``how`` is that of :class:`gtmask.model.Select`: pictures are refused whose pixels cannot tell that.
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - most exports hold no bitmaps

    try:
        picture = Image.open(io.BytesIO(data))
        picture.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return None, ("bitmap-unreadable", str(error)[:120])
    trouble = _inexact(picture, data, how)
    return (None, ("bitmap-inexact", trouble)) if trouble else (picture, ("", ""))


def _inexact(picture: Any, data: bytes, how: str) -> str:
    """Say why a picture's pixels cannot be ids, or drawn and not drawn; "" where they can.

    Pillow halves the 16 bits of a PNG's colours and transparency; in gray alone it keeps them.
    """
    if picture.format in _LOSSY or data[8:16] == b"WEBPVP8 ":
        return f"a {picture.format} changes colours"
    if how == "id" and picture.mode not in _BY_SAMPLE | _BY_COLOR:
        return f"pixels of Pillow's mode {picture.mode} are no ids"
    if data.startswith(PNG_SIGNATURE) and read_header(data).is_wide:
        return "it has colours or transparency of 16 bits"
    return ""


def select_pixels(picture: Any, how: str, value: int) -> NDArray[np.uint8]:
    """Return uint8 (height, width), not zero where the picture's pixel belongs to the shape."""
    if how == "id":
        return np.asarray(segment_ids(picture, [value]) == value, np.uint8)
    if how == "rgb":
        rgb = np.asarray(picture.convert("RGB"), np.uint32)
        return np.asarray((rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2]) == value, np.uint8)
    if how == "alpha":
        alpha = np.ascontiguousarray(np.asarray(picture.convert("RGBA"))[..., 3])
        # A colour that no pixel has may be called transparent: then black and white tell what is drawn.
        if picture.mode not in _WITH_ALPHA and alpha.all():
            return _drawn(picture)
        return alpha if not value else np.asarray(alpha > value, np.uint8)
    if how == "index":
        samples = np.asarray(picture)
        return np.asarray((samples if samples.ndim == 2 else samples[..., 0]) == value, np.uint8)
    return _drawn(picture)


def _drawn(picture: Any) -> NDArray[np.uint8]:
    """Return which pixels are neither black nor fully transparent."""
    if picture.mode == "P":
        by_color, by_index = _palette_readings(picture)
        drawn = by_index if by_color.all() else by_color
    else:
        samples: Any = np.asarray(picture)
        if samples.ndim == 3:
            samples = (samples[..., :-1] if samples.shape[2] in {2, 4} else samples).any(axis=2)
        drawn = np.asarray(samples != 0, np.uint8)
    if has_alpha(picture):
        drawn &= np.asarray(picture.convert("RGBA"))[..., 3] != 0
    return drawn


def _palette_readings(picture: Any) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return which pixels of a palette picture are not black, and which have another index than 0."""
    indices = np.asarray(picture)
    colors = np.asarray(picture.convert("RGB"))
    return np.asarray(colors.any(axis=2), np.uint8), np.asarray(indices != 0, np.uint8)


def doubt_about(picture: Any, how: str) -> str:
    """Say why another reading than :func:`select_pixels`'s would draw other pixels; "" where none would.

    Tools leave index 0 black where nothing is drawn, and whoever sorts a palette anew keeps the colours.
    Where nothing is black, the colours do not tell what is drawn, and the indices count.
    """
    if how != "nonzero" or picture.mode != "P":
        return ""
    by_color, by_index = _palette_readings(picture)
    if np.array_equal(by_color, by_index):
        return ""
    read = ("indices", "colours") if by_color.all() else ("colours", "indices")
    return "drawn is what its {} say, not its {}".format(*read)


def has_alpha(picture: Any) -> bool:
    """Say whether a picture tells which of its pixels are transparent."""
    return picture.mode in _WITH_ALPHA or "transparency" in picture.info


def segment_ids(picture: Any, keys: Sequence[int] = ()) -> NDArray[np.uint32]:
    """Return uint32 (height, width): the ids that a picture's pixels name.

    In colours it is R + 256 G + 65536 B (panopticapi, ``rgb2id``). In gray pictures it is the sample, of 8
    or 16 bits. A palette, and gray of 8 bits, may also be what is left of few colours after a picture was
    made smaller: of the two readings that counts which finds more pixels of ``keys``.
    """
    if picture.mode not in _BY_SAMPLE:
        return _colors(picture)
    samples = np.asarray(picture)
    plain = np.ascontiguousarray((samples if samples.ndim == 2 else samples[..., 0]).astype(np.uint32))
    if picture.mode not in _EITHER:
        return plain
    readings = [plain, _colors(picture)] if picture.mode != "P" else [_colors(picture), plain]
    wanted = np.array([key for key in keys if key], np.uint32)
    return max(readings, key=lambda ids: int(np.isin(ids, wanted).sum()))


def _colors(picture: Any) -> NDArray[np.uint32]:
    rgb = np.asarray(picture.convert("RGB"), np.uint32)
    return np.ascontiguousarray(rgb[..., 0] + (rgb[..., 1] << 8) + (rgb[..., 2] << 16))
