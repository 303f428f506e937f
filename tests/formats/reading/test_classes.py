"""Names of classes as lists have them: what is odd is told; YAML is read as it is written."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from gtmask.formats.reading.classes import Word, class_names, load_yaml
from gtmask.formats.reading.typed import Header


@pytest.mark.parametrize(
    ("rows", "names", "codes"),
    [
        ([(0, "a"), (1, "b")], {0: "a", 1: "b"}, []),
        ([(7, " a "), ("x", "b")], {7: "a", "x": "b"}, []),
        ([(0, "a"), (1, "a")], {0: "a", 1: "a"}, ["label-duplicate"]),
        ([(0, "a"), (0, "b")], {0: "a"}, ["label-id-shared"]),
        ([(0, "a"), (0, "a")], {0: "a"}, []),
        ([(0, None), (1, "")], {0: "0", 1: "1"}, ["label-number"] * 2),
        ([(0, 3), (1, 2.5)], {0: "3", 1: "2.5"}, ["label-number"] * 2),
        ([(0, True)], {0: "true"}, ["label-number"]),
        ([(0, Word("yes"))], {0: "yes"}, ["label-number"]),
        ([(0, ["a"]), (1, {})], {0: "0", 1: "1"}, ["label-number"] * 2 + ["value-type"] * 2),
        ([(1, None), (2, "1")], {1: "1", 2: "1"}, ["label-duplicate", "label-number"]),
    ],
)
def test_what_is_odd_about_names_is_told(rows: list[tuple[Any, Any]], names: dict, codes: list[str]):
    told = Header("x")
    assert class_names(told, rows) == names
    assert sorted(finding.code for finding in told.findings) == codes


@pytest.mark.parametrize("numbers", [False, True])
def test_words_that_yaml_takes_for_something_else_stay_as_they_are_written(numbers: bool):
    found = load_yaml("[yes, No, on, off, true, 2024-01-01, abc, 'yes', ~]", numbers=numbers)
    assert found == ["yes", "No", "on", "off", "true", "2024-01-01", "abc", "yes", None]
    assert [isinstance(one, Word) for one in found] == [True] * 6 + [False] * 3
    assert load_yaml("[1, 2.50, 007]", numbers=numbers) == ([1, 2.5, 7] if numbers else ["1", "2.50", "007"])


@pytest.mark.parametrize("row", ["[{}]", "{{<<: [{}]}}"])
def test_aliases_that_stand_for_billions_of_values_are_refused(row: str):
    lines = ["a0: &a0 {x: y}"]
    lines += [f"a{n}: &a{n} " + row.format(", ".join([f"*a{n - 1}"] * 10)) for n in range(1, 11)]
    with pytest.raises(yaml.YAMLError, match="aliases"):
        load_yaml("\n".join(lines))


def test_aliases_of_a_few_values_are_read():
    assert load_yaml("a: &x [b, c]\nd: *x") == {"a": ["b", "c"], "d": ["b", "c"]}


@pytest.mark.parametrize("text", ["names: [a]\nnames: [b]", "names: {0: a, 0: b}", "x: {car: 1, car: 2}"])
def test_keys_of_yaml_that_stand_twice_are_refused(text: str):
    with pytest.raises(yaml.YAMLError, match="twice"):
        load_yaml(text)
