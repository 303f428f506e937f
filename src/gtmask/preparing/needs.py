"""What has to change about an image so that a worker's browser shows it in Ground Truth, by its header.

Sources: formats and limits are in :mod:`gtmask.manifest.contract`; EXIF: Developer Guide, sms-cors-update.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtmask.manifest.contract import IMAGE_EXTENSIONS, IMAGE_FORMATS

if TYPE_CHECKING:
    from gtmask.images.probe import ImageInfo
    from gtmask.preparing.options import PrepareOptions

#: Forms of pixels that every browser shows alike.
_PLAIN = frozenset({"", "1", "L", "P", "RGB", "I;16", "I;16B", "I"})

#: What ends the names of images, whether they can be read or not: a file of another kind is no loss.
IMAGE_NAMES = (
    *IMAGE_EXTENSIONS, ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp", ".jp2", ".j2k",
    ".jpx", ".heic", ".heif", ".avif", ".jxl", ".dng", ".svs", ".ndpi", ".dcm",
)  # fmt: skip


def changes_of(info: ImageInfo, key: str, size: int, options: PrepareOptions) -> tuple[str, ...]:
    """Return what has to be done with an image, in the words of the table; nothing where it is fine.

    - ``options``: whose limits count.
    """
    shown = info.format in IMAGE_FORMATS and not info.coding
    too_large = info.width * info.height > options.split_pixels
    # What is written anew has another number of bytes, which is looked at then.
    heavy = size > options.split_bytes and shown
    found = {
        "turned": info.orientation != 1,
        "converted": not shown,
        "eight-bit": info.bits > 8,
        "rgb": shown and info.mode not in _PLAIN,
        "split": too_large or heavy,
        "renamed": shown and not key.lower().endswith(IMAGE_EXTENSIONS),
    }
    return tuple(name for name, holds in found.items() if holds)


def extension_of(info: ImageInfo) -> str:
    """Return what the name of a new image ends with: photos stay JPEG, all else becomes lossless PNG."""
    return ".jpg" if info.format == "JPEG" else ".png"
