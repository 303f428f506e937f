"""Supervisely: ``<dataset>/ann/<image name>.json`` beside ``<dataset>/img``, classes in ``meta.json``.

- ``objects[]``: ``classTitle``, ``geometryType`` and ``points.exterior``/``interior`` (rings of holes) or
  ``bitmap``. Files of the first format have no type: ``shape`` of the class in ``meta.json`` is that of its
  objects, a line too (legacy documentation, "Figures"); without it, and in classes of shape "any", the keys
  that are there decide. ``bitmap`` is null there where it is none. Some copies wrap the geometry in
  ``geometry``.
- rectangle: two corners, both inclusive; ``oriented_bbox``: the same with ``angle`` in radians about the
  centre, also with the corners right under ``points``, as the SDK writes them; bitmap and alpha mask:
  base64 of a zlib stream of a PNG (or of the PNG itself), pasted at ``origin`` [x, y]; alpha counts where it
  has any, also that of a palette, as the SDK writes it; otherwise what is not zero.
- ``multipolygon``: ``parts``, a list of polygons, each with its holes (SDK, ``geometry/multipolygon.py``).
- Order: list order, later wins. Holes are holes of their own shape only, and nothing beyond its exterior.
- Fill: ``cv2.fillPoly`` of the exterior with 1, then of the interiors with 0 (SDK, ``Polygon._draw_impl``).

An object whose bitmap is cut off (the tool's own documentation holds one) is a finding.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field
from posixpath import basename, dirname
from typing import TYPE_CHECKING, Any

from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import decode_base64, drawn_pixels, pairs, real
from gtmask.formats.reading.geometry import rotated_corners, upright
from gtmask.formats.reading.malformed import describe
from gtmask.formats.reading.per_image import PerImageReader, listed_names, load_listed, load_object
from gtmask.formats.reading.typed import Header, get_any
from gtmask.model import Bitmap, Record
from gtmask.png.header import SIGNATURE as PNG_SIGNATURE

if TYPE_CHECKING:
    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export

META = "meta.json"
ANNOTATIONS, IMAGES = "ann", "img"
#: Files of a project that are no annotations, and the folders beside ``ann`` that hold none.
_OTHERS = frozenset({META, "obj_class_to_machine_color.json", "key_id_map.json"})
_ELSEWHERE = frozenset({IMAGES, "meta", "img_info", "seg"})
#: A decompressed bitmap may have at most this many bytes: a PNG of an 8-bit mask stays far below.
LARGEST_BITMAP = 256 << 20
#: "any" and nothing are kinds of a class, not of a shape.
_UNTOLD = frozenset({"", "any"})
#: Kinds of geometry that have their points as rings.
_POINTED = _UNTOLD | {"polygon", "rectangle", "oriented_bbox", "line", "polyline", "point"}
#: Kinds whose points the SDK writes without an exterior around them.
_BARE = frozenset({"oriented_bbox"})
_LINES = {"line": "polyline", "polyline": "polyline", "point": "point"}


def sniff(sample: Sample) -> str | None:
    """Recognize ``size`` with ``objects[].classTitle``, or a project's ``meta.json``."""
    keys = sample.keys
    if "size" in keys and "classTitle" in keys.get("objects", ()):
        return "Supervisely"
    if {"size", "objects", "tags"} <= keys.keys() and {"width", "height"} <= set(keys["size"]):
        return "Supervisely"
    return None


def read(export: Export, options: ReadOptions) -> PerImageReader:
    """Open a Supervisely project or dataset."""
    reporter = Header(META)
    meta = _find_meta(export)
    labels = listed_names(reporter, export, [meta] if meta else (), "classes", "title")
    return PerImageReader(
        export, options, "Supervisely", wanted=wanted, parse=parse, labels=labels,
        context=_classes(export, meta) if labels else _Classes(), findings=reporter.findings,
    )  # fmt: skip


def wanted(name: str) -> bool:
    """Say whether a file may be an annotation: every JSON in a folder of annotations, whatever is above."""
    *folders, base = name.split("/")
    if not base.lower().endswith(".json"):
        return False
    if folders[-1:] == [ANNOTATIONS]:
        return True
    return base not in _OTHERS and not _ELSEWHERE & set(folders)


def _find_meta(export: Export) -> str | None:
    """Return where the project's ``meta.json`` is, or None where there is none."""
    places = [META, f"../{META}", f"../../{META}"]
    found = next((name for name in places if export.exists(name)), None)
    if found is None:
        # A zipped project may have one folder around everything.
        metas = (name for name in export.names() if basename(name) == META and name.count("/") == 1)
        found = next(metas, None)
    return found


@dataclass(frozen=True, slots=True)
class _Classes:
    """What a project tells of its classes: titles by ids, and by titles the shape of their objects."""

    titles: dict[int, str] = field(default_factory=dict)
    shapes: dict[str, str] = field(default_factory=dict)


def _classes(export: Export, meta: str | None) -> _Classes:
    """Return the project's classes; what is odd about them is told elsewhere."""
    quiet = Header("")
    rows = quiet.get_objects(load_object(export.read(meta)), "classes") if meta else []
    found = [(quiet.get_whole(row, "id"), quiet.get_text(row, "title"), quiet.get_text(row, "shape"))
             for row in rows]  # fmt: skip
    titles = {number: title for number, title, _ in found if number is not None and title}
    return _Classes(titles, {title: shape for _, title, shape in found if shape in _POINTED - _UNTOLD})


