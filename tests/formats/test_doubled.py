"""Keys that stand twice in one object: the kernel against Python's parser, which hands over all pairs."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from gtmask.formats import doubled
from gtmask.formats.doubled import DoubledKey, check_keys, may_double

KEYS = [
    "a",
    "b",
    "ab",
    "label",
    "label_",
    "shape_type",
    "a longer key of many words",
    "\u00e9",
    "k\u4e2d",
    "",
]


def naive(data: bytes) -> bool:
    """Say whether an object has a key twice."""
    found = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        found.append(len({key for key, _ in pairs}) < len(pairs))

    json.loads(data, object_pairs_hook=look)
    return any(found)


def kernel(data: bytes) -> bool:
    return bool(may_double(data))


def written(value: Any, indent: int | None) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=indent).encode()


def some(draw: random.Random, depth: int) -> Any:
    """Return a random document without any key that stands twice."""
    kind = draw.randrange(7 if depth else 5)
    if kind < 5:
        return [draw.random() * 1000, draw.choice(KEYS), None, 'a "quote", {a brace} and \\', True][kind]
    if kind == 5:
        return [some(draw, depth - 1) for _ in range(draw.randrange(6))]
    return {key: some(draw, depth - 1) for key in draw.sample(KEYS, draw.randrange(len(KEYS)))}


@pytest.mark.parametrize("indent", [None, 1, 2])
def test_the_kernel_agrees_with_the_parser_that_hands_over_pairs(indent: int | None) -> None:
    draw = random.Random(7)
    met = [0, 0]
    for _ in range(1500):
        value = {"whole": some(draw, 4), "end": 1}
        data = written(value, indent)
        assert kernel(data) == naive(data) == False  # noqa: E712 - all three
        # Give one key the name of another one: in its own object or not, which the parser tells.
        names = [key for key in KEYS if f'"{key}":'.encode() in data]
        one, other = draw.choice([*names, "end"]), draw.choice([*names, "end"])
        changed = data.replace(f'"{one}":'.encode(), f'"{other}":'.encode(), 1)
        assert kernel(changed) == naive(changed)
        met[naive(changed)] += 1
    assert min(met) > 60


@pytest.mark.parametrize("before", range(9))
@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 15, 16, 17, 40])
def test_wherever_keys_stand_in_their_words(before: int, length: int) -> None:
    key = "x" * length
    lead = " " * before
    assert kernel(f'{lead}{{"{key}": 1, "y": 2, "{key}": 3}}'.encode())
    assert not kernel(f'{lead}{{"{key}": 1, "y": 2, "{key}z": 3}}'.encode())
    assert not kernel(f'{lead}[{{"{key}": 1}}, {{"{key}": 3}}]'.encode())


@pytest.mark.parametrize("count", [3, 63, 64, 65, 999, 1000, 1001, 5000])
def test_objects_of_many_keys_and_deep_ones(count: int) -> None:
    members = [f'"{number}": {number}' for number in range(count)]
    check_keys(f"{{{', '.join(members)}}}".encode())
    with pytest.raises(DoubledKey, match="'1' stands twice in one object, as 1 and as 2"):
        check_keys(("{" + ", ".join([*members, '"1": 2']) + "}").encode())
    deep = min(count, 900)
    check_keys(b'{"a":' * deep + b"1" + b"}" * deep)
    with pytest.raises(DoubledKey, match="'b' stands twice"):
        check_keys(b'{"a":' * deep + b'{"b": 1, "b": 2}' + b"}" * deep)


@pytest.mark.parametrize(
    ("text", "twice"),
    [
        (r'{"a": 1, "\u0061": 2}', True),
        (r'{"a": 1, "\u0062": 2}', False),
        (r'{"\"": 1, "b": 2}', False),
        (r'{"\"": 1, "\u0022": 2}', True),
        ('{"a": 1, "b": "a", "c": "a"}', False),
        ('{"a": [{"a": 1}, {"a": 2}], "b": {"a": 3}}', False),
        ('{"a": 1, "a": 1}', False),
        ('{"a": {"x": [1]}, "a": {"x": [1]}}', False),
        ('{"a": {"x": [1]}, "a": {"x": [1.5]}}', True),
        ('{"a": 1, "a": true}', True),
        (r'{"a": "\\", "b": "}", "a": "\\\""}', True),
    ],
)
def test_escapes_and_equal_values(text: str, twice: bool) -> None:
    if twice:
        with pytest.raises(DoubledKey, match="stands twice in one object"):
            check_keys(text.encode())
    else:
        check_keys(text.encode())


#: Who may call a parser itself: who looks for doubled keys, and who parses no objects that an export gives.
PARSERS = {
    "doubled.py", "jsonstream/parse.py", "text.py",  # the look itself
    "jsonstream/container.py", "reading/wkt.py",  # one key; lists of numbers
    "reading/rows.py", "strangers.py", "via/csv_export.py",  # whether it is JSON at all; a list of one name
}  # fmt: skip


def test_nothing_of_an_export_is_parsed_past_the_look_for_doubled_keys() -> None:
    home = Path(doubled.__file__).parent
    calling = {
        path.relative_to(home).as_posix()
        for path in home.rglob("*.py")
        if re.search(r"json\.loads\(|json\.load\(", path.read_text("utf-8"))
    }
    assert calling == PARSERS
