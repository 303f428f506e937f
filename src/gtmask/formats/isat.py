"""ISAT (Image Segmentation Annotation Tool with SAM): one JSON per image.

- ``objects[]``: ``category``, ``segmentation`` [[x, y], ...] in image pixels, ``layer``, ``group``.
- Order: ascending ``layer``, ties in list order. ``layer`` is written as a float; where it is missing
  it counts as 2, the tool's default. File order instead costs up to 4,754 pixels an image.
- The tool truncates coordinates to integers and fills with ``skimage.draw.polygon``; that reproduces
  6 of 6 published masks exactly. Truncation belongs to that rule, so the record keeps the fractions.
- ``isat.yaml`` beside the files lists the classes, ``__background__`` first; users draw objects of that
  class on top of others to cut holes, and class maps paint it as 0.
- ``bbox`` [left, top, right, bottom] is computed of the segmentation, and draws nothing.
- ``iscrowd`` marks COCO's crowd regions. ``shape_type`` (ISAT's ``annotation.py``) is "polygon" or missing.
"""

from __future__ import annotations

from contextlib import suppress
from posixpath import basename, splitext
from typing import TYPE_CHECKING, Any

from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import pairs, real
from gtmask.formats.reading.malformed import MALFORMED
from gtmask.formats.reading.per_image import PerImageReader, beside, listed_names, load_listed
from gtmask.formats.reading.typed import Header

if TYPE_CHECKING:
    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.model import Record

CLASSES = "isat.yaml"
#: The layer of an object that names none.
DEFAULT_LAYER = 2.0
#: Values of ``shape_type`` whose points are the corners of an area.
_AREAS = frozenset({"", "polygon", "rectangle"})
EXTENSIONS = (".jpg", ".png", ".jpeg", ".JPG", ".bmp")


def sniff(sample: Sample) -> str | None:
    """Recognize ``info.description`` "ISAT" with ``objects``."""
    if "objects" not in sample.keys or "description" not in sample.keys.get("info", ()):
        return None
    return "ISAT" if '"ISAT"' in sample.text[:4096] else None


def read(export: Export, options: ReadOptions) -> PerImageReader:
    """Open an ISAT export."""
    reporter = Header(CLASSES)
    labels = listed_names(reporter, export, [CLASSES], "label", "name")
    return PerImageReader(
        export, options, "ISAT", parse=parse, labels=labels, findings=reporter.findings, counts_pictures=True
    )


def parse(data: bytes, name: str, reader: PerImageReader) -> Record:  # noqa: ARG001 (PerImageReader's form)
    """Build the record of one file."""
    document, objects = load_listed(data, "objects")
    builder = RecordBuilder("", source_fill="skimage")
    info = builder.get_object(document, "info")
    own = splitext(basename(name))[0]
    image = builder.get_text(info, "name") or own
    # Annotations may lie in a folder of their own; the tool notes the images' folder.
    folder = basename(builder.get_text(info, "folder").replace("\\", "/").rstrip("/"))
    # The tool itself pairs files by their names: those count where the image that is noted is not there.
    extensions = dict.fromkeys([splitext(image)[1] or EXTENSIONS[0], *EXTENSIONS])
    paired = [f"{splitext(name)[0]}{extension}" for extension in extensions]
    noted = (beside(name, image), f"{folder}/{image}" if folder else image, image)
    paired += [f"{folder}/{basename(one)}" for one in paired if folder]
    builder.name_image(noted, "file", guesses=paired)
    builder.size_from(info)

    def add(item: dict[str, Any]) -> None:
        ring = pairs(item["segmentation"])
        builder.z = builder.get_number(item, "layer", DEFAULT_LAYER)
        label, kind = builder.get_label(item, "category"), builder.get_text(item, "shape_type")
        if kind not in _AREAS:
            builder.finding("shape-kind-unsupported", f"{label}: {kind:.40}")
            return
        shape = builder.polygon(label, ring)
        if shape is not None:
            shape.ignore = builder.get_flag(item, "iscrowd")
        with suppress(*MALFORMED):  # of a box nothing is painted
            builder.boxed(shape, *map(real, item["bbox"]))

    builder.each(objects, add)
    return builder.build()
