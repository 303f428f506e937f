"""Darwin JSON 2.0 and 1.0 (V7): one JSON per image.

- polygon: ``paths`` [[{x, y}]] filled even-odd, so one part of several rings; 1.0: ``path`` and
  ``additional_paths``. Beside a polygon stands its ``bounding_box``, which is no shape then.
- ``raster_layer.dense_rle``: [value, count, ...] along the rows; ``mask_annotation_ids_mapping`` gives
  the value of each ``mask`` annotation, which holds the class.
- bounding_box {x, y, w, h}; ellipse {center, radius, angle in radians}; line; keypoint; tags, skeletons
  and cuboids cannot be painted.
- Order: list order; raster layers are drawn where their mask annotation stands. Fill: rounded vertices,
  ``cv2.fillPoly``, even-odd over the paths (1 pixel of 3 published masks differs).
- Items of several slots hold several images: the first slot's annotations are read.
- Sizes are in ``item.slots[].width/height``; 1.0: ``image.width/height``.
"""

from __future__ import annotations

import math
from posixpath import basename
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.formats.reading.build import RecordBuilder, flatten_xy
from gtmask.formats.reading.checks import MALFORMED, describe, each, listing, real, set_size, table, text
from gtmask.formats.reading.per_image import BadFile, PerImageReader, load_object
from gtmask.model import Runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.model import Record

_UNPAINTABLE = ("skeleton", "cuboid", "string", "graph", "simple_table", "table", "link", "eye")


def sniff(sample: Sample) -> str | None:
    """Recognize ``item`` with ``slots``, or ``image`` with ``seq`` or ``original_filename`` (1.0)."""
    keys = sample.keys
    if "annotations" not in keys or "categories" in keys:
        return None
    item = set(keys.get("item", ()))
    if "item" in keys and ("slots" in item or {"name", "path"} <= item):
        return "Darwin JSON 2.0"
    image = set(keys.get("image", ()))
    if {"width", "height"} <= image and image & {"original_filename", "seq", "workview_url", "thumbnail_url"}:
        return "Darwin JSON 1.0"
    return None


def read(export: Export, options: ReadOptions) -> PerImageReader:
    """Open a Darwin export."""
    return PerImageReader(export, options, "Darwin JSON", wanted=wanted, parse=parse)


def wanted(name: str) -> bool:
    """Say whether a file may be an annotation; ``.v7/metadata.json`` is none."""
    return name.lower().endswith(".json") and ".v7" not in name.split("/")


def parse(data: bytes, name: str, reader: PerImageReader) -> Record:  # noqa: ARG001 (PerImageReader's form)
    """Build the record of one file."""
    document = load_object(data)
    annotations = document.get("annotations")
    if not isinstance(annotations, list):
        raise BadFile("there is no list of annotations")
    item, slots = table(document.get("item")), []
    if item:
        slots = [table(slot) for slot in listing(item.get("slots"))]
        image, path = text(item.get("name")), text(item.get("path"))
        size = slots[0] if slots else {}
        sources = [table(source) for source in listing(size.get("source_files"))]
        others = [text(source.get("file_name")) for source in sources]
    else:
        size = table(document.get("image"))
        stored, path = text(size.get("filename")), text(size.get("path"))
        image, others = text(size.get("original_filename")) or stored, [stored]
    image = image or basename(name)[: -len(".json")]
    folder = path.replace("\\", "/").strip("/")
    full = f"{folder}/{image}" if folder else image
    aliases = tuple(dict.fromkeys(other for other in (image, *others) if other and other != full))
    builder = RecordBuilder(full, aliases=aliases)
    set_size(builder, size.get("width"), size.get("height"))
    if "frame_count" in size or "frame_urls" in size or size.get("type") == "video":
        return builder.reject("record-bad", "the annotations of a video cannot be read")
    if len(slots) > 1:
        slot = text(slots[0].get("slot_name"))
        builder.finding("annotation-chosen", f"{len(slots)} slots: only {slot!r:.60} is read")
        annotations = [entry for entry in annotations if _in_slot(entry, slot)]
    _Annotations(builder, annotations).add_all()
    return builder.build()


def _in_slot(entry: Any, slot: str) -> bool:
    names = table(entry).get("slot_names")
    return not isinstance(names, list) or not names or slot in names


