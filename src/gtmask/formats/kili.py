"""Kili: a JSON array of assets (or one file per asset) with ``jsonResponse`` of each label.

Confirmed by the tool's documentation ("Kili data format") and its SDK
(``kili/services/export/format/coco``); there is no real file among our samples.

- ``labels[]``, ``latestLabel`` or ``latestLabels[]``: ``jsonResponse.<job>.annotations[]`` with
  ``boundingPoly`` [{``normalizedVertices`` [{x, y}]}]: the first ring is the exterior, the others are
  holes; coordinates are fractions of the image. ``mid`` joins annotations into one object of several parts.
- ``ROTATION_JOB`` {rotation}: the annotator had the image turned clockwise by 90, 180 or 270 degrees, and the
  coordinates are of the turned image (kili-formats ``base.py``, ``reverse_rotation_vertices``).
- ``type`` "rectangle" has the same form; ``polyline`` and ``point`` (marker) have no area.
- Class: the first of ``categories`` (the interface's code name). Order: jobs, then list order.
- **Which label counts**: the newest of type DEFAULT or REVIEW; ``annotator`` picks one author by e-mail;
  predictions only when asked for, and only where there is no other label.
- The size is ``resolution`` where the export has it; else the image's header.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gtmask.formats.jsonstream import loads
from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.checks import real
from gtmask.formats.reading.geometry import flatten_xy
from gtmask.formats.reading.rows import Row, RowsReader
from gtmask.formats.reading.times import moment
from gtmask.formats.reading.typed import get_any

if TYPE_CHECKING:
    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.model import Record

ROTATION = "ROTATION_JOB"
#: x and y of the image itself by those of the image turned clockwise; None where they are the same.
Upright = tuple[Callable[[float, float], float], Callable[[float, float], float]] | None
_UPRIGHT: dict[float, Upright] = {
    0: None,
    90: (lambda _, y: y, lambda x, _: 1 - x),
    180: (lambda x, _: 1 - x, lambda _, y: 1 - y),
    270: (lambda _, y: 1 - y, lambda x, _: x),
}
_PREDICTIONS = frozenset({"PREDICTION", "INFERENCE"})
_COUNTING = frozenset({"DEFAULT", "REVIEW", ""})


def sniff(sample: Sample) -> str | None:
    """Recognize ``jsonResponse`` in labels of assets that have an ``externalId``."""
    for keys in (sample.element, sample.keys):
        if "latestLabel" in keys or "jsonResponse" in keys:
            return "Kili"
        if "labels" in keys and "jsonResponse" in keys["labels"]:
            return "Kili"
    return None


def read(export: Export, options: ReadOptions) -> RowsReader:
    """Open a Kili export."""
    return RowsReader(export, options, "Kili", parse=parse, called=("asset", "id", "externalId"))


def parse(value: dict[str, Any], reader: RowsReader, unit: Row) -> Record:  # noqa: ARG001 (RowsReader's form)
    """Build the record of one asset."""
    builder = RecordBuilder("")
    builder.name_image(builder.first_texts(value, ("externalId", "content", "id")), "asset")
    builder.size_from(builder.get_object(value, "resolution"))
    builder.record.statuses = tuple(filter(None, [builder.get_text(value, "status")]))
    label = choose_label(builder, labels_of(builder, value), reader.options)
    if label is None:
        return builder.build()
    response = get_any(label, "jsonResponse")
    if isinstance(response, str):
        try:
            response = loads(response.encode())
        except ValueError as error:
            return builder.reject("record-bad", f"jsonResponse is text that is no JSON: {error}")
    jobs = builder.as_object(response, "jsonResponse")
    if jobs and all(key.isdigit() for key in jobs):
        return builder.reject("record-bad", "the labels of a video cannot be read")
    turned = builder.get_number(builder.get_object(jobs, ROTATION), "rotation") % 360
    if turned not in _UPRIGHT:
        return builder.reject("record-bad", f"the annotator saw the image turned by {turned:g} degrees")
    for number, name in enumerate(jobs):
        builder.group = number
        if name != ROTATION:
            _add_job(builder, name, builder.get_object(jobs, name), _UPRIGHT[turned])
    record = builder.record
    if record.width and record.height:
        return builder.build((float(record.width), float(record.height)))
    record.units = "fraction"
    return builder.build()


def labels_of(builder: RecordBuilder, asset: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all labels of an asset, in whichever of the three places the export puts them."""
    labels = builder.get_objects(asset, "labels")
    if not labels:
        latest = builder.get_object(asset, "latestLabel")
        labels = [*([latest] if latest else []), *builder.get_objects(asset, "latestLabels")]
    if not labels and "jsonResponse" in asset:
        labels = [asset]
    return labels


