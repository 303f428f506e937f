"""What became of the records of a chunk, and what the chunk leaves behind of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gtmask.findings import FindingCounts
from gtmask.run.commit import ChunkResult, add_counts, pack_counts
from gtmask.run.states import UNKNOWN
from gtmask.text import escape_unprintable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gtmask.model import Record
    from gtmask.run.commit import Counts


@dataclass(slots=True)
class Outcome:
    """What became of one record: a manifest line with the record's state, or none where it was rejected.

    ``pixels`` int64 (256,) are the mask's pixels by class id; ``known`` is what a record counts whose line
    was taken over.
    """

    record: Record | None
    line: bytes | None = None
    size: int = 0
    pixels: NDArray[np.int64] | None = None
    painted: dict[str, int] | None = None
    covered: dict[str, int] | None = None
    state: bytes = UNKNOWN
    known: Counts | None = None

    def counts(self) -> Counts:
        """Return what the record counts, as values of a tally's JSON; zeros are left out."""
        if self.known is not None:
            return self.known
        found: Counts = {"records": 1, "rejects" if self.line is None else "masks": 1}
        if self.pixels is not None:
            values = self.pixels.nonzero()[0].tolist()
            found["pixels"] = dict(zip(map(str, values), self.pixels[values].tolist(), strict=True))
        if self.record is not None and self.record.findings:
            told = FindingCounts()
            told.count_findings(self.record.findings, place(self.record))
            found |= {"findings": dict(told.findings), "examples": told.examples}
        rest = {"mask_bytes": self.size, "shapes": self.painted, "covered": self.covered}
        return found | {name: value for name, value in rest.items() if value}


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
            lines.append(outcome.line)
            states.append(outcome.state)
            of_masks.append(counts[-1])
        elif outcome.record is not None:
            rejects.append(_reject(outcome.record))
    return ChunkResult(number, add_counts(counts), lines, rejects, b"".join(states), pack_counts(of_masks))


def _reject(record: Record) -> dict[str, Any]:
    """Return the line of a rejected record."""
    told = [{"code": found.code, "detail": escape_unprintable(found.detail)} for found in record.findings]
    image, where = escape_unprintable(record.image), escape_unprintable(record.where)
    return {"image": image, "where": where, "findings": told}


def place(record: Record) -> str:
    """Return the record's image and place, for people."""
    return (
        f"{record.image} ({record.where})" if record.where and record.image != record.where else record.image
    )
