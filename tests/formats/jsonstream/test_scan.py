"""Byte ranges found by the scanner are those of a parser, however the document is cut into windows."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtmask.errors import DamagedExportError, ExportError
from gtmask.formats.jsonstream import (
    Document,
    elements,
    load,
    members,
    open_document,
    parse_elements,
    split_array,
)
from gtmask.formats.jsonstream.document import BLOCK
from tests.support.memory_export import BytesExport, FileExport

WINDOWS = (1, 2, 3, 7, 8, 9, 16, 61, 1 << 20)


def texts() -> st.SearchStrategy[str]:
    """Strings that a careless scanner would trip over."""
    return st.text(st.sampled_from('[]{},:"\\ \n\tabü\u20ac\U0001f600\0'), max_size=12)


def values() -> st.SearchStrategy[Any]:
    numbers = st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False)
    return st.recursive(
        st.none() | st.booleans() | numbers | texts(),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts(), inner, max_size=5),
        max_leaves=25,
    )


def nested() -> st.SearchStrategy[Any]:
    inner = st.fixed_dictionaries({"b": values(), "x": st.lists(values()), "y": values()})
    return st.fixed_dictionaries({"a": values(), "in": inner, "z": values()})


@st.composite
def documents(draw, value):
    """A value, and its bytes in one of the ways in which tools write JSON."""
    content = draw(value)
    style = draw(
        st.sampled_from([{"separators": (",", ":")}, {}, {"indent": 2}, {"indent": 1, "ensure_ascii": False}])
    )
    text = json.dumps(content, **style)
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n") if "\n" in text else f" \r\n\t{text} \r\n"
    return content, text.encode("utf-8", "surrogatepass")


@settings(max_examples=150, deadline=None)
@given(documents(st.lists(values(), max_size=8)), st.sampled_from(WINDOWS))
def test_elements_are_those_of_a_parser(document, window):
    content, data = document
    ranges = list(elements(BytesExport(data), "a.json", window=window))
    assert [orjson.loads(data[start:stop]) for start, stop in ranges] == orjson.loads(data) == content


@settings(max_examples=150, deadline=None)
@given(documents(st.dictionaries(texts(), values(), max_size=8)), st.sampled_from(WINDOWS))
def test_members_are_those_of_a_parser(document, window):
    content, data = document
    found = {
        key: orjson.loads(data[start:stop])
        for key, start, stop in members(BytesExport(data), "a.json", window=window)
    }
    assert found == content


@settings(max_examples=100, deadline=None)
@given(documents(nested()), st.sampled_from(WINDOWS))
def test_a_path_leads_to_a_nested_array(document, window):
    content, data = document
    ranges = elements(BytesExport(data), "a.json", ("in", "x"), window=window)
    assert [orjson.loads(data[start:stop]) for start, stop in ranges] == content["in"]["x"]


def test_every_position_of_a_window_border():
    content = [
        {'k"]': 'a\\\\"}', "n": [-1.5e3, {}, [], [[1], "é"]]},
        None,
        True,
        17,
        "",
        "\\",
        [],
        {"a": {"b": [{}]}},
    ]
    for data in (json.dumps(content).encode(), json.dumps(content, indent=3, ensure_ascii=False).encode()):
        for window in range(1, len(data) + 2):
            ranges = elements(BytesExport(data), "a.json", window=window)
            assert [orjson.loads(data[start:stop]) for start, stop in ranges] == content


def test_local_files_are_read_like_others(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b'{"x": [1, 22, {"y": 3}]}')
    assert list(elements(FileExport(path), "a.json", ("x",))) == list(
        elements(BytesExport(path.read_bytes()), "a.json", ("x",))
    )
    assert Document(FileExport(path), "a.json").read(7, 12) == b"1, 22"


def test_more_entries_than_one_call_returns():
    data = json.dumps(list(range(20_000))).encode()
    assert sum(True for _ in elements(BytesExport(data), "a.json")) == 20_000


def test_a_missing_path_has_no_elements_and_equal_keys_on_it_are_damage():
    assert list(elements(BytesExport(b'{"a": {"x": [1]}, "c": 1}'), "a.json", ("b", "x"))) == []
    data = b'{"a": {"x": [1]}, "c": 1, "d": 2, "a": {"x": [2, 3]}}'
    ranges = elements(BytesExport(data), "a.json", ("a", "x"))
    assert data[slice(*next(ranges))] == b"1"
    with pytest.raises(DamagedExportError, match="'a' stands twice"):
        next(ranges)
    with pytest.raises(DamagedExportError, match="'c' stands twice"):
        list(elements(BytesExport(b'{"a": [1], "c": 1, "c": 2}'), "a.json", ("a",)))


def test_keys_with_escapes_are_decoded():
    assert [key for key, _, _ in members(BytesExport(b'{"\\u0061\\n": 1, "\\ud800": 2}'), "a.json")] == [
        "a\n",
        "\\ud800",
    ]


def test_a_huge_element_does_not_make_the_window_grow():
    export = BytesExport(b'[1,"' + b"x" * 3_000_000 + b'",[' + b"1," * 1_000_000 + b"1],2]")
    ranges = list(elements(export, "a.json", window=1 << 16))
    assert len(ranges) == 4
    assert export.largest <= BLOCK


def test_entries_can_be_loaded_entered_or_left():
    cursor = open_document(BytesExport(b'{"a": {"deep": [1, 2]}, "b": [3, 4, 5], "c": "text"}'), "a.json", 4)
    seen: dict[str, Any] = {}
    for entry in cursor.container().entries():
        if entry.key == "a":
            seen["a"] = [inner.key for inner in entry.enter().entries()]
        elif entry.key == "c":
            seen["c"] = entry.load()
    cursor.finish()
    assert seen == {"a": ["deep"], "c": b'"text"'}


DAMAGED = [
    (b"[1, 2", 5, "',' or ']'"),
    (b'[1, "ab', 7, "the end of a string"),
    (b'[1, "ab\\', 8, "the end of a string"),
    (b"[1, {", 5, "the closing bracket of a value"),
    (b"[1,\n ,2]", 5, "a value"),
    (b"[1, ]", 4, "a value"),
    (b"[1 2]", 3, "',' or ']'"),
    (b"[1}", 2, "',' or ']'"),
    (b"[1] x", 4, "the end of the document"),
    (b"[", 1, "a value or ']'"),
    (b"hello", 0, "an array or an object"),
    (b"  ", 2, "an array or an object"),
    (b'{"a": 1}', 0, "an array"),
]


@pytest.mark.parametrize("window", [1, 3, 8, 4096])
@pytest.mark.parametrize(("data", "offset", "expected"), DAMAGED)
def test_damage_is_told_with_its_place(data, offset, expected, window):
    with pytest.raises(DamagedExportError) as caught:
        list(elements(BytesExport(data), "a.json", window=window))
    assert caught.value.offset == offset
    line = data[:offset].count(b"\n") + 1
    assert f"byte {offset} (line {line}): expected {expected};" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "offset", "expected"),
    [(b'{"a" 1}', 5, "':'"), (b"{1: 2}", 1, "a key or '}'"), (b'{"a": 1,}', 8, "a key in double quotes"),
     (b'{"a": }', 6, "a value"), (b'{"a', 3, "the end of a key"), (b'{"a": 1]', 7, "',' or '}'")],
)  # fmt: skip
def test_damage_in_objects_is_told_with_its_place(data, offset, expected):
    with pytest.raises(DamagedExportError) as caught:
        list(members(BytesExport(data), "a.json"))
    assert caught.value.offset == offset
    assert expected in str(caught.value)


def test_all_elements_before_the_damage_come_first():
    seen = []
    ranges = elements(BytesExport(b"[1, 22, [3, 4], {"), "a.json", window=4)
    with contextlib.suppress(DamagedExportError):
        for span in ranges:
            seen.append(span)
    assert seen == [(1, 2), (4, 6), (8, 14)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_told_as_such(encoding):
    with pytest.raises(ExportError, match="UTF-16"):
        list(elements(BytesExport("[1]".encode(encoding)), "a.json"))


def test_a_byte_order_mark_is_skipped_and_an_empty_file_is_told():
    assert list(elements(BytesExport(b"\xef\xbb\xbf[7]"), "a.json")) == [(4, 5)]
    with pytest.raises(ExportError, match="empty"):
        list(elements(BytesExport(b""), "a.json"))


def test_nesting_of_ten_thousand_levels_costs_nothing():
    deep = b"[" * 10_000 + b"]" * 10_000
    data = b"[" + deep + b", 1]"
    assert [data[start:stop] for start, stop in elements(BytesExport(data), "a.json", window=64)] == [
        deep,
        b"1",
    ]
    with pytest.raises(DamagedExportError):
        load(deep)


@pytest.mark.parametrize("piece", [b'"\\ud800"', b"\0", b"01", b"nul", b'"\x01"', b"{]}", b""])
def test_what_is_no_json_is_told_by_the_parser(piece):
    with pytest.raises(DamagedExportError, match="shape 3 is no valid JSON at byte"):
        load(piece, "shape 3")


def test_a_number_of_a_megabyte_is_an_element_like_others():
    data = b"[" + b"1" * 1_000_000 + b", 2]"
    assert list(elements(BytesExport(data), "a.json", window=512)) == [(1, 1_000_001), (1_000_003, 1_000_004)]


def test_one_bad_element_leaves_its_neighbours():
    good, bad, other = parse_elements(b'{"a": 1}, {"b": nul}, "]"')
    assert (good, other) == ({"a": 1}, "]")
    assert isinstance(bad, orjson.JSONDecodeError)
    assert split_array(b"") == []
    assert split_array(b'1,"a,b",[2,3') == [b"1", b'"a,b"', b"[2,3"]
