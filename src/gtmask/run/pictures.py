"""Pictures among annotations: decoding them, and which of their pixels are a shape's.

A picture is a drawing (what is not zero, or not transparent), or its pixels name segments by an id or a
colour; then nothing but the exact values counts.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.png.header import SIGNATURE as PNG_SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: Modes of Pillow whose samples may be ids; of these, the ones that may also stand for colours.
_BY_SAMPLE = frozenset({"1", "L", "LA", "P", "I", "I;16", "I;16B", "I;16L"})
_EITHER = frozenset({"L", "LA", "P"})
_BY_COLOR = frozenset({"RGB", "RGBA", "RGBX", "PA"})
#: Formats that do not keep colours, and a PNG's colour types with more than one (PNG specification, IHDR).
_LOSSY, _TRUECOLOR = frozenset({"JPEG", "MPO"}), (2, 6)


def decode_picture(data: bytes, *, exact: bool = False) -> tuple[Any, tuple[str, str]]:
    """Decode an encoded picture with Pillow: (image, ignored), or (None, (finding code, detail)).

    ``exact`` refuses pictures whose pixels cannot be ids, since their format changes colours.
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - most exports hold no bitmaps

    try:
        picture = Image.open(io.BytesIO(data))
        picture.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return None, ("bitmap-unreadable", str(error)[:120])
    trouble = _inexact(picture, data) if exact else ""
    return (None, ("bitmap-inexact", trouble)) if trouble else (picture, ("", ""))


def _inexact(picture: Any, data: bytes) -> str:
    """Say why a picture's pixels cannot be ids; "" where they can.

    Pillow halves the 16 bits of a PNG's colours; in gray it keeps them.
    """
    if picture.format in _LOSSY or data[8:16] == b"WEBPVP8 ":
        return f"a {picture.format} changes colours"
    if picture.mode not in _BY_SAMPLE | _BY_COLOR:
        return f"pixels of Pillow's mode {picture.mode} are no ids"
    if data.startswith(PNG_SIGNATURE) and data[24] == 16 and data[25] in _TRUECOLOR:
        return "colours of 16 bits are no ids"
    return ""


def select_pixels(picture: Any, how: str, value: int) -> NDArray[np.uint8]:
    """Return uint8 (height, width), not zero where the picture's pixel belongs to the shape."""
    if how == "id":
        return np.asarray(segment_ids(picture, [value]) == value, np.uint8)
    if how == "rgb":
        rgb = np.asarray(picture.convert("RGB"), np.uint32)
        return np.asarray((rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2]) == value, np.uint8)
    if how == "alpha":
        return np.ascontiguousarray(np.asarray(picture.convert("RGBA"))[..., 3])
    samples = np.asarray(picture)
    if how == "index":
        plain = samples if samples.ndim == 2 else samples[..., 0]
        return np.asarray(plain == value, np.uint8)
    if samples.ndim == 3:
        opaque = samples[..., -1] != 0 if samples.shape[2] in {2, 4} else True
        colors = samples[..., :-1] if samples.shape[2] in {2, 4} else samples
        return np.asarray((colors != 0).any(axis=2) & opaque, np.uint8)
    return np.asarray(samples != 0, np.uint8)


def has_alpha(picture: Any) -> bool:
    """Say whether a picture tells which of its pixels are transparent."""
    return picture.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in picture.info


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
