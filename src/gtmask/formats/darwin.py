"""Darwin JSON 2.0 and 1.0 (V7): one JSON per image.

- polygon: ``paths`` [[{x, y}]] filled even-odd, so one part of several rings; 1.0: ``path`` and
  ``additional_paths``. Beside a polygon stands its ``bounding_box``, which is no shape then.
- ``raster_layer.dense_rle``: [value, count, ...] along the rows; ``mask_annotation_ids_mapping`` gives
  the value of each ``mask`` annotation, which holds the class.
- bounding_box {x, y, w, h}; ellipse {center, radius, angle in radians}; line; keypoint; tags, skeletons
  and cuboids cannot be painted.
- Order: list order; raster layers are drawn where their mask annotation stands. Fill: rounded vertices,
  ``cv2.fillPoly``, even-odd over the paths (1 pixel of 3 published masks differs).
- Items of several slots hold several images: the first slot's annotations are read. Annotations whose
  ``slot_names`` name no slot of the item are told and left out: they are of another image.
- Sizes are in ``item.slots[].width/height``; 1.0: ``image.width/height``.
"""

from __future__ import annotations

import math
from contextlib import suppress
from posixpath import basename
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import real, reals
from gtmask.formats.reading.geometry import flatten_xy
from gtmask.formats.reading.malformed import MALFORMED, describe
from gtmask.formats.reading.per_image import PerImageReader, load_listed
from gtmask.formats.reading.rle import whole_numbers
from gtmask.formats.reading.typed import get_any
from gtmask.model import Record, Runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export

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
    document, annotations = load_listed(data, "annotations")
    builder = RecordBuilder("")
    item, slots = builder.get_object(document, "item"), []
    if item:
        slots = builder.get_objects(item, "slots")
        image, path = builder.get_text(item, "name"), builder.get_text(item, "path")
        size = slots[0] if slots else {}
        others = [
            builder.get_text(source, "file_name") for source in builder.get_objects(size, "source_files")
        ]
    else:
        size = builder.get_object(document, "image")
        stored, path = builder.get_text(size, "filename"), builder.get_text(size, "path")
        image, others = builder.get_text(size, "original_filename") or stored, [stored]
    image = image or basename(name)[: -len(".json")]
    folder = path.replace("\\", "/").strip("/")
    builder.name_image((f"{folder}/{image}" if folder else image, image, *others), "file")
    builder.size_from(size)
    if "frame_count" in size or "frame_urls" in size or builder.get_text(size, "type") == "video":
        return builder.reject("record-bad", "the annotations of a video cannot be read")
    if slots:
        known = [builder.get_text(slot, "slot_name") for slot in slots]
        if len(slots) > 1:
            builder.finding("annotation-chosen", f"{len(slots)} slots: only {known[0]!r:.60} is read")
        annotations = [entry for entry in annotations if _in_first(builder, entry, known)]
    _Annotations(builder, annotations).add_all()
    return builder.build()


def _in_first(builder: RecordBuilder, entry: Any, known: list[str]) -> bool:
    """Say whether an annotation is of the first of the item's slots, and tell of one that is of none."""
    names = builder.get_list(entry, "slot_names") if isinstance(entry, dict) else []
    if not names or known[0] in names or known == [""]:
        return True
    if not any(slot in names for slot in known):
        label = builder.get_text(entry, "name")
        builder.finding("annotation-orphan", f"{label}: the item has no slot {names[0]!r:.60}")
    return False


