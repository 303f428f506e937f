"""Size and EXIF orientation of an image from its first bytes.

What :mod:`gtmask.images.usual` leaves Pillow parses; this module decides what it may see: the first 64 KiB,
and more only where Pillow asks for bytes that are not there yet, each further read four times as long. Of a
local file so much is read only if the usual form is not in its first 4 KiB: there bytes cost more than reads.
Only the header is read, and it is not limited in pixels: decoding bombs go off later, if at all.

Orientation is that of EXIF (JPEG's APP1, PNG's eXIf in front of the pixels, TIFF's own tag) and not that
of XMP, as in browsers.
"""

from __future__ import annotations

import bisect
import importlib
import io
import struct
import warnings
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from gtmask.errors import ProbeError
from gtmask.images.usual import usual_size
from gtmask.png.header import SIGNATURE as PNG_SIGNATURE
from gtmask.storage import is_s3

if TYPE_CHECKING:
    from gtmask.storage.base import Storage

#: Bytes in which the usual header of a local file ends.
GLANCE = 4 << 10
#: Bytes of the first read that Pillow sees. The EXIF of cameras, thumbnail included, takes 10 to 60 KiB.
FIRST = 64 << 10
#: Factor by which each further read is longer.
GROWTH = 4

_FAR = 1 << 48
# EXIF 2.32, table 4
_IMAGE_WIDTH, _IMAGE_LENGTH, _ORIENTATION = 0x0100, 0x0101, 0x0112
#: How files begin.
_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"), (PNG_SIGNATURE, "PNG"), (b"BM", "BMP"), (b"GIF87a", "GIF"), (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"), (b"MM\0*", "TIFF"), (b"II+\0", "TIFF"), (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  ", "JPEG2000"), (b"\xff\x4f\xff\x51", "JPEG2000"),
)  # fmt: skip
#: What Pillow's modules and classes for these formats begin with, in front of ImagePlugin and ImageFile.
_PLUGINS = {
    "JPEG": "Jpeg", "PNG": "Png", "BMP": "Bmp", "GIF": "Gif", "TIFF": "Tiff", "JPEG2000": "Jpeg2K",
    "WEBP": "WebP",
}  # fmt: skip
#: How Pillow calls what viewers do for each of EXIF's orientations (CIPA DC-008, 4.6.5.1.2), and what undoes
#: it where that is another turn.
_TURNS = {
    2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_270",
    7: "TRANSVERSE", 8: "ROTATE_90",
}  # fmt: skip
_BACK = {6: 8, 8: 6}
_START_OF_SCAN = 0xDA
#: Where a PNG says its bits per sample (PNG, third edition, 11.2.1): behind width and height.
_DEPTH = 24
#: What Pillow calls PNG's colour types, which stand behind the depth.
_MODES = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}
#: Frames of JPEG that no browser decodes.
_CODINGS = {
    0xC3: "lossless", 0xF7: "JPEG-LS",
    0xC5: "hierarchical", 0xC6: "hierarchical", 0xC7: "hierarchical", 0xCD: "hierarchical",
    0xCE: "hierarchical", 0xCF: "hierarchical",
    0xC9: "arithmetic", 0xCA: "arithmetic", 0xCB: "arithmetic",
}  # fmt: skip
#: What Pillow's parsers raise at damaged headers.
_DAMAGED = (
    SyntaxError, OSError, EOFError, ValueError, TypeError, IndexError, KeyError, OverflowError,
    AttributeError, struct.error,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What an image's header tells.

    ``width`` and ``height`` are those of the stored pixel grid; ``orientation`` is EXIF's 1 to 8, 1 where
    the file has none or no valid one; ``format`` is "JPEG", "PNG", "BMP", "GIF", "TIFF", "JPEG2000" or
    "WEBP", whatever the file's name says; ``bits`` are those of a sample, and ``coding`` says why browsers
    cannot show a JPEG or PNG, where they cannot. ``mode`` is what Pillow calls the form of its pixels, with
    an "A" at its end where some may be transparent; "" for those of gray or RGB JPEGs. ``version`` tells that
    the file is another one than before, as :meth:`gtmask.storage.base.Storage.get_versioned` does.
    ``remembered`` says that an earlier run has read it (:mod:`gtmask.images.known_heads`).
    """

    width: int
    height: int
    orientation: int
    format: str
    bits: int = field(default=8, compare=False)
    coding: str = field(default="", compare=False)
    mode: str = field(default="", compare=False)
    version: str = field(default="", compare=False)
    remembered: bool = field(default=False, compare=False)

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height as viewers show the image."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


async def probe(storage: Storage, key: str, head: tuple[bytes, str] | None = None) -> ImageInfo:
    """Read an image's header with ranged reads.

    Raises ProbeError if the file is no image, or its header is damaged or incomplete. Raises NotFoundError,
    AccessError, TransientError or StorageError as the storage does.

    - ``storage``: where the image is.
    - ``head``: what was read of it already, as ``get_versioned`` returns it: what is wanted first.
    """
    wanted = FIRST if is_s3(storage.root) else GLANCE
    data, version = head or await storage.get_versioned(key, 0, wanted)
    usual = usual_size(data)
    if usual is None and len(data) == GLANCE:
        wanted = FIRST
        data, version = await storage.get_versioned(key, 0, wanted)
        usual = usual_size(data)
    if usual is not None:
        width, height, name = usual
        is_png = name == "PNG"
        bits, mode = (_png_bits(data[_DEPTH]), _MODES[data[_DEPTH + 1]]) if is_png else (8, "")
        return ImageInfo(width, height, 1, name, bits, mode=mode, version=version)
    window = _Window()
    window.add(0, data, wanted)
    while True:
        try:
            return replace(_parse(window), version=version)
        except _MissingBytesError as missing:
            wanted *= GROWTH
            stop = missing.start + max(wanted, missing.count)
            window.add(missing.start, await storage.get(key, missing.start, stop), stop - missing.start)
        except _NoImageError as error:
            raise ProbeError(f"{storage.uri(key)} {error}; replace the file.") from error


class _NoImageError(Exception):
    """Why a file is no image whose header can be read; the message continues its name."""


class _MissingBytesError(Exception):
    """A parser asks for ``count`` bytes at ``start`` that were not fetched yet."""

    def __init__(self, start: int, count: int) -> None:
        super().__init__(start, count)
        self.start = start
        self.count = count


class _Window(io.RawIOBase):
    """A file of which only some ranges are known; asking for others raises ``_MissingBytesError``."""

    def __init__(self) -> None:
        super().__init__()
        self._starts: list[int] = []
        self._pieces: list[bytes] = []
        self._position = 0
        #: The file's length, once a read came back short.
        self._end: int | None = None

    def add(self, start: int, data: bytes, wanted: int) -> None:
        """Add what came back when ``wanted`` bytes at ``start`` were asked for."""
        if len(data) < wanted:
            self._end = start + len(data)
        place = bisect.bisect(self._starts, start)
        if place and self._starts[place - 1] + len(self._pieces[place - 1]) == start:
            self._pieces[place - 1] += data
        else:
            self._starts.insert(place, start)
            self._pieces.insert(place, data)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            # Pillow takes the length of TIFF and JPEG 2000 files as a limit: far away until it is known.
            self._position = (_FAR if self._end is None else self._end) + offset
            return self._position
        self._position = max(0, offset + (self._position if whence == io.SEEK_CUR else 0))
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        start = self._position
        if self._end is not None and (start >= self._end or size is None or size < 0):
            size = max(self._end - start, 0)
        if size is None or size < 0:
            raise _MissingBytesError(start, 0)
        if size == 0:
            return b""
        place = bisect.bisect(self._starts, start) - 1
        skip = start - self._starts[place] if place >= 0 else 0
        data = self._pieces[place][skip : skip + size] if place >= 0 else b""
        if len(data) < size and start + len(data) != self._end:
            raise _MissingBytesError(start + len(data), size - len(data))
        self._position += len(data)
        return data


def _parse(window: _Window) -> ImageInfo:
    window.seek(0)
    start = _first(window, 32)
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return _parse_webp(window, start)
    for signature, name in _SIGNATURES:
        if start.startswith(signature):
            window.seek(0)
            return _parse_with_pillow(window, name)
    raise _NoImageError(_no_image(start))


def _first(window: _Window, count: int) -> bytes:
    try:
        return window.read(count)
    except _MissingBytesError as missing:
        window.seek(0)
        return window.read(missing.start)


def _no_image(start: bytes) -> str:
    if not start:
        return "is empty"
    if start[4:8] == b"ftyp":
        return f"is {start[8:12].decode('latin-1').strip()!r} (HEIC, AVIF or video), not JPEG or PNG"
    return f"is no image that can be read: it begins with {start[:8].hex(' ')}"


def opener_of(name: str) -> Any:
    """Return Pillow's class for a format: it opens images of more pixels than ``Image.open`` would decode."""
    # Pillow takes 80 ms to import, which only probing is worth.
    plugin = _PLUGINS[name]
    return getattr(importlib.import_module(f"PIL.{plugin}ImagePlugin"), f"{plugin}ImageFile")


def turned(image: Any, orientation: int, *, back: bool = False) -> Any:
    """Return an image of Pillow's as viewers show it, or (``back``) what viewers show as it is stored."""
    if orientation == 1:
        return image
    turn = _TURNS[_BACK.get(orientation, orientation) if back else orientation]
    return image.transpose(importlib.import_module("PIL.Image").Transpose[turn])


def _parse_with_pillow(window: _Window, name: str) -> ImageInfo:
    opener = opener_of(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about oddities that do not touch size and orientation
        try:
            image = opener(window)
            width, height = _stored_size(image)
        except _DAMAGED as error:
            raise _NoImageError(f"is a {name} whose header is damaged or incomplete") from error
        bits, coding = 8, ""
        if name == "PNG":
            window.seek(_DEPTH)
            bits = _png_bits(window.read(1)[0])
        elif name == "JPEG":
            coding = _jpeg_coding(window)
        mode = image.mode + "A" * ("transparency" in image.info)
        return ImageInfo(width, height, orientation_of(image), name, bits, coding, mode)


def _png_bits(depth: int) -> int:
    """Return the bits of a sample as browsers unpack them: 8 for 8 and less."""
    return max(depth, 8)


def _jpeg_coding(window: _Window) -> str:
    """Return how a JPEG is coded, if it is in a way that browsers do not know (ITU-T T.81, table B.1)."""
    position = 2
    while True:
        window.seek(position)
        head = window.read(4)
        if len(head) < 4 or head[0] != 0xFF or head[1] == _START_OF_SCAN:
            return ""
        if head[1] in _CODINGS:
            return _CODINGS[head[1]]
        if head[1] == 0xFF:  # fill bytes may stand before a marker
            position += 1
            continue
        position += 2 + int.from_bytes(head[2:], "big")


def _stored_size(image: Any) -> tuple[int, int]:
    if image.format == "TIFF":  # of which Pillow tells the size as displayed
        return int(image.tag_v2[_IMAGE_WIDTH]), int(image.tag_v2[_IMAGE_LENGTH])
    width, height = image.size
    return width, height


def orientation_of(image: Any) -> int:
    """Return EXIF's orientation of an image that Pillow has opened and not loaded, 1 where there is none."""
    try:
        if image.format == "TIFF":
            value = image.tag_v2.get(_ORIENTATION)
        else:
            value = _orientation_of(image.info.get("exif", b""))
    except _DAMAGED:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _orientation_of(data: bytes) -> Any:
    """Return the orientation tag of a block of EXIF."""
    if not data:
        return 1
    exif = importlib.import_module("PIL.Image").Exif()
    exif.load(data)
    return exif.get(_ORIENTATION)


def _parse_webp(window: _Window, start: bytes) -> ImageInfo:
    """Read a WebP header (RFC 9649): Pillow's decoder would want the whole file.

    EXIF stands behind the pixels; a flag in front says whether there is any.
    """
    kind, data = start[12:16], start[20:30]
    if len(data) == 10 and kind == b"VP8X":
        width = 1 + int.from_bytes(data[4:7], "little")
        height = 1 + int.from_bytes(data[7:10], "little")
        return ImageInfo(width, height, _webp_orientation(window) if data[0] & 8 else 1, "WEBP")
    if len(data) == 10 and kind == b"VP8 " and data[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 6)
        return ImageInfo(width & 0x3FFF, height & 0x3FFF, 1, "WEBP")
    if len(data) >= 5 and kind == b"VP8L" and data[0] == 0x2F:
        bits = int.from_bytes(data[1:5], "little")
        return ImageInfo(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), 1, "WEBP")
    raise _NoImageError("is a WEBP whose header is damaged or incomplete")


def _webp_orientation(window: _Window) -> int:
    """Find the EXIF chunk by the lengths of those before it."""
    position = 12
    while True:
        window.seek(position)
        header = window.read(8)
        if len(header) < 8:
            return 1
        length = int.from_bytes(header[4:], "little")
        if header[:4] == b"EXIF":
            try:
                value = _orientation_of(window.read(length))
            except _DAMAGED:
                return 1
            return value if isinstance(value, int) and 1 <= value <= 8 else 1
        position += 8 + length + (length & 1)
