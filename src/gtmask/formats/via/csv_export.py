"""VIA's CSV exports: the JSON of regions in cells, one row per region, rows of one image together."""

from __future__ import annotations

import codecs
import csv
import re
from array import array
from contextlib import suppress
from itertools import groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from gtmask.errors import DamagedExportError, ExportError
from gtmask.findings import Finding
from gtmask.formats.export import Export, whole
from gtmask.formats.jsonstream import loads
from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.reader import BaseReader
from gtmask.formats.reading.typed import Header, Reporter
from gtmask.formats.via.attributes import LOOKED_AT, Census, ClassAttribute, class_of, named_attributes
from gtmask.formats.via.regions import add_coordinates, add_region
from gtmask.model import ImageNames, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.formats.base import ReadOptions, Sample

WINDOW = 1 << 20
_TWO = ("filename", "region_shape_attributes", "region_attributes")
_THREE = ("file_list", "spatial_coordinates", "metadata")
_TABLE = re.compile(r"#\s*ATTRIBUTE\s*=\s*(\{.*\})\s*$")
_HEADER = re.compile(r"^#?\s*(?:CSV_HEADER\s*=\s*)?((?:#?filename|metadata_id),.*)$", re.MULTILINE)

#: Two cells of JSON, and how many regions the image has by this row; "" where the format does not say.
Row = tuple[str, str, str]
Unit = tuple[str, tuple[Row, ...]]


def sniff(sample: Sample) -> str | None:
    """Recognize the header line of versions 1, 2 and 3."""
    match = _HEADER.search(sample.text[:4096])
    if match is None:
        return None
    columns = match[1].lstrip("#").strip().split(",")
    if set(_TWO) <= set(columns):
        return "VIA CSV"
    return "VIA 3 CSV" if set(_THREE) <= set(columns) else None


