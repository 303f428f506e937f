"""Labelbox's old JSON array: one row per label, so that a data row may have several rows.

The rows of one data row (``DataRow ID``, else ``Labeled Data``) are brought together. Those of one person are
one annotation, in the order of the rows; of several people's the newest row's counts, or ``--annotator``'s.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gtmask.findings import Finding, is_reject
from gtmask.formats.labelbox.version2 import add_box, add_picture, name_image, named_file, new_builder
from gtmask.formats.reading.geometry import flatten_xy
from gtmask.formats.reading.per_image import BadFile, load_part
from gtmask.formats.reading.rows import Row, RowsReader
from gtmask.formats.reading.times import moment
from gtmask.formats.reading.typed import get_any
from gtmask.formats.reading.wkt import is_wkt, parse_wkt
from gtmask.model import Record, Select

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.formats.base import ReadOptions
    from gtmask.formats.reading.build import RecordBuilder

#: What tells a row's data row, in the order in which it counts.
_IDENTITIES = tuple(
    re.compile(rb'"%s"\s*:\s*"((?:[^"\\]|\\.)+)"' % key) for key in (b"DataRow ID", b"Labeled Data")
)


class Rows(NamedTuple):
    """The rows of one data row, where it has several."""

    rows: tuple[Row, ...]


class LabelboxReader(RowsReader):
    """Reads data rows; a unit is a :class:`Row`, or :class:`Rows`."""

    def units(self) -> Iterator[Any]:
        """Yield one unit per data row, where its first row stands; 8 bytes per row are kept."""
        rows = super().units()
        first = next(rows, None)
        if first is None or b'"data_row"' in self.document(first.name).read(first.start, first.stop):
            yield from [first] if first is not None else []
            yield from rows
            return
        hashes = np.fromiter((self._identity(row) for row in super().units()), np.int64)
        known, counts = np.unique(hashes, return_counts=True)
        several: dict[int, list[Row]] = {identity: [] for identity in known[counts > 1].tolist() if identity}
        if several:
            for row, identity in zip(super().units(), hashes.tolist(), strict=True):
                if identity in several:
                    several[identity].append(row)
        for row, identity in zip(super().units(), hashes.tolist(), strict=True):
            if identity not in several:
                yield row
            elif several[identity][0] == row:
                yield Rows(tuple(several[identity]))
        # Every walk tells the same.
        self.findings = list(dict.fromkeys(self.findings))

    def _identity(self, row: Row) -> int:
        """Return a hash of a row's data row; 0 where it names none."""
        data = self.document(row.name).read(row.start, row.stop)
        found = next((match[1] for pattern in _IDENTITIES if (match := pattern.search(data))), b"")
        return hash(found) if found else 0

    def record(self, unit: Any) -> Record:
        """Read one data row's rows and build its record."""
        if not isinstance(unit, Rows):
            return super().record(unit)
        first = unit.rows[0]
        where = f"{first.name}, record {first.number}"
        try:
            values = [load_part(self.document(row.name).read(row.start, row.stop)) for row in unit.rows]
        except BadFile as error:
            return Record("", where=where, findings=[Finding("record-bad", f"{where}: {error}")])
        record = record_v1(values, self)
        record.where = f"{self.place(values[0], first)} and {len(unit.rows) - 1} rows more"
        return record


def record_v1(rows: list[dict[str, Any]], reader: RowsReader) -> Record:
    """Build the record of one data row from all its rows."""
    builder = new_builder(reader)
    names = builder.first_texts(rows[0], ("External ID", "Labeled Data", "DataRow ID"))
    name_image(builder, names, builder.get_text(rows[0], "Dataset Name"))
    builder.size_from(builder.get_object(rows[0], "Media Attributes"))
    labels = [get_any(row, "Label") for row in _choose(builder, rows, reader.options)]
    if builder.findings and is_reject(builder.findings):
        return builder.record
    empty = [label for label in labels if not _lists_any(label)]
    if len(labels) > 1:
        for _ in empty:
            builder.finding("annotation-bad", "one of several rows of a data row lists nothing")
    labels = [label for label in labels if label]
    if not labels:
        code = "image-unannotated" if reader.options.include_unannotated else "record-unannotated"
        builder.finding(code, "the data row has no label")
    old = [isinstance(label, dict) and "objects" not in label for label in labels]
    if any(old) and not all(old):
        return builder.reject("record-bad", "its rows are of 2018 and of later, with y upwards and downwards")
    for label in labels:
        if any(old):
            _add_oldest(builder, label)
        else:
            objects = builder.get_list(builder.as_object(label, "Label"), "objects")
            builder.each(objects, lambda item: _add_v1(builder, item, reader))
    return builder.build()


