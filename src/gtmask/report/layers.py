"""A mask as workers would see it: which class each sample value of its PNG stands for.

The worker UI finds classes by colour. So a palette mask is read through its palette, and a gray one by its
values; what is no mask of one channel is not painted at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtmask.groundtruth.picture_rules import can_decode
from gtmask.manifest.contract import BACKGROUND, BACKGROUND_COLOR, HEX_COLOR
from gtmask.png import count_png, decode_png, encode_png, read_header
from gtmask.report.page import Layer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gtmask.manifest.color_map import ColorMapEntry
    from gtmask.png import PngHeader
    from gtmask.report.page import ClassKey

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