class _Annotations:
    """Adds the annotations of one image: masks find their pixels in the raster layers."""

    def __init__(self, builder: RecordBuilder, entries: list[Any]) -> None:
        self.builder = builder
        self.entries = entries
        #: Which layer and which of its values each mask annotation has.
        self.masks: dict[str, tuple[NDArray[np.int64], int]] = {}

    def add_all(self) -> None:
        layers = [entry for entry in self.entries if "raster_layer" in table(entry)]
        each(self.builder, layers, self._layer, "raster layer")
        each(self.builder, self.entries, self._annotation, "annotation")

    def _layer(self, entry: dict[str, Any]) -> None:
        layer = entry["raster_layer"]
        try:
            runs = np.array(layer["dense_rle"], np.int64).reshape(-1, 2)
            total = self._pixels()
            if (runs[:, 1] < 0).any() or int(runs[:, 1].sum()) != total:
                raise ValueError(f"runs of {int(runs[:, 1].sum())} pixels for an image of {total}")
        except MALFORMED as error:
            self.builder.finding("runs-bad", f"raster layer: {describe(error)}")
            return
        for mask, value in table(layer.get("mask_annotation_ids_mapping")).items():
            self.masks[mask] = (runs, int(real(value)))

    def _pixels(self) -> int:
        record = self.builder.record
        if record.width and record.height:
            return record.width * record.height
        raise ValueError("the image's size is not told")

    def _annotation(self, entry: dict[str, Any]) -> None:
        builder, label = self.builder, text(entry.get("name"))
        if "raster_layer" in entry:
            return
        if "mask" in entry:
            self._mask(label, text(entry.get("id")))
        elif "polygon" in entry:
            builder.polygons(label, [_paths(entry["polygon"])])
        elif "complex_polygon" in entry:
            builder.polygons(label, [_paths(entry["complex_polygon"])])
        elif "ellipse" in entry:
            ellipse = entry["ellipse"]
            cx, cy = (real(ellipse["center"][axis]) for axis in "xy")
            rx, ry = (real(ellipse["radius"][axis]) for axis in "xy")
            builder.ellipse(label, (cx, cy), (rx, ry), math.degrees(real(ellipse.get("angle", 0))))
        elif "line" in entry:
            builder.polygon(label, flatten_xy(entry["line"]["path"]), "polyline")
        elif "keypoint" in entry:
            builder.polygon(label, flatten_xy([entry["keypoint"]]), "point")
        elif "bounding_box" in entry:
            x, y, width, height = (real(entry["bounding_box"][key]) for key in "xywh")
            builder.rectangle(label, x, y, x + width, y + height)
        else:
            kind = next((key for key in _UNPAINTABLE if key in entry), None)
            code = "shape-kind-unsupported" if kind else "shape-no-geometry"
            builder.finding(code, f"{label}: {kind or 'tag'}")

    def _mask(self, label: str, mask: str) -> None:
        if mask not in self.masks:
            self.builder.finding("bitmap-missing", f"{label}: no raster layer holds the mask {mask}")
            return
        dense, value = self.masks[mask]
        width, height = self.builder.record.width, self.builder.record.height
        if width is None or height is None:  # a layer is only kept where the size is known
            return
        self.builder.runs(label, Runs(value_runs(dense, value), height, width, "row"))


def _paths(polygon: dict[str, Any]) -> list[list[float]]:
    """Return the rings of a polygon of either version; they are filled even-odd together."""
    if "paths" in polygon:
        paths = polygon["paths"]
    else:
        path, more = polygon["path"], polygon.get("additional_paths") or []
        # complex_polygon of 1.0 has a list of rings under `path`.
        paths = [*path, *more] if path and isinstance(path[0], list) else [path, *more]
    return [flatten_xy(path) for path in paths]


def value_runs(dense: NDArray[np.int64], value: int) -> NDArray[np.int64]:
    """Return the alternating run lengths, off first, of the pixels that have one value.

    ``dense`` is int64 (n, 2): value and count of each run along the rows.
    """
    on = dense[:, 0] == value
    starts = np.concatenate(([0], np.flatnonzero(on[1:] != on[:-1]) + 1))
    lengths = np.add.reduceat(dense[:, 1], starts)
    return np.concatenate(([0], lengths)) if on[0] else lengths
