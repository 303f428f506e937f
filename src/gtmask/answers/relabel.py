"""A mask of a job becomes one with the class ids of the run: by colour, and from there by class name.

A job may number classes anew, and jobs of mid-2020 wrote wrong indices: the colour tells the class. Only in a
gray mask, which ours may be, the pixel value is the class id of its own color map.
"""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gtmask.errors import PngError
from gtmask.manifest.color_map import ColorMapEntry
from gtmask.manifest.contract import BACKGROUND, BACKGROUND_COLOR
from gtmask.manifest.palette import doubts
from gtmask.png import count_values, decode_png, read_header

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from gtmask.manifest.label import Label

_GRAY, _PALETTE = 0, 3
#: White is background, also where a color map does not say so.
_BACKGROUND_ENTRY = ColorMapEntry("0", 0, BACKGROUND, BACKGROUND_COLOR)


@dataclass(slots=True)
class Relabeled:
    """A mask, uint8 (height, width) of the run's class ids, and the pixels that have no class there.

    ``strange`` counts pixels by colour or value that the color map does not have, ``foreign`` by class name
    that the run does not have; both are background in the mask. ``doubts`` are values whose colour is that
    of another class, ``shared`` the colours in use that several classes have.
    """

    mask: NDArray[np.uint8]
    strange: Counter[str] = field(default_factory=Counter)
    foreign: Counter[str] = field(default_factory=Counter)
    doubts: list[str] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)


def relabel(data: bytes, label: Label, ids: Mapping[str, int]) -> Relabeled:
    """Decode a mask and give it the run's class ids.

    Parameters
    ----------
    data
        The PNG.
    label
        Its color map says what colours and values mean.
    ids
        The run's class ids by class name; BACKGROUND is 0.

    Raises
    ------
    PngError
        It is no PNG of a mask.
    """
    header = read_header(data)
    entries = label.color_map or []
    if header.color_type == _GRAY:
        by_value = {entry.id: entry for entry in entries if entry.id is not None}
        return _mapped(decode_png(data), [(f"value {i}", by_value.get(i)) for i in range(256)], ids)
    by_color = {entry.color: entry for entry in entries}
    by_color.setdefault(BACKGROUND_COLOR, _BACKGROUND_ENTRY)
    if header.color_type == _PALETTE:
        palette = header.palette or b""
        colors = ["#" + palette[3 * i : 3 * i + 3].hex() for i in range(len(palette) // 3)]
        keys = [(color, by_color.get(color)) for color in colors]
        keys += [(f"index {i}", None) for i in range(len(keys), 256)]
        values = decode_png(data)
        made = _mapped(values, keys, ids)
        made.doubts = doubts(palette, count_values(values), entries)
    else:
        values, colors = _flat_colors(data)
        made = _mapped(values, [(color, by_color.get(color)) for color in colors], ids)
    made.shared = _shared(entries, {colors[value] for value in np.unique(values) if value < len(colors)})
    return made


def _shared(entries: list[ColorMapEntry], used: set[str]) -> list[str]:
    """Return what is to be told of the colours in use that several classes have."""
    names: dict[str, dict[str, None]] = {}
    for entry in entries:
        names.setdefault(entry.color, {})[entry.name] = None
    return [
        f"{', '.join(names[color])}: {color}"
        for color in sorted(used & names.keys())
        if len(names[color]) > 1
    ]


def _mapped(
    values: NDArray[np.uint8], keys: list[tuple[str, ColorMapEntry | None]], ids: Mapping[str, int]
) -> Relabeled:
    """Look every value up; ``keys`` says by value what it is called and which entry it is."""
    table = np.zeros(256, np.uint8)
    counts = count_values(values)
    made = Relabeled(values)
    for value in np.flatnonzero(counts).tolist():
        name, entry = keys[value] if value < len(keys) else (f"value {value}", None)
        if entry is None:
            made.strange[name] += int(counts[value])
        elif entry.name in ids:
            table[value] = ids[entry.name]
        elif entry.name != BACKGROUND:
            made.foreign[entry.name] += int(counts[value])
    made.mask = table[values]
    return made


def _flat_colors(data: bytes) -> tuple[NDArray[np.uint8], list[str]]:
    """Return a colour picture as numbers of its colours, and these."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - real jobs write palettes

    try:
        rgb = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.uint32)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PngError(f"The mask cannot be decoded: {error}.") from error
    packed = rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2]
    colors, places = np.unique(packed, return_inverse=True)
    if len(colors) > 256:
        raise PngError(f"The mask has {len(colors):,} colours, more than there can be classes.")
    return places.reshape(packed.shape).astype(np.uint8), [f"#{color:06x}" for color in colors.tolist()]
