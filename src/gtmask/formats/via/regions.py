"""VIA's regions: their shape attributes become shapes.

Sources: VIA 2 ``via.js``, VIA 3 ``_via_const.js``. Numbers are pixels of the image as the browser shows it.
A polyline whose last point is its first is an area, as its users mean it; an ellipse's theta is radians.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gtmask.formats.reading.checks import numbers, real, reals

if TYPE_CHECKING:
    from gtmask.formats.reading.build import RecordBuilder

#: How many numbers each shape of version 3 has; lines and polygons have as many as there are points.
_EXACT = {1: 2, 2: 4, 3: 3, 4: 4, 8: 8, 9: 6}


def add_region(builder: RecordBuilder, shape: dict[str, Any], label: str) -> None:
    """Add the shape of a VIA 1 or 2 region; raises what looking into a malformed one raises."""
    kind = shape["name"]
    if kind in {"polygon", "polyline"}:
        xs, ys = numbers(shape["all_points_x"]), numbers(shape["all_points_y"])
        add_points(builder, label, [v for xy in zip(xs, ys, strict=True) for v in xy], area=kind == "polygon")
    elif kind == "rect":
        x, y, width, height = reals(shape, ("x", "y", "width", "height"))
        builder.box(label, x, y, width, height)
    elif kind == "circle":
        x, y, radius = reals(shape, ("cx", "cy", "r"))
        builder.ellipse(label, (x, y), (radius, radius), kind="circle")
    elif kind == "ellipse":
        x, y, rx, ry = reals(shape, ("cx", "cy", "rx", "ry"))
        degrees = math.degrees(builder.get_number(shape, "theta"))
        builder.ellipse(label, (x, y), (rx, ry), degrees)
    elif kind == "point":
        builder.polygon(label, [shape["cx"], shape["cy"]], "point")
    else:
        builder.finding("shape-kind-unsupported", f"{label}: {kind!r:.40}")


def add_points(builder: RecordBuilder, label: str, flat: list[Any], *, area: bool) -> None:
    """Add a polygon or polyline; a closed polyline is an area."""
    closed = len(flat) >= 8 and flat[:2] == flat[-2:]
    builder.polygon(label, flat, "polygon" if area or closed else "polyline")


def add_coordinates(builder: RecordBuilder, xy: list[Any], label: str) -> None:
    """Add a VIA 3 shape: ``[kind, numbers ...]``; raises what looking into a malformed one raises."""
    kind, flat = xy[0], [real(value) for value in xy[1:]]
    exact = _EXACT.get(kind) if isinstance(kind, int) else None
    if exact is not None and len(flat) != exact:
        raise ValueError(f"shape {kind} has {len(flat)} numbers, not {exact}")
    if kind == 1:
        builder.polygon(label, flat, "point")
    elif kind == 2:
        x, y, width, height = flat
        builder.box(label, x, y, width, height)
    elif kind == 3:
        x, y, radius = flat
        builder.ellipse(label, (x, y), (radius, radius), kind="circle")
    elif kind == 4:
        builder.ellipse(label, (flat[0], flat[1]), (flat[2], flat[3]))
    elif kind in {5, 6, 7}:
        add_points(builder, label, flat, area=kind == 7)
    elif kind == 8:
        builder.rectangle(label, min(flat[0::2]), min(flat[1::2]), max(flat[0::2]), max(flat[1::2]))
    elif kind == 9:
        x, y, radius = circle_through(flat)
        builder.ellipse(label, (x, y), (radius, radius), kind="circle")
    else:
        builder.finding("shape-kind-unsupported", f"{label}: VIA shape {kind!r:.20}")


def circle_through(flat: list[float]) -> tuple[float, float, float]:
    """Return centre and radius of the circle through three points.

    Raises ValueError where they are not three, or on one line.
    """
    ax, ay, bx, by, cx, cy = flat
    turn = 2 * (ax * (by - cy) + bx * (cy - ay) + cx * (ay - by))
    if not turn:
        raise ValueError("the three points of a circle lie on one line")
    a, b, c = ax * ax + ay * ay, bx * bx + by * by, cx * cx + cy * cy
    x = (a * (by - cy) + b * (cy - ay) + c * (ay - by)) / turn
    y = (a * (cx - bx) + b * (ax - cx) + c * (bx - ax)) / turn
    return x, y, math.hypot(ax - x, ay - y)
