"""Which few images show the most of a data set: a greedy cover of its classes, then extremes."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class Candidate(NamedTuple):
    """What one line's mask and image look like.

    ``span`` is where the line stands in the manifest: its byte offset and length. ``present`` are 32
    bytes: bit i (little end first) says that class id i occurs in the mask. ``painted`` are its pixels
    that are not background, ``pixels`` all of the image's.
    """

    line: int
    span: tuple[int, int]
    present: bytes
    painted: int
    pixels: int
    orientation: int

    @classmethod
    def of(
        cls, line: int, span: tuple[int, int], counts: NDArray[np.int64], orientation: int = 1
    ) -> Candidate:
        """Return what a line looks like by its mask's pixels by class id, int64 (256,)."""
        present, pixels = np.packbits(counts > 0, bitorder="little").tobytes(), int(counts.sum())
        return cls(line, span, present, pixels - int(counts[0]), pixels, orientation)


class Pick(NamedTuple):
    """A chosen line, where it stands, and why it was chosen."""

    line: int
    span: tuple[int, int]
    reason: str


class Sampling:
    """Collects glances, 80 bytes each, and chooses among them."""

    def __init__(self) -> None:
        #: Of each line its number, byte offset and length, painted pixels, all pixels, and orientation.
        self._rows = array("q")
        self._present = bytearray()

    def __len__(self) -> int:
        return len(self._present) // 32

    def add(self, candidate: Candidate) -> None:
        """Remember one line."""
        line, span, _, *rest = candidate
        self._rows.extend((line, *span, *rest))
        self._present += candidate.present

    def classes(self) -> set[int]:
        """Return the class ids that occur anywhere, background left out."""
        return set(np.flatnonzero(self._matrix().any(axis=0)).tolist())

    def choose(self, count: int, seed: int) -> list[Pick]:
        """Choose up to ``count`` lines.

        First a greedy cover: the line that shows the most classes not yet shown, until every class that
        occurs is shown. Then the most crowded line (most classes, then most painted pixels), the
        largest image, an image that EXIF turns, and more crowded ones. Ties are drawn by ``seed``.
        """
        if not len(self):
            return []
        matrix = self._matrix()
        tie = np.random.default_rng(seed).permutation(len(self))
        picks: dict[int, str] = {}
        for row, reason in self._reasons(matrix, tie, count):
            if len(picks) == count:
                break
            picks.setdefault(row, reason)
        found = ((self._table()[row].tolist(), reason) for row, reason in picks.items())
        return [Pick(line, (offset, length), reason) for (line, offset, length, *_), reason in found]

    def _table(self) -> NDArray[np.int64]:
        return np.frombuffer(self._rows, np.int64).reshape(-1, 6)

    def _matrix(self) -> NDArray[np.uint8]:
        """Return 0 or 1 by line and class id, background zeroed."""
        packed = np.frombuffer(self._present, np.uint8).reshape(-1, 32)
        matrix = np.unpackbits(packed, axis=1, bitorder="little")
        matrix[:, 0] = 0
        return matrix

    def _reasons(
        self, matrix: NDArray[np.uint8], tie: NDArray[np.int64], count: int
    ) -> Iterator[tuple[int, str]]:
        shown = np.zeros(256, np.uint8)
        for _ in range(count):
            gain = (matrix & (1 - shown)).sum(axis=1, dtype=np.int64)
            best = int(np.lexsort((tie, -gain))[0])
            if gain[best] == 0:
                break
            more = "more " if shown.any() else ""
            yield best, f"shows {gain[best]} {more}{'class' if gain[best] == 1 else 'classes'}"
            shown |= matrix[best]
        painted, pixels, orientations = self._table()[:, 3:].T
        crowd = np.lexsort((tie, -painted, -matrix.sum(axis=1, dtype=np.int64)))
        yield int(crowd[0]), "is the most crowded"
        yield int(np.lexsort((tie, -pixels))[0]), "is the largest"
        turned = np.flatnonzero(orientations != 1)
        if len(turned):
            yield int(turned[np.argmin(tie[turned])]), "is turned by EXIF"
        for row in crowd[: count + 3].tolist():
            yield row, "is among the most crowded"
