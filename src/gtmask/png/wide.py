"""PNGs of 16 bits with colours or transparency, which Pillow cuts to 8 bits without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.errors import PngError
from gtmask.png.decoder import image_data, inflate
from gtmask.png.filtered import undo_rows
from gtmask.png.header import PngHeader, walk

if TYPE_CHECKING:
    from numpy.typing import NDArray


#: Samples of a pixel by colour type (PNG specification, 11.2.1): RGB, gray and alpha, RGB and alpha.
_SAMPLES = {2: 3, 4: 2, 6: 4}


def decode_wide(data: bytes, header: PngHeader) -> NDArray[np.uint16]:
    """Decode such a PNG.

    Returns uint16 (height, width, samples). Raises PngError where it is interlaced, damaged or cut off.
    """
    if header.interlace:
        raise PngError("The PNG has 16 bits per sample and is interlaced: save it with 8 bits.")
    count = _SAMPLES[header.color_type]
    width = header.width * count * 2
    rows = inflate(image_data(data, list(walk(data))), header.height * (width + 1)).copy()
    if not undo_rows(rows, np.zeros(width, np.uint8), width, 2 * count):
        raise PngError("The PNG is damaged: a row names a filter that PNG does not have.")
    pixels = np.ascontiguousarray(rows.reshape(header.height, width + 1)[:, 1:])
    return pixels.view(">u2").reshape(header.height, header.width, count).astype(np.uint16)
