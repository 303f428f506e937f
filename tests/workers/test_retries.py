"""Requests that had to be sent again are counted where somebody is told of them, whoever sent them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gtmask import retries
from gtmask.errors import TransientError
from gtmask.progress import count_retries
from gtmask.storage.retry import Requests
from gtmask.workers import Pool

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


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


def fails(times: int) -> Callable[[], Awaitable[str]]:
    """Return a request that fails so often before it succeeds."""
    left = [times]

    async def request() -> str:
        if left[0]:
            left[0] -= 1
            raise TransientError("Cannot read it: try again.")
        return "done"

    return request


def test_a_request_that_is_sent_again_is_counted_and_one_that_is_given_up_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gtmask.storage.retry._FIRST_PAUSE", 0.0001)
    requests = Requests(4, attempts=3)
    before = retries()
    assert asyncio.run(requests.send(fails(2), 60, "read it")) == "done"
    assert retries() - before == 2
    with pytest.raises(TransientError, match="tried 3 times"):
        asyncio.run(requests.send(fails(9), 60, "read it"))
    assert retries() - before == 4
