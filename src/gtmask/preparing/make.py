"""From one image to its new ones: upright, of 8 bits, gray or RGB, whole or in tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gtmask.errors import PrepareError
from gtmask.preparing.encode import JpegTables, to_jpeg, to_png
from gtmask.preparing.tiles import Box, stored_box, tiles, upright

if TYPE_CHECKING:
    from collections.abc import Iterator

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
