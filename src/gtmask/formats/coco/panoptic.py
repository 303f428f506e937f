"""COCO panoptic: one PNG per image whose colours are segment ids, and their categories in a JSON document.

The id of a segment is R + 256 G + 65536 B (panopticapi/utils.py, rgb2id); 0 is unlabelled. An image's
annotation names its PNG but not the folder: that is, by convention, the one called like the JSON, beside it
or beside its folder (``annotations/panoptic_val2017.json`` and ``panoptic_val2017/``, as Mask2Former's guide
to data sets has it); some tools put the PNGs right beside the JSON. Ids that the PNG has and the JSON does
not list stay background and are told.
"""

from __future__ import annotations

from functools import partial
from posixpath import basename, dirname, join, splitext
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.formats.coco import CocoReader
from gtmask.formats.coco.shapes import is_crowd
from gtmask.formats.jsonstream import parse_elements
from gtmask.formats.jsonstream.ids import normal_id
from gtmask.formats.reading.typed import get_any
from gtmask.model import Bitmap, ImageNames, Record, Select

if TYPE_CHECKING:
    from gtmask.formats.base import Reader, ReadOptions, Sample
    from gtmask.formats.coco.tables import Tables
    from gtmask.formats.export import Export
    from gtmask.formats.reading.build import RecordBuilder

#: Entries of the document that are looked at to find the folder of the PNGs.
_TRIES = 3


def sniff(sample: Sample) -> str | None:
    """Recognize COCO panoptic by ``segments_info``, or by its name where only images can be seen yet."""
    annotation = sample.keys.get("annotations", ())
    if "segments_info" in annotation:
        return "COCO panoptic"
    unseen = not annotation and "file_name" in sample.keys.get("images", ()) and not sample.whole
    early = unseen and not sample.more and "panoptic" in sample.name.lower()
    return "COCO panoptic" if early else None


def read(export: Export, options: ReadOptions) -> Reader[Any]:
    """Open a COCO panoptic export: its one JSON document and the folder of PNGs.

    The errors are those of :func:`gtmask.formats.coco.read`.
    """
    return PanopticReader(export, next(iter(export.names())), options)


class PanopticReader(CocoReader):
    """Reads one COCO panoptic document. See :class:`gtmask.formats.base.Reader`."""

    marker = "segments_info"
    plain = False

    def __init__(self, export: Export, name: str, options: ReadOptions) -> None:
        super().__init__(export, name, options)
        self.folder = self._find_folder()

    def _name(self, head: str, tables: Tables, *, studio: bool) -> str:  # noqa: ARG002 (no dialects known)
        return "COCO panoptic"

    def _find_folder(self) -> str:
        """Return the folder in which the PNGs are, relative to the export's root."""
        beside, stem = dirname(self.document.name), splitext(basename(self.document.name))[0]
        named = join(beside, stem)
        above = dirname(beside) if beside else ".."
        tables = self._survey()
        ranges = tables.index.ranges(0, min(len(tables.images), _TRIES))[0] if len(tables.images) else ()
        for start, stop in np.asarray(ranges, np.int64).reshape(-1, 2)[:_TRIES].tolist():
            for annotation in parse_elements(self.document.read(start, stop))[:_TRIES]:
                png = get_any(annotation, "file_name") if isinstance(annotation, dict) else None
                for folder in (named, beside, join(above, stem), above):
                    if isinstance(png, str) and self.document.export.exists(join(folder, png)):
                        return folder
        return named

    def _add_annotations(self, builder: RecordBuilder, number: Any, body: bytes) -> None:
        """Add the segments of one image's annotation: what is counted are the segments."""
        for annotation in builder.as_objects(parse_elements(body), "annotations"):
            if self.owner(annotation) == number:
                png = builder.get_text(annotation, "file_name")
                if builder.record.pictures:
                    builder.finding(
                        "annotation-bad", f"another annotation of the image: {png} lies over the first"
                    )
                if png:
                    builder.record.pictures += (join(self.folder, png),)
                else:
                    builder.finding("annotation-bad", "the annotation names no PNG")
                segments = builder.get_list(annotation, "segments_info")
                builder.each(segments, partial(self._add_segment, builder, png), "segment")

    def _add_segment(self, builder: RecordBuilder, png: str, segment: dict[str, Any]) -> None:
        number = normal_id(get_any(segment, "id"))
        if not isinstance(number, int) or not 0 < number < 1 << 24:
            builder.finding("shape-bad-geometry", f"a segment's id is {number!r:.40}, not 1 to 16777215")
            return
        label = self.label_of(builder, segment)
        if not png:
            builder.finding("bitmap-missing", f"{label}: no PNG is named")
        elif label is not None:
            select = Select("id", number)
            shape = builder.bitmap(label, Bitmap(file=join(self.folder, png), select=select, whole=True))
            if shape is not None:
                shape.ignore = is_crowd(builder, segment)

    def names_of(self, unit: tuple[Any, ...]) -> ImageNames | None:
        """Return the image's names; without an image table only the record's PNG tells them."""
        return None if self.bare else super().names_of(unit)

    def _finished(self, record: Record) -> Record:
        record = super()._finished(record)
        record.files = self.document.export.read
        if self.bare and record.shapes and record.shapes[0].bitmap is not None:
            stem = splitext(basename(record.shapes[0].bitmap.file or ""))[0]
            record.aliases = (f"{stem}.jpg", f"{stem}.jpeg", f"{stem}.png")
        return record
