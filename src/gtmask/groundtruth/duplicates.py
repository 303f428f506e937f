"""Finds references that stand on more than one line, in 24 bytes per line."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import numpy as np

from gtmask.text import text_hash

if TYPE_CHECKING:
    from collections.abc import Iterator


class Seen:
    """Remembers a 64-bit hash of each reference, its line and the line's byte offset.

    Two of a million references share a hash by chance once in forty million manifests.
    """

    def __init__(self) -> None:
        self._hashes = array("Q")
        self._lines = array("Q")
        self._offsets = array("Q")

    def add(self, reference: str, line: int, offset: int) -> None:
        """Remember a reference."""
        self._hashes.append(text_hash(reference))
        self._lines.append(line)
        self._offsets.append(offset)

    def repeats(self) -> Iterator[tuple[int, int, int]]:
        """Yield (line, line of the first occurrence, byte offset) of repeated references, by line."""
        if not self._hashes:
            return
        hashes = np.frombuffer(self._hashes, np.uint64)
        _, firsts, group = np.unique(hashes, return_index=True, return_inverse=True)
        first = firsts[group]
        for i in np.flatnonzero(first != np.arange(len(hashes))).tolist():
            yield self._lines[i], self._lines[int(first[i])], self._offsets[i]
