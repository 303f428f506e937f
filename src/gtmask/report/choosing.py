"""Which images a page shows: evenly spread, drawn by a seed, named, or such that every class is seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gtmask.errors import UsageError
from gtmask.findings import CODES

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Images that are looked at to choose some of them; of larger data sets a sample of so many.
LOOKED_AT = 2000


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user asked to see.

    Raises UsageError: a count below 1, a seed below 0, a code that there is not.

    - ``count``: how many images at most.
    - ``seed``: draws the images; None spreads them evenly over the source.
    - ``cover``: every class that occurs is to be on one of them.
    - ``only``: finding codes: images with one of these alone.
    - ``names``: ends of the paths of images, whole folder and file names: these alone, all of them.
    """

    count: int = 24
    seed: int | None = None
    cover: bool = False
    only: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UsageError(f"--count {self.count} must be at least 1.")
        if self.seed is not None and self.seed < 0:
            raise UsageError(f"--seed {self.seed} must be at least 0.")
        for code in self.only:
            if code not in CODES:
                raise UsageError(
                    f"--only {code} is no finding code: docs/findings.md lists them; --image chooses images."
                )

    def spread(self, total: int, count: int | None = None) -> list[int]:
        """Return up to ``count`` of so many places, ascending: drawn by the seed, or evenly spread."""
        shown = min(self.count if count is None else count, total)
        if self.seed is None:
            return [index * total // shown for index in range(shown)]
        drawn = np.random.default_rng(self.seed).choice(total, shown, replace=False)
        return sorted(drawn.tolist())

    def matches(self, reference: str) -> bool:
        """Say whether an image is one of those that are asked for by name."""
        return any(reference == name or reference.endswith("/" + name.lstrip("/")) for name in self.names)

    def refuse_missing(self, references: Iterable[str], source: str) -> None:
        """Refuse names of images that the source does not have.

        Raises UsageError with the first such name.
        """
        found = list(references)
        for name in self.names:
            if not any(Choice(names=(name,)).matches(reference) for reference in found):
                raise UsageError(
                    f"--image {name}: {source} names no such image; give its path, or the end of it."
                )
