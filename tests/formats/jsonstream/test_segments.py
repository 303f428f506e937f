"""An array scanned by several threads is the array that one scanner finds, whatever its strings look like."""

from __future__ import annotations

import json
import random
import threading
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gtmask.errors import ExportError
from gtmask.formats.jsonstream import open_document, segments
from gtmask.formats.jsonstream.ids import keys_of
from gtmask.formats.jsonstream.segments import mapped
from tests.support.memory_export import BytesExport, FileExport

if TYPE_CHECKING:
    from pathlib import Path

    from gtmask.formats.jsonstream import Batch

#: What a guess takes for the end of one element and the beginning of the next.
TRAPS = ['},{"id":', '} , {\n"id" :', '}],"x":[{},{"id":', '\\"},{\\"id\\":"', "]},", '"}', "{[", "\\", "id"]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Make segments of a few elements, so that small documents have many."""
    monkeypatch.setattr(segments, "SEGMENT", 64)
    monkeypatch.setattr(segments, "_WINDOW", 48)
    return monkeypatch


def rows(batch: Batch) -> tuple[bool, list[tuple[int, int, int]]]:
    found = list(zip(keys_of(batch).tolist(), *batch.rows[:, 2:4].T.tolist(), strict=True))
    return threading.current_thread().name.startswith("gtmask-scan"), found


def walk(path: Path, threads: int) -> tuple[list[tuple[int, int, int]], list[str], str, int]:
    """Return the rows of the array "a", the keys behind it, the error and how many rows threads found."""
    found: list[tuple[int, int, int]] = []
    behind: list[str] = []
    error = ""
    by_threads = 0
    try:
        cursor = open_document(FileExport(path), path.name, 256)
        for entry in cursor.container().entries():
            if entry.key == "a":
                for in_thread, part in mapped(entry.enter(), "id", rows, threads):
                    found += part
                    by_threads += in_thread * len(part)
            else:
                behind.append(f"{entry.key}: {entry.load()!r}")
        cursor.finish()
    except ExportError as caught:
        error = str(caught)
    return found, behind, error, by_threads


texts = st.lists(st.sampled_from(TRAPS), max_size=3).map("".join)
inner = st.recursive(
    st.integers(-9, 10**9) | texts | st.none(),
    lambda value: st.lists(value, max_size=3) | st.dictionaries(st.sampled_from(["id", "x", "y"]), value),
    max_leaves=6,
)
element = st.fixed_dictionaries({"id": st.integers(0, 99)}, optional={"x": inner, "y": inner})


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(element | inner, max_size=40),
    st.sampled_from([None, 1]),
    st.tuples(st.floats(0, 1), st.binary(max_size=2)) | st.none(),
)
def test_threads_find_what_one_scanner_finds(tiny, tmp_path, content, indent, damage):
    data = json.dumps({"a": content, "b": [{"id": 3}], "c": content[:2]}, indent=indent).encode()
    if damage is not None:
        place = int(damage[0] * len(data))
        data = data[:place] + damage[1] + data[place + 1 :]
    path = tmp_path / "a.json"
    path.write_bytes(data)
    assert walk(path, 3)[:3] == walk(path, 1)[:3]


def test_threads_do_the_work_where_guesses_are_right(tiny, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"a": [{"id": n, "x": [[n, n]]} for n in range(2000)], "b": [{"id": 1}]}))
    found, behind, error, by_threads = walk(path, 2)
    assert [key for key, _, _ in found] == list(range(2000))
    assert (behind, error) == (["b: b'[{\"id\": 1}]'"], "")
    assert by_threads > 1900
    assert walk(path, 1)[3] == 0


def test_wrong_guesses_are_dropped(tiny, tmp_path):
    """One string of what looks like thousands of elements, with brackets that do not match."""
    lie = '},{"id":7,"x":"]' * 500
    path = tmp_path / "a.json"
    content = [{"id": 1}, {"id": 2, "x": lie}, {"id": 3, "x": [{"id": n, "y": lie[:40]} for n in range(300)]}]
    path.write_text(json.dumps({"a": content, "b": 0}))
    found, behind, error, _ = walk(path, 3)
    assert ([key for key, _, _ in found], behind, error) == ([1, 2, 3], ["b: b'0'"], "")


def test_elements_that_begin_with_other_keys_are_found(tiny, tmp_path):
    rng = random.Random(1)
    content: list[dict[str, Any]] = [{"id": 0, "x": 1}]
    content += [
        {"x": n, "id": n} if rng.random() < 0.5 else {"id": n, "x": [{"id": 5}] * (n % 5)}
        for n in range(1, 500)
    ]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"a": content}))
    assert [key for key, _, _ in walk(path, 2)[0]] == list(range(500))


@pytest.mark.parametrize(("name", "value"), [("_LARGEST", 64), ("_MOST", 3)])
def test_what_is_too_large_for_a_thread_is_left_to_the_caller(tiny, tmp_path, name, value):
    tiny.setattr(segments, name, value)
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"a": [{"id": n, "x": "y" * (n % 7 * 30)} for n in range(300)]}))
    found, _, error, by_threads = walk(path, 2)
    assert [key for key, _, _ in found] == list(range(300))
    assert not error
    assert 0 < by_threads < 300


def test_an_error_of_the_function_reaches_the_caller_and_no_thread_is_left(tiny, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"id": n} for n in range(500)]))

    def refuse(batch: Batch) -> int:
        if threading.current_thread() is not threading.main_thread():
            raise ValueError("no")
        return 0

    with pytest.raises(ValueError, match="no"):
        list(mapped(open_document(FileExport(path), path.name).container(), "id", refuse, 2))
    rest: Any = mapped(open_document(FileExport(path), path.name).container(), "id", rows, 2)
    next(rest)
    rest.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("gtmask-scan")]


def test_what_is_no_local_file_is_read_by_the_caller(tiny):
    data = json.dumps([{"id": n} for n in range(500)]).encode()
    parts = list(mapped(open_document(BytesExport(data), "a.json").container(), "id", rows, 2))
    assert not any(in_thread for in_thread, _ in parts)
    assert [key for _, found in parts for key, _, _ in found] == list(range(500))


def test_results_in_flight_do_not_grow_with_the_document(tmp_path, monkeypatch):
    """Threads that are faster than the caller wait for it."""
    monkeypatch.setattr(segments, "SEGMENT", 1 << 14)
    piece = b",".join(b'{"id":%d,"x":"%s"}' % (n, b"y" * 40) for n in range(1000, 2000))
    peaks = []
    for count in (10, 100):
        path = tmp_path / f"{count}.json"
        path.write_bytes(b"[" + b",".join([piece] * count) + b"]")
        container = open_document(FileExport(path), path.name).container()
        tracemalloc.start()
        assert sum(len(found) for _, found in mapped(container, "id", rows, 2)) == 1000 * count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Ten times as much there is; how far the threads come ahead is a matter of luck.
    assert peaks[1] < 4 * peaks[0]
