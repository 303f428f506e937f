"""What the lines of a manifest say together: its label attributes, its classes, and what its masks share."""

from __future__ import annotations

from array import array
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from gtmask.formats.jsonstream import Document
from gtmask.formats.reading.rows import lines
from gtmask.manifest.contract import BACKGROUND, COLOR_MAP
from gtmask.manifest.newest import Age, Attributes, age_of
from gtmask.manifest.parser import LineParser
from gtmask.manifest.references import SharedEnds, find_shared_ends

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gtmask.formats.export import Export
    from gtmask.manifest.label import Label
    from gtmask.manifest.line import ManifestLine


class Repeats:
    """Which lines speak of an image of which another line knows more: in merged manifests of several jobs.

    The line with the newest label counts, by what its metadata says (:mod:`gtmask.manifest.newest`); of
    equally old ones the first. Lines are taken one by one, and 29 bytes of each are kept.
    """

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


class Overview:
    """All lines of a manifest, looked at once.

    - ``export``: its files are manifests.
    - ``wanted``: the label attribute that was asked for, or None.

    - ``attributes``: how old the label attributes are.
    - ``shared``: the ends of paths that several masks have in common.
    - ``repeats``: which lines speak of an image of which another one has a newer label.
    """

    def __init__(self, export: Export, wanted: str | None) -> None:
        self.export, self.wanted = export, wanted
        self.attributes = Attributes()
        #: Of each set of attributes that lines have with a mask: the classes, by attribute.
        self._classes: dict[frozenset[str], dict[str, set[tuple[int, str]]]] = {}
        self._maps: dict[int, tuple[object, list[tuple[int, str]]]] = {}
        self._looked = False
        self.repeats = Repeats()
        self.shared: SharedEnds = find_shared_ends(self._references)

    def labels(self) -> list[str]:
        """Return the class names of the color maps that count, in the order of their numbers."""
        found: set[tuple[int, str]] = set()
        for names, classes in self._classes.items():
            newest = self.attributes.newest_first(list(names))[:1]
            for name in newest if self.wanted is None else names & {self.wanted}:
                found |= classes.get(name, set())
        return [name for _, name in sorted(found)]

    def _references(self) -> Iterator[str]:
        """Yield the references to masks; the first time the lines are looked at on the way."""
        first, self._looked = not self._looked, True
        for name, start, line in self._lines():
            if first:
                self._add(name, start, line)
            for label in line.labels:
                if label.mask is not None:
                    yield label.mask

    def _lines(self) -> Iterator[tuple[str, int, ManifestLine]]:
        parser = LineParser()
        for name in self.export.names():
            document = Document(self.export, name)
            for start, stop in lines(document, document.first()):
                yield name, start, parser.parse(document.read(start, stop))

    def _add(self, name: str, start: int, line: ManifestLine) -> None:
        self.attributes.add(line.labels)
        good = [label for label in line.labels if is_good(label)]
        chosen = (label for label in good if self.wanted in {None, label.attribute})
        self.repeats.add(name, start, line.source_ref, chosen)
        classes = self._classes.setdefault(frozenset(label.attribute for label in good), {})
        for label in good:
            classes.setdefault(label.attribute, set()).update(self._named(label))

    def _named(self, label: Label) -> list[tuple[int, str]]:
        """Return number and name of a color map's classes; maps met before are known by their identity."""
        given = label.metadata.get(COLOR_MAP)
        known = self._maps.get(id(given))
        if known is None or known[0] is not given:
            entries = label.color_map or ()
            named = [
                (int(entry.key), entry.name)
                for entry in entries
                if entry.key.isdecimal() and entry.name not in {"", BACKGROUND}
            ]
            if len(self._maps) > 256:
                self._maps.clear()
            known = self._maps[id(given)] = (given, named)
        return known[1]


def is_good(label: Label) -> bool:
    """Say whether a label can become a mask."""
    return label.failure_reason is None and label.mask is not None and label.color_map is not None
