"""Pictures as pages embed them: small, without metadata, in the image's stored pixel grid.

The stored grid is what Ground Truth shows and the mask must fit: EXIF's orientation is not applied.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from gtmask.errors import ProbeError

#: Longest side of an embedded picture, in pixels.
SIDE = 1024
#: What is tried until a picture is small enough: its longest side, and WebP's quality.
STEPS = ((SIDE, 75), (SIDE, 50), (768, 45), (512, 40))


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as WebP, ``width`` x ``height`` pixels, of an image of ``full_width`` x ``full_height``."""

    data: bytes
    width: int
    height: int
    full_width: int
    full_height: int


def shrink(data: bytes, limit: int) -> Picture:
    """Return an image's file as a picture of at most ``limit`` bytes, or the smallest of :data:`STEPS`.

    Raises
    ------
    ProbeError
        Pillow cannot read it.
    """
    from PIL import Image  # noqa: PLC0415 - only pictures need it

    try:
        with Image.open(io.BytesIO(data)) as opened:
            full = opened.size
            opened.draft("RGB", (SIDE, SIDE))
            picture = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ProbeError(f"The image cannot be shown: {' '.join(str(error).split())}.") from error
    made = b""
    for side, quality in STEPS:
        if max(picture.size) > side:
            scale = side / max(picture.size)
            size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
            picture = picture.resize(size, Image.Resampling.BOX)
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", quality=quality, method=2)
        made = buffer.getvalue()
        if len(made) <= limit:
            break
    return Picture(made, *picture.size, *full)
