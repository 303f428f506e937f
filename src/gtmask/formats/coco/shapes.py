"""COCO annotations to shapes: every form in which exporters write ``segmentation``.

- a list of flat lists: parts of one shape, which are a union, as COCO has no holes;
- a flat list: one part (some exporters leave the outer list out);
- a list of four numbers: two points, which have no area; pycocotools takes it for a box (``_mask.pyx``,
  frPyObjects) and fills pixels that nobody drew, so it is left out with a finding;
- an object: a run-length mask;
- nothing, null, ``[]`` or ``[[]]``: a box-only annotation, left out with a finding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gtmask.findings import Finding
from gtmask.formats.reading.rle import read_runs

if TYPE_CHECKING:
    from gtmask.formats.reading.build import RecordBuilder


def add_segmentation(builder: RecordBuilder, label: str, annotation: dict[str, Any]) -> None:
    """Add the shape of one annotation, or the finding that tells why there is none."""
    value = annotation.get("segmentation")
    before = builder.last()
    if isinstance(value, list) and value:
        _add_lists(builder, label, value)
    elif isinstance(value, dict) and value:
        runs = read_runs(value, builder.record.width, builder.record.height)
        if isinstance(runs, Finding):
            builder.finding(runs.code, f"{label}: {runs.detail}")
        else:
            builder.runs(label, runs)
    elif value is None or value in ([], {}):
        _box_only(builder, label, annotation)
    else:
        builder.finding("shape-bad-geometry", f"{label}: segmentation is {type(value).__name__}")
    shape = builder.last()
    if shape is not None and shape is not before:
        crowd = annotation.get("iscrowd")
        shape.ignore = bool(crowd) and crowd != "0"


def _add_lists(builder: RecordBuilder, label: str, value: list[Any]) -> None:
    kinds = set(map(type, value))
    if kinds <= {int, float}:
        value, kinds = [value], {list}
    if kinds != {list}:
        builder.finding("shape-bad-geometry", f"{label}: segmentation is no list of flat lists")
        return
    if not any(value):
        builder.finding("shape-no-geometry", f"{label}: segmentation is empty")
    else:
        builder.polygons(label, ((ring,) for ring in value if ring))


def _box_only(builder: RecordBuilder, label: str, annotation: dict[str, Any]) -> None:
    what = "only a box" if annotation.get("bbox") else "no segmentation"
    builder.finding("shape-no-geometry", f"{label}: {what}")
