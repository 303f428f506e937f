"""How large a mask is, and which pixel grid the geometry speaks of.

Sources: Ground Truth shows an image's *stored* pixel grid (Developer Guide, sms-cors-update: CORS is
required so that browsers do not turn images by EXIF in unpredictable ways), so masks fit that grid unless
the user says otherwise. Tools differ in which grid their geometry is in (docs/formats.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gtmask.findings import Finding
from gtmask.manifest.contract import MAX_IMAGE_PIXELS
from gtmask.run.outside import FAR

if TYPE_CHECKING:
    from gtmask.images.probe import ImageInfo
    from gtmask.model import Grid, Record

#: EXIF orientation that undoes each orientation.
INVERSE = (0, 1, 2, 3, 4, 5, 8, 7, 6)

#: The most pixels of an image that was prepared: tiles are cut from the mask of the whole.
MOST_PREPARED = 1 << 30


@dataclass(slots=True)
class Fitting:
    """The size to paint in, and how the painted mask is turned into the asked-for grid.

    ``turn`` is an orientation as :func:`gtmask.raster.turn` takes it: 1 leaves the mask as it is.
    """

    width: int = 0
    height: int = 0
    turn: int = 1
    findings: list[Finding] = field(default_factory=list)


def fit(
    record: Record, info: ImageInfo | None, size: str, orientation: str, max_pixels: int = MAX_IMAGE_PIXELS
) -> Fitting:
    """Decide a mask's size from the image's header, the export, or both.

    - ``record``: its width and height are the export's word, in its grid.
    - ``info``: the image's header, or None where the image is not read.
    - ``size``: "header", "annotation" or "check".
    - ``orientation``: the grid that the mask shall fit: "stored" or "display".
    - ``max_pixels``: a header of a few bytes may claim any size: more pixels than these are rejected.
    """
    exported = (record.width, record.height)
    if any(value is not None and value <= 0 for value in exported):
        return Fitting(findings=[Finding("record-size-bad", f"{exported[0]}x{exported[1]}")])
    if info is not None and info.orientation == 1 and exported == (info.width, info.height):
        return _checked(Fitting(info.width, info.height), max_pixels)  # nothing to decide for nearly all
    if info is None:
        if record.width is None or record.height is None:
            return Fitting(findings=[Finding("image-size-unknown")])
        fitting = Fitting(record.width, record.height)
        if not record.size_in_grid:
            told = "the image was not read: if EXIF turns it, its shapes are in other pixels than the mask"
            fitting.findings.append(Finding("grid-guessed", told))
        return _checked(fitting, max_pixels)
    stored, displayed = (info.width, info.height), info.shown
    proven = record.size_in_grid and stored != displayed and exported in {stored, displayed}
    grid: Grid = ("stored" if exported == stored else "displayed") if proven else record.grid
    if not (proven or record.grid_known) and exported in {stored, displayed, (None, None)}:
        grid = _grid_of_shapes(record, grid, stored, displayed)
    painted = displayed if grid == "displayed" else stored
    fitting = Fitting(*painted)
    fitting_sizes = {painted} if record.size_in_grid else {stored, displayed}
    if None not in exported and exported not in fitting_sizes:
        code = "image-size-differs" if size == "check" else "size-differs"
        fitting.findings.append(
            Finding(code, f"export {exported[0]}x{exported[1]}, image {painted[0]}x{painted[1]}")
        )
    if info.orientation != 1 and not proven and not record.grid_known:
        taken = f"EXIF orientation {info.orientation}: taken for {grid} pixels"
        fitting.findings.append(Finding("grid-guessed", taken))
    if info.orientation != 1 and (grid == "displayed") == (orientation == "stored"):
        fitting.turn = info.orientation if orientation == "stored" else INVERSE[info.orientation]
        fitting.findings.append(Finding("orientation-turned", f"EXIF orientation {info.orientation}"))
    return _checked(fitting, max_pixels)


def _grid_of_shapes(record: Record, grid: Grid, stored: tuple[int, int], displayed: tuple[int, int]) -> Grid:
    """Return the other grid than the one that the format suggests where the shapes fit only into that.

    They reach far beyond the one, and no further than a pixel beyond the other; or a mask of all of the image
    has the other's size.
    """
    here, there = (stored, displayed) if grid == "stored" else (displayed, stored)
    other: Grid = "displayed" if grid == "stored" else "stored"
    whole = {(runs.width, runs.height) for shape in record.shapes if (runs := shape.runs) and runs.whole}
    if here == there or here in whole:
        return grid
    if there in whole:
        return other
    if record.units != "pixel" or not len(record.points):
        return grid
    reach = record.points.max(axis=0)
    beyond = (reach > np.array(here) * (1 + FAR)).any()
    return other if beyond and (reach <= np.array(there) + 1).all() else grid


def _checked(fitting: Fitting, max_pixels: int) -> Fitting:
    width, height = fitting.width, fitting.height
    if width * height > max_pixels:
        detail = f"{width}x{height} pixels are more than --max-pixels {max_pixels:,}"
        fitting.findings.append(Finding("image-too-large", detail))
    return fitting
