"""Which classes of its color map a mask really holds: those that have a pixel."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from gtmask.errors import PngError
from gtmask.png import count_png, read_header

if TYPE_CHECKING:
    from gtmask.model import Record, Shape

_GRAY, _PALETTE = 0, 3


def held_shapes(record: Record) -> list[Shape]:
    """Return a record's shapes without those of classes of which its picture has no pixel."""
    keys: dict[str, frozenset[int]] = {}
    found = []
    for shape in record.shapes:
        bitmap = shape.bitmap
        if bitmap is not None and bitmap.optional and bitmap.file is not None and record.files is not None:
            if bitmap.file not in keys:
                keys[bitmap.file] = keys_in(record.files(bitmap.file))
            if bitmap.select.value not in keys[bitmap.file]:
                continue
        found.append(shape)
    return found


def keys_in(data: bytes) -> frozenset[int]:
    """Return what has pixels: the values of a gray PNG, else colours as R + 256 G + 65536 B.

    None where it cannot be decoded: that is told by whoever paints it.
    """
    try:
        header = read_header(data)
        if header.color_type not in {_GRAY, _PALETTE} or header.interlace or header.bit_depth > 8:
            return _colors(data)
        values = count_png(data, header).nonzero()[0]
    except PngError:
        return frozenset()
    if header.color_type == _GRAY:
        return frozenset(values.tolist())
    palette = header.palette or b""
    return frozenset(
        int.from_bytes(palette[3 * value : 3 * value + 3], "little") for value in values.tolist()
    )


def _colors(data: bytes) -> frozenset[int]:
    from PIL import Image  # noqa: PLC0415 - real jobs write palettes

    try:
        picture = Image.open(io.BytesIO(data))
        if picture.mode in {"L", "LA", "I;16"}:
            return frozenset(np.unique(np.asarray(picture.getchannel(0))).tolist())
        rgb = np.asarray(picture.convert("RGB"), np.uint32)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return frozenset()
    return frozenset(np.unique(rgb[..., 0] | rgb[..., 1] << 8 | rgb[..., 2] << 16).tolist())