def parse(data: bytes, name: str, reader: PerImageReader) -> Record:
    """Build the record of one file."""
    document, objects = load_listed(data, "objects")
    builder = RecordBuilder("")
    builder.name_image(image_names(name, builder.get_text(document, "name")), "file")
    builder.size_from(builder.get_object(document, "size"))
    builder.each(objects, lambda item: add_object(builder, item, reader.context))
    return builder.build()


def image_names(name: str, listed: str) -> tuple[str, ...]:
    """Return where the image of ``<dataset>/ann/<image>.json`` may lie, the likeliest place first.

    The annotation's name holds the image's with its extension; where it has none, the name that the
    document tells is taken.
    """
    image = basename(name)[: -len(".json")]
    if "." not in image and listed:
        image = listed
    folders = dirname(name).split("/") if dirname(name) else []
    dataset = folders[:-1] if folders and folders[-1] == ANNOTATIONS else folders
    places = ["/".join([*dataset, IMAGES, image])] if dataset is not folders else []
    places += ["/".join([*dataset, image]), image]
    return tuple(dict.fromkeys(places))


def add_object(builder: RecordBuilder, item: dict[str, Any], classes: _Classes) -> None:
    """Add one object's shape."""
    geometry = {**item, **builder.get_object(item, "geometry")}
    kind = builder.get_text(geometry, "geometryType") or builder.get_text(geometry, "shape")
    label = builder.get_label(item, "classTitle")
    builder.name_class(item, "classId", label)
    number = builder.get_whole(item, "classId")
    if number is not None and number in classes.titles:
        builder.name_class(item, "classId", classes.titles[number])
    of_class = classes.shapes.get(label, kind)
    if kind in _UNTOLD:
        kind = of_class
    elif kind in _POINTED and _LINES.get(of_class, of_class) != _LINES.get(kind, kind):
        builder.finding("shape-kind-assumed", f"{label}: {kind}, and its class is of {of_class}")
    bitmap = get_any(geometry, "bitmap")
    if bitmap is not None:
        _add_bitmap(builder, label, bitmap)
    elif kind == "multipolygon":
        key = next((key for key in ("parts", "points") if key in geometry), "polygons")
        rings = [_rings(builder, polygon) for polygon in builder.get_objects(geometry, key)]
        builder.polygons(label, rings, subtract=True)
    elif "points" in geometry:
        _add_points(builder, label, kind, geometry)
    else:
        builder.finding("shape-kind-unsupported", f"{label}: {kind or 'no geometry'}")


def _add_points(builder: RecordBuilder, label: str, kind: str, geometry: dict[str, Any]) -> None:
    if kind not in _POINTED:
        builder.finding("shape-kind-unsupported", f"{label}: {kind}")
        return
    points = geometry["points"]
    if isinstance(points, list) and kind in _BARE:
        points = {"exterior": points}
    exterior = pairs(points["exterior"])
    if kind in _UNTOLD:
        builder.finding("shape-kind-assumed", f"{label}: {len(exterior) // 2} points")
    boxed = kind in {"rectangle", "oriented_bbox"} or (not kind and len(exterior) == 4)
    if boxed and len(exterior) != 4:
        raise ValueError(f"{kind or 'rectangle'} of {len(exterior) // 2} corners")
    if kind == "oriented_bbox":
        left, top, right, bottom = map(real, exterior)
        turn = math.degrees(builder.get_number(geometry, "angle"))
        pivot = ((left + right) / 2, (top + bottom) / 2)
        ring = rotated_corners(*upright(left, top, right, bottom), turn, pivot)
        builder.polygon(label, ring, "rotated_rectangle")
    elif boxed:
        builder.rectangle(label, *exterior, inclusive=True)
    elif kind in _LINES:
        builder.polygon(label, exterior, "point" if kind == "point" else "polyline")
    else:
        builder.polygons(label, [_rings(builder, points)], subtract=True)


def _rings(builder: RecordBuilder, points: dict[str, Any]) -> list[list[float]]:
    return [pairs(points["exterior"]), *(pairs(hole) for hole in builder.get_list(points, "interior"))]


def _add_bitmap(builder: RecordBuilder, label: str, bitmap: Any) -> None:
    """Add a bitmap; what cannot be decoded is a finding that names the object's label."""
    x, y = (int(real(value)) for value in bitmap["origin"])
    try:
        data = inflate(decode_base64(bitmap["data"]))
    except (ValueError, TypeError, KeyError, zlib.error) as error:
        builder.finding("bitmap-unreadable", f"{label}: {describe(error)}")
        return
    if not data.startswith(PNG_SIGNATURE) or len(data) < 26:
        builder.finding("bitmap-unreadable", f"{label}: the bitmap is no PNG")
        return
    builder.bitmap(label, Bitmap(data=data, select=drawn_pixels(data), x=x, y=y))


def inflate(data: bytes) -> bytes:
    """Return the PNG inside a zlib stream, or the PNG itself where it was not compressed again.

    Raises zlib.error or ValueError where it is neither, it breaks off, or it is a bomb.
    """
    if data.startswith(PNG_SIGNATURE):
        return data
    stream = zlib.decompressobj()
    out = stream.decompress(data, LARGEST_BITMAP)
    if not stream.eof:
        raise ValueError("the bitmap is too large" if stream.unconsumed_tail else "the bitmap breaks off")
    return out
