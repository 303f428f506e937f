"""Labelbox: NDJSON export v2 (one data row per line) and the JSON array of v1.

v2: ``data_row``, ``media_attributes``, ``projects.<id>.labels[].annotations.objects[]`` with
``annotation_kind``: ImagePolygon ``polygon`` [{x, y}], ImageBoundingBox ``bounding_box`` {top, left,
height, width}, ImageSegmentationMask ``mask.url`` and/or ``composite_mask`` {url, color_rgb},
ImagePolyline, ImagePoint. Pixels, origin at the top-left corner; polygons have no holes.

v1: ``DataRow ID``, ``Labeled Data``, ``External ID``, ``Label.objects[]`` with ``title``, ``value`` and
``polygon``, ``bbox``, ``line``, ``point`` or ``instanceURI``. ``Label`` may be "Skip" or ``{}``.

2018 and before: ``Label`` has the geometries under the names of classes, as lists of {x, y} or as well-known
text, bare or as ``geometry``. There y grows **upwards** from the image's bottom edge: the vendor's own
exporters of that time (labelbox-python, ``labelbox/exporters``) write ``height - y``, and the image's height,
which the export does not tell, is that of the stored pixels. Answers to questions stand between them as text.

**Which label counts** where a data row has several (consensus, benchmark, several projects), after
skipped ones are left out: with ``annotator`` the newest of that person (``created_by``); else the
benchmark reference; else the highest consensus score; else the newest. One is chosen, never merged.

Mask addresses need a key and expire: masks are taken from files beside the export, see
:mod:`gtmask.formats.reading.pictures`; they may be named ``<feature id>.png``.

Pixels are the stored ones: the tool takes EXIF out of the images that it shows, so that what is drawn fits
what is stored (its community's pages, "Why are some of my image assets unexpectedly rotated?").
``exif_rotation`` is what EXIF of the image says, and turns nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gtmask.formats.labelbox.version1 import LabelboxReader, record_v1
from gtmask.formats.labelbox.version2 import record_v2
from gtmask.formats.reading.pictures import Pictures

if TYPE_CHECKING:
    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.formats.reading.rows import Row, RowsReader
    from gtmask.model import Record


def sniff(sample: Sample) -> str | None:
    """Recognize ``data_row`` with ``projects`` (v2), or ``DataRow ID`` with ``Label`` (v1)."""
    for keys in (sample.keys, sample.element):
        if "data_row" in keys and ("projects" in keys or "media_attributes" in keys):
            return "Labelbox v2"
        if "Label" in keys and ("DataRow ID" in keys or "Labeled Data" in keys):
            return "Labelbox v1"
        if "DataRow ID" in keys and "Labeled Data" in keys:
            return "Labelbox v1"
    return None


def read(export: Export, options: ReadOptions) -> RowsReader:
    """Open a Labelbox export."""
    called = ("data row", "data_row.id", "DataRow ID", "data_row.external_id", "External ID", "ID")
    return LabelboxReader(export, options, "Labelbox", parse=parse, called=called, context=Pictures(export))


def parse(value: dict[str, Any], reader: RowsReader, unit: Row) -> Record:  # noqa: ARG001 (RowsReader's form)
    """Build the record of one data row."""
    if "DataRow ID" in value or "Labeled Data" in value:
        return record_v1([value], reader)
    return record_v2(value, reader)
