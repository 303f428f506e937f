"""A listener to progress that remembers what it heard."""

from __future__ import annotations


class Heard:
    """The stages with their totals, and how many records each was told of."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int | None]] = []
        self.done: list[int] = []

    def stage(self, name: str, total: int | None) -> None:
        self.stages.append((name, total))
        self.done.append(0)

    def advance(self, records: int, rejects: int = 0) -> None:
        self.done[-1] += records
