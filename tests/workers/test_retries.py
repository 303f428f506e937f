"""Requests that workers had to send again are counted where somebody is told of them."""

from __future__ import annotations

import pytest

from gtmask import retries
from gtmask.progress import count_retries
from gtmask.workers import Pool


def repeat(count: int) -> int:
    """Do as a task does some of whose requests failed."""
    count_retries(count)
    return -count


@pytest.mark.parametrize("workers", [1, 2])
def test_what_tasks_count_arrives_with_their_results(workers: int) -> None:
    before = retries()
    with Pool(workers) as pool:
        assert list(pool.map(repeat, [(3,), (0,), (4,)], 3)) == [-3, 0, -4]
    assert retries() - before == 7
