"""What an answer came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from gtmask.answers.survey import FAILED, UNANSWERED
from gtmask.run.commit import Tally
from gtmask.text import plain_values

#: What masks lack, or workers have painted and nobody can tell: that became background.
_LOST = {"before-missing", "bitmap-value-unknown", "shape-unknown-label"}


@dataclass(slots=True)
class Answer:
    """What an answer came to.

    Attributes
    ----------
    out
        Where it was written.
    before, after
        The label attributes that a job adjusted and wrote.
    ids
        Whose class ids the masks have.
    statuses, failures
        Objects by what became of them, and reasons of failure.
    prepared
        The table by which the masks are those of the images that were prepared, "" where they are those of
        the labeled images themselves.
    objects
        Labeled images, tiles among them; several lines of one count once.
    records
        Images that the run had (``run``); 0 where none was named. Those that no manifest has are not told as
        unanswered: a pilot has but a few of them.
    answered, again
        Lines of ``answer.manifest`` and of ``again.manifest``.
    compared, changed
        Labeled images whose old and new masks were compared, and those of them that differ.
    changes
        The most changed of them, the most changed first, as in ``changes.jsonl``.
    page_trouble
        Why there is no page of them, "" where there is.
    files
        The files that were written there, masks left out.
    tally
        Findings, rejects and pixels.
    """

    out: str
    before: str
    after: str
    ids: str = ""
    statuses: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    objects: int = 0
    prepared: str = ""
    records: int = 0
    answered: int = 0
    again: int = 0
    compared: int = 0
    changed: int = 0
    changes: list[dict[str, Any]] = field(default_factory=list)
    page_trouble: str = ""
    files: list[str] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    @property
    def exit_code(self) -> int:
        """0 where every object was answered and all of its mask read, else 3."""
        left = self.statuses[FAILED] + self.statuses[UNANSWERED] + self.tally.rejects
        return 3 if left or _LOST & self.tally.findings.keys() else 0

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        values: dict[str, Any] = plain_values(self)
        tally = values.pop("tally")
        return values | {name: tally[name] for name in ("rejects", "pixels", "findings", "examples")}
