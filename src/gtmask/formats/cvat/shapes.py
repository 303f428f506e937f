"""CVAT's shape elements: attributes of XML elements become shapes.

Sources: CVAT ``dataset_manager/formats/cvat.py``. All numbers are pixels from the image's corner. Boxes
and ellipses turn clockwise about their centre. A mask's runs start with zeros and go along the rows of
its own box, unlike COCO's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.formats.reading.geometry import rotated_corners, upright
from gtmask.formats.reading.malformed import MALFORMED, describe
from gtmask.model import Runs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gtmask.formats.reading.build import RecordBuilder

_BOX = ("xtl", "ytl", "xbr", "ybr")
_ELLIPSE = ("cx", "cy", "rx", "ry")
#: Halfway between two keyframes a polygon keeps more than this share of the smaller one's area.
_COLLAPSED = 0.55


def add_shape(builder: RecordBuilder, tag: str, attributes: Mapping[str, str], label: str) -> None:
    """Add one shape element; what is malformed or cannot be painted becomes a finding."""
    try:
        builder.z = float(attributes.get("z_order") or 0)
        if builder.z and not math.isfinite(builder.z):
            raise ValueError(f"its z_order is {builder.z}")
        _add(builder, tag, attributes, label)
    except MALFORMED as error:
        builder.finding("shape-bad-geometry", f"{label}: {tag}: {describe(error)}")


def _add(builder: RecordBuilder, tag: str, attributes: Mapping[str, str], label: str) -> None:
    if tag == "polygon":
        builder.polygon(label, points(attributes["points"]))
    elif tag == "polyline":
        builder.polygon(label, points(attributes["points"]), "polyline")
    elif tag == "points":
        flat = points(attributes["points"])
        builder.polygons(label, [((flat[i], flat[i + 1]),) for i in range(0, len(flat), 2)], "point")
    elif tag == "box":
        left, top, right, bottom = (float(attributes[key]) for key in _BOX)
        degrees = float(attributes.get("rotation") or 0)
        if degrees:
            center = ((left + right) / 2, (top + bottom) / 2)
            corners = rotated_corners(*upright(left, top, right, bottom), degrees, center)
            builder.polygon(label, corners, "rotated_rectangle")
        else:
            builder.rectangle(label, left, top, right, bottom)
    elif tag == "ellipse":
        x, y, rx, ry = (float(attributes[key]) for key in _ELLIPSE)
        builder.ellipse(label, (x, y), (rx, ry), float(attributes.get("rotation") or 0))
    elif tag == "mask":
        _mask(builder, label, attributes)
    elif tag == "tag":
        builder.finding("shape-no-geometry", f"{label}: a tag")
    else:
        builder.finding("shape-kind-unsupported", f"{label}: {tag}")


def points(text: str) -> list[float]:
    """Return ``"x,y;x,y"`` as ``[x, y, x, y]``; raises ValueError where it is of another form."""
    if not text.strip():
        return []
    if text.count(",") != text.count(";") + 1:
        raise ValueError("the points are no pairs")
    return list(map(float, text.replace(";", ",").split(",")))


def _mask(builder: RecordBuilder, label: str, attributes: Mapping[str, str]) -> None:
    """Add a run-length mask; runs along the rows of the mask's own box."""
    left, top, width, height = (round(float(attributes[key])) for key in ("left", "top", "width", "height"))
    counts = np.array([int(run) for run in attributes["rle"].split(",")], np.int64)
    if not (0 < width < 1 << 31 and 0 < height < 1 << 31 and abs(left) < 1 << 30 and abs(top) < 1 << 30):
        builder.finding("runs-bad", f"{label}: a mask of {width} x {height} pixels at {left}, {top}"[:200])
    elif (counts < 0).any() or int(counts.sum()) != width * height:
        builder.finding("runs-bad", f"{label}: runs of {counts.sum()} pixels in {width} x {height}")
    else:
        builder.runs(label, Runs(counts, height, width, "row", left, top))


def between(tag: str, before: Mapping[str, str], after: Mapping[str, str], share: float) -> dict[str, Any]:
    """Return the attributes of a shape ``share`` (0..1) of the way between two keyframes.

    Boxes and ellipses move linearly and turn the shorter way; polygons move vertex by vertex. Raises
    ValueError: the shapes have no in-between: masks, another number of vertices, or vertices that do not
    belong together by their places in the list, so that what lies between has collapsed.
    """
    moved = dict(before)
    if tag in {"box", "ellipse"}:
        for key in _BOX if tag == "box" else _ELLIPSE:
            start = float(before[key])
            moved[key] = str(start + (float(after[key]) - start) * share)
        start = float(before.get("rotation") or 0)
        turn = (float(after.get("rotation") or 0) - start + 180) % 360 - 180
        moved["rotation"] = str((start + turn * share) % 360)
        return moved
    if tag not in {"polygon", "polyline", "points"}:
        raise ValueError(f"a {tag} has no shape between keyframes")
    first, last = points(before["points"]), points(after["points"])
    if len(first) != len(last):
        raise ValueError(f"keyframes of {len(first) // 2} and {len(last) // 2} points have no shape between")
    mixed = [a + (b - a) * share for a, b in zip(first, last, strict=True)]
    if tag == "polygon":
        halfway = [(a + b) / 2 for a, b in zip(first, last, strict=True)]
        start, end, middle = map(_doubled_area, (first, last, halfway))
        if start * end < 0 or abs(middle) < _COLLAPSED * min(abs(start), abs(end)):
            raise ValueError("the vertices of its keyframes begin elsewhere or run the other way round")
    moved["points"] = ";".join(f"{x!r},{y!r}" for x, y in zip(mixed[0::2], mixed[1::2], strict=True))
    return moved


def _doubled_area(flat: list[float]) -> float:
    """Return twice the area of a ring x, y, x, y, ...; below 0 where it runs counterclockwise as shown."""
    xs, ys = flat[0::2], flat[1::2]
    return sum(xs[i - 1] * ys[i] - xs[i] * ys[i - 1] for i in range(len(xs)))