def _lists_any(label: Any) -> bool:
    """Say whether a row's label lists anything, in whichever form."""
    return bool(get_any(label, "objects") if isinstance(label, dict) and "objects" in label else label)


def _choose(builder: RecordBuilder, rows: list[dict[str, Any]], options: ReadOptions) -> list[dict[str, Any]]:
    """Return the rows that count; none, with a reject, where all were skipped."""
    kept = [row for row in rows if not (builder.get_flag(row, "Skipped") or get_any(row, "Label") == "Skip")]
    for _ in range(len(rows) - len(kept) if kept else 0):
        builder.finding("annotation-cancelled", "the label was skipped")
    authors = {id(row): builder.get_text(row, "Created By") for row in kept}
    wanted = options.annotator
    if wanted is not None:
        kept = [row for row in kept if authors[id(row)] == wanted]
    if not kept:
        why = "the label was skipped" if wanted is None else f"no label by {wanted}"
        builder.finding("record-skipped", why)
        return []
    if len(set(authors.values())) > 1 and wanted is None:
        newest = max(reversed(kept), key=lambda row: _time(builder, row))
        who = authors[id(newest)]
        builder.finding("annotation-chosen", f"that of {who or 'nobody'}, 1 of {len(set(authors.values()))}")
        kept = [row for row in kept if authors[id(row)] == who]
    return kept


def _time(builder: RecordBuilder, row: dict[str, Any]) -> tuple[float, str]:
    return moment(builder.get_text(row, "Updated At") or builder.get_text(row, "Created At"))


def _add_oldest(builder: RecordBuilder, label: dict[str, Any]) -> None:
    """Add the shapes of exports of 2018, which stand under the names of their classes."""
    builder.record.units = "upward"
    for number, (name, shapes) in enumerate(label.items()):
        builder.group = number
        listed = [shapes] if isinstance(shapes, str) else builder.as_list(shapes, name)

        def add(entry: Any, name: str = name) -> None:
            _add_geometry(builder, name, entry["geometry"] if isinstance(entry, dict) else entry)

        builder.account(listed, add, name)


def _add_geometry(builder: RecordBuilder, name: str, geometry: Any) -> None:
    """Add a ring, a point, or what well-known text says."""
    if isinstance(geometry, str):
        if not is_wkt(geometry):
            builder.finding("shape-no-geometry", f"{name}: the text {geometry!r:.60}")
            return
        found = parse_wkt(geometry)
        builder.polygons(name, found.parts, found.kind)
    elif isinstance(geometry, dict):
        builder.polygon(name, flatten_xy([geometry]), "point")
    else:
        builder.polygon(name, flatten_xy(geometry))


def _add_v1(builder: RecordBuilder, item: dict[str, Any], reader: RowsReader) -> None:
    label = builder.get_label(item, "title") or builder.get_label(item, "value")
    builder.name_class(item, "schemaId", label)
    if "polygon" in item:
        builder.polygon(label, flatten_xy(item["polygon"]))
    elif "bbox" in item:
        add_box(builder, label, item["bbox"])
    elif "line" in item:
        builder.polygon(label, flatten_xy(item["line"]), "polyline")
    elif "point" in item:
        builder.polygon(label, flatten_xy([item["point"]]), "point")
    elif "instanceURI" in item:
        address = builder.get_text(item, "instanceURI")
        found = reader.context.find(address, named_file(builder.get_text(item, "featureId")))
        add_picture(builder, label, found, Select("nonzero"), address)
    else:
        builder.finding("shape-kind-unsupported", f"{label}: no geometry")
