"""Pixels from rings and runs: Numba kernels on flat arrays, which know no domain.

Every fill has the same shape: ``fill(mask, points, ring_offsets, part_offsets, values)`` paints all parts
of an image in one call, in order, in place. ``docs/rasterizing.md`` tells which rule paints which pixels.
"""

from gtmask.raster.bitmaps import count_values, paint_bitmap, paint_ids
from gtmask.raster.center import fill_center
from gtmask.raster.opencv import fill_polygons
from gtmask.raster.orient import turn
from gtmask.raster.points import round_points, trunc_points
from gtmask.raster.runs import paint_runs

__all__ = [
    "count_values",
    "fill_center",
    "fill_polygons",
    "paint_bitmap",
    "paint_ids",
    "paint_runs",
    "round_points",
    "trunc_points",
    "turn",
]
