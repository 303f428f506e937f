"""VIA's regions: shape attributes become shapes, and one of the region's attributes becomes its class.

Sources: VIA 2 ``via.js``, VIA 3 ``_via_const.js``. Numbers are pixels of the image as the browser shows it.
A polyline whose last point is its first is an area, as its users mean it; an ellipse's theta is radians.
The class is the attribute that ``--class-attribute`` names; else the only one, else the first with a usual
name; which of several it was is told as a finding.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gtmask.formats.reading.checks import numbers, real, reals
from gtmask.formats.reading.typed import as_label, get_any, get_number

if TYPE_CHECKING:
    from gtmask.formats.reading.build import RecordBuilder

_USUAL = ("label", "class", "category", "name", "class_name", "classname", "type", "object", "object_name")


def choose_attribute(names: list[str], wanted: str | None) -> tuple[str | None, bool]:
    """Return which attribute holds the class, and whether that was a guess."""
    if wanted is not None:
        return (wanted if wanted in names else None), False
    if len(names) < 2:
        return (names[0] if names else None), False
    usual = [name for name in _USUAL for given in names if given.casefold() == name]
    return next((name for name in names if usual and name.casefold() == usual[0]), names[0]), True


def class_of(builder: RecordBuilder, attributes: Any, wanted: str | None) -> str:
    """Return a region's class by its attributes; empty, with a finding, where there is none."""
    if not isinstance(attributes, dict):
        builder.finding("shape-no-label", f"{builder.place or 'a region'}: no attributes")
        return ""
    name, guessed = choose_attribute(list(attributes), wanted)
    if guessed and not any(finding.code == "class-attribute-guessed" for finding in builder.findings):
        builder.finding("class-attribute-guessed", f"{name!r:.60} of {', '.join(attributes)}"[:200])
    value = get_any(attributes, name) if name is not None else None
    if isinstance(value, dict):
        # A checkbox group: {"option": true}.
        value = [option for option, on in value.items() if on]
    if isinstance(value, list):
        if len(value) > 1:
            builder.finding("label-several", ", ".join(map(str, value))[:200])
        value = value[0] if value else ""
    label = as_label(builder, value, name or "attribute").strip()
    if not label:
        what = f"its attribute {name!r:.60} is empty" if name is not None else "no class attribute"
        builder.finding("shape-no-label", f"a region: {what}")
    return label


def add_region(builder: RecordBuilder, shape: dict[str, Any], label: str) -> None:
    """Add the shape of a VIA 1 or 2 region; raises what looking into a malformed one raises."""
    kind = shape["name"]
    if kind in {"polygon", "polyline"}:
        xs, ys = numbers(shape["all_points_x"]), numbers(shape["all_points_y"])
        add_points(builder, label, [v for xy in zip(xs, ys, strict=True) for v in xy], area=kind == "polygon")
    elif kind == "rect":
        x, y, width, height = reals(shape, ("x", "y", "width", "height"))
        builder.rectangle(label, x, y, x + width, y + height)
    elif kind == "circle":
        x, y, radius = reals(shape, ("cx", "cy", "r"))
        builder.ellipse(label, (x, y), (radius, radius), kind="circle")
    elif kind == "ellipse":
        x, y, rx, ry = reals(shape, ("cx", "cy", "rx", "ry"))
        degrees = math.degrees(get_number(builder, shape, "theta"))
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
    if kind == 1:
        builder.polygon(label, flat[:2], "point")
    elif kind == 2:
        x, y, width, height = flat
        builder.rectangle(label, x, y, x + width, y + height)
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

    Raises
    ------
    ValueError
        They are not three, or on one line.
    """
    ax, ay, bx, by, cx, cy = flat
    turn = 2 * (ax * (by - cy) + bx * (cy - ay) + cx * (ay - by))
    if not turn:
        raise ValueError("the three points of a circle lie on one line")
    a, b, c = ax * ax + ay * ay, bx * bx + by * by, cx * cx + cy * cy
    x = (a * (by - cy) + b * (cy - ay) + c * (ay - by)) / turn
    y = (a * (cx - bx) + b * (ax - cx) + c * (bx - ax)) / turn
    return x, y, math.hypot(ax - x, ay - y)
