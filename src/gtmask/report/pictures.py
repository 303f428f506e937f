"""Pictures as pages embed them: small, without metadata, in the pixel grid that the mask fits.

That is the stored grid, which Ground Truth's contract asks for, unless a run chose the one that EXIF turns
to.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from gtmask.errors import ProbeError

#: Longest side of an embedded picture, in pixels.
SIDE = 1024
#: EXIF 2.32: the tag of an image's orientation, 1 to 8.
_ORIENTATION = 0x0112
#: What is tried until a picture is small enough: its longest side, and WebP's quality.
STEPS = ((SIDE, 75), (SIDE, 50), (768, 45), (512, 40), (384, 30), (256, 25), (160, 20))


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as WebP, ``width`` x ``height`` pixels, of an image of ``full_width`` x ``full_height``."""

    data: bytes
    width: int
    height: int
    full_width: int
    full_height: int


def shrink(data: bytes, limit: int, grid: str = "stored") -> Picture:
    """Return an image's file as a picture of at most ``limit`` bytes, or the smallest of :data:`STEPS`.

    In the ``grid`` "display" it is turned as EXIF says, and so are its sizes.

    Raises
    ------
    ProbeError
        Pillow cannot read it.
    """
    from PIL import Image, ImageOps  # noqa: PLC0415 - only pictures need it

    try:
        with Image.open(io.BytesIO(data)) as opened:
            full = opened.size
            turned = grid == "display" and opened.getexif().get(_ORIENTATION, 1) in range(2, 9)
            opened.draft("RGB", (SIDE, SIDE))
            picture = opened.convert("RGB")
            if turned:
                picture = ImageOps.exif_transpose(picture)
                full = full[::-1] if opened.getexif()[_ORIENTATION] > 4 else full
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
