"""QuPath: one GeoJSON file per image, of annotations, detections and cells.

- The document is a ``FeatureCollection``, a list of features (QuPath before 0.3), or one feature.
- ``geometry``: ``Polygon`` (the first ring is the exterior, the others are holes, RFC 7946, 3.1.6),
  ``MultiPolygon`` and ``GeometryCollection``; points and lines have no area. Coordinates are pixels of the
  full-resolution image from its top-left corner (QuPath's documentation, "Exporting annotations"); ellipses
  become polygons. A cell's ``nucleusGeometry`` lies within its ``geometry`` and is not drawn.
- ``geometry.plane``: slice ``z`` and time ``t`` of an image of several; of others than the first nothing is
  drawn.
- Class: ``properties.classification.name`` with its ``color``; ``names`` of a derived class, joined as QuPath
  shows it.
- The image is not named: the file has its name, with or without its extension.
"""

from __future__ import annotations

from posixpath import basename, splitext
from typing import TYPE_CHECKING, Any

from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import hex_color, pairs
from gtmask.formats.reading.per_image import BadFile, PerImageReader, load_json
from gtmask.formats.reading.typed import get_any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.model import Kind, Record

SUFFIXES = (".geojson", ".json")
#: Extensions that the image may have where the file's name has none.
EXTENSIONS = (".jpg", ".png", ".jpeg", ".tif", ".tiff", ".JPG", ".PNG", ".JPEG", ".bmp", ".webp", ".ome.tif")
#: What only QuPath's features have.
_MARKS = ('"objectType"', '"classification"', '"isLocked"', '"PathAnnotationObject"', '"PathDetectionObject"')
_OPEN: dict[str, Kind] = {"Point": "point", "MultiPoint": "point", "LineString": "polyline",
                          "MultiLineString": "polyline"}  # fmt: skip


def sniff(sample: Sample) -> str | None:
    """Recognize features of which the first, or its first 64 KiB, has a member that QuPath writes."""
    feature = sample.keys.get("features") or tuple(sample.element) or tuple(sample.keys)
    if "geometry" not in feature or "properties" not in feature:
        return None
    is_own = "id" in feature or any(mark in sample.text for mark in _MARKS)
    return "QuPath GeoJSON" if is_own else None


def read(export: Export, options: ReadOptions) -> PerImageReader:
    """Open a folder of GeoJSON files, or one."""
    return PerImageReader(export, options, "QuPath GeoJSON", wanted=wanted, parse=parse, suffix=".geojson")


def wanted(name: str) -> bool:
    """Say whether a file may be an annotation."""
    return name.lower().endswith(SUFFIXES)


def parse(data: bytes, name: str, reader: PerImageReader) -> Record:  # noqa: ARG001 (PerImageReader's form)
    """Build the record of one file."""
    builder = RecordBuilder("", source_fill="center")
    builder.name_image(_images(name), "file")
    features = _features(builder, load_json(data))
    builder.each(features, lambda feature: _add(builder, feature), "feature")
    return builder.build()


def _images(name: str) -> list[str]:
    stem = name[: -len(".geojson")] if name.lower().endswith(".geojson") else splitext(name)[0]
    if splitext(basename(stem))[1].lower() in EXTENSIONS:
        return [stem]
    return [f"{stem}{extension}" for extension in EXTENSIONS]


def _features(builder: RecordBuilder, document: Any) -> list[Any]:
    """Return the features of a document in any of its three forms."""
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        raise BadFile("it is neither a list of features nor a FeatureCollection")
    if "geometry" in document:
        return [document]
    if "features" not in document:
        raise BadFile("it has no features")
    return builder.get_list(document, "features")


def _add(builder: RecordBuilder, feature: dict[str, Any]) -> None:
    """Add the shape of one feature."""
    properties = builder.get_object(feature, "properties")
    label = _label(builder, properties)
    # Before QuPath 0.4 a colour was one integer, with alpha in its highest byte.
    color = get_any(builder.get_object(properties, "classification"), "color", "colorRGB")
    builder.name_color(label, hex_color(color))
    geometry = builder.as_object(feature["geometry"], "geometry")
    plane = builder.get_object(geometry, "plane")
    slices = [builder.get_whole(plane, key) or 0 for key in "zt"]
    if any(slices):
        builder.finding("shape-kind-unsupported", f"{label}: on slice z {slices[0]}, time {slices[1]}")
        return
    kind = builder.get_text(geometry, "type")
    if kind in _OPEN:
        for line in _lines(builder, kind, geometry["coordinates"]):
            builder.polygon(label, line, _OPEN[kind])
        return
    builder.polygons(label, list(_parts(builder, label, geometry)), subtract=True)


def _label(builder: RecordBuilder, properties: dict[str, Any]) -> str:
    classification = builder.get_object(properties, "classification")
    name = builder.get_label(classification, "name")
    if name or "names" not in classification:
        return name
    return ": ".join(f"{one}" for one in builder.get_list(classification, "names"))


def _parts(builder: RecordBuilder, label: str, geometry: dict[str, Any]) -> Iterator[list[Sequence[float]]]:
    """Yield the polygons of a geometry, each an exterior ring and its holes."""
    kind = builder.get_text(geometry, "type")
    if kind == "Polygon":
        yield _rings(builder, geometry["coordinates"])
    elif kind == "MultiPolygon":
        for polygon in builder.as_list(geometry["coordinates"], "coordinates"):
            yield _rings(builder, polygon)
    elif kind == "GeometryCollection":
        for part in builder.get_objects(geometry, "geometries"):
            yield from _parts(builder, label, part)
    else:
        builder.finding("shape-kind-unsupported", f"{label}: {kind or 'a geometry without a type'}")


def _rings(builder: RecordBuilder, coordinates: Any) -> list[Sequence[float]]:
    return [_open(pairs(ring)) for ring in builder.as_list(coordinates, "coordinates")]


def _open(flat: list[float]) -> list[float]:
    """Return a ring without its last vertex, which in GeoJSON is the first again."""
    return flat[:-2] if len(flat) > 2 and flat[:2] == flat[-2:] else flat


def _lines(builder: RecordBuilder, kind: str, coordinates: Any) -> list[list[float]]:
    if kind == "Point":
        return [pairs([coordinates])]
    if kind == "LineString":
        return [pairs(coordinates)]
    several = builder.as_list(coordinates, "coordinates")
    return [pairs([one]) if kind == "MultiPoint" else pairs(one) for one in several]
