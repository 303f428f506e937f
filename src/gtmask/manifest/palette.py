"""Whether the values and the colours of a palette mask say the same.

What Ground Truth writes has the colour of class i at place i of its palette (observed). Where the two differ
the colours count, since jobs of mid-2020 wrote wrong indices (amazon-sagemaker-examples #1503); but then it
may be the palette that is wrong, so that it is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtmask.errors import PngError
from gtmask.manifest.contract import BACKGROUND, BACKGROUND_COLOR
from gtmask.png import count_values, decode_png, read_header

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from gtmask.manifest.color_map import ColorMapEntry

_PALETTE = 3


def doubts_about(data: bytes, entries: Sequence[ColorMapEntry]) -> list[str]:
    """Return what :func:`doubts` returns of a PNG; nothing where it is no palette picture.

    It is decoded only where its palette differs from the color map.
    """
    try:
        header = read_header(data)
        palette = header.palette or b""
        if header.color_type != _PALETTE or not _differs(palette, entries):
            return []
        return doubts(palette, count_values(decode_png(data)), entries)
    except PngError:  # told by who paints it
        return []


def doubts(palette: bytes, counts: NDArray[np.int64], entries: Sequence[ColorMapEntry]) -> list[str]:
    """Return a sentence's part for each value in use whose colour is that of another class.

    - ``palette``: three bytes per value.
    - ``counts``: int (256,): how many pixels have each value.
    """
    told = _doubtful(palette, entries)
    return [
        f"{int(counts[value])} pixels of value {value}, {told[value][0]}, have the colour of {told[value][1]}"
        for value in counts.nonzero()[0].tolist()
        if value in told
    ]


def doubtful_values(palette: bytes, entries: Sequence[ColorMapEntry]) -> set[int]:
    """Return the values of which :func:`doubts` would tell, were there pixels of all; see there."""
    return set(_doubtful(palette, entries))


def _doubtful(palette: bytes, entries: Sequence[ColorMapEntry]) -> dict[int, tuple[str, str]]:
    """Return the class of each value that has the colour of another class, and that other class."""
    by_value = {entry.id: entry.name for entry in entries if entry.id is not None}
    by_color = {BACKGROUND_COLOR: BACKGROUND} | {entry.color: entry.name for entry in entries}
    found = {}
    for value in range(len(palette) // 3):
        own, shown = by_value.get(value, "no class"), by_color.get(_color(palette, value))
        if shown is not None and shown != own:
            found[value] = own, shown
    return found


def _differs(palette: bytes, entries: Sequence[ColorMapEntry]) -> bool:
    """Say whether a palette is another one than Ground Truth would write."""
    expected = {entry.id: entry.color for entry in entries if entry.id is not None}
    return any(_color(palette, value) != expected.get(value, "") for value in range(len(palette) // 3))


def _color(palette: bytes, value: int) -> str:
    return f"#{palette[3 * value : 3 * value + 3].hex()}"
