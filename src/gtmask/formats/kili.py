"""Kili: a JSON array of assets (or one file per asset) with ``jsonResponse`` of each label.

Confirmed by the tool's documentation ("Kili data format") and its SDK
(``kili/services/export/format/coco``); there is no real file among our samples.

- ``labels[]`` or ``latestLabel``: ``jsonResponse.<job>.annotations[]`` with ``boundingPoly`` [{
  ``normalizedVertices`` [{x, y}]}]: the first ring is the exterior, the others are holes; coordinates
  are fractions of the image. ``mid`` joins annotations into one object of several parts.
- ``type`` "rectangle" has the same form; ``polyline`` and ``point`` (marker) have no area.
- Class: the first of ``categories`` (the interface's code name). Order: jobs, then list order.
- **Which label counts**: the newest of type DEFAULT or REVIEW; ``annotator`` picks one author by e-mail;
  predictions only when asked for, and only where there is no other label.
- The size is ``resolution`` where the export has it; else the image's header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from gtmask.formats.reading.build import RecordBuilder, flatten_xy
from gtmask.formats.reading.checks import each, inner_table, listing, set_size, table, text
from gtmask.formats.reading.per_image import BadFile
from gtmask.formats.reading.rows import RowsReader

if TYPE_CHECKING:
    from gtmask.formats.base import ReadOptions, Sample
    from gtmask.formats.export import Export
    from gtmask.formats.reading.rows import Row
    from gtmask.model import Record

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
    return RowsReader(export, options, "Kili", parse=parse)


def parse(value: Any, reader: RowsReader, unit: Row) -> Record:  # noqa: ARG001 (RowsReader's form)
    """Build the record of one asset."""
    if not isinstance(value, dict):
        raise BadFile(f"an asset was expected, not {type(value).__name__}")
    names = [text(value.get(key)) for key in ("externalId", "content", "id")]
    known = list(dict.fromkeys(name for name in names if name))
    builder = RecordBuilder(known[0] if known else "", aliases=tuple(known[1:]))
    if not known:
        builder.finding("image-name-bad", "the asset has no externalId")
    resolution = table(value.get("resolution"))
    set_size(builder, resolution.get("width"), resolution.get("height"))
    label = choose_label(builder, labels_of(value), reader.options)
    if label is None:
        return builder.build()
    response = label.get("jsonResponse")
    if isinstance(response, str):
        try:
            response = orjson.loads(response)
        except orjson.JSONDecodeError:
            return builder.reject("record-bad", "jsonResponse is text that is no JSON")
    jobs = inner_table(builder, {"jsonResponse": response}, "jsonResponse")
    if jobs and all(key.isdigit() for key in jobs):
        return builder.reject("record-bad", "the labels of a video cannot be read")
    for name in jobs:
        _add_job(builder, name, inner_table(builder, jobs, name))
    record = builder.record
    if record.width and record.height:
        return builder.build((float(record.width), float(record.height)))
    record.units = "fraction"
    return builder.build()


def labels_of(asset: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all labels of an asset, in whichever of the three places the export puts them."""
    labels = [label for label in listing(asset.get("labels")) if isinstance(label, dict)]
    if not labels and isinstance(asset.get("latestLabel"), dict):
        labels = [asset["latestLabel"]]
    if not labels and "jsonResponse" in asset:
        labels = [asset]
    return labels


def choose_label(
    builder: RecordBuilder, labels: list[dict[str, Any]], options: ReadOptions
) -> dict[str, Any] | None:
    """Return the label that counts, or None after telling why; see the module's docstring."""
    kept = [label for label in labels if text(label.get("labelType")) in _COUNTING]
    if options.annotator is not None:
        kept = [label for label in kept if options.annotator in _author(label)]
    predictions = [label for label in labels if text(label.get("labelType")) in _PREDICTIONS]
    if not kept and options.include_predictions:
        kept, predictions = predictions, []
    for _ in predictions:
        builder.finding("prediction-left-out", "a model's label")
    if not kept:
        code = "image-unannotated" if options.include_unannotated else "record-unannotated"
        builder.finding(code, f"no label by {options.annotator}" if options.annotator else "no label")
        return None
    # Of equals the last one wins: max() keeps the first, hence the reversal.
    best: dict[str, Any] = max(reversed(kept), key=lambda label: text(label.get("createdAt")))
    if len(kept) > 1:
        builder.finding("annotation-chosen", f"the newest of {len(kept)} labels")
    return best


def _author(label: dict[str, Any]) -> tuple[str, ...]:
    author = table(label.get("author"))
    return tuple(text(author.get(key)) for key in ("email", "id", "name"))


def _add_job(builder: RecordBuilder, name: str, job: dict[str, Any]) -> None:
    """Add a job's annotations; those that share a ``mid`` are parts of one shape, where the first stands."""
    annotations = job.get("annotations")
    joined: dict[tuple[str, str], list[dict[str, Any]]] = {}
    rows: list[Any] = []
    for item in listing(annotations):
        mid = text(table(item).get("mid"))
        if not mid or "boundingPoly" not in item:
            rows.append(item)
            continue
        key = (mid, _label(item))
        if key not in joined:
            joined[key] = []
            rows.append({**item, "parts": joined[key]})
        joined[key].append(item)

    def add(item: dict[str, Any]) -> None:
        label = _label(item)
        if "boundingPoly" in item:
            parts = [_rings(part["boundingPoly"]) for part in item.get("parts", [item])]
            builder.polygons(label, parts, "rectangle" if item.get("type") == "rectangle" else "polygon")
        elif "polyline" in item:
            builder.polygon(label, flatten_xy(item["polyline"]), "polyline")
        elif "point" in item:
            builder.polygon(label, flatten_xy([item["point"]]), "point")
        else:
            builder.finding("shape-kind-unsupported", f"{label}: {text(item.get('type')) or 'no geometry'}")

    each(builder, rows if isinstance(annotations, list) else annotations, add, f"{name} annotation")


def _label(item: dict[str, Any]) -> str:
    categories = listing(item.get("categories"))
    return text(table(categories[0]).get("name")) if categories else ""


def _rings(poly: Any) -> list[list[float]]:
    return [flatten_xy(ring["normalizedVertices"]) for ring in poly]
