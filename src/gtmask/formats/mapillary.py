"""Mapillary Vistas v2.0: ``polygons/<id>.json`` per image, class names ``a--b--c``.

- ``objects[]``: ``label``, ``polygon`` [[x, y], ...] in image pixels. Copies made by other tools write
  one flat ring per list, [[x, y, x, y, ...]]; those are parts of one shape.
- Order: list order. The data set does not document it; its pixel maps agree with it.
- The image lies in ``images/<id>.jpg`` beside the ``polygons`` folder (or beside ``v2.0/polygons``).
- ``config_v2.0.json`` lists the classes. v1.x has no polygons, only pixel maps.
"""

from __future__ import annotations

from posixpath import basename
from typing import TYPE_CHECKING, Any

from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import numbers, pairs
from gtmask.formats.reading.per_image import PerImageReader, listed_names, load_listed
from gtmask.formats.reading.typed import Header

if TYPE_CHECKING:
    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.model import Record

CONFIG = "config_v2.0.json"
FOLDER = "polygons"


def sniff(sample: Sample) -> str | None:
    """Recognize ``width`` and ``objects[].polygon`` with labels of the form ``a--b``."""
    objects = sample.keys.get("objects", ())
    if "imgWidth" in sample.keys or "width" not in sample.keys or not {"label", "polygon"} <= set(objects):
        return None
    return "Mapillary Vistas v2.0" if "--" in sample.text else None


def read(export: Export, options: ReadOptions) -> PerImageReader:
    """Open a folder of Mapillary Vistas polygons."""
    reporter = Header(CONFIG)
    places = (CONFIG, f"../{CONFIG}", f"../../{CONFIG}")
    labels = listed_names(reporter, export, places, "labels", "name")
    return PerImageReader(
        export, options, "Mapillary Vistas v2.0", wanted=wanted, parse=parse, labels=labels,
        findings=reporter.findings,
    )  # fmt: skip


def wanted(name: str) -> bool:
    """Say whether a file may be an annotation: the class lists and the panoptic tables are none."""
    base = basename(name).lower()
    listed = base.startswith(("config", "panoptic_")) and FOLDER not in name.split("/")[:-1]
    return base.endswith(".json") and not listed


def parse(data: bytes, name: str, reader: PerImageReader) -> Record:  # noqa: ARG001 (PerImageReader's form)
    """Build the record of one file."""
    document, objects = load_listed(data, "objects")
    images = image_names(name)
    builder = RecordBuilder(images[0], aliases=images[1:])
    # "heigth" stands in data sets that other tools made.
    builder.size_from(document, "width", "height" if "height" in document else "heigth")

    def add(item: dict[str, Any]) -> None:
        points = item["polygon"]
        label = builder.get_label(item, "label")
        if points and all(isinstance(ring, list) and len(ring) > 2 for ring in points):
            builder.polygons(label, [[numbers(ring)] for ring in points])
        else:
            builder.polygon(label, pairs(points))

    builder.each(objects, add)
    return builder.build()


def image_names(name: str) -> tuple[str, ...]:
    """Return where the image of an annotation file may lie, the likeliest place first.

    ``train/v2.0/polygons/x.json`` has its image in ``train/images/x.jpg``.
    """
    stem = name[: -len(".json")]
    folders = stem.split("/")
    places = []
    if FOLDER in folders[:-1]:
        at = len(folders) - 2 - folders[-2::-1].index(FOLDER)
        above = folders[:at]
        if above and above[-1].startswith("v"):
            places.append("/".join([*above[:-1], "images", *folders[at + 1 :]]))
        places.append("/".join([*above, "images", *folders[at + 1 :]]))
    places += [stem, folders[-1]]
    return tuple(dict.fromkeys(f"{place}.jpg" for place in places))