class CsvReader(BaseReader):
    """Reads a CSV export; a unit is (image, its rows)."""

    def __init__(self, export: Export, options: ReadOptions, name: str) -> None:
        super().__init__(export, options, "VIA CSV")
        self.name = name
        reporter = Header(name)
        #: Version 3's table of attributes; None in the other versions.
        self.table: dict[str, Any] | None = None
        self.table = self._find_table(reporter)
        self._header = reporter.findings
        self._scattered: frozenset[int] | None = None
        self.attribute = self._choose()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_scattered": None}

    def _find_table(self, reporter: Header) -> dict[str, Any] | None:
        """Return version 3's table of attributes, which stands in a comment before the rows."""
        version_3, table = False, None
        for line in self._lines():
            if not line.startswith("#"):
                break
            version_3 = version_3 or "CSV_HEADER" in line or "SHAPE_ID" in line
            if match := _TABLE.match(line):
                try:
                    table = reporter.as_object(loads(match[1].encode()), "ATTRIBUTE")
                except ValueError as error:
                    reporter.finding("classes-unread", f"the line ATTRIBUTE is no JSON: {error}")
        return {} if version_3 and table is None else table

    def _choose(self) -> ClassAttribute:
        """Return the attribute that holds the class, by the first rows."""
        census, nobody = Census(), Header(self.name)
        with suppress(DamagedExportError):
            for _, (shape, attributes, _) in islice(self._rows(), LOOKED_AT):
                with suppress(ValueError):
                    if shape.strip().strip('[]{}"'):
                        census.add(self._attributes(nobody, _cell(attributes)))
        return census.choose(self.options.class_attribute)

    def _attributes(self, reporter: Reporter, cell: Any) -> Any:
        """Return a region's attributes by their names."""
        if self.table is None or not isinstance(cell, dict):
            return cell
        return named_attributes(reporter, cell, self.table)

    def _lines(self) -> Iterator[str]:
        """Yield the file's lines, decoded as UTF-8 in bounded memory."""
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        size, rest = self.export.size(self.name), ""
        for start in range(0, size, WINDOW):
            stop = min(start + WINDOW, size)
            data = whole(self.export.read(self.name, start, stop), self.name, start, stop)
            try:
                rest += decoder.decode(data, final=stop == size)
            except UnicodeDecodeError:
                # Labels that differ in such a letter alone would become one.
                raise ExportError(f"{self.name} is not in UTF-8: save it as UTF-8.") from None
            *lines, rest = rest.split("\n")
            for line in lines:
                yield line + "\n"
        yield rest

    def _rows(self) -> Iterator[tuple[str, Row]]:
        """Yield the image and the cells of each row; rows that are too short are told."""
        columns: list[int] | None = None
        counted: int | None = None
        self.findings = list(self._header)
        short = 0
        try:
            for row in csv.reader(self._lines(), strict=False):
                if columns is None:
                    columns = self._columns(row)
                    counted = row.index("region_count") if columns and "region_count" in row else None
                elif row and max(columns) < len(row):
                    image, shape, attributes = (row[column] for column in columns)
                    listed = row[counted] if counted is not None and counted < len(row) else ""
                    yield image, (shape, attributes, listed)
                elif any(cell.strip() for cell in row):
                    short += 1
        except csv.Error as error:
            raise DamagedExportError(f"{self.name} is damaged: {error}; export again.") from None
        if short:
            self.findings.append(Finding("annotation-bad", f"{self.name}: {short} rows have too few cells"))

    def _columns(self, row: list[str]) -> list[int] | None:
        """Return where the three columns stand in a header row; None for a comment before it."""
        names = [cell.replace("CSV_HEADER =", "").strip(" #\ufeff") for cell in row]
        for wanted in (_TWO, _THREE):
            if set(wanted) <= set(names):
                if twice := next((name for name in wanted if names.count(name) > 1), ""):
                    raise ExportError(
                        f"{self.name} has the column {twice!r} twice, where only one can count; "
                        "remove the other."
                    )
                return [names.index(name) for name in wanted]
        return None

    def units(self) -> Iterator[Unit]:
        """Yield one unit per image. Where an image's rows do not follow each other, all of them are last."""
        if self._scattered is None:
            self._scattered = self._find_scattered()
        kept: dict[str, list[Row]] = {}
        size = 0
        for name, rows in groupby(self._rows(), key=itemgetter(0)):
            regions = tuple(cells for _, cells in rows)
            if hash(name) not in self._scattered:
                yield name, regions
                continue
            kept.setdefault(name, []).extend(regions)
            size += sum(len(cell) for cells in regions for cell in cells)
            if size > self.options.memory_limit:
                raise ExportError(
                    f"The rows of {self.name} do not stand together by image, and they take "
                    f"more than {self.options.memory_limit >> 20:,} MiB: sort the file by the image's name."
                )
        yield from ((name, tuple(regions)) for name, regions in kept.items())

    def _find_scattered(self) -> frozenset[int]:
        """Return the hashes of the images whose rows do not follow each other."""
        hashes = array("q", (hash(name) for name, _ in groupby(self._rows(), key=itemgetter(0))))
        values, counts = np.unique(np.frombuffer(hashes, np.int64), return_counts=True)
        return frozenset(values[counts > 1].tolist())

    def names_of(self, unit: Unit) -> ImageNames | None:
        """Return the image: the unit holds it."""
        return ImageNames(_image(unit[0]))

    def record(self, unit: Unit) -> Record:
        """Build the record of one image."""
        where = f"{self.name}, {unit[0]!r:.200}"
        builder = RecordBuilder(_image(unit[0]), grid="displayed", where=where)
        if not builder.record.image:
            builder.finding("image-name-bad", where)
        # A row without a shape and attributes stands for an image without any.
        rows = [row for row in unit[1] if any(cell.strip().strip('[]{}"') for cell in row[:2])]
        builder.account(rows, lambda row: self._region(builder, _cell(row[0]), _cell(row[1])), "region")
        listed = max(_whole(row[2]) for row in unit[1])
        if listed > len(rows):
            builder.finding(
                "annotation-bad", f"{where}: region_count is {listed}, rows with a region: {len(rows)}"
            )
        elif not rows:
            builder.finding("image-unannotated", where)
        return builder.build()

    def _region(self, builder: RecordBuilder, shape: Any, attributes: Any) -> None:
        if not shape:
            builder.finding("shape-no-geometry", f"{builder.place}: attributes without a shape")
            return
        label = class_of(builder, self._attributes(builder, attributes), self.attribute)
        if isinstance(shape, list):
            add_coordinates(builder, shape, label)
        else:
            add_region(builder, shape, label)


def _image(cell: str) -> str:
    """Return the image of a row: a name, or in version 3 a JSON list of one."""
    if cell.startswith("["):
        try:
            first = next(iter(orjson.loads(cell)), "")
        except (orjson.JSONDecodeError, TypeError):
            return cell
        return str(first)
    return cell


def _whole(cell: str) -> int:
    """Return a count of regions; 0 where the cell holds none."""
    # Python takes more for blank space where it looks for it than where it reads numbers.
    text = cell.strip()
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else 0


def _cell(cell: str) -> Any:
    return loads(cell.encode()) if cell.strip() else None
