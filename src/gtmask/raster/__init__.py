"""Pixels from rings and runs: Numba kernels on flat arrays, which know no domain.

Every fill has the same shape: ``fill(mask, points, ring_offsets, part_offsets, values)`` paints all parts
of an image in one call, in order, in place. ``docs/rasterizing.md`` tells which rule paints which pixels.

What is not called by most runs is imported when it is first used: a kernel takes a tenth of a millisecond to
declare, and the rules have many.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gtmask.raster.fills import fill_polygons
from gtmask.raster.points import round_points, trunc_points

if TYPE_CHECKING:
    from gtmask.raster.bitmaps import paint_bitmap as paint_bitmap
    from gtmask.raster.bitmaps import paint_ids as paint_ids
    from gtmask.raster.orient import turn as turn
    from gtmask.raster.pillow_ellipse import fill_pillow_ellipse as fill_pillow_ellipse
    from gtmask.raster.rules import fill_center as fill_center
    from gtmask.raster.rules import fill_coco as fill_coco
    from gtmask.raster.rules import fill_pillow as fill_pillow
    from gtmask.raster.rules import fill_skimage as fill_skimage
    from gtmask.raster.rules import fill_touched as fill_touched
    from gtmask.raster.runs import paint_runs as paint_runs
    from gtmask.raster.strokes import stroke_lines as stroke_lines
    from gtmask.raster.strokes import stroke_points as stroke_points

_HOMES = {
    "fill_center": "gtmask.raster.rules",
    "fill_coco": "gtmask.raster.rules",
    "fill_pillow": "gtmask.raster.rules",
    "fill_pillow_ellipse": "gtmask.raster.pillow_ellipse",
    "fill_skimage": "gtmask.raster.rules",
    "fill_touched": "gtmask.raster.rules",
    "paint_bitmap": "gtmask.raster.bitmaps",
    "paint_ids": "gtmask.raster.bitmaps",
    "paint_runs": "gtmask.raster.runs",
    "stroke_lines": "gtmask.raster.strokes",
    "stroke_points": "gtmask.raster.strokes",
    "turn": "gtmask.raster.orient",
}

__all__ = [
    "fill_center",
    "fill_coco",
    "fill_pillow",
    "fill_pillow_ellipse",
    "fill_polygons",
    "fill_skimage",
    "fill_touched",
    "paint_bitmap",
    "paint_ids",
    "paint_runs",
    "round_points",
    "stroke_lines",
    "stroke_points",
    "trunc_points",
    "turn",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    msg = f"module 'gtmask.raster' has no attribute {name!r}"
    raise AttributeError(msg)
