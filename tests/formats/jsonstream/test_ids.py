"""Ids read without parsing are those that a parser finds; joins put every element to its owner."""

from __future__ import annotations

import itertools
import json

import numpy as np
import orjson
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtmask.formats.jsonstream import joins, open_document
from gtmask.formats.jsonstream.ids import MISSING, id_key, keys_of, normal_id
from gtmask.formats.jsonstream.joins import Index
from tests.support.memory_export import BytesExport


def keys_in(data: bytes, window: int = 256) -> list[int]:
    container = open_document(BytesExport(data), "a.json", window).container()
    return [key for batch in container.batches("id") for key in keys_of(batch).tolist()]


def naive(element) -> int:
    return id_key(element.get("id")) if isinstance(element, dict) else MISSING


def ids():
    edges = st.sampled_from(
        [0, -1, 10**18, -(10**18), 2**62, 2**63, 10**30, 7.0, 7.5, "7", "-7", "07", "-0", "", "1e3"]
    )
    return (
        edges | st.integers(-(2**63), 2**63) | st.text(max_size=20) | st.none() | st.booleans() | st.just([7])
    )


elements = st.fixed_dictionaries(
    {},
    optional={
        "id": ids(),
        "image_id": ids(),
        "id ": ids(),
        "nested": st.fixed_dictionaries({"id": ids()}),
        "list": st.lists(st.fixed_dictionaries({"id": ids()}), max_size=2),
        "text": st.sampled_from(['"id": 3', "{", "}", '\\"id\\":4,', ',"id":5', "id"]),
    },
).flatmap(lambda value: st.permutations(list(value.items())).map(dict))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(elements | st.sampled_from([None, 3, "id", [], ["id", 3]]), max_size=6),
    st.sampled_from([None, 2]),
    st.sampled_from([1, 5, 64, 1 << 20]),
)
def test_keys_are_those_of_a_parser(content, indent, window):
    data = json.dumps(content, indent=indent).encode()
    assert keys_in(data, window) == [naive(element) for element in orjson.loads(data)]


@pytest.mark.parametrize(
    ("element", "key"),
    [
        ('{"a":"id","id":4,"b":"id"}', 4),
        ('{"a":"i\\u0064","id":4,"c":"\\/"}', 4),
        ('["id", 3]', MISSING),
        ('{"id":1,"id":2}', 2),
        # Nobody can say which of the two counts.
        ('{"id":1,"\\u0069d":2}', MISSING),
        ('{"i\\u0064":"x\\n"}', id_key("x\n")),
        ('{"x":"\\"id\\":9","id" : 4 }', 4),
        ('{"id"\n:\t-5\n}', -5),
        ('{"id":5e2}', 500),
        ('{"id":05}', MISSING),
        ('{"id":5x}', MISSING),
        ('{"id":nul}', MISSING),
        ('{"id":"\\ud800"}', MISSING),
        ('{"a":{"id":6}}', MISSING),
        ('{"id":12345678901234567890123}', id_key(float(12345678901234567890123))),
    ],
)
def test_odd_spellings(element, key):
    assert keys_in(f"[{element}]".encode()) == [key]


def test_numbers_and_their_spellings_are_one_id_and_others_are_not():
    assert normal_id("17") == normal_id(17) == normal_id(17.0) == 17
    assert normal_id("017") == "017"
    assert normal_id(True) is None
    assert id_key("17") == 17
    assert len({id_key(value) for value in ("a", "b", "017", "", 2**80, None)}) == 6
    assert id_key("a") >= 1 << 62


def naive_ranges(keys, starts, stops, owners):
    """For each owner the ranges of its elements in order, those that follow one another as one."""
    seen, found = set(), []
    for owner in owners:
        mine = [] if owner in seen or owner == MISSING else [i for i, key in enumerate(keys) if key == owner]
        seen.add(owner)
        ranges = []
        for n, i in enumerate(mine):
            if n and mine[n - 1] == i - 1:
                ranges[-1][1] = stops[i]
            else:
                ranges.append([starts[i], stops[i]])
        found.append(ranges)
    return found


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([1, 2, 3, 5, 8, 2**62 + 1, -4, MISSING]), max_size=40),
    st.lists(st.sampled_from([1, 2, 3, 5, 8, 13, 2**62 + 1, -4, MISSING]), max_size=9),
    st.booleans(),
    st.sampled_from([0, 1 << 30]),
    st.integers(1, 5),
)
def test_joins_put_elements_to_their_owners(keys, owners, grouped, limit, step):
    if grouped:
        keys = sorted(keys, key=lambda key: owners.index(key) if key in owners else len(owners))
    starts = [10 * i for i in range(len(keys))]
    stops = [start + 9 for start in starts]
    index = Index(limit)
    for i in range(0, len(keys), 7):
        arrays = (np.array(values[i : i + 7], np.int64) for values in (keys, starts, stops))
        index.append(*arrays)
    index.join(np.array(owners, np.int64))
    expected = naive_ranges(keys, starts, stops, owners)
    assert index.orphans == len([key for key in keys if key not in owners or key == MISSING])
    assert len(index) == len(keys)
    for first in range(0, len(owners), step):
        last = min(first + step, len(owners))
        ranges, offsets = index.ranges(first, last)
        found = [ranges[a:b].tolist() for a, b in itertools.pairwise(offsets.tolist())]
        assert found == expected[first:last]


def test_an_index_beyond_the_limit_is_in_a_file_and_answers_the_same(monkeypatch):
    monkeypatch.setattr(joins, "_BLOCK", 64)
    rng = np.random.default_rng(5)
    keys = rng.integers(0, 300, 5000)
    starts = np.arange(5000) * 100
    answers = []
    for limit in (0, 20_000, 1 << 30):
        index = Index(limit)
        for i in range(0, 5000, 50):
            index.append(keys[i : i + 50], starts[i : i + 50], starts[i : i + 50] + 90)
        index.join(np.arange(300))
        assert isinstance(index.keys, np.memmap) == (limit < 1 << 30)
        ranges, offsets = index.ranges(0, 300)
        answers.append((ranges.tolist(), offsets.tolist()))
    assert answers[0] == answers[1] == answers[2]


def test_what_is_on_disk_is_closed_with_the_index():
    before = psutil.Process().num_fds()
    index = Index(0)
    index.append(np.arange(9), np.arange(9), np.arange(9) + 1)
    assert psutil.Process().num_fds() > before
    del index
    assert psutil.Process().num_fds() == before


def test_an_index_takes_twenty_bytes_per_element():
    index = Index(1 << 40)
    count = 1 << 20
    index.append(np.arange(count), np.arange(count), np.arange(count) + 1)
    assert sum(column.nbytes for column in (index._keys, index._starts, index._lengths)) <= 24 * count


@pytest.mark.parametrize(
    ("keys", "grouped"),
    [([1, 1, 2, 3], True), ([1, 2, 1, 3], False), ([1, 1, 2, 9], True), ([9, 1, 2, 2], False)],
)
def test_whether_elements_are_grouped_is_known(keys, grouped):
    index = Index(1 << 30)
    index.append(np.array(keys), np.arange(4), np.arange(4) + 1)
    index.join(np.array([1, 2, 3]))
    assert index.grouped == grouped