class _Annotations:
    """Adds the annotations of one image: masks find their pixels in the raster layers."""

    def __init__(self, builder: RecordBuilder, entries: list[Any]) -> None:
        self.builder = builder
        self.entries = entries
        #: Which layer and which of its values each mask annotation has.
        self.masks: dict[str, tuple[NDArray[np.int64], int]] = {}

    def add_all(self) -> None:
        for entry in self.entries:
            if isinstance(entry, dict) and "raster_layer" in entry:
                self._layer(entry["raster_layer"])
        self.builder.each(self.entries, self._annotation, "annotation")

    def _layer(self, layer: Any) -> None:
        """Remember a layer's pixels: annotations of the kind mask find theirs in it."""
        try:
            mapping = layer["mask_annotation_ids_mapping"].items()
            values = {mask: int(real(value)) for mask, value in mapping}
            runs = whole_numbers(layer["dense_rle"]).reshape(-1, 2)
            record = self.builder.record
            if not (record.width and record.height):
                raise ValueError("the image's size is not told")
            total = record.width * record.height
            if (runs[:, 1] < 0).any() or int(runs[:, 1].sum()) != total:
                raise ValueError(f"runs of {int(runs[:, 1].sum())} pixels for an image of {total}")
        except MALFORMED as error:
            self.builder.finding("runs-bad", f"raster layer: {describe(error)}")
            return
        self.masks |= {mask: (runs, value) for mask, value in values.items()}
        self._report_shared(values)
        listed = {self.builder.get_text(entry, "id") for entry in self.entries if _is_mask(entry)}
        self._report_unclaimed(runs, {value for mask, value in values.items() if mask in listed})

    def _report_shared(self, values: dict[str, int]) -> None:
        """Tell of masks of several classes that have one value: the later ones take all of its pixels."""
        names: dict[int, set[str]] = {}
        for entry in self.entries:
            mask = self.builder.get_text(entry, "id") if _is_mask(entry) else ""
            if mask in values:
                names.setdefault(values[mask], set()).add(self.builder.get_text(entry, "name"))
        for value, several in names.items():
            if len(several) > 1:
                self.builder.finding(
                    "segment-id-shared", f"{', '.join(sorted(several))}: value {value}"[:200]
                )

    def _report_unclaimed(self, runs: NDArray[np.int64], claimed: set[int]) -> None:
        """Tell of pixels of a layer that are of no mask annotation, so that nothing says what they show."""
        strange = (runs[:, 1] > 0) & ~np.isin(runs[:, 0], [0, *claimed])
        if strange.any():
            values = ", ".join(map(str, np.unique(runs[strange, 0]).tolist()[:5]))
            detail = f"raster layer: {int(runs[strange, 1].sum())} pixels of {values}"
            self.builder.finding("bitmap-value-unknown", detail)

    def _annotation(self, entry: dict[str, Any]) -> None:
        builder, label = self.builder, self.builder.get_label(entry, "name")
        if "raster_layer" in entry:
            builder.joins()
        elif "mask" in entry:
            self._mask(label, builder.get_text(entry, "id"))
        elif "polygon" in entry or "complex_polygon" in entry:
            paths = _paths(builder, get_any(entry, "polygon", "complex_polygon"))
            shape = builder.polygons(label, [paths])
            with suppress(*MALFORMED):  # of a box beside a polygon nothing is painted
                x, y, width, height = reals(entry["bounding_box"], "xywh")
                builder.boxed(shape, x, y, x + width, y + height)
        elif "ellipse" in entry:
            ellipse = entry["ellipse"]
            cx, cy = reals(ellipse["center"], "xy")
            rx, ry = reals(ellipse["radius"], "xy")
            builder.ellipse(label, (cx, cy), (rx, ry), math.degrees(builder.get_number(ellipse, "angle")))
        elif "line" in entry:
            builder.polygon(label, flatten_xy(entry["line"]["path"]), "polyline")
        elif "keypoint" in entry:
            builder.polygon(label, flatten_xy([entry["keypoint"]]), "point")
        elif kind := next((key for key in _UNPAINTABLE if key in entry), None):
            # A box may stand beside it, as beside a polygon.
            builder.finding("shape-kind-unsupported", f"{label}: {kind}")
        elif "bounding_box" in entry:
            x, y, width, height = reals(entry["bounding_box"], "xywh")
            builder.box(label, x, y, width, height)
        else:
            builder.finding("shape-no-geometry", f"{label}: tag")

    def _mask(self, label: str, mask: str) -> None:
        if mask not in self.masks:
            self.builder.finding("bitmap-missing", f"{label}: no raster layer holds the mask {mask}")
            return
        dense, value = self.masks[mask]
        record = self.builder.record
        assert record.width, "a layer is only kept where the size is known"
        assert record.height
        counts = value_runs(dense, value)
        self.builder.runs(label, Runs(counts, record.height, record.width, "row", whole=True))


def _is_mask(entry: Any) -> bool:
    return isinstance(entry, dict) and "mask" in entry


def _paths(builder: RecordBuilder, polygon: dict[str, Any]) -> list[list[float]]:
    """Return the rings of a polygon of either version; they are filled even-odd together."""
    if "paths" in polygon:
        paths = polygon["paths"]
    else:
        path, more = polygon["path"], builder.get_list(polygon, "additional_paths")
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
