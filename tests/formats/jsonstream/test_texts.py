"""Strings found without parsing are those of a parser; hashes of paths are those of their stems."""

from __future__ import annotations

import json
import posixpath

import numpy as np
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from gtmask.formats.jsonstream import open_document
from gtmask.formats.jsonstream.texts import (
    ANYWHERE,
    INSIDE,
    SEPARATOR,
    hash_stems,
    texts_of,
)
from tests.support.memory_export import BytesExport

names = st.text(st.sampled_from('ab./\\"é\x7f\u20ac \n'), max_size=8) | st.sampled_from(["a.jpg", "x/y.png"])
elements = st.fixed_dictionaries({}, optional={"n": names | st.integers() | st.none(), "m": names})


@settings(max_examples=300, deadline=None)
@given(
    st.lists(elements | names | st.lists(names, max_size=2), max_size=6),
    st.booleans(),
    st.sampled_from([1, 64, 1 << 20]),
)
def test_texts_are_those_of_a_parser(content, ascii_only, window):
    data = json.dumps(content, ensure_ascii=ascii_only).encode()
    asked = []

    def otherwise(element):
        asked.append(element)
        return f"other {element}"

    found = []
    for batch in open_document(BytesExport(data), "a.json", window).container().batches("n"):
        texts = texts_of(batch, otherwise)
        found += [texts[i] for i in range(len(texts))]
    plain = [
        element["n"]
        if isinstance(element, dict)
        and isinstance(element.get("n"), str)
        and element["n"]
        and all(" " <= byte < "\x7f" and byte not in '"\\' for byte in element["n"])
        else None
        for element in content
    ]
    assert found == [
        text or f"other {element}" for text, element in zip(plain, orjson.loads(data), strict=True)
    ]
    assert asked == [element for text, element in zip(plain, content, strict=True) if text is None]


def test_the_first_of_some_texts():
    data = b'[{"n":"a"},{"n":1},{"n":"c"},{}]'
    (batch,) = open_document(BytesExport(data), "a.json").container().batches("n")
    texts = texts_of(batch, str)
    first = texts.first(2)
    assert [first[i] for i in range(len(first))] == ["a", "{'n': 1}"]
    assert first.others.keys() == {1}
    assert len(texts.first(9)) == 4


def naive_hash(data: bytes) -> int:
    state = 0xCBF29CE484222325
    for byte in data:
        state = ((state ^ byte) * 0x100000001B3) % 2**64
    state = ((state ^ (state >> 32)) * 0xBF58476D1CE4E5B9) % 2**64
    return state ^ (state >> 32)


def naive_stem(path: str, drop: int) -> str | None:
    parts = path.split("/")
    if not all(part and part[0] == "a" and set(part) <= set("a.") for part in parts):
        return None
    return posixpath.splitext("/".join(parts[min(drop, len(parts) - 1) :]))[0]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.text(st.sampled_from("aa./b"), max_size=12), max_size=5), st.sampled_from([0, 1, 2, 99]))
def test_stems_are_hashed(paths, drop):
    kinds = np.zeros(256, np.uint8)
    kinds[ord("a")], kinds[ord(".")], kinds[ord("/")] = ANYWHERE, INSIDE, SEPARATOR
    data = np.frombuffer(("".join(paths) + "#").encode(), np.uint8).copy()
    stops = np.cumsum([len(path) for path in paths], dtype=np.int64)
    starts = stops - np.array([len(path) for path in paths], np.int64)
    starts[1:2] = -1
    hashes, done = np.zeros(len(paths), np.uint64), np.full(len(paths), 9, np.uint8)
    hash_stems(data, starts, stops, kinds, drop, hashes, done)
    for i, path in enumerate(paths):
        stem = None if i == 1 else naive_stem(path, drop)
        assert done[i] == (stem is not None)
        assert stem is None or int(hashes[i]) == naive_hash(stem.encode())
