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

from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import are_scored, pairs, real, reals
from gtmask.formats.reading.geometry import CURVE_ERROR
from gtmask.formats.reading.rle import add_runs
from gtmask.formats.reading.rows import Row, RowsReader, header, only_document
from gtmask.formats.reading.typed import Header, get_any

if TYPE_CHECKING:
    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.model import Record, Shape

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
    reporter = Header(only_document(export) or "the export")
    top = header(export, only_document(export), ("config",), keep_going=options.keep_going)
    config = reporter.get_object(top, "config")
    labels = _leaves(reporter, config, "categories")
    return RowsReader(
        export, options, "Scalabel", parse=parse, called=("frame", "name"), path=("frames",), labels=labels,
        context=reporter.get_object(config, "imageSize"), findings=reporter.findings,
    )  # fmt: skip


def _leaves(reporter: Header, outer: dict[str, Any], key: str, depth: int = 0) -> list[str] | None:
    """Return the names of the categories that have no subcategories, in order, or None."""
    names: list[str] = []
    for category in reporter.get_objects(outer, key):
        inner = _leaves(reporter, category, "subcategories", depth + 1) if depth < 8 else None
        names += inner or [reporter.get_label(category, "name")]
    return [name for name in names if name] or None


def parse(value: dict[str, Any], reader: RowsReader, unit: Row) -> Record:  # noqa: ARG001 (RowsReader's form)
    """Build the record of one frame."""
    builder = RecordBuilder("", source_fill="touched")
    url, video = builder.get_text(value, "url"), builder.get_text(value, "videoName")
    name = builder.get_text(value, "name") or url
    builder.name_image((name, f"{video}/{name}" if video else "", url), "frame", scope=video)
    builder.size_from(builder.get_object(value, "size") or reader.context or {})
    labels = get_any(value, "labels")
    if labels is None:
        builder.finding("image-unannotated", "the frame has no labels")
    scored = isinstance(labels, list) and are_scored(labels)

    def add(item: dict[str, Any]) -> None:
        builder.z = float(item["score"]) if scored else 0.0
        add_label(builder, item)

    builder.each(labels, add, "label")
    return builder.build()


def add_label(builder: RecordBuilder, item: dict[str, Any]) -> None:
    """Add the shapes of one label."""
    label = builder.get_label(item, "category")
    shape: Shape | None = None
    if get_any(item, "rle"):
        shape = add_runs(builder, label, item["rle"])
    elif get_any(item, "poly2d"):
        shape = _add_polygons(builder, label, item["poly2d"])
    elif get_any(item, "box2d"):
        x1, y1, x2, y2 = reals(item["box2d"], ("x1", "y1", "x2", "y2"))
        shape = builder.rectangle(label, x1, y1, x2, y2, inclusive=True)
        builder.finding("box-painted", f"{label}: the label has only a box")
    else:
        builder.finding("shape-no-geometry", label)
    attributes = builder.get_object(item, "attributes")
    if shape is not None:
        crowd, ignored = builder.get_flag(attributes, "crowd"), builder.get_flag(attributes, "ignored")
        shape.ignore = crowd or ignored


def _add_polygons(builder: RecordBuilder, label: str, polygons: Any) -> Shape | None:
    if isinstance(polygons, list) and isinstance(polygons[0], list):
        polygons = [{"vertices": polygons, "closed": not label.startswith("lane/")}]
    areas: list[list[float]] = []
    lines: list[list[float]] = []
    curved = False
    for polygon in builder.as_objects(builder.as_list(polygons, "poly2d"), "poly2d"):
        vertices, types = vertices_of(builder, polygon)
        closed = get_any(polygon, "closed") is None or builder.get_flag(polygon, "closed")
        (areas if closed else lines).append(flatten_bezier(vertices, types, closed=closed))
        curved = curved or "C" in types
    if not areas and not lines:
        raise TypeError("poly2d is no list of polygons")
    shape = None
    for line in lines:
        shape = builder.polygon(label, line, "polyline")
    if areas:
        shape = builder.polygons(label, [[ring] for ring in areas], "bezier" if curved else "polygon")
    return shape


def vertices_of(builder: RecordBuilder, polygon: dict[str, Any]) -> tuple[list[float], str]:
    """Return the vertices as flat coordinates, and one letter per vertex.

    Raises KeyError, TypeError or ValueError: vertices are missing or malformed, or the letters are not as
    many as the vertices.
    """
    vertices = polygon["vertices"]
    types: str | None = builder.get_text(polygon, "types") or None
    if isinstance(vertices, list) and vertices and isinstance(vertices[0], list) and len(vertices[0]) == 3:
        types = "".join(builder.as_text(vertex[2], "a vertex' type") for vertex in vertices)
        vertices = [vertex[:2] for vertex in vertices]
    flat = pairs(vertices)
    types = "L" * (len(flat) // 2) if types is None else types
    if len(types) != len(flat) // 2 or set(types) - {"L", "C"}:
        raise ValueError(f"types {types!r:.40} for {len(flat) // 2} vertices")
    return flat, types


def flatten_bezier(flat: list[float], types: str, *, closed: bool) -> list[float]:
    """Return a path of lines and cubic Bezier curves as a polygon that leaves it by at most 1/16 pixel.

    A curve leaves n equal chords by at most its greatest second derivative / (8 n^2), and that of a cubic
    with control polygon p0..p3 is at most 6 max(|p0 - 2 p1 + p2|, |p1 - 2 p2 + p3|). Raises ValueError or
    TypeError: a control point stands alone, or a coordinate is no number.

    - ``flat``: x, y, x, y, ... of all vertices, control points among them.
    - ``types``: one letter per vertex: L for a corner, C for a control point; these come in twos.
    - ``closed``: the vertex after the last one is the first.
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
