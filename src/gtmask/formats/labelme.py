"""labelme (3 to 7) and its dialects AnyLabeling and X-AnyLabeling: one JSON beside each image.

Sources: labelme ``_utils/shape.py`` and ``_label_file.py``; X-AnyLabeling ``label_converter.py``.
Which pixels the geometry means, those stored or those that EXIF turns, depends on the tool and its version:
:mod:`gtmask.formats.labelme_versions`. A box, a
circle and a mask are given by two points; the two of a mask are inclusive pixel indices.
"""

from __future__ import annotations

import math
import re
from functools import partial
from posixpath import basename, splitext
from typing import TYPE_CHECKING, Any

from gtmask.formats.labelme_versions import grid_of
from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import decode_base64, pairs, real
from gtmask.formats.reading.per_image import PerImageReader, beside, load_listed
from gtmask.formats.reading.typed import get_any
from gtmask.formats.text import decode_text
from gtmask.model import Bitmap, Kind, Record
from gtmask.png.header import SIGNATURE as PNG

if TYPE_CHECKING:
    from collections.abc import Callable

    from gtmask.formats.base import Reader, ReadOptions, Sample
    from gtmask.formats.export import Export

#: From this size on, embedded image data is cut out before the JSON is parsed.
LARGE = 1 << 16
#: Where a PNG's width and height stand (PNG specification, IHDR).
_PNG_SIZE = (16, 20)
_IMAGE_DATA = re.compile(rb'"imageData"\s*:\s*"')
#: Keys that only AnyLabeling and X-AnyLabeling write.
_ANY_DOCUMENT = frozenset({"checked", "text"})
_ANY_SHAPE = frozenset({"kie_linking", "difficult", "direction", "score"})


def sniff(sample: Sample) -> str | None:
    """Recognize labelme by its keys; the image data may hide those behind ``shapes``."""
    keys = sample.keys
    if "shapes" not in keys:
        return "labelme" if "imageData" in keys else None
    shape = set(keys["shapes"])
    known = {"imagePath", "imageData", "imageHeight", "lineColor", "version"} & keys.keys()
    if not known and not {"label", "points"} <= shape:
        return None
    if _ANY_DOCUMENT & keys.keys() or _ANY_SHAPE & shape:
        return "labelme, AnyLabeling dialect"
    return "labelme"


def read(export: Export, options: ReadOptions) -> Reader[str]:
    """Open a labelme export: one file, a folder or a glob of them."""
    return PerImageReader(
        export, options, "labelme", parse=parse, labels=listed_labels(export), counts_pictures=True
    )


def listed_labels(export: Export) -> list[str] | None:
    """Return the class names of the ``labels.txt`` beside the annotations, which labelme is started with."""
    if not export.exists("labels.txt"):
        return None
    lines = [line.strip() for line in decode_text(export.read("labels.txt")).splitlines()]
    return [line for line in dict.fromkeys(lines) if line and not re.fullmatch(r"_{1,2}\w+_{1,2}", line)]


def parse(data: bytes, name: str, reader: PerImageReader) -> Record:
    """Build the record of one labelme file."""
    document, shapes = load_listed(without_image_data(data), "shapes")
    first = [key for shape in shapes[:3] if isinstance(shape, dict) for key in shape]
    dialect = not (_ANY_DOCUMENT.isdisjoint(document) and _ANY_SHAPE.isdisjoint(first))
    builder = RecordBuilder("", source_fill="opencv-trunc" if dialect else "pillow", where=name)
    record, version = builder.record, builder.get_text(document, "version")
    record.grid, record.grid_known = grid_of(version, dialect=dialect)
    told, guesses = image_names(name, builder.get_text(document, "imagePath"))
    builder.name_image(told, "file", guesses=guesses)
    builder.size_from(document, "imageWidth", "imageHeight")
    add = add_with_attributes if reader.options.asks_attributes else add_shape
    builder.each(shapes, partial(add, builder), "shape")
    return builder.build()


def without_image_data(data: bytes) -> bytes:
    """Return the document with embedded image data emptied, found without parsing it.

    The key stands in the bytes with plain quotes only as a key: inside a string they would be escaped.
    """
    if len(data) < LARGE:
        return data
    # No look-behind in the pattern: it would keep the search from leaping to the literal.
    found = _IMAGE_DATA.finditer(data)
    match = next((one for one in found if data[one.start() - 1 : one.start()] != b"\\"), None)
    if match is None:
        return data
    end = data.find(b'"', match.end())
    while end > 0 and data[end - 1 : end] == b"\\":
        end = data.find(b'"', end + 1)
    return data if end < 0 else data[: match.end()] + data[end:]


