"""COCO annotations to shapes: every form in which exporters write ``segmentation``.

- a list of flat lists: parts of one shape, which are a union, as COCO has no holes;
- a flat list: one part (some exporters leave the outer list out);
- one ring of points [x, y], or in more lists than two: what else could be meant by one ring? Several such
  are left out, with a finding: in GeoJSON, which nests so, all but the first are holes;
- a list of four numbers: two points, which have no area; pycocotools takes it for a box (``_mask.pyx``,
  frPyObjects) and fills pixels that nobody drew, so it is left out with a finding;
- an object: a run-length mask;
- nothing, null, ``[]`` or ``[[]]``: a box-only annotation, left out with a finding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gtmask.formats.reading.geometry import flatten
from gtmask.formats.reading.rle import add_runs
from gtmask.formats.reading.typed import get_any

if TYPE_CHECKING:
    from gtmask.formats.reading.build import RecordBuilder
    from gtmask.model import Shape


_NUMBERS = frozenset({int, float})
#: Flags as text.
_FLAGS = {"0": False, "false": False, "1": True, "true": True}


def add_segmentation(builder: RecordBuilder, label: str, annotation: dict[str, Any]) -> Shape | None:
    """Add the shape of one annotation and return it; None, after the finding that tells why, for none."""
    value = get_any(annotation, "segmentation")
    shape: Shape | None = None
    if isinstance(value, list) and value:
        shape = _add_lists(builder, label, value)
    elif isinstance(value, dict) and value:
        shape = add_runs(builder, label, value)
    elif value is None or value in ([], {}):
        what = "only a box" if get_any(annotation, "bbox") else "no segmentation"
        builder.finding("shape-no-geometry", f"{label}: {what}")
    else:
        builder.report_type("segmentation", value, "a list or an object")
    if shape is not None:
        shape.ignore = is_crowd(builder, annotation)
    return shape


def is_crowd(builder: RecordBuilder, annotation: dict[str, Any]) -> bool:
    """Say whether an annotation or segment is a crowd region; some tools write the flag as text."""
    flag = get_any(annotation, "iscrowd")
    if isinstance(flag, str) and flag.lower() in _FLAGS:
        return _FLAGS[flag.lower()]
    return builder.get_flag(annotation, "iscrowd")


def _add_lists(builder: RecordBuilder, label: str, value: list[Any]) -> Shape | None:
    kinds = set(map(type, value))
    if kinds <= _NUMBERS:
        value, kinds = [value], {list}
    if kinds != {list}:
        builder.finding("shape-bad-geometry", f"{label}: segmentation is no list of flat lists")
        return None
    if not any(value):
        builder.finding("shape-no-geometry", f"{label}: segmentation is empty")
        return None
    if [ring for ring in value if len(ring) == 2 or (ring and type(ring[0]) is list)] and _is_nested(value):
        ring = _one_ring(value)
        if ring is None:
            builder.finding("shape-bad-geometry", f"{label}: segmentation is nested in more than two lists")
            return None
        value = [ring]
    return builder.polygons(label, ((ring,) for ring in value))


def _is_nested(value: list[Any]) -> bool:
    """Say whether a segmentation is a list of points, or holds lists where numbers are meant."""
    return {len(ring) for ring in value} == {2} or any(set(map(type, ring)) == {list} for ring in value)


def _one_ring(value: list[Any]) -> list[float] | None:
    """Return the one ring of a segmentation that is nested otherwise, or None where that is not clear.

    It is a list of points, or more lists than two stand around it. Several rings would be ambiguous:
    GeoJSON nests a polygon so, and there all but the first are holes.
    """
    while len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    if value and all(isinstance(point, list) and len(point) == 2 for point in value):
        value = flatten(value)
    return value if set(map(type, value)) <= _NUMBERS else None
