"""Well-known text (OGC 06-103r4): the polygons, lines and points that labeling tools write in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from gtmask.formats.reading.geometry import flatten

if TYPE_CHECKING:
    from gtmask.model import Kind

_TEXT = re.compile(
    r"\s*(MULTIPOLYGON|POLYGON|LINESTRING|POINT)\s*(EMPTY|\([-+.\deE,()\s]*\))\s*", re.IGNORECASE
)
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_PAIR = re.compile(rf"({_NUMBER})\s+({_NUMBER})")


class Geometry(NamedTuple):
    """A polygon, polyline or point: each part is a list of flat rings, the holes after the first."""

    kind: Kind
    parts: list[list[list[float]]]


def is_wkt(text: str) -> bool:
    """Say whether a text begins like a geometry."""
    words = r"\s*(MULTI|GEOMETRY)?(POLYGON|LINESTRING|POINT|COLLECTION)\b"
    return re.match(words, text, re.IGNORECASE) is not None


def parse_wkt(text: str) -> Geometry:
    """Parse a polygon, several polygons, a line or a point.

    Raises ValueError where it is another geometry, or malformed.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r:.60} is no polygon, line or point in well-known text")
    word, body = match[1].upper(), match[2]
    if body.upper() == "EMPTY":
        return Geometry("polygon", [])
    pairs = _PAIR.sub(lambda pair: f"[{float(pair[1])!r},{float(pair[2])!r}]", body)
    try:
        nested: Any = orjson.loads(pairs.replace("(", "[").replace(")", "]"))
        if word in {"POINT", "LINESTRING"}:
            return Geometry("point" if word == "POINT" else "polyline", [[_ring(nested, closed=False)]])
        polygons = nested if word == "MULTIPOLYGON" else [nested]
        return Geometry("polygon", [[_ring(ring, closed=True) for ring in polygon] for polygon in polygons])
    except (TypeError, ValueError):
        raise ValueError(f"{text!r:.60} is malformed well-known text") from None


def _ring(points: list[list[float]], *, closed: bool) -> list[float]:
    """Return a ring as flat coordinates, without the repeated last vertex."""
    if not all(isinstance(point, list) and [*map(type, point)] == [float, float] for point in points):
        raise TypeError("a point is no pair")
    last = len(points) - 1 if closed and len(points) > 3 and points[0] == points[-1] else len(points)
    return flatten(points[:last])
