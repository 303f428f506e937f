"""TIFFs read strip by strip or tile by tile, of any size and with all bits of their samples.

Each strip is handed to Pillow's libtiff as a small TIFF of its own; uncompressed ones are taken as they are.
What this reader does not know (samples of other bits than 8 and 16, rare colours) is left to Pillow as a
whole. Tags and values are those of TIFF 6.0 and its technical notes.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL.TiffImagePlugin import TiffImageFile

from gtmask.preparing.samples import WHOLE_PIXELS, Samples, let_go, make_array, pages_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIP_OFFSETS, _COUNT, _ROWS, _STRIP_BYTES, _PLANAR, _PREDICTOR = 273, 277, 278, 279, 284, 317
_COLOR_MAP, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES = 320, 322, 323, 324, 325
_EXTRA, _SAMPLE_FORMAT, _JPEG_TABLES, _SUBSAMPLING = 338, 339, 347, 530
_JPEG = 7
#: None, LZW, JPEG, deflate (two numbers), PackBits, Zstandard.
_COMPRESSIONS = {1, 5, _JPEG, 8, 32946, 32773, 50000}
#: Kind and samples by photometric interpretation: inverted gray, gray, RGB, palette, CMYK, YCbCr.
_KINDS = {0: ("inverted", 1), 1: ("gray", 1), 2: ("rgb", 3), 3: ("palette", 1), 5: ("cmyk", 4), 6: ("rgb", 3)}


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a file's samples stand in it."""

    tags: Any
    order: str
    width: int
    height: int
    bits: int
    count: int
    kind: str
    alpha: bool
    compression: int
    across: int
    down: int
    is_planar: bool

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint16 if self.bits == 16 else np.uint8)


def layout_of(image: Any) -> _Layout | None:
    """Return how an open TIFF can be read in strips, None where it cannot."""
    tags = image.tag_v2
    width, height, count = int(tags[_WIDTH]), int(tags[_HEIGHT]), int(tags.get(_COUNT, 1))
    bits = set(_several(tags.get(_BITS, 1)))
    compression, photometric = int(tags.get(_COMPRESSION, 1)), int(tags.get(_PHOTOMETRIC, -1))
    kind, colors = _KINDS.get(photometric, ("", 0))
    is_jpeg = compression == _JPEG
    known = (
        kind
        and compression in _COMPRESSIONS
        and bits in ({8}, {16})
        and set(_several(tags.get(_SAMPLE_FORMAT, 1))) == {1}
        and tags.get(_PREDICTOR, 1) in {1, 2}
        and tags.get(_FILL_ORDER, 1) == 1
        and count in {colors, colors + 1}
        and (photometric != 6 or is_jpeg)
        and (not is_jpeg or (bits == {8} and kind in {"gray", "rgb"} and count == colors))
        and (kind != "palette" or bits == {8})
    )
    if not known:
        return None
    is_tiled = _TILE_WIDTH in tags
    across = int(tags[_TILE_WIDTH]) if is_tiled else width
    down = int(tags[_TILE_HEIGHT]) if is_tiled else min(int(tags.get(_ROWS, height)), height)
    is_planar = tags.get(_PLANAR, 1) == 2 and count > 1
    if across * down > WHOLE_PIXELS and compression != 1:
        return None
    if is_planar and is_jpeg:
        return None
    alpha = count > colors and _several(tags.get(_EXTRA, 0))[0] in {1, 2}
    return _Layout(tags, image.tag_v2.prefix[:2].decode(), width, height, bits.pop(), count, kind, alpha,
                   compression, across, down, is_planar)  # fmt: skip


def _several(value: Any) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (int(value),)


def read_tiff(image: Any, path: str, layout: _Layout) -> Samples:
    """Decode an open TIFF.

    Raises OSError, ValueError or SyntaxError where it is damaged, or the disk is full.
    """
    colors = _KINDS[int(layout.tags[_PHOTOMETRIC])][1]
    taken = layout.count if layout.alpha else colors
    values = make_array((layout.height, layout.width, taken), layout.dtype)
    with open(path, "rb") as file:  # noqa: PTH123
        for plane, x, y, block in _blocks(file, layout):
            part = block[: layout.height - y, : layout.width - x]
            where = values[y : y + len(part), x : x + part.shape[1]]
            if layout.is_planar:
                if plane < taken:
                    where[..., plane] = part[..., 0]
            else:
                where[...] = part[..., :taken]
            let_go(values)
    palette = None
    if layout.kind == "palette":
        table = np.array(layout.tags[_COLOR_MAP], np.uint32).reshape(3, -1).T
        palette = (table >> 8 if table.max(initial=0) > 255 else table).astype(np.uint8)
    profile = image.info.get("icc_profile") if layout.kind in {"gray", "rgb"} else None
    return Samples(values, layout.kind, layout.alpha, palette, pages=pages_of(image), profile=profile)


