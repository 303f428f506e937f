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

    Returns
    -------
    keys
        The top level's keys in order, each with the keys of the object that is its value, or of the
        first object in the array that is its value.
    element
        The same for the first object in a top-level array; empty for other documents.
    """
    scan = _Scan()
    for match in _TOKEN.finditer(text):
        name, colon, bracket = match.groups()
        if bracket:
            if scan.bracket(bracket):
                break
        elif colon:
            scan.key(name)
    result = {key: tuple(inner) for key, inner in scan.outer.items()}
    return (result, {}) if not scan.array else ({}, result)


class _Scan:
    """The state of one pass: the open brackets, and where in the document they stand."""

    def __init__(self) -> None:
        self.array = False
        self.outer: dict[str, dict[str, None]] = {}
        self._open: list[str] = []
        #: Depth at which the object lies whose keys are the outer ones: 1, or 2 in an array.
        self._level = 1
        #: The outer key whose value is open, and the depth of the object that gives its inner keys.
        self._key: str | None = None
        self._inner = 0

    def bracket(self, sign: str) -> bool:
        """Follow a bracket; return whether all that can be seen has been seen."""
        if sign in "{[":
            self._open.append(sign)
            self._opened()
        else:
            if self._open:
                self._open.pop()
            depth = len(self._open)
            if self._inner and depth < self._inner:
                self._inner = -1
            if depth < self._level:
                return True
        return False

    def _opened(self) -> None:
        depth = len(self._open)
        if depth == 1 and self._open[0] == "[":
            self.array, self._level = True, 2
        if self._key is not None and self._inner == 0 and self._open[-1] == "{" and (
            depth == self._level + 1 or (depth == self._level + 2 and self._open[-2] == "[")
        ):  # fmt: skip
            self._inner = depth

    def key(self, name: str) -> None:
        """Remember a key, if it is an outer or an inner one."""
        depth = len(self._open)
        if not self._open or self._open[-1] != "{":
            return
        if depth == self._level:
            if len(self.outer) < MOST_KEYS:
                self.outer.setdefault(name, {})
            self._key, self._inner = name, 0
        elif depth == self._inner and self._key in self.outer and len(self.outer[self._key]) < MOST_KEYS:
            self.outer[self._key].setdefault(name)
