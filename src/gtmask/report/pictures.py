"""Pictures as pages embed them: small, without metadata, in the pixel grid that the mask fits.

That is the stored grid, which Ground Truth's contract asks for, unless a run chose the one that EXIF turns
to.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from gtmask.errors import ProbeError
from gtmask.images.probe import orientation_of, turned

#: Longest side of an embedded picture, in pixels.
SIDE = 1024
#: What is tried until a picture is small enough: its longest side, and WebP's quality.
STEPS = ((SIDE, 75), (SIDE, 50), (768, 45), (512, 40), (384, 30), (256, 25), (160, 20))


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as WebP, ``width`` x ``height`` pixels, of an image of ``full_width`` x ``full_height``.

    ``turn`` is the orientation of EXIF (1 to 8) by which it is turned into the other grid, from that of the
    file to that of viewers or back; 1 where both are the same.
    """

    data: bytes
    width: int
    height: int
    full_width: int
    full_height: int
    turn: int = 1


def shrink(data: bytes, limit: int, grid: str = "stored") -> Picture:
    """Return an image's file as a picture of at most ``limit`` bytes, or the smallest of :data:`STEPS`.

    In the ``grid`` "display" it is turned as EXIF says, and so are its sizes. Raises ProbeError: Pillow
    cannot read it.
    """
    from PIL import Image  # noqa: PLC0415 - only pictures need it

    try:
        with Image.open(io.BytesIO(data)) as opened:
            full = opened.size
            # Of TIFF Pillow shows the grid of viewers alone.
            orientation = 1 if opened.format == "TIFF" else orientation_of(opened)
            opened.draft("RGB", (SIDE, SIDE))
            picture = opened.convert("RGB")
            if grid == "display" and orientation != 1:
                picture = turned(picture, orientation)
                full = full[::-1] if orientation > 4 else full
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
    # A quarter turn is undone by the opposite one, and all others by themselves.
    turn = {6: 8, 8: 6}.get(orientation, orientation) if grid == "display" else orientation
    return Picture(made, *picture.size, *full, turn)
