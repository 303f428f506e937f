"""The other fill rules as functions: one wrapper per kernel, and one description of what they share."""

from __future__ import annotations

import inspect
import textwrap
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gtmask.raster import center, coco, pillow, skimage, touched
from gtmask.raster.arguments import LIMIT, fill

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class Fill(Protocol):
    """What all fill rules are called with."""

    def __call__(  # noqa: D102
        self, mask: NDArray[np.uint8], points: Any, ring_offsets: Any, part_offsets: Any, values: Any
    ) -> None: ...


#: The square of the examples where a rule takes its right and lower edges for outside, and for inside.
_OPEN = """
[[0 0 0 0 0 0 0]
 [0 7 7 7 0 0 0]
 [0 7 7 7 0 0 0]
 [0 0 0 0 0 0 0]
 [0 0 0 0 0 0 0]]
"""
_CLOSED = """
[[0 0 0 0 0 0 0]
 [0 7 7 7 7 0 0]
 [0 7 7 7 7 0 0]
 [0 7 7 7 7 0 0]
 [0 0 0 0 0 0 0]]
"""
_DESCRIPTION = """\
{summary}

Parameters
----------
mask, ring_offsets, part_offsets, values
    As in :func:`gtmask.raster.fill_polygons`.
points
    float64 (n, 2): {points}

Raises
------
ValueError
    As :func:`gtmask.raster.fill_polygons` does{refused}.
{notes}
Examples
--------
>>> import numpy as np
>>> from gtmask.raster import {name}
>>> mask = np.zeros((5, 7), np.uint8)
>>> {name}(mask, [[1, 1], [4, 1], [4, 3], [1, 3]], [0, 4], [0, 1], [7])
>>> print(mask)
{picture}
"""


def _rule(
    name: str,
    paint: Callable[..., None],
    summary: str,
    points: str,
    notes: str = "",
    *,
    picture: str,
    limit: float | None = LIMIT,
) -> Fill:
    """Return the wrapper of a kernel for float64 points, described by what its rule alone says."""

    def rule(mask: NDArray[np.uint8], points: Any, ring_offsets: Any, part_offsets: Any, values: Any) -> None:
        fill(paint, mask, points, ring_offsets, part_offsets, values, np.float64, limit)

    rule.__name__ = rule.__qualname__ = name
    rule.__doc__ = _DESCRIPTION.format(
        name=name,
        summary=summary,
        points=textwrap.indent(inspect.cleandoc(points), "    ").lstrip(),
        refused=", and if a coordinate is not a number or beyond 2**30" if limit else "",
        notes=f"\nNotes\n-----\n{inspect.cleandoc(notes)}\n" if notes else "",
        picture=picture.strip(),
    )
    return rule


fill_center = _rule(
    "fill_center",
    center.fill_centers,
    "Paint the pixels whose centres lie in the parts, in order, in place.",
    "vertices (x, y) in pixels, (0, 0) being the top-left corner of the top-left pixel.",
    picture=_OPEN,
    limit=None,
)
fill_coco = _rule(
    "fill_coco",
    coco.paint_parts,
    "Paint parts as pycocotools does, in order, in place.",
    """vertices (x, y) in pixels, (0, 0) being the top-left corner of the image. At most
    2**30 in absolute value.""",
    """COCO's own parts have one ring each and are a union, which painting them one over the other gives.
    A part with several rings is what pycocotools has no word for; here it is even-odd, the exclusive or
    of its rings. A ring of two vertices (four numbers) paints nothing here, where ``frPyObjects`` would
    take it for a box: that is for the reader to decide.

    The library computes in C ints and allocates memory for every grid step of the boundary; where its
    numbers overflow (about 2 * 10**8 pixels) it has no defined result, and this kernel goes on by the
    same rule in 64 bits.""",
    picture=_OPEN,
)
fill_pillow = _rule(
    "fill_pillow",
    pillow.paint_parts,
    "Paint parts as ``ImageDraw.polygon`` does, in order, in place.",
    """vertices (x, y), truncated towards zero to pixel indices by the rule itself. Below
    2**30 in absolute value: Pillow's own arithmetic overflows beyond.""",
    """Pillow knows no holes. The edges of all rings of a part go through one scan here, which is even-odd;
    vertices and horizontal edges of a hole are painted, as those of the outer ring are.""",
    picture=_CLOSED,
)
fill_skimage = _rule(
    "fill_skimage",
    skimage.paint_parts,
    "Paint parts as ``skimage.draw.polygon`` does, in order, in place.",
    """vertices (x, y), used as they are: ISAT's exporter truncates them first, which is
    the caller's to do (:func:`gtmask.raster.trunc_points`). At most 2**30 in absolute value.""",
    """scikit-image knows no holes. In a part of several rings each of the two counts is over all rings, which
    is even-odd; pixels on the edge of a hole are painted, as those on the outer ring's are.""",
    picture=_CLOSED,
)
fill_touched = _rule(
    "fill_touched",
    touched.paint_parts,
    "Paint the pixels that the parts touch once rounded to pixel corners, in order, in place.",
    """vertices (x, y) in pixels, (0, 0) being the top-left corner of the image. At most
    2**30 in absolute value.""",
    """A ring that crosses itself is filled wherever it winds around at all, as Agg fills it. Scalabel knows
    no holes; in a part of several rings, those after the first are taken to run against it and so are
    holes, whichever way they run.""",
    picture=_OPEN,
)
