"""Which keys the beginning of a JSON document shows, although it is cut off: what detection looks at.

One pass over the tokens of the first 64 KiB with a stack, no parser: a document of any length, broken
anywhere, gives the keys that were seen before the break.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"(\s*:)?|([{}\[\]])', re.DOTALL)
#: Keys remembered per object: a VIA file has one key per image.
MOST_KEYS = 200

Keys = dict[str, tuple[str, ...]]


def scan_keys(text: str) -> tuple[Keys, Keys]:
    """Return the keys of the first JSON value, and those of its first element where it is an array.

    They stand in order, each with the keys of the object that is its value, or of the first object in the
    array that is its value. Of a top-level array the first result is empty, of other documents the second.
    """
    outer: dict[str, dict[str, None]] = {}
    brackets: list[str] = []
    # How deep the object lies whose keys are the outer ones: 1, or 2 in an array.
    level = 1
    # The outer key whose value is open, and how deep the object lies that gives its inner keys; -1 behind it.
    key, inner = "", 0
    for match in _TOKEN.finditer(text):
        name, colon, bracket = match.groups()
        if bracket in {"{", "["}:
            brackets.append(bracket)
            below = len(brackets) - level
            if brackets == ["["]:
                level = 2
            elif outer and not inner and bracket == "{" and (below == 1 or brackets[level:] == ["[", "{"]):
                inner = len(brackets)
        elif bracket:
            del brackets[-1:]
            if len(brackets) < inner:
                inner = -1
            if len(brackets) < level:
                break
        elif colon and brackets[-1:] == ["{"]:
            if len(brackets) == level:
                key, inner = name, 0
                if len(outer) < MOST_KEYS:
                    outer.setdefault(name, {})
            elif len(brackets) == inner and key in outer and len(outer[key]) < MOST_KEYS:
                outer[key].setdefault(name)
    result = {name: tuple(inside) for name, inside in outer.items()}
    return ({}, result) if level == 2 else (result, {})
