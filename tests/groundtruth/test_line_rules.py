"""Manifest lines of any kind: problems come out, never an exception, and the short cut changes nothing."""

from __future__ import annotations

import copy
import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtmask.findings import CODES
from gtmask.groundtruth import line_rules, metadata_rules
from gtmask.groundtruth.classes import class_map_from_labels
from gtmask.groundtruth.line_rules import LineChecker, duplicate_keys
from gtmask.groundtruth.validation import Seen
from gtmask.manifest.contract import MAX_ATTRIBUTE_CHARACTERS, MAX_LINE_CHARACTERS
from gtmask.manifest.references import Locator, split
from gtmask.manifest.writer import ManifestWriter

WRITER = ManifestWriter(class_map_from_labels(["Car", "Road"]), creation_date="2024-01-01T00:00:00.000000")
LINE = WRITER.line("s3://b/in/1.jpg", "s3://b/masks/1.png").rstrip()


class Pairs(list[tuple[str, Any]]):
    """An object whose keys may stand more than once."""

    def dump(self, comma: str) -> str:
        members = (f"{json.dumps(key)}:{Pairs.dump_value(value, comma)}" for key, value in self)
        return "{" + comma.join(members) + "}"

    @staticmethod
    def dump_value(value: Any, comma: str) -> str:
        if isinstance(value, Pairs):
            return value.dump(comma)
        if isinstance(value, list):
            return "[" + comma.join(Pairs.dump_value(item, comma) for item in value) + "]"
        return json.dumps(value)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-300, 300) | st.floats(allow_nan=False) | st.text(max_size=8)
    | st.sampled_from(["s3://b/x.png", "groundtruth/semantic-segmentation", "#ffffff", "BACKGROUND", "yes"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def paths(value: Any, here: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [here] if here else []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += paths(inner, (*here, key))
    return found


PATHS = paths(orjson.loads(LINE))


def mutate(path: tuple[str, ...], how: str, value: Any) -> bytes:
    line = copy.deepcopy(orjson.loads(LINE))
    home = line
    for key in path[:-1]:
        home = home[key]
    if how == "drop":
        del home[path[-1]]
    elif how == "replace":
        home[path[-1]] = value
    else:
        home[str(value)[:20]] = home.pop(path[-1])
    return orjson.dumps(line)


def judge(checker: LineChecker, number: int, data: bytes) -> tuple[Any, Any]:
    problems, task = checker.check(number, data)
    assert all(problem.code in CODES and problem.line == number for problem in problems)
    return problems, task


@pytest.mark.slow
@settings(max_examples=1000)
@given(st.sampled_from(PATHS), st.sampled_from(["drop", "replace", "rename"]), values)
def test_any_change_of_a_line_ends_in_problems_at_most(path: tuple[str, ...], how: str, value: Any) -> None:
    data = mutate(path, how, value)
    first = judge(LineChecker(), 7, data)
    checker = LineChecker()
    judge(checker, 7, data)
    # The second time the metadata's bytes are known; the outcome must be the same.
    assert judge(checker, 7, data) == first


@settings(max_examples=500)
@given(st.binary(max_size=60), st.integers(0, len(LINE)), st.integers(0, 60))
def test_any_bytes_end_in_problems_at_most(junk: bytes, position: int, cut: int) -> None:
    data = LINE[:position] + junk + LINE[position + cut :]
    checker = LineChecker()
    judge(checker, 1, LINE)
    known = judge(checker, 2, data)
    fresh = judge(LineChecker(), 2, data)
    others = {"attribute-differs", "color-map-differs"}
    assert [p for p in known[0] if p.code not in others] == fresh[0]
    assert known[1] == fresh[1]


def test_a_line_with_known_metadata_but_more_keys_is_read_whole() -> None:
    checker = LineChecker()
    judge(checker, 1, LINE)
    more = b'{"$bad":1,' + LINE[1:]
    assert [problem.code for problem in judge(checker, 2, more)[0]] == ["key-dollar"]


@pytest.mark.parametrize(("notes", "codes"), [(5, []), (6, ["line-too-long"])])
def test_lengths_are_counted_in_characters_and_not_in_bytes(notes: int, codes: list[str]) -> None:
    more = {f"note{number}": "ü" * 18_000 for number in range(notes)}
    data = orjson.dumps({**orjson.loads(LINE), **more})
    assert len(data) > MAX_LINE_CHARACTERS
    assert [problem.code for problem in judge(LineChecker(), 1, data)[0]] == codes


pairs = st.recursive(
    st.integers() | st.text(max_size=5) | st.booleans(),
    lambda inner: st.lists(inner, max_size=4)
    | st.lists(st.tuples(st.sampled_from('ab":{}\\'), inner), max_size=4).map(Pairs),
    max_leaves=20,
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=500)
@given(st.lists(st.tuples(st.sampled_from("abc"), pairs), max_size=4).map(Pairs), st.booleans())
def test_duplicate_keys_are_found_as_a_parser_sees_them(document: Pairs, spaced: bool) -> None:
    expected = []

    def see(members: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in members]
        expected.extend(key for i, key in enumerate(keys) if key in keys[:i])
        return dict(members)

    data = document.dump(", " if spaced else ",").encode()
    values = json.loads(data, object_pairs_hook=see)
    assert sorted(json.loads(key) for key in duplicate_keys(data, values)) == sorted(expected)


def test_an_image_is_looked_at_where_its_mask_cannot_be() -> None:
    line = orjson.loads(LINE)
    line["labeling-qa-ref"] = "s3://masks/1.json"
    _, task = judge(LineChecker(), 1, orjson.dumps(line))
    assert (task.source, task.masks) == (line["source-ref"], ())


def test_keys_are_counted_at_any_depth() -> None:
    value = {"a": 1, "b": [{"c": {"d": []}}, [{"e": {}}]]}
    assert line_rules._count_keys(value) == 5


def test_references_are_split() -> None:
    assert split("s3://b/a//b c%20ü.png") == ("s3://b", "a//b c%20ü.png")
    assert split("/data/a.png") == ("/", "data/a.png")
    for bad in ("", "/", "//x/y", "s3://", "s3://b", "s3://b/", "s3:///a", "s3://s3://b/a", "s3://b//a",
                "a.png", "./a.png", "https://b/a.png", "file:///a.png", "gs://b/a.png"):  # fmt: skip
        assert split(bad) is None, bad


def test_local_copies_are_sought_longest_path_first() -> None:
    locator = Locator("/copies")
    wanted = ["x/a/b/c.png", "a/b/c.png", "b/c.png", "c.png"]
    assert locator.places("s3://x/a/b/c.png") == [("/copies", key) for key in wanted]
    assert locator.places("nonsense") == []
    assert Locator().places("s3://x/a.png") == [("s3://x", "a.png")]


@given(st.lists(st.sampled_from("abcdefg"), max_size=30))
def test_repeats_are_found_as_a_plain_loop_would(references: list[str]) -> None:
    seen, expected, first = Seen(), [], {}
    for line, reference in enumerate(references, 1):
        seen.add(reference, line, 100 * line)
        if first.setdefault(reference, line) != line:
            expected.append((line, first[reference], 100 * line))
    assert list(seen.repeats()) == expected


def test_metadata_that_every_line_has_are_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[Any] = []
    check = metadata_rules.check_metadata

    def counted(metadata: dict[str, Any]) -> Any:
        judged.append(metadata)
        return check(metadata)

    monkeypatch.setattr(line_rules, "check_metadata", counted)
    checker = LineChecker()
    for number in range(1, 20):
        line = WRITER.line(f"s3://b/in/{number}.jpg", f"s3://b/masks/{number}.png").rstrip()
        assert judge(checker, number, line)[0] == []
    assert len(judged) == 1


@pytest.mark.parametrize("length", [MAX_ATTRIBUTE_CHARACTERS, MAX_ATTRIBUTE_CHARACTERS + 1])
def test_an_attribute_is_as_long_as_it_may_be(length: int) -> None:
    for name, value in (("note", "x" * (length - 2)), ("list", [1] * (length // 2 - 1))):
        written = len(json.dumps(value, separators=(",", ":")))
        more = f'"{name}":{" " * (length - written)}{json.dumps(value, separators=(",", ":"))}'
        for line in (b"{" + more.encode() + b"," + LINE[1:], LINE[:-1] + b"," + more.encode() + b"}"):
            found = [(problem.code, problem.detail) for problem in judge(LineChecker(), 1, line)[0]]
            # Blanks around a value are none of it.
            assert found == (
                [("attribute-too-long", f"{name}: {written:,} characters")] if written > 20_000 else []
            )


@pytest.mark.parametrize("length", [MAX_LINE_CHARACTERS, MAX_LINE_CHARACTERS + 1])
def test_a_line_is_as_long_as_it_may_be(length: int) -> None:
    line = LINE[:-1] + b" " * (length - len(LINE)) + b"}"
    codes = [problem.code for problem in judge(LineChecker(), 1, line)[0]]
    assert codes == (["line-too-long"] if length > MAX_LINE_CHARACTERS else [])


def test_bytes_that_are_no_utf_8_are_told_on_long_lines_too() -> None:
    line = LINE[:-1] + b',"note":"' + b"\xff" * MAX_LINE_CHARACTERS + b'"}'
    assert [problem.code for problem in judge(LineChecker(), 2, line)[0]] == ["manifest-encoding"]


def test_an_access_point_in_the_place_of_a_bucket_is_told() -> None:
    arn = "s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/mine/in/1.jpg"
    found, task = judge(LineChecker(), 1, LINE.replace(b"s3://b/in/1.jpg", arn.encode()))
    assert [(problem.code, problem.uri, problem.detail) for problem in found] == [
        ("reference-form", arn, "it names an access point: write its alias or the bucket")
    ]
    assert task is not None
