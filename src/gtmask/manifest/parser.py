"""Parses the lines of a manifest one after the other, and parses a color map only where it is a new one.

The color map is most of a line and the same on nearly all lines of a manifest. It is cut out of the bytes,
looked up among those met before, and put back into the parsed values.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from gtmask.manifest.color_map import ParsedColorMap
from gtmask.manifest.contract import COLOR_MAP
from gtmask.manifest.line import ManifestLine, load_object, parse_line, read_values

_MAP = re.compile(rb'"' + COLOR_MAP.encode() + rb'"\s*:\s*(?=\{)')
#: Color maps that are kept; whoever writes one per line gains nothing by it.
_MOST = 256


class LineParser:
    """Parses lines as :func:`gtmask.manifest.line.parse_line` does, only sooner; values are shared."""

    def __init__(self) -> None:
        self._maps: dict[bytes, Any] = {}

    def parse(self, data: bytes) -> ManifestLine:
        """Parse one line, with or without its line end."""
        values = self._values(data)
        return parse_line(data) if values is None else read_values(values)

    def _values(self, data: bytes) -> dict[str, Any] | None:
        """Return the values of a line; None where it is to be parsed as a whole."""
        pieces: list[bytes] = []
        maps: list[Any] = []
        at = 0
        for found in _MAP.finditer(data):
            if found.start() < at:
                return None
            stop = data.find(b"}}", found.end()) + 2
            color_map = self._color_map(data[found.end() : stop])
            if stop < 2 or color_map is None:
                return None
            pieces += (data[at : found.end()], b"%d" % len(maps))
            maps.append(color_map)
            at = stop
        values = load_object(b"".join((*pieces, data[at:]))) if maps else None
        if values is None or not _put_back(values, maps):
            return None
        return values

    def _color_map(self, data: bytes) -> Any:
        """Return a color map; None where the bytes are no whole JSON value."""
        found = self._maps.get(data)
        if found is None:
            try:
                found = orjson.loads(data)
            except orjson.JSONDecodeError:
                return None
            if isinstance(found, dict):
                found = ParsedColorMap(found)
            if len(self._maps) >= _MOST:
                self._maps.clear()
            self._maps[data] = found
        return found


def _put_back(values: dict[str, Any], maps: list[Any]) -> bool:
    """Put color maps in the place of their numbers; False where one stood anywhere else."""
    places = [value for value in values.values() if isinstance(value, dict) and COLOR_MAP in value]
    if len(places) != len(maps):
        return False
    for place in places:
        place[COLOR_MAP] = maps[place[COLOR_MAP]]
    return True
