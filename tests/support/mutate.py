"""Breaks documents in the ways that real ones are broken; for property tests of readers.

``mutations(value)`` is a Hypothesis strategy of broken copies of a JSON value: keys dropped or renamed,
types swapped, numbers made NaN, infinite or huge, lists emptied, nested or cut, elements duplicated.
``broken_bytes(value)`` adds what happens to files: cut off, bytes flipped, another encoding.
``assert_survives(read)`` says what may come out: records, findings, and errors of the project.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st

from gtmask.errors import GtmaskError
from gtmask.findings import CODES
from gtmask.model import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: What is put in place of a value of any type.
STRANGERS: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2.5, -0.0, float("nan"), float("inf"), 1e300, -1e300, 2**31, 2**63,
    10**30,
    "", " ", "x", "1", "nan", "../../x.jpg", "C:\\a\\b.jpg", "é\u0000\ud83d\ude00", [], [[]], [[[]]], {},
    {"": {}}, [None], [1], [1, 2], [1, 2, 3], ["a"], [{"a": 1}], {"x": 1, "y": "z"},
    {"0": [1, 2]}, [[0, 0], [9, 0], [9, 9]],
)  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterable[tuple[Any, ...]]:
    """Yield the path of every value inside a document."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value[:40]):
            yield from _places(inner, (*path, index))


def _mutate(value: Any, path: tuple[Any, ...], kind: str, stranger: Any) -> Any:
    """Return the document with the value at ``path`` broken in one way."""
    if not path:
        return stranger if kind == "replace" else [value]
    parent = value
    for step in path[:-1]:
        parent = parent[step]
    key = path[-1]
    if kind == "drop":
        del parent[key]
    elif kind == "wrap":
        parent[key] = [parent[key]]
    elif kind == "unwrap" and isinstance(parent[key], list) and parent[key]:
        parent[key] = parent[key][0]
    elif kind == "double" and isinstance(parent, list):
        parent.insert(key, copy.deepcopy(parent[key]))
    elif kind == "text":
        parent[key] = str(parent[key])
    else:
        parent[key] = stranger
    return value


@st.composite
def mutations(draw: st.DrawFn, document: Any, most: int = 3) -> Any:
    """Draw a copy of a JSON document broken in one to ``most`` places."""
    value = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, most))):
        places = list(_places(value))
        path = draw(st.sampled_from(places))
        kind = draw(st.sampled_from(["drop", "wrap", "unwrap", "double", "text", "replace", "replace"]))
        value = _mutate(value, path, kind, copy.deepcopy(draw(st.sampled_from(STRANGERS))))
    return value


@st.composite
def broken_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """Draw a copy of a file that was cut off, had a byte changed, or was saved in another encoding."""
    how = draw(st.sampled_from(["cut", "flip", "nul", "bom", "utf-16", "repeat"]))
    at = draw(st.integers(0, max(len(data) - 1, 0)))
    if how == "cut":
        return data[:at]
    if how == "flip":
        return data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]
    if how == "nul":
        return data[:at] + b"\0" + data[at:]
    if how == "bom":
        return b"\xef\xbb\xbf" + data
    if how == "utf-16":
        return data.decode("utf-8", "replace").encode("utf-16")
    return data + data[:at]


def as_json(document: Any) -> bytes:
    """Return a broken document as bytes, NaN and Infinity written as the tools write them."""
    return json.dumps(document).encode("utf-8", "surrogatepass")


def assert_sound(record: Record) -> None:
    """Check what every reader owes: consistent arrays, finite numbers, known codes, run sums that fit."""
    assert isinstance(record, Record)
    assert isinstance(record.image, str)
    assert all(finding.code in CODES for finding in record.findings)
    for size in (record.width, record.height):
        assert size is None or (isinstance(size, int) and size > 0)
    assert record.points.dtype == np.float64
    assert record.points.ndim == 2
    assert record.points.shape[1] == 2
    assert np.isfinite(record.points).all()
    for offsets, end in ((record.ring_offsets, len(record.points)),
                         (record.part_offsets, len(record.ring_offsets) - 1)):  # fmt: skip
        assert offsets.dtype == np.int32
        assert offsets[0] == 0
        assert offsets[-1] == end
        assert (np.diff(offsets) >= 0).all()
    parts = len(record.part_offsets) - 1
    for shape in record.shapes:
        assert isinstance(shape.label, str)
        assert 0 <= shape.parts[0] <= shape.parts[1] <= parts
        if shape.runs is not None:
            assert shape.runs.counts.dtype == np.int64
            assert (shape.runs.counts >= 0).all()
            assert shape.runs.counts.sum() == shape.runs.height * shape.runs.width
            assert shape.runs.height > 0
            assert shape.runs.width > 0
        if shape.bitmap is not None:
            given = (shape.bitmap.data, shape.bitmap.file, shape.bitmap.plane)
            assert sum(value is not None for value in given) == 1


def assert_survives(read: Callable[[], Iterable[Record]]) -> list[Record]:
    """Run a reader on a broken export: sound records or an error of the project, nothing else.

    Returns
    -------
    list[Record]
        What was read; empty when the reader refused the export.
    """
    records: list[Record] = []
    try:
        for record in read():
            assert_sound(record)
            records.append(record)
    except GtmaskError as error:
        text = str(error)
        assert text, "an error says nothing"
        assert "\n" not in text, "an error is one sentence"
        assert len(text) < 1000, "an error repeats the document"
    return records
