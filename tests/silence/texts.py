"""Changes of documents that are no JSON: CVAT's XML, VIA's CSV, YOLO's lines, lists of names."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from tests.silence import trees

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.silence.variant import Variant

# --- XML ------------------------------------------------------------------------------------------------

_SIZED = frozenset({"image", "original_size"})


def xml_changes(data: bytes, variant: Variant) -> Iterator[tuple[str, str]]:
    """Yield every change of an XML document, as (kind, place)."""
    for number, element in enumerate(ET.fromstring(data).iter()):
        place = f"{number}:{element.tag}"
        if number:
            yield "double", place
            if element.tag not in variant.free:
                yield "retag", place
        if (element.text or "").strip():
            yield "empty-text", place
            if f"text:{element.tag}" not in variant.free:
                yield "word-text", place
        if element.tag in _SIZED and "width" in element.attrib:
            yield "exchange-size", place
        for name, value in element.attrib.items():
            yield from ((kind, f"{place}@{name}") for kind in _attribute_kinds(name, value, variant))


def _attribute_kinds(name: str, value: str, variant: Variant) -> Iterator[str]:
    if name not in variant.free:
        yield from ("drop", "rename", "empty")
    if re.fullmatch(r"-?[\d.]+([,;\s]+-?[\d.]+)*", value):
        yield from ("word", "nan")
    if "," in value:
        yield from ("more", "fewer")
    if "/" in value:
        yield "shorten"


def xml_apply(data: bytes, kind: str, place: str) -> bytes:
    """Return the changed document."""
    root = ET.fromstring(data)
    where, _, name = place.partition("@")
    element = list(root.iter())[int(where.partition(":")[0])]
    if name:
        _change_attribute(element, kind, name)
    elif kind == "double":
        parent = next(other for other in root.iter() if element in list(other))
        parent.insert(list(parent).index(element), element)
    elif kind == "retag":
        element.tag += "_x"
    elif kind == "exchange-size":
        element.attrib["width"], element.attrib["height"] = element.attrib["height"], element.attrib["width"]
    else:
        element.text = "" if kind == "empty-text" else "qx"
    return ET.tostring(root)


def _change_attribute(element: ET.Element, kind: str, name: str) -> None:
    value = element.attrib[name]
    if kind in {"drop", "rename"}:
        del element.attrib[name]
        if kind == "rename":
            element.attrib[f"{name}_x"] = value
        return
    element.attrib[name] = {
        "empty": "", "word": "qx", "nan": "nan", "more": f"{value},7", "fewer": value.rpartition(",")[0],
        "shorten": value.rpartition("/")[2],
    }[kind]  # fmt: skip


def xml_reversed(data: bytes) -> bytes:
    """Return the document with the attributes of all elements in reverse order."""
    root = ET.fromstring(data)
    for element in root.iter():
        attributes = list(element.attrib.items())
        element.attrib.clear()
        element.attrib.update(reversed(attributes))
    return ET.tostring(root)


# --- CSV ------------------------------------------------------------------------------------------------


def csv_changes(data: bytes, variant: Variant) -> Iterator[tuple[str, str]]:
    """Yield every change of a CSV document whose cells may hold JSON, as (kind, place)."""
    rows = _rows(data)
    for row, cells in enumerate(rows):
        if row:
            yield from ((kind, f"{row}") for kind in ("double-row", "more-cells", "fewer-cells"))
        for column, cell in enumerate(cells):
            place = f"{row},{column}"
            if rows[0][column] in variant.free:
                continue
            if not row:
                yield from ((kind, place) for kind in ("drop-column", "rename-column"))
                continue
            yield from ((kind, place) for kind in ("empty-cell", "word-cell"))
            if cell.startswith(("{", "[")):
                for kind, path in trees.changes(json.loads(cell), variant):
                    yield kind, f"{place}:{trees.spell(path)}"


def csv_apply(data: bytes, kind: str, place: str, variant: Variant) -> bytes:
    """Return the changed document."""
    rows = _rows(data)
    where, _, inner = place.partition(":")
    row, _, column = where.partition(",")
    cells = rows[int(row)]
    if inner:
        document = json.loads(cells[int(column)])
        path = next(path for found, path in trees.changes(document, variant)
                    if found == kind and trees.spell(path) == inner)  # fmt: skip
        cells[int(column)] = json.dumps(trees.apply(document, kind, path))
    elif kind == "double-row":
        rows.insert(int(row), cells)
    elif kind == "more-cells":
        cells.append("7")
    elif kind == "fewer-cells":
        cells.pop()
    elif kind == "drop-column":
        for other in rows:
            del other[int(column)]
    else:
        cells[int(column)] = {"empty-cell": "", "word-cell": "qx"}.get(kind, cells[int(column)] + "_x")
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def _rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode())))


# --- lines ----------------------------------------------------------------------------------------------

_NUMBERS = re.compile(rb"[\d.]+( [\d.]+){3,}")


def line_changes(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield every change of lines of numbers, or of names, as (kind, place)."""
    lines = data.splitlines()
    yield "no-lines", "0"
    for number, line in enumerate(lines):
        place = f"{number}"
        yield "double-line", place
        if not _NUMBERS.match(line):
            yield from ((kind, place) for kind in ("drop-line", "blank-line"))
            continue
        yield from ((kind, place) for kind in ("more-columns", "fewer-columns", "two-more", "comma"))
        yield from ((kind, place) for kind in ("unknown-class", "half-class", "negative-class", "word-class"))
        for column in range(1, min(len(line.split()), 6)):
            yield from (
                (kind, f"{number},{column}") for kind in ("word", "nan", "pixels", "negative", "lost")
            )


def line_apply(data: bytes, kind: str, place: str) -> bytes:
    """Return the changed lines."""
    if kind == "no-lines":
        return b""
    lines = data.splitlines()
    row, _, column = place.partition(",")
    at = int(row)
    words = lines[at].split()
    if kind == "double-line":
        lines.insert(at, lines[at])
    elif kind == "drop-line":
        del lines[at]
    elif kind == "blank-line":
        lines.insert(at, b"")
    elif column:
        word = words[int(column)]
        words[int(column)] = {
            "word": b"qx", "nan": b"nan", "pixels": b"%d" % int(float(word) * 1000 + 3),
                "negative": b"-" + word,
            "lost": b"",
        }[kind]  # fmt: skip
        lines[at] = b" ".join(filter(None, words))
    elif kind == "comma":
        lines[at] = b",".join(words)
    elif kind.endswith("-class"):
        words[0] = {"unknown": b"99", "half": b"0.5", "negative": b"-1", "word": b"qx"}[kind[:-6]]
        lines[at] = b" ".join(words)
    else:
        words = words[:-1] if kind == "fewer-columns" else [*words, b"0.9"]
        lines[at] = b" ".join([*words, b"3"] if kind == "two-more" else words)
    return b"\n".join(lines) + b"\n"
