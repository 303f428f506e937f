"""ISAT (Image Segmentation Annotation Tool with SAM): one JSON per image.

- ``objects[]``: ``category``, ``segmentation`` [[x, y], ...] in image pixels, ``layer``, ``group``.
- Order: ascending ``layer``, ties in list order. ``layer`` is written as a float; where it is missing
  it counts as 2, the tool's default. File order instead costs up to 4,754 pixels an image.
- The tool truncates coordinates to integers and fills with ``skimage.draw.polygon``; that reproduces
  6 of 6 published masks exactly. Truncation belongs to that rule, so the record keeps the fractions.
- ``isat.yaml`` beside the files lists the classes, ``__background__`` first; users draw objects of that
  class on top of others to cut holes, and class maps paint it as 0.
- ``iscrowd`` marks COCO's crowd regions.
"""

from __future__ import annotations

from posixpath import basename
from typing import TYPE_CHECKING, Any

import yaml

from gtmask.errors import StorageError
from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import each, listing, pairs, real, set_size, table, text
from gtmask.formats.reading.per_image import BadFile, PerImageReader, beside, load_object

if TYPE_CHECKING:
    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.model import Record

CLASSES = "isat.yaml"
#: The layer of an object that names none.
DEFAULT_LAYER = 2.0


def sniff(sample: Sample) -> str | None:
    """Recognize ``info.description`` "ISAT" with ``objects``."""
    if "objects" not in sample.keys or "description" not in sample.keys.get("info", ()):
        return None
    return "ISAT" if '"ISAT"' in sample.text[:4096] else None


def read(export: Export, options: ReadOptions) -> PerImageReader:
    """Open an ISAT export."""
    return PerImageReader(export, options, "ISAT", wanted=wanted, parse=parse, labels=_labels(export))


def wanted(name: str) -> bool:
    """Say whether a file may be an annotation."""
    return name.lower().endswith(".json")


def _labels(export: Export) -> list[str] | None:
    """Return the classes of ``isat.yaml`` in its order, the background among them, or None."""
    if not export.exists(CLASSES):
        return None
    try:
        document = yaml.safe_load(export.read(CLASSES))
    except (StorageError, yaml.YAMLError, UnicodeDecodeError):
        return None
    names = [text(table(entry).get("name")) for entry in listing(table(document).get("label"))]
    return [name for name in names if name] or None


def parse(data: bytes, name: str, reader: PerImageReader) -> Record:  # noqa: ARG001 (PerImageReader's form)
    """Build the record of one file."""
    document = load_object(data)
    if not isinstance(document.get("objects"), list):
        raise BadFile("there is no list of objects")
    info = table(document.get("info"))
    image = text(info.get("name")) or basename(name)[: -len(".json")]
    # Annotations may lie in a folder of their own; the tool notes the images' folder.
    folder = basename(text(info.get("folder")).replace("\\", "/").rstrip("/"))
    places = dict.fromkeys((beside(name, image), f"{folder}/{image}" if folder else image, image))
    builder = RecordBuilder(next(iter(places)), source_fill="skimage", aliases=tuple(places)[1:])
    set_size(builder, info.get("width"), info.get("height"))

    def add(item: dict[str, Any]) -> None:
        ring = pairs(item["segmentation"])
        layer = item.get("layer")
        builder.z = DEFAULT_LAYER if layer is None else real(layer)
        before = builder.last()
        builder.polygon(text(item.get("category")), ring)
        shape = builder.last()
        if shape is not None and shape is not before:
            shape.ignore = item.get("iscrowd") in (True, 1)

    each(builder, document["objects"], add)
    return builder.build()
