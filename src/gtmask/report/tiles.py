"""From a manifest's line to a tile: its image, its masks as workers see them, and what validation finds.

The worker UI finds classes by colour. So a palette mask is read through its palette, and a gray one by its
values; what is no mask of one channel is not painted at all.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from gtmask.errors import PASSING, ManifestError, PngError, ProbeError, StorageError
from gtmask.findings import Finding
from gtmask.groundtruth.line_rules import LineChecker, Task
from gtmask.groundtruth.picture_rules import can_decode
from gtmask.manifest.contract import BACKGROUND, BACKGROUND_COLOR, HEX_COLOR
from gtmask.png import PngHeader, count_png, decode_png, encode_png, read_header
from gtmask.report.page import ClassKey, Layer, Tile
from gtmask.report.pictures import shrink

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from gtmask.groundtruth.manifest_file import ManifestReader, RawLine
    from gtmask.groundtruth.media import MediaReader
    from gtmask.manifest.color_map import ColorMapEntry


#: What a page's pictures may take together, in bytes of their files; text makes a third more of them.
PAGE_BYTES = 15 << 20
#: What one picture may take at most, and what it is never asked to take less than.
MOST_BYTES, LEAST_BYTES = 300 << 10, 8 << 10


def picture_bytes(count: int) -> int:
    """Return how many bytes each of a page's pictures may take."""
    return max(LEAST_BYTES, min(MOST_BYTES, PAGE_BYTES // max(count, 1)))


class LineTiles:
    """Makes tiles of lines of one manifest; its lines are to be given in their order."""

    def __init__(self, manifest: ManifestReader, media: MediaReader, count: int) -> None:
        self._manifest, self._media, self._bytes = manifest, media, picture_bytes(count)
        self._checker = LineChecker()
        self._told: set[str] = set()
        self.broken: list[ManifestError] = []

    async def make(self, lines: Sequence[RawLine]) -> list[Tile]:
        """Return a tile for each line; raises CredentialsError and TransientError alone."""
        checked = [(raw, *self._checker.check(raw.number, raw.data)) for raw in lines]
        return await self._media.each(lambda item: self._tile(*item), checked)

    async def _tile(self, raw: RawLine, problems: Sequence[object], task: Task | None) -> Tile:
        findings = [Finding(problem.code, problem.detail) for problem in problems]  # type: ignore[attr-defined]
        if task is not None:
            report = await self._media.check([(task, True)])
            findings += [Finding(problem.code, problem.detail) for problem in report.problems]
        try:
            line = self._manifest.parse(raw)
        except ManifestError as error:
            self.broken.append(error)
            return Tile(f"line {raw.number:,}", findings=findings, trouble=str(error))
        tile = await make_tile(
            self._media,
            line.source_ref,
            [(label.mask or "", label.classes) for label in line.masks[-2:]],
            self._bytes,
        )
        tile.findings = [*findings, *tile.findings]
        return tile


async def make_tile(
    media: MediaReader,
    source: str,
    masks: Sequence[tuple[str | None, Mapping[int, ColorMapEntry]]],
    limit: int,
) -> Tile:
    """Return an image with its masks as a tile.

    Raises CredentialsError or TransientError where nothing can be read at all.

    - ``masks``: references of masks with their color maps: one, or that before and that after a change, where
      None says that there is none.
    - ``limit``: bytes that the picture may take.
    """
    tile = Tile(source)
    try:
        data, _ = await media.read_image(source)
        tile.picture = await asyncio.to_thread(shrink, data, limit, media.settings.grid)
        tile.width, tile.height = tile.picture.full_width, tile.picture.full_height
    except PASSING:
        raise
    except (StorageError, ProbeError) as error:
        tile.trouble = str(error)
    roles = ("before", "after") if len(masks) > 1 else ("mask",)
    pixels: list[NDArray[np.uint8] | None] = []
    for role, (reference, classes) in zip(roles, masks, strict=True):
        layer, mask, told = await _read_mask(media, role, reference, classes)
        tile.layers.append(layer)
        tile.trouble = tile.trouble or told
        pixels.append(mask)
        if mask is not None and not tile.width:
            tile.height, tile.width = mask.shape
    if len(pixels) > 1:
        tile.change = _changed(tile, pixels)
    return tile


async def _read_mask(
    media: MediaReader, role: str, reference: str | None, classes: Mapping[int, ColorMapEntry]
) -> tuple[Layer, NDArray[np.uint8] | None, str]:
    """Return a mask as a layer, its samples, and a sentence where there are none."""
    if reference is None:
        return Layer(role, table=class_table(classes)), None, ""
    try:
        data, _ = await media.read_mask(reference)
        layer = read_layer(role, data, classes)
        return layer, decode_png(data) if layer.png else None, ""
    except PASSING:
        raise
    except (StorageError, PngError) as error:
        return Layer(role, table=class_table(classes)), None, str(error)


def _changed(tile: Tile, pixels: Sequence[NDArray[np.uint8] | None]) -> int | None:
    """Count the pixels whose class is another one; None where two masks of one size are not there."""
    before, after = pixels
    if before is None or after is None or before.shape != after.shape:
        return None
    names: dict[object, int] = {}
    tables = []
    for layer in tile.layers:
        table = np.full(256, -1, np.int16)
        for value, key in layer.table.items():
            table[value] = names.setdefault(key, len(names))
        tables.append(table)
    return int((tables[0][before] != tables[1][after]).sum())


#: A mask's file of more bytes is written anew, with the same samples, if that makes it smaller.
LARGE_FILE = 1 << 16
#: In place of a colour that is none.
NO_COLOR = "#808080"


def read_layer(role: str, data: bytes, classes: Mapping[int, ColorMapEntry]) -> Layer:
    """Return a mask's file as a layer; one without a PNG where it has no single channel.

    Raises PngError where it is no PNG, or a damaged one.

    - ``role``: as :attr:`Layer.role`.
    - ``data``: the whole file.
    - ``classes``: the entries of the color map by class id.
    """
    header = read_header(data)
    if not can_decode(header):
        return Layer(role, table=class_table(classes))
    counts = count_png(data, header)
    if len(data) > LARGE_FILE:
        data = min(data, encode_png(decode_png(data)), key=len)
    return Layer(role, data, _seen_table(header, classes), counts)


def class_table(classes: Mapping[int, ColorMapEntry]) -> dict[int, ClassKey]:
    """Return the class that each value of a mask stands for by the color map alone."""
    table = {0: (BACKGROUND, BACKGROUND_COLOR)}
    for value, entry in classes.items():
        color = entry.color if HEX_COLOR.fullmatch(entry.color) else NO_COLOR
        table[value] = (entry.name or f"value {value}", color)
    return table


def _seen_table(header: PngHeader, classes: Mapping[int, ColorMapEntry]) -> dict[int, ClassKey]:
    """Return the class that each sample value is shown as: by its palette, or by its value as scaled."""
    table = class_table(classes)
    if header.color_type == 0 and header.bit_depth < 8:
        most = (1 << header.bit_depth) - 1
        return {
            value: table[value * 255 // most] for value in range(most + 1) if value * 255 // most in table
        }
    if header.color_type != 3:
        return table
    palette = header.palette or b""
    by_color = {key[1]: key for key in reversed(table.values())}
    colors = {value: f"#{palette[3 * value : 3 * value + 3].hex()}" for value in range(len(palette) // 3)}
    return {
        value: table[value] if value in table and table[value][1] == color else by_color[color]
        for value, color in colors.items()
        # White that stands for no class is how palettes are filled up: such a value is in no class.
        if color in by_color and (value in table or color != BACKGROUND_COLOR)
    }
