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
from gtmask.manifest.contract import BACKGROUND, BACKGROUND_COLOR, COLOR_MAP
from gtmask.manifest.palette import doubtful_values, doubts
from gtmask.png import count_values, decode_png, read_header
from gtmask.png.lookup import look_up_runs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from gtmask.manifest.label import Label

_GRAY, _PALETTE = 0, 3
#: Pairs of palettes and color maps that are kept.
_MOST = 256
#: White is background, also where a color map does not say so.
_BACKGROUND_ENTRY = ColorMapEntry("0", 0, BACKGROUND, BACKGROUND_COLOR)


@dataclass(slots=True)
class Relabeled:
    """A mask, uint8 (height, width) of the run's class ids, and the pixels that have no class there.

    ``counts`` int64 (256,) are the mask's pixels by class id. ``strange`` counts pixels by colour or value
    that the color map does not have, ``foreign`` by class name that the run does not have; both are
    background in the mask. ``doubts`` are values whose colour is that of another class, ``shared`` the
    colours in use that several classes have.
    """

    mask: NDArray[np.uint8]
    counts: NDArray[np.int64]
    strange: Counter[str] = field(default_factory=Counter)
    foreign: Counter[str] = field(default_factory=Counter)
    doubts: list[str] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What the values of masks with one palette and one color map mean.

    ``table`` uint8 (256,) is the run's class id of each value; ``odd`` bool (256,) are values of which
    something is to be told; ``keys`` says what each value is called and which entry it is; ``color_map`` is
    kept so that its identity stays its own.
    """

    color_map: object
    entries: list[ColorMapEntry]
    palette: bytes
    keys: list[tuple[str, ColorMapEntry | None]]
    table: NDArray[np.uint8]
    odd: NDArray[np.bool_]


class Relabeler:
    """Gives masks the run's class ids; what palettes and color maps mean is worked out once for each pair.

    - ``ids``: the run's class ids by class name; BACKGROUND is 0.
    """

    def __init__(self, ids: Mapping[str, int]) -> None:
        self.ids = ids
        self._known: dict[tuple[int, bytes, int], _Meaning] = {}

    def relabel(self, data: bytes, label: Label) -> Relabeled:
        """Decode a mask and give it the run's class ids.

        Raises PngError where it is no PNG of a mask.

        - ``data``: the PNG.
        - ``label``: its color map says what colours and values mean.
        """
        header = read_header(data)
        if header.color_type in {_GRAY, _PALETTE}:
            values, palette = decode_png(data), header.palette or b""
        elif header.is_wide:
            raise PngError("The mask has colours of 16 bits, which no color map has.")
        else:
            values, palette = _flat_colors(data)
        meaning = self._meaning(_GRAY if header.color_type == _GRAY else _PALETTE, palette, label)
        counts = count_values(values)
        present = counts.nonzero()[0]
        becomes = meaning.table[present]
        made = Relabeled(values, counts)
        if (becomes != present).any():
            made.mask = np.empty_like(values)
            look_up_runs(values.reshape(-1), meaning.table, made.mask.reshape(-1))
            made.counts = np.zeros(256, np.int64)
            np.add.at(made.counts, becomes, counts[present])
        if meaning.odd[present].any():
            self._tell(made, meaning, counts)
        return made

    def _meaning(self, kind: int, palette: bytes, label: Label) -> _Meaning:
        """Return what values mean; ``kind`` is the colour type of gray or palette PNGs."""
        given = label.metadata.get(COLOR_MAP)
        place = (kind, palette, id(given))
        known = self._known.get(place)
        if known is None or known.color_map is not given:
            if len(self._known) >= _MOST:
                self._known.clear()
            known = self._known[place] = self._work_out(kind, palette, label.color_map or [], given)
        return known

    def _work_out(
        self, kind: int, palette: bytes, entries: list[ColorMapEntry], color_map: object
    ) -> _Meaning:
        if kind == _GRAY:
            palette = b""
            by_value = {entry.id: entry for entry in entries if entry.id is not None}
            keys = [(f"value {i}", by_value.get(i)) for i in range(256)]
        else:
            by_color = {entry.color: entry for entry in entries}
            by_color.setdefault(BACKGROUND_COLOR, _BACKGROUND_ENTRY)
            colors = ["#" + palette[3 * i : 3 * i + 3].hex() for i in range(len(palette) // 3)]
            keys = [(color, by_color.get(color)) for color in colors]
            keys += [(f"index {i}", None) for i in range(len(keys), 256)]
        table, odd = np.zeros(256, np.uint8), np.zeros(256, np.bool_)
        several = {color for color, names in _names_of(entries).items() if len(names) > 1}
        for value, (_, entry) in enumerate(keys):
            table[value] = self.ids.get(entry.name, 0) if entry is not None else 0
            odd[value] = (
                entry is None
                or (entry.name not in self.ids and entry.name != BACKGROUND)
                or (kind == _PALETTE and entry.color in several)
            )
        odd[sorted(doubtful_values(palette, entries))] = True
        return _Meaning(color_map, entries, palette, keys, table, odd)

    def _tell(self, made: Relabeled, meaning: _Meaning, counts: NDArray[np.int64]) -> None:
        """Add what is to be told of the values that are there; ``counts`` are the pixels by value."""
        used = set()
        for value in counts.nonzero()[0].tolist():
            name, entry = meaning.keys[value]
            if entry is None:
                made.strange[name] += int(counts[value])
            elif entry.name not in self.ids and entry.name != BACKGROUND:
                made.foreign[entry.name] += int(counts[value])
            used.add(name)
        if meaning.palette:
            made.doubts = doubts(meaning.palette, counts, meaning.entries)
            made.shared = [
                f"{', '.join(names)}: {color}"
                for color, names in sorted(_names_of(meaning.entries).items())
                if color in used and len(names) > 1
            ]


def _names_of(entries: list[ColorMapEntry]) -> dict[str, dict[str, None]]:
    """Return the names of the classes of each colour."""
    names: dict[str, dict[str, None]] = {}
    for entry in entries:
        names.setdefault(entry.color, {})[entry.name] = None
    return names


def _flat_colors(data: bytes) -> tuple[NDArray[np.uint8], bytes]:
    """Return a colour picture as numbers of its colours, and these as a palette."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - real jobs write palettes

    try:
        rgb = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.uint32)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PngError(f"The mask cannot be decoded: {error}.") from error
    packed = rgb[..., 0] << 16 | rgb[..., 1] << 8 | rgb[..., 2]
    colors, places = np.unique(packed, return_inverse=True)
    if len(colors) > 256:
        raise PngError(f"The mask has {len(colors):,} colours, more than there can be classes.")
    palette = b"".join(color.to_bytes(3) for color in colors.tolist())
    return places.reshape(packed.shape).astype(np.uint8), palette