def choose_label(
    builder: RecordBuilder, labels: list[dict[str, Any]], options: ReadOptions
) -> dict[str, Any] | None:
    """Return the label that counts, or None after telling why; see the module's docstring."""
    kinds = [builder.get_text(label, "labelType") for label in labels]
    kept = [label for label, kind in zip(labels, kinds, strict=True) if kind in _COUNTING]
    if options.annotator is not None:
        kept = [label for label in kept if options.annotator in _author(builder, label)]
    predictions = [label for label, kind in zip(labels, kinds, strict=True) if kind in _PREDICTIONS]
    if not kept and options.include_predictions:
        kept, predictions = predictions, []
        builder.record.predicted = bool(kept)
    for _ in predictions:
        builder.finding("prediction-left-out", "a model's label")
    if not kept:
        code = "image-unannotated" if options.include_unannotated else "record-unannotated"
        builder.finding(code, f"no label by {options.annotator}" if options.annotator else "no label")
        return None
    # Of equals the last one wins: max() keeps the first, hence the reversal.
    best: dict[str, Any] = max(reversed(kept), key=lambda label: moment(builder.get_text(label, "createdAt")))
    if len(kept) > 1:
        builder.finding("annotation-chosen", f"the newest of {len(kept)} labels")
    return best


def _author(builder: RecordBuilder, label: dict[str, Any]) -> list[str]:
    return builder.first_texts(builder.get_object(label, "author"), ("email", "id", "name"))


def _add_job(builder: RecordBuilder, name: str, job: dict[str, Any], upright: Upright) -> None:
    """Add a job's annotations; those that share a ``mid`` are parts of one shape, where the first stands."""
    annotations = builder.get_list(job, "annotations")
    joined: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for item in annotations:
        if isinstance(item, dict) and "boundingPoly" in item and (mid := builder.get_text(item, "mid")):
            joined.setdefault((mid, _label(builder, item)), []).append(item)

    def add(item: dict[str, Any]) -> None:
        label = _label(builder, item)
        categories = builder.get_list(item, "categories")
        if len(categories) > 1:
            builder.finding("label-several", f"{label} and {len(categories) - 1} more")
        if "boundingPoly" in item:
            mid = builder.get_text(item, "mid")
            group = joined[mid, label] if mid else [item]
            if group[0] is not item:
                builder.joins()
                return
            kind = builder.get_text(item, "type")
            parts = [
                [_upright(ring["normalizedVertices"], upright) for ring in part["boundingPoly"]]
                for part in group
            ]
            box = kind == "rectangle"
            builder.polygons(label, parts, "rectangle" if box else "polygon", subtract=True)
        elif "polyline" in item:
            builder.polygon(label, _upright(item["polyline"], upright), "polyline")
        elif "point" in item:
            builder.polygon(label, _upright([item["point"]], upright), "point")
        else:
            kind = builder.get_text(item, "type") or "no geometry"
            builder.finding("shape-kind-unsupported", f"{label}: {kind}")

    builder.each(annotations, add, f"{name} annotation")


def _label(builder: RecordBuilder, item: dict[str, Any]) -> str:
    categories = builder.get_objects(item, "categories")
    return builder.get_label(categories[0], "name") if categories else ""


def _upright(points: Any, upright: Upright) -> list[float]:
    """Return ``[{x, y}, ...]`` of the turned image as flat coordinates of the image itself."""
    flat = flatten_xy(points)
    if upright is None:
        return flat
    x_from, y_from = upright
    for place in range(0, len(flat), 2):
        seen = real(flat[place]), real(flat[place + 1])
        flat[place], flat[place + 1] = x_from(*seen), y_from(*seen)
    return flat
