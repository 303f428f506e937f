"""From one image to its new ones: upright, of 8 bits, gray or RGB, whole or in tiles; the same each time."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import Image

from gtmask.errors import PrepareError
from gtmask.preparing.tiles import Box, stored_box, tiles, upright

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from gtmask.images.probe import ImageInfo
    from gtmask.preparing.options import PrepareOptions
    from gtmask.preparing.samples import Pixels


class Made(NamedTuple):
    """A new image: which pixels of the upright image it has, and its bytes."""

    box: Box
    data: bytes


def make_images(
    pixels: Pixels, tables: JpegTables | None, info: ImageInfo, options: PrepareOptions
) -> Iterator[Made]:
    """Yield the new images of an image: one, or tiles where that would exceed a limit.

    Raises PrepareError: a tile has more bytes than --split-bytes. Raises ValueError: the pixels are not as
    many as the header tells.

    - ``pixels``, ``tables``: see :func:`gtmask.preparing.open.open_pixels`.
    """
    if pixels.size != (info.width, info.height):
        # Masks are made by the header: nothing may be filled in, or left out.
        raise ValueError(f"it decodes to {pixels.size[0]}x{pixels.size[1]} pixels, not as its header tells")
    if info.width * info.height <= options.split_pixels:
        whole = Made(Box(0, 0, *info.shown), _encoded(pixels, tables, info, Box(0, 0, *info.shown)))
        if len(whole.data) <= options.split_bytes:
            yield whole
            return
    for box in tiles(*info.shown, options.tile_size, options.overlap):
        data = _encoded(pixels, tables, info, box)
        if len(data) > options.split_bytes:
            raise PrepareError(
                f"The {box.width}x{box.height} pixels at ({box.x}, {box.y}) take {len(data):,} bytes.",
                "prepare-bytes",
            )
        yield Made(box, data)


def _encoded(pixels: Pixels, tables: JpegTables | None, info: ImageInfo, box: Box) -> bytes:
    block = upright(
        pixels.block(stored_box(box, info.width, info.height, info.orientation)), info.orientation
    )
    if block.shape[:2] != (box.height, box.width):
        raise ValueError("it decodes to other pixels than its header tells")
    if info.format == "JPEG":
        return to_jpeg(block, pixels.profile, tables, exchanged=info.orientation >= 5)
    return to_png(block, pixels.profile)


#: Of new JPEGs whose pixels had another form, such as CMYK.
_QUALITY = 95
_PLAIN_MODES = {"L", "RGB"}


@dataclass(frozen=True, slots=True)
class JpegTables:
    """How a JPEG was made: with the same tables its copy loses next to nothing more.

    ``tables`` are its quantization tables, ``sampling`` says how colours are thinned out, as Pillow's
    ``subsampling`` does.
    """

    tables: dict[int, Any]
    sampling: int

    @classmethod
    def of(cls, image: Any) -> JpegTables | None:
        """Return the tables of an open JPEG, None where its copy has pixels of another form."""
        from PIL.JpegImagePlugin import get_sampling  # noqa: PLC0415 - untyped, and of JPEGs only

        if image.mode not in _PLAIN_MODES or not image.quantization:
            return None
        tables = {number: list(table) for number, table in image.quantization.items()}
        return cls(tables, get_sampling(image))


def to_png(pixels: NDArray[np.uint8], profile: bytes | None) -> bytes:
    """Return pixels as PNG, gray or RGB of 8 bits."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=6, icc_profile=profile)
    return file.getvalue()


def to_jpeg(
    pixels: NDArray[np.uint8], profile: bytes | None, tables: JpegTables | None, *, exchanged: bool
) -> bytes:
    """Return pixels as JPEG, gray or RGB.

    ``exchanged`` says that rows became columns: colours that were thinned out along rows only are then kept
    whole.
    """
    if tables is None:
        how: dict[str, Any] = {"quality": _QUALITY, "subsampling": 0}
    else:
        sampling = 0 if tables.sampling < 0 or (exchanged and tables.sampling == 1) else tables.sampling
        how = {"qtables": tables.tables, "subsampling": sampling}
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", icc_profile=profile or b"", **how)
    return file.getvalue()