def image_names(name: str, path: str) -> tuple[list[str], list[str]]:
    """Return the image that a file speaks of, and apart the names it has by convention: the JSON's own."""
    stem = splitext(name)[0]
    extensions = [".jpg", ".jpeg", ".png", ".JPG", ".bmp"]
    image = beside(name, path.strip())
    extension = splitext(image)[1]
    moved = []
    if not image or extension.lower() == ".json":
        image = stem + extensions[0]
    elif extension:
        extensions.insert(0, extension)
        if image.startswith("/") or ":" in image:
            # Of another machine: labelme looks beside the JSON, and so do people who copy both.
            moved = [beside(name, basename(image))]
    return [image, *moved], [stem + extension for extension in extensions]


def add_with_attributes(builder: RecordBuilder, shape: dict[str, Any]) -> None:
    """Add one shape, and note its flags and X-AnyLabeling's attributes for ``--where``."""
    for key in ("flags", "attributes"):
        builder.note_attributes(builder.get_object(shape, key))
    add_shape(builder, shape)


def add_shape(builder: RecordBuilder, shape: dict[str, Any]) -> None:
    """Add one shape; ``shape_type`` is missing or null in labelme 3's polygons."""
    label = builder.get_text(shape, "label")
    if not "A" <= label[:1] <= "z":
        label = builder.named_by(label, "label")
    kind = builder.get_text(shape, "shape_type") or "polygon"
    if kind == "polygon":
        builder.polygon_pairs(label, shape["points"])
    elif kind == "mask":
        _mask(builder, label, pairs(shape["points"]), get_any(shape, "mask"))
    elif kind in _RINGS:
        builder.polygon(label, pairs(shape["points"]), _RINGS[kind])
    elif (add := _KINDS.get(kind)) is not None:
        add(builder, label, pairs(shape["points"]))
    else:
        builder.finding("shape-kind-unsupported", f"{label}: {kind!r:.40}")


def _rectangle(builder: RecordBuilder, label: str, flat: list[float]) -> None:
    if len(flat) == 4:
        builder.rectangle(label, *flat)
    elif len(flat) == 8:
        builder.polygon(label, flat, "rectangle")
    else:
        builder.finding("shape-bad-geometry", f"{label}: a rectangle of {len(flat) // 2} points")


def _circle(builder: RecordBuilder, label: str, flat: list[float]) -> None:
    if len(flat) != 4:
        builder.finding("shape-bad-geometry", f"{label}: a circle of {len(flat) // 2} points")
        return
    x, y, edge_x, edge_y = map(real, flat)
    radius = math.hypot(edge_x - x, edge_y - y)
    builder.ellipse(label, (x, y), (radius, radius), kind="circle")


def _points(builder: RecordBuilder, label: str, flat: list[float]) -> None:
    dots = [((flat[i], flat[i + 1]),) for i in range(0, len(flat), 2)]
    if not dots:
        builder.finding("shape-no-geometry", f"{label}: 0 points")
    builder.polygons(label, dots, "point")


def _mask(builder: RecordBuilder, label: str, flat: list[float], picture: Any) -> None:
    if len(flat) != 4:
        builder.finding("shape-bad-geometry", f"{label}: a mask of {len(flat) // 2} corners")
        return
    if not picture:
        builder.finding("shape-no-geometry", f"{label}: a mask without its picture")
        return
    try:
        data = decode_base64(picture)
    except (TypeError, ValueError) as error:
        builder.finding("bitmap-unreadable", f"{label}: {error}")
        return
    left, top, right, bottom = map(real, flat)
    # Halves are rounded to even numbers, as NumPy does for labelme.
    corner = [round(min(pair)) for pair in ((left, right), (top, bottom))]
    box = [
        round(max(pair)) - low + 1 for pair, low in zip(((left, right), (top, bottom)), corner, strict=True)
    ]
    size = [int.from_bytes(data[at : at + 4], "big") for at in _PNG_SIZE] if data.startswith(PNG) else box
    # At the image's edge labelme itself cuts a row or column off.
    if any(abs(own - drawn) > 1 for own, drawn in zip(size, box, strict=True)):
        what = f"{label}: {size[0]} x {size[1]} pixels in a box of {box[0]} x {box[1]}"
        builder.finding("bitmap-size-differs", what)
        return
    builder.bitmap(label, Bitmap(data, x=corner[0], y=corner[1]))


#: Shapes whose points are one ring or line as they are.
_RINGS: dict[str, Kind] = {
    "quadrilateral": "polygon", "oriented_rectangle": "rotated_rectangle", "rotation": "rotated_rectangle",
    "line": "polyline", "linestrip": "polyline",
}  # fmt: skip
_KINDS: dict[str, Callable[[RecordBuilder, str, list[float]], None]] = {
    "rectangle": _rectangle, "circle": _circle, "point": _points, "points": _points,
}  # fmt: skip
