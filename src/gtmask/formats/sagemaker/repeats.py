"""Which lines speak of an image of which another line knows more: in merged manifests of several jobs.

The line with the newest label counts, by what its metadata says (:mod:`gtmask.manifest.newest`); of equally
old ones the first.
"""

from __future__ import annotations

from array import array
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from gtmask.manifest.newest import Age, age_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gtmask.manifest.label import Label


class Repeats:
    """Takes the lines of manifests one by one, and keeps 29 bytes of each."""

    def __init__(self) -> None:
        self._files: dict[str, int] = {}
        self._sources, self._created, self._flags = array("Q"), array("d"), array("B")
        self._file, self._start = array("I"), array("Q")

    def add(self, file: str, start: int, source: str, labels: Iterable[Label]) -> None:
        """Take a line: its file, the byte at which it starts, its image, and the labels that can be used."""
        age = max((age_of(label) for label in labels), default=Age(created=-1.0))
        self._sources.append(hash(source) & 0xFFFF_FFFF_FFFF_FFFF)
        self._created.append(age.created)
        self._flags.append(2 * age.adjusts + age.by_job)
        self._file.append(self._files.setdefault(file, len(self._files)))
        self._start.append(start)

    def join(self, other: Repeats) -> None:
        """Take the lines of another one, of other files."""
        places = [self._files.setdefault(name, len(self._files)) for name in other._files]
        self._file.extend(places[number] for number in other._file)
        self._sources.extend(other._sources)
        self._created.extend(other._created)
        self._flags.extend(other._flags)
        self._start.extend(other._start)

    @cached_property
    def older(self) -> dict[str, frozenset[int]]:
        """By file, where lines start that a line of the same image with a newer label replaces."""
        sources, flags = np.frombuffer(self._sources, np.uint64), np.frombuffer(self._flags, np.int8)
        order = np.lexsort((-(flags & 1), -np.frombuffer(self._created), -(flags >> 1), sources))
        ordered = sources[order]
        again = order[1:][ordered[1:] == ordered[:-1]]
        files = np.frombuffer(self._file, np.uint32)[again]
        starts = np.frombuffer(self._start, np.uint64)[again]
        found = {name: starts[files == number] for name, number in self._files.items()}
        return {name: frozenset(places.tolist()) for name, places in found.items() if len(places)}
