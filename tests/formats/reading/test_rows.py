"""Where records stand in documents of many: lines, arrays, single objects; headers; pictures by address."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtmask.errors import DamagedExportError
from gtmask.formats.base import ReadOptions
from gtmask.formats.jsonstream import Document
from gtmask.formats.reading import rows
from gtmask.formats.reading.checks import decode_base64, pairs, real, rgb_key
from gtmask.formats.reading.malformed import describe
from gtmask.formats.reading.pictures import Pictures, candidates
from gtmask.formats.reading.rows import Row, RowsReader, header, only_document
from gtmask.model import Record
from tests.support.small_exports import FilesExport


def parse(value: object, reader: RowsReader, unit: Row) -> Record:
    return Record(json.dumps(value))


def read_values(content: bytes, path: tuple[str, ...] | None = None) -> list:
    reader = RowsReader(FilesExport({"a.json": content}), ReadOptions(), "t", parse=parse, path=path)
    return [json.loads(reader.record(unit).image) for unit in reader.units()]


#: Integers beyond 64 bits become floats in orjson, and not in the standard library.
INTEGERS = st.integers(-(2**63), 2**64 - 1)
VALUES = st.dictionaries(
    st.text(max_size=5), INTEGERS | st.text(max_size=90) | st.lists(st.none(), max_size=3), max_size=4
)


@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(VALUES, min_size=1, max_size=6),
    ends=st.lists(st.sampled_from(["\n", "\r\n", "\n\n", "\n  \r\n"]), min_size=6, max_size=6),
    piece=st.integers(1, 40),
    last=st.booleans(),
    bom=st.booleans(),
)
def test_lines_are_those_of_a_plain_split(values: list, ends: list, piece: int, last: bool, bom: bool):
    content = "".join(
        json.dumps(value, ensure_ascii=False) + end for value, end in zip(values, ends, strict=False)
    )
    data = (content if last else content.rstrip()).encode("utf-8-sig" if bom else "utf-8", "replace")
    whole, rows.PIECE = rows.PIECE, piece
    try:
        assert read_values(data) == [json.loads(json.dumps(value)) for value in values]
    finally:
        rows.PIECE = whole


@settings(max_examples=100, deadline=None)
@given(st.lists(VALUES, max_size=6), st.sampled_from([None, 1]))
def test_arrays_and_arrays_under_a_path(values: list, indent: int | None):
    expected = json.loads(json.dumps(values))
    assert read_values(json.dumps(values, indent=indent).encode()) == expected
    nested = {"first": [{"x": {"y": 1}}], "a": {"z": 1, "b": values}, "last": 2}
    assert read_values(json.dumps(nested, indent=indent).encode(), ("a", "b")) == expected


def test_one_object_is_one_record_however_it_is_written():
    value = {"a": [1, {"b": "\n"}]}
    for indent in (None, 1, "\t"):
        assert read_values(json.dumps(value, indent=indent).encode()) == [value]


def test_a_value_that_is_no_json_is_one_reject():
    reader = RowsReader(FilesExport({"a.json": b"nonsense"}), ReadOptions(), "t", parse=parse)
    (record,) = [reader.record(unit) for unit in reader.units()]
    assert [finding.code for finding in record.findings] == ["record-bad"]
    assert "a.json, record 1" in record.findings[0].detail


def test_records_are_called_as_the_tool_calls_them():
    values = [{"id": 7}, {"id": None, "data": {"name": "x"}}, {"id": [1], "data": 3}, {}]
    reader = RowsReader(FilesExport({"a.json": json.dumps(values).encode()}), ReadOptions(), "t", parse=parse,
                        called=("task", "id", "data.name"))  # fmt: skip
    places = [reader.record(unit).where for unit in reader.units()]
    assert places == [f"a.json, task {name}" for name in ("7", "x", "number 3", "number 4")]


def test_other_files_of_a_folder_are_counted():
    files = {"a.json": b"[{}]", "b.jsonl": b"{}\n{}", "c.html": b"", "d.jpg": b"", "e.dat": b"", "f.dat": b""}
    reader = RowsReader(FilesExport(files), ReadOptions(), "t", parse=parse)
    assert [unit.name for unit in reader.units()] == ["a.json", "b.jsonl", "b.jsonl"]
    assert [(finding.code, finding.detail) for finding in reader.findings] == [
        ("file-skipped", "2 files, the first one e.dat")]  # fmt: skip


def test_headers_stand_anywhere():
    export = FilesExport(
        {"a.json": b'{"x": [{"config": 1}], "d": {"skip": {}, "config": {"b": 2}}, "config": 3}'}
    )
    assert header(export, "a.json", ("config",)) == {"config": 3}
    assert header(export, "a.json", ("config",), ("d",)) == {"config": {"b": 2}}
    assert header(export, "a.json", ("none",)) == {}
    assert header(export, None, ("config",)) == {}
    assert header(FilesExport({"a.json": b"[1]"}), "a.json", ("config",)) == {}


def test_headers_of_damaged_documents():
    export = FilesExport({"a.json": b'{"config": 3, "rows": [1, 2'})
    assert header(export, "a.json", ("config",)) == {"config": 3}
    with pytest.raises(DamagedExportError):
        header(export, "a.json", ("config", "none"))
    assert header(export, "a.json", ("config", "none"), keep_going=True) == {"config": 3}


def test_the_only_document():
    assert only_document(FilesExport({"a.json": b"", "b.png": b""})) == "a.json"
    assert only_document(FilesExport({"a.json": b"", "b.json": b""})) is None


def test_a_first_line_that_is_too_long_is_no_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rows, "LONGEST_LINE", 10)
    assert not rows.lines_of(Document(FilesExport({"a": b'{"a": "long enough"}\n{}'}), "a"), 0)


S3 = "s3://bucket/a/b/2022-09:17.png"
WEB = "https://host:80/x/y%20z.png?token=1#f"


def test_places_of_pictures():
    assert list(candidates(S3))[:6] == ["a/b/2022-09:17.png", "../a/b/2022-09:17.png",
                                        "../../a/b/2022-09:17.png",
                                        "b/2022-09:17.png", "../b/2022-09:17.png",
                                        "../../b/2022-09:17.png"]  # fmt: skip
    assert "2022-09_17.png" in candidates(S3)
    assert "labels/2022-09:17.png" in candidates(S3)
    assert next(iter(candidates(WEB, ["i.png"]))) == "x/y z.png"
    assert "masks/i.png" in candidates(WEB, ["i.png"])
    assert len(list(candidates(WEB))) == len(set(candidates(WEB)))


@pytest.mark.parametrize(
    "address", ["", "/", "s3://", "s3://b", "http://[bad", "..", "../../../../etc/passwd", "\\", "a//b"]
)
def test_odd_addresses_lead_nowhere_else(address: str):
    for place in candidates(address):
        assert ".." not in place.removeprefix("../").removeprefix("../")
        assert not place.startswith("/")


def test_a_name_may_hold_what_looks_like_a_query():
    assert Pictures(FilesExport({"a?b#c.png": b""})).find("masks/a?b#c.png") == "a?b#c.png"


@pytest.mark.parametrize("document", ["a.json", "other.ndjson"])
def test_an_end_that_several_addresses_have_names_none_of_them(document: str):
    """All masks of an export may be called mask.png; the one file of that name is of one of them at most."""
    one, other = "https://x.y/p/7/mask.png?token=1", "https://x.y/p/8/mask.png"
    files = {document: json.dumps([{"mask": {"url": one}}, {"instanceURI": other}]).encode(), "mask.png": b""}
    pictures = pickle.loads(pickle.dumps(Pictures(FilesExport(files))))
    assert pictures.find(one) is None
    assert pictures.find(one, ["feature.png"]) is None
    assert Pictures(FilesExport({**files, "feature.png": b""})).find(one, ["feature.png"]) == "feature.png"
    assert Pictures(FilesExport({**files, "7/mask.png": b""})).find(one) == "7/mask.png"
    again = json.dumps([{"url": one}, {"url": one.replace("token=1", "token=2")}]).encode()
    assert Pictures(FilesExport({**files, document: again})).find(one) == "mask.png"


def test_small_fields():
    assert rgb_key("#0102ff") == 1 | 2 << 8 | 255 << 16
    assert rgb_key("0102FF") == rgb_key(" #0102ff ")
    assert decode_base64("data:image/png;base64,YWJj\n") == decode_base64("YWJj") == b"abc"
    assert describe(KeyError("x")) == "'x' is missing"
    assert pairs([]) == []
    assert real(3) == 3.0


@pytest.mark.parametrize("broken", ["#12345", "#gggggg", None, 3, "", "#1234567"])
def test_broken_colours(broken: object):
    with pytest.raises((TypeError, ValueError)):
        rgb_key(broken)


@pytest.mark.parametrize("broken", [[[1, 2, 3]], [[1]], [1, 2], "ab", None, [[1, 2], [3]], {"x": 1}])
def test_broken_pairs(broken: object):
    with pytest.raises((TypeError, ValueError)):
        pairs(broken)


@pytest.mark.parametrize("broken", [True, None, "1", [], {}])
def test_what_is_no_number(broken: object):
    with pytest.raises(TypeError):
        real(broken)
