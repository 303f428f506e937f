"""Who hears how long work gets on: the command line's progress bar, a caller's own object, or nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")

#: Items after which it is told how many were taken.
_TOLD = 128


class Progress(Protocol):
    """Hears how long work gets on, in stages that follow each other; called by one thread at a time.

    Any object with these two methods will do.
    """

    def stage(self, name: str, total: int | None) -> None:
        """Tell that a stage begins.

        Parameters
        ----------
        name
            "survey", "convert", "assemble", "validate", ...
        total
            How many records, or lines of a manifest, it has; an estimate where only reading all of them
            would tell, and None where nothing is known.
        """
        ...

    def advance(self, records: int, rejects: int = 0) -> None:
        """Tell that so many more records of this stage are done, and how many of these were rejected."""
        ...


class Silent:
    """Hears and says nothing."""

    def stage(self, name: str, total: int | None) -> None:
        """Ignore the stage."""

    def advance(self, records: int, rejects: int = 0) -> None:
        """Ignore the advance."""


def advancing(items: Iterable[T], progress: Progress) -> Iterator[T]:
    """Yield items, and tell the present stage now and then how many were taken."""
    count = 0
    for count, item in enumerate(items, 1):
        yield item
        if count % _TOLD == 0:
            progress.advance(_TOLD)
    if count % _TOLD:
        progress.advance(count % _TOLD)
