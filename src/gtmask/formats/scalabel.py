"""Scalabel and BDD100K: a list of frames, or ``{frames, groups, config}``.

- ``labels[]``: ``category`` with ``rle`` (compressed COCO runs), ``poly2d`` or ``box2d``; the first of
  the three that is there counts (``scalabel/label/to_coco.py``). ``labels`` may be null.
- ``poly2d``: a list of {vertices, types, closed}; several are a union. ``types`` has one letter per
  vertex: two ``C`` are the control points of a cubic Bezier curve that ends at the vertex after them.
  ``closed: false`` is a lane line. Files of 2018 have bare vertices [x, y, "L"]; ``lane/...`` are lines.
- ``box2d``: x2, y2 are inclusive. A box that is all a label has is painted, with a finding.
- Order: list order; ascending ``score`` where every label has one.
- Size: ``size`` of the frame, ``config.imageSize``, else that of the run-length masks; else unknown,
  and the run takes the image's header. The tool itself assumes 1280 x 720; we assume nothing.
- Fill: the tool draws with matplotlib: vertices snapped to pixel corners, every touched pixel filled.
- ``crowd`` and ``ignored`` attributes mark regions to ignore. ``groups`` (point clouds) are not read.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gtmask.findings import Finding, is_reject
from gtmask.formats.reading.build import CURVE_ERROR, RecordBuilder
from gtmask.formats.reading.checks import each, listing, pairs, real, set_size, table, text
from gtmask.formats.reading.per_image import BadFile
from gtmask.formats.reading.rle import read_runs
from gtmask.formats.reading.rows import RowsReader, header, only_document

if TYPE_CHECKING:
    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.formats.reading.rows import Row
    from gtmask.model import Record

_GEOMETRY = {"box2d", "poly2d", "rle", "category"}
#: A curve is cut into at most this many straight pieces.
MOST_PIECES = 1024


def sniff(sample: Sample) -> str | None:
    """Recognize frames with a ``name`` and ``labels`` that have a category and a geometry."""
    if "frames" in sample.keys and "name" in sample.keys["frames"]:
        return "Scalabel, frames with configuration"
    frame = sample.element
    if "name" in frame and "labels" in frame and (_GEOMETRY & set(frame["labels"]) or "videoName" in frame):
        return "Scalabel or BDD100K frames"
    return None


def read(export: Export, options: ReadOptions) -> RowsReader:
    """Open a list of frames."""
    top = header(export, only_document(export), ("config",), keep_going=options.keep_going)
    config = table(top.get("config"))
    return RowsReader(
        export, options, "Scalabel", parse=parse, path=("frames",), labels=_leaves(config.get("categories")),
        context=table(config.get("imageSize")),
    )  # fmt: skip


def _leaves(categories: Any, depth: int = 0) -> list[str] | None:
    """Return the names of the categories that have no subcategories, in order, or None."""
    names: list[str] = []
    for category in map(table, listing(categories)):
        inner = _leaves(category.get("subcategories"), depth + 1) if depth < 8 else None
        names += inner or [text(category.get("name"))]
    return [name for name in names if name] or None


def parse(value: Any, reader: RowsReader, unit: Row) -> Record:  # noqa: ARG001 (RowsReader's form)
    """Build the record of one frame."""
    if not isinstance(value, dict):
        raise BadFile(f"a frame was expected, not {type(value).__name__}")
    name, video = text(value.get("name")) or text(value.get("url")), text(value.get("videoName"))
    others = [f"{video}/{name}" if video else "", text(value.get("url"))]
    aliases = tuple(dict.fromkeys(other for other in others if other and other != name))
    builder = RecordBuilder(name, source_fill="touched", aliases=aliases)
    if not name:
        builder.finding("image-name-bad", "the frame has no name")
    size = table(value.get("size")) or reader.context or {}
    set_size(builder, size.get("width"), size.get("height"))
    labels: Any = value.get("labels")
    if labels is None:
        builder.finding("image-unannotated", "the frame has no labels")
    scored = bool(listing(labels)) and all(_is_score(table(label).get("score")) for label in labels)

    def add(item: dict[str, Any]) -> None:
        builder.z = float(item["score"]) if scored else 0.0
        add_label(builder, item)

    each(builder, labels, add, "label")
    record = builder.build()
    sizes = {(shape.runs.width, shape.runs.height) for shape in record.shapes if shape.runs is not None}
    if record.width is None and len(sizes) == 1 and not is_reject(record.findings):
        record.width, record.height = sizes.pop()
    return record


def _is_score(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def add_label(builder: RecordBuilder, item: dict[str, Any]) -> None:
    """Add the shapes of one label."""
    label = text(item.get("category"))
    before = builder.last()
    if item.get("rle"):
        runs = read_runs(table(item["rle"]), builder.record.width, builder.record.height)
        if isinstance(runs, Finding):
            builder.finding(runs.code, f"{label}: {runs.detail}")
        else:
            builder.runs(label, runs)
    elif item.get("poly2d"):
        _add_polygons(builder, label, item["poly2d"])
    elif item.get("box2d"):
        x1, y1, x2, y2 = (real(item["box2d"][key]) for key in ("x1", "y1", "x2", "y2"))
        builder.rectangle(label, x1, y1, x2, y2, inclusive=True)
        builder.finding("box-painted", f"{label}: the label has only a box")
    else:
        builder.finding("shape-no-geometry", label)
    shape, attributes = builder.last(), table(item.get("attributes"))
    if shape is not None and shape is not before:
        shape.ignore = attributes.get("crowd") is True or attributes.get("ignored") is True


def _add_polygons(builder: RecordBuilder, label: str, polygons: Any) -> None:
    if isinstance(polygons, list) and isinstance(polygons[0], list):
        polygons = [{"vertices": polygons, "closed": not label.startswith("lane/")}]
    areas: list[list[float]] = []
    lines: list[list[float]] = []
    curved = False
    for polygon in map(table, listing(polygons)):
        vertices, types = vertices_of(polygon)
        closed = polygon.get("closed") is not False
        (areas if closed else lines).append(flatten_bezier(vertices, types, closed=closed))
        curved = curved or "C" in types
    if not areas and not lines:
        raise TypeError("poly2d is no list of polygons")
    for line in lines:
        builder.polygon(label, line, "polyline")
    if areas:
        builder.polygons(label, [[ring] for ring in areas], "bezier" if curved else "polygon")


def vertices_of(polygon: dict[str, Any]) -> tuple[list[float], str]:
    """Return the vertices as flat coordinates, and one letter per vertex.

    Raises
    ------
    KeyError, TypeError, ValueError
        Vertices are missing or malformed, or the letters are not as many as the vertices.
    """
    vertices = polygon["vertices"]
    types = polygon.get("types")
    if isinstance(vertices, list) and vertices and isinstance(vertices[0], list) and len(vertices[0]) == 3:
        types = "".join(text(vertex[2]) for vertex in vertices)
        vertices = [vertex[:2] for vertex in vertices]
    flat = pairs(vertices)
    types = "L" * (len(flat) // 2) if types is None else types
    if not isinstance(types, str) or len(types) != len(flat) // 2 or set(types) - {"L", "C"}:
        raise ValueError(f"types {types!r:.40} for {len(flat) // 2} vertices")
    return flat, types


def flatten_bezier(flat: list[float], types: str, *, closed: bool) -> list[float]:
    """Return a path of lines and cubic Bezier curves as a polygon that leaves it by at most 1/16 pixel.

    A curve leaves n equal chords by at most its greatest second derivative / (8 n^2), and that of a cubic
    with control polygon p0..p3 is at most 6 max(|p0 - 2 p1 + p2|, |p1 - 2 p2 + p3|).

    Parameters
    ----------
    flat
        x, y, x, y, ... of all vertices, control points among them.
    types
        One letter per vertex: L for a corner, C for a control point; these come in twos.
    closed
        The vertex after the last one is the first.

    Raises
    ------
    ValueError, TypeError
        A control point stands alone, or a coordinate is no number.
    """
    if "C" not in types:
        return flat
    count = len(types)
    out: list[float] = []
    index = 0
    while index < count:
        if types[index] == "L":
            out += flat[2 * index : 2 * index + 2]
            index += 1
            continue
        last = index + 2
        if index == 0 or types[index : index + 2] != "CC" or (last >= count and not closed):
            raise ValueError("the control points of a curve stand alone")
        points = [flat[2 * (at % count) : 2 * (at % count) + 2] for at in range(index - 1, index + 3)]
        out += _curve([real(value) for point in points for value in point])
        index = last
    return out


def _curve(curve: list[float]) -> list[float]:
    """Return the points between the ends of one cubic curve x0, y0, ..., x3, y3, without the ends."""
    x0, y0, x1, y1, x2, y2, x3, y3 = curve
    bend = max(math.hypot(x0 - 2 * x1 + x2, y0 - 2 * y1 + y2), math.hypot(x1 - 2 * x2 + x3, y1 - 2 * y2 + y3))
    if not math.isfinite(bend):
        raise ValueError("a control point is not finite")
    pieces = min(max(math.ceil(math.sqrt(0.75 * bend / CURVE_ERROR)), 1), MOST_PIECES)
    out: list[float] = []
    for step in range(1, pieces):
        t = step / pieces
        u = 1 - t
        a, b, c, d = u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t
        out += (a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3)
    return out
