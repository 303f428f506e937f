"""SA-1B: one JSON per image, COCO run-length masks without classes.

Every mask has the label ``object``: the data set says what is one thing, not what it is.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gtmask.formats.coco.shapes import add_segmentation
from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import real
from gtmask.formats.reading.malformed import MALFORMED
from gtmask.formats.reading.per_image import PerImageReader, beside, load_listed

if TYPE_CHECKING:
    from gtmask.formats.base import Reader, ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.model import Record

LABEL = "object"


def sniff(sample: Sample) -> str | None:
    """Recognize SA-1B by its one image and annotations with stability scores or run-length masks."""
    keys = sample.keys
    if "image" not in keys or "annotations" not in keys or "categories" in keys:
        return None
    image, annotation = set(keys["image"]), set(keys["annotations"])
    return "SA-1B" if "file_name" in image and (not annotation or "segmentation" in annotation) else None


def read(export: Export, options: ReadOptions) -> Reader[str]:
    """Open SA-1B annotations: one file, a folder or a glob of them."""
    return PerImageReader(export, options, "SA-1B", parse=parse, labels=[LABEL])


def parse(data: bytes, name: str, reader: PerImageReader) -> Record:  # noqa: ARG001 (all formats' signature)
    """Build the record of one file."""
    document, annotations = load_listed(data, "annotations")
    builder = RecordBuilder("", source_fill="coco", where=name)
    image = builder.get_object(document, "image")
    file_name = builder.get_text(image, "file_name")
    builder.name_image([beside(name, file_name)] if file_name else [], "file")
    builder.size_from(image)

    def add(annotation: dict[str, Any]) -> None:
        shape = add_segmentation(builder, LABEL, annotation)
        with suppress(*MALFORMED):  # of a box nothing is painted
            x, y, width, height = map(real, annotation["bbox"])
            builder.boxed(shape, x, y, x + width, y + height)

    builder.each(annotations, add, "annotation")
    return builder.build()
