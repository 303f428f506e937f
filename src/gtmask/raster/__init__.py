"""Pixels from rings and runs: Numba kernels on flat arrays, which know no domain.

Every fill has the same shape: ``fill(mask, points, ring_offsets, part_offsets, values)`` paints all parts
of an image in one call, in order, in place. ``docs/rasterizing.md`` tells which rule paints which pixels.
"""

from gtmask.raster.bitmaps import paint_bitmap, paint_ids
from gtmask.raster.fills import fill_center, fill_coco, fill_pillow, fill_polygons, fill_skimage, fill_touched
from gtmask.raster.orient import turn
from gtmask.raster.pillow_ellipse import fill_pillow_ellipse
from gtmask.raster.points import round_points, trunc_points
from gtmask.raster.runs import paint_runs
from gtmask.raster.strokes import stroke_lines, stroke_points

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