def _blocks(file: BinaryIO, layout: _Layout) -> Iterator[tuple[int, int, int, NDArray[Any]]]:
    """Yield plane, column, row and samples of each strip or tile."""
    tags, is_tiled = layout.tags, _TILE_WIDTH in layout.tags
    offsets = _several(tags[_TILE_OFFSETS if is_tiled else _STRIP_OFFSETS])
    sizes = _several(tags.get(_TILE_BYTES if is_tiled else _STRIP_BYTES, 0))
    columns = -(-layout.width // layout.across)
    in_plane = columns * -(-layout.height // layout.down)
    planes = layout.count if layout.is_planar else 1
    if len(offsets) < in_plane * planes:
        raise ValueError("strips are missing")
    for number in range(in_plane * planes):
        plane, place = divmod(number, in_plane)
        row, column = divmod(place, columns)
        y = row * layout.down
        rows = layout.down if is_tiled else min(layout.down, layout.height - y)
        if layout.compression == 1:
            for first, block in _uncompressed(file, layout, offsets[number], rows):
                yield plane, column * layout.across, y + first, block
            continue
        file.seek(offsets[number])
        data = file.read(sizes[number])
        yield plane, column * layout.across, y, _decompressed(data, layout, rows)


def _uncompressed(
    file: BinaryIO, layout: _Layout, offset: int, rows: int
) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the rows of a strip, some at a time, with the number of the first."""
    count = 1 if layout.is_planar else layout.count
    row = layout.across * count * (layout.bits // 8)
    together = max(1, (4 << 20) // row)
    for first in range(0, rows, together):
        wanted = min(together, rows - first)
        file.seek(offset + first * row)
        data = file.read(wanted * row)
        if len(data) < wanted * row:
            raise ValueError("cut off")
        dtype = layout.dtype.newbyteorder("<" if layout.order == "II" else ">")
        yield first, np.frombuffer(data, dtype).reshape(wanted, layout.across, count)


def _decompressed(data: bytes, layout: _Layout, rows: int) -> NDArray[Any]:
    """Return the samples of a compressed strip, (rows, width, samples)."""
    count = 1 if layout.is_planar else layout.count
    if layout.compression == _JPEG:
        image = TiffImageFile(io.BytesIO(_small_tiff(data, layout, layout.across, rows, count)))
        return np.asarray(image).reshape(rows, layout.across, count)
    # As gray, so that no sample loses bits: the samples of a pixel follow one another all the same.
    image = TiffImageFile(io.BytesIO(_small_tiff(data, layout, layout.across * count, rows, 1)))
    values: NDArray[Any] = np.asarray(image).reshape(rows, layout.across, count)
    if layout.tags.get(_PREDICTOR, 1) == 2:
        # Each sample is the difference to that of the pixel on its left (section 14).
        values = np.cumsum(values, axis=1, dtype=layout.dtype)
    return values


def _small_tiff(data: bytes, layout: _Layout, width: int, rows: int, count: int) -> bytes:
    """Return a strip as a TIFF of its own."""
    is_jpeg = layout.compression == _JPEG
    photometric = int(layout.tags[_PHOTOMETRIC]) if is_jpeg else 1
    entries: dict[int, tuple[str, tuple[int, ...] | bytes]] = {
        _WIDTH: ("I", (width,)),
        _HEIGHT: ("I", (rows,)),
        _BITS: ("H", (layout.bits,) * count),
        _COMPRESSION: ("H", (layout.compression,)),
        _PHOTOMETRIC: ("H", (photometric,)),
        _STRIP_OFFSETS: ("I", (8,)),
        _COUNT: ("H", (count,)),
        _ROWS: ("I", (rows,)),
        _STRIP_BYTES: ("I", (len(data),)),
        _PLANAR: ("H", (1,)),
    }
    if is_jpeg:
        if _JPEG_TABLES in layout.tags:
            entries[_JPEG_TABLES] = ("B", bytes(layout.tags[_JPEG_TABLES]))
        if photometric == 6:
            entries[_SUBSAMPLING] = ("H", _several(layout.tags.get(_SUBSAMPLING, (2, 2))))
    return _directory(data, entries, "<" if layout.order == "II" else ">")


def _directory(data: bytes, entries: dict[int, tuple[str, tuple[int, ...] | bytes]], end: str) -> bytes:
    """Return a TIFF whose pixels stand behind the header, its directory behind them."""
    body = data + b"\0" * (len(data) % 2)
    head = struct.pack(f"{end}2sHI", b"II" if end == "<" else b"MM", 42, 8 + len(body))
    values_at = 8 + len(body) + 2 + 12 * len(entries) + 4
    rows, values = b"", b""
    for tag, (kind, value) in sorted(entries.items()):
        packed = value if isinstance(value, bytes) else struct.pack(f"{end}{len(value)}{kind}", *value)
        number = {"B": 7, "H": 3, "I": 4}[kind]
        if len(packed) <= 4:
            field = packed.ljust(4, b"\0")
        else:
            field = struct.pack(f"{end}I", values_at + len(values))
            values += packed + b"\0" * (len(packed) % 2)
        rows += struct.pack(f"{end}HHI", tag, number, len(value)) + field
    return head + body + struct.pack(f"{end}H", len(entries)) + rows + b"\0" * 4 + values
