"""Coordinates of every form as flat lists, and curves and turned boxes as rings: plain arithmetic."""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Coordinates beyond this are findings: OpenCV's rule is exact in 16.16 fixed point only below it.
LIMIT = float(1 << 30)
#: A curve becomes a polygon that leaves it by at most this many pixels.
CURVE_ERROR = 1 / 16


def flatten(pairs: Iterable[Iterable[float]]) -> list[float]:
    """Return ``[[x, y], ...]`` as ``[x, y, ...]``; pairs longer than two make an odd or wrong count."""
    return list(chain.from_iterable(pairs))


def flatten_xy(points: Iterable[dict[str, Any]]) -> list[float]:
    """Return ``[{"x": x, "y": y}, ...]`` as ``[x, y, ...]``."""
    return [value for point in points for value in (point["x"], point["y"])]


def refuse_truth(*values: float) -> None:
    """Refuse true and false among numbers: Python takes them for 1 and 0.

    Raises TypeError where one of the values is true or false.
    """
    if bool in set(map(type, values)):
        raise TypeError("true or false stands where a number is meant")


def ellipse_ring(cx: float, cy: float, rx: float, ry: float, degrees: float = 0.0) -> list[float]:
    """Return an ellipse as flat coordinates of a polygon that leaves it by at most CURVE_ERROR pixels.

    The sagitta of a chord over the angle t on radius r is r (1 - cos(t / 2)).
    """
    radius = max(rx, ry)
    if not 0 < radius <= LIMIT:
        return []
    step = 2 * math.acos(max(1 - CURVE_ERROR / radius, 0.5))
    count = min(max(math.ceil(2 * math.pi / step), 8), 4096)
    turn = math.radians(degrees)
    cos, sin = math.cos(turn), math.sin(turn)
    flat: list[float] = []
    for i in range(count):
        angle = 2 * math.pi * i / count
        u, v = rx * math.cos(angle), ry * math.sin(angle)
        flat += (cx + u * cos - v * sin, cy + u * sin + v * cos)
    return flat


def upright(x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
    """Return a box by two opposite corners in any order as (x, y, width, height)."""
    return min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0)


def refuse_negative(what: str, *lengths: float) -> None:
    """Refuse a width, height or radius below 0: no tool draws it, so something else was meant.

    Raises ValueError where one of the lengths is below 0.
    """
    if min(lengths) < 0:
        raise ValueError(f"{what} of {' x '.join(f'{length:.6g}' for length in lengths)}")


def rotated_corners(
    x: float, y: float, width: float, height: float, degrees: float, pivot: tuple[float, float]
) -> list[float]:
    """Return a box (x, y, width, height) turned clockwise about ``pivot``, as flat coordinates.

    Raises ValueError where its width or height is below 0.
    """
    refuse_negative("a turned box", width, height)
    turn = math.radians(degrees)
    cos, sin = math.cos(turn), math.sin(turn)
    px, py = pivot
    flat: list[float] = []
    for cx, cy in ((x, y), (x + width, y), (x + width, y + height), (x, y + height)):
        flat += (px + (cx - px) * cos - (cy - py) * sin, py + (cx - px) * sin + (cy - py) * cos)
    return flat
