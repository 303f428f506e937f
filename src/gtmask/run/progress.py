"""Who hears how a run gets on: the command line's progress bar, or nobody."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Hears how a run gets on."""

    def stage(self, name: str, total: int | None) -> None:
        """Tell that a stage begins ("survey", "convert", ...), with its number of records if known."""
        ...

    def advance(self, records: int, rejects: int = 0) -> None:
        """Tell that so many more records of this stage are done."""
        ...


class Silent:
    """Hears and says nothing."""

    def stage(self, name: str, total: int | None) -> None:
        """Ignore the stage."""

    def advance(self, records: int, rejects: int = 0) -> None:
        """Ignore the advance."""
