"""What became of the records of a chunk, and what the chunk leaves behind of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gtmask.findings import FindingCounts
from gtmask.run.commit import ChunkResult, Counts, add_counts, pack_counts, reject_of
from gtmask.run.states import CONTINUED, UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gtmask.findings import Finding
    from gtmask.model import Record


class MaskPlace(NamedTuple):
    """Where a mask goes: the image's reference, the mask's key, and which pixels of the whole; None: all."""

    image: str
    mask: str
    box: tuple[int, int, int, int] | None = None

    def cut(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the pixels, uint8 (height, width), of the whole image's mask."""
        if self.box is None:
            return mask
        x, y, width, height = self.box
        return np.ascontiguousarray(mask[y : y + height, x : x + width])


class Drawing(NamedTuple):
    """A record whose mask is to be drawn: all about it is decided but its pixels.

    ``turn`` is how the painted mask is turned, as in :class:`gtmask.run.sizes.Fitting`; ``key`` and
    ``target`` are the keys of the image and of the mask of all of it.
    """

    record: Record
    turn: int
    key: str
    target: str
    state: bytes


@dataclass(slots=True)
class Outcome:
    """What became of one record: its manifest line, one for each tile, and its state, or none of them.

    ``image``, ``where`` and ``findings`` are the record's, of which nothing else is kept: the shapes of a
    chunk fill the memory. ``pixels`` int64 (256,) are the mask's pixels by class id; ``known`` is what a
    record counts whose line was taken over.
    """

    image: str = ""
    where: str = ""
    findings: list[Finding] = field(default_factory=list)
    line: bytes | None = None
    size: int = 0
    pixels: NDArray[np.int64] | None = None
    painted: dict[str, int] | None = None
    covered: dict[str, int] | None = None
    state: bytes = UNKNOWN
    known: Counts | None = None

    def add(self, line: bytes, size: int, pixels: NDArray[np.int64]) -> None:
        """Add a mask: its line, the bytes of its PNG, and its pixels by class id."""
        assert self.line is not None
        self.line += line
        self.size += size
        self.pixels = pixels if self.pixels is None else self.pixels + pixels

    @property
    def count(self) -> int:
        """How many lines there are; a rejected record has none and counts as one reject."""
        return 1 if self.line is None else self.line.count(b"\n")

    def counts(self) -> Counts:
        """Return what the record counts, as values of a tally's JSON; zeros are left out."""
        if self.known is not None:
            return self.known
        found: Counts = {"records": 1, "rejects" if self.line is None else "masks": self.count}
        if self.pixels is not None:
            values = self.pixels.nonzero()[0]
            found["pixels"] = dict(zip(map(str, values.tolist()), self.pixels[values].tolist(), strict=True))
        if self.findings:
            told = FindingCounts()
            told.count_findings(self.findings, place(self))
            found["findings"], found["examples"] = dict(told.findings), told.examples
        rest = (("mask_bytes", self.size), ("shapes", self.painted), ("covered", self.covered))
        found.update([item for item in rest if item[1]])
        return found


def holds_pixels(begun: Drawing | Outcome) -> bool:
    """Say whether a record that waits to be drawn has a picture in memory: a ready-made mask, for example."""
    return isinstance(begun, Drawing) and any(shape.bitmap for shape in begun.record.shapes)


def gather(number: int, outcomes: list[Outcome | None]) -> ChunkResult:
    """Add up the outcomes of a chunk's records, in their order."""
    lines: list[bytes] = []
    states: list[bytes] = []
    rejects: list[dict[str, Any]] = []
    counts: list[Counts] = []
    of_masks: list[Counts] = []
    for outcome in outcomes:
        assert outcome is not None
        counts.append(outcome.counts())
        if outcome.line is not None:
            lines += outcome.line.splitlines(keepends=True)
            states.append(spread_state(outcome.state, outcome.line))
            of_masks += spread_counts(counts[-1], outcome.line)
        else:
            rejects.append(reject_of(outcome.image, outcome.findings, where=outcome.where))
    return ChunkResult(number, add_counts(counts), lines, rejects, b"".join(states), pack_counts(of_masks))


def spread_state(state: bytes, lines: bytes) -> bytes:
    """Return the states of a record's lines: the first one has the record's."""
    return state + CONTINUED * (lines.count(b"\n") - 1)


def spread_counts(counts: Counts, lines: bytes) -> list[Counts]:
    """Return what each of a record's lines counts: the first one all of it."""
    return [counts, *[{}] * (lines.count(b"\n") - 1)]


def place(record: Record | Outcome) -> str:
    """Return the record's image and place, for people."""
    return (
        f"{record.image} ({record.where})" if record.where and record.image != record.where else record.image
    )
