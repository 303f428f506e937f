"""Documents of every format that the tests make: dialects, holes, pictures, runs, two images of one name."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tests.silence.documents import boards, datasets, masks, platforms

if TYPE_CHECKING:
    from tests.silence.variant import Variant


@cache
def made() -> dict[str, Variant]:
    """Return all variants by their key."""
    every = [*datasets.variants(), *platforms.variants(), *boards.variants(), *masks.variants()]
    assert len({one.key for one in every}) == len(every)
    return {one.key: one for one in every}
