"""Each target stands its own seeds and some changes of them, and one that crashes is reported."""

from __future__ import annotations

import random

import pytest

from tests.reliability.fuzz import changed
from tests.reliability.fuzz_targets import targets

#: Changes per target; `make fuzz` tries more, guided by what they reach.
CHANGES = 60


@pytest.mark.parametrize("name", sorted(targets()))
def test_seeds_and_changes_of_them_do_no_harm(name: str) -> None:
    target, chance = targets()[name], random.Random(name)
    assert target.seeds
    for seed in target.seeds:
        target.run(seed)
    for _ in range(CHANGES):
        target.run(changed(chance.choice(target.seeds), chance))
