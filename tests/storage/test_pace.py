"""``--concurrency auto``: the bound that measuring finds, and what throttling does to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from gtmask import S3Settings
from gtmask.errors import UsageError
from gtmask.storage.base import MOST_IN_FLIGHT
from gtmask.storage.pace import Pace, Turns
from tests.support.s3_faults import run

if TYPE_CHECKING:
    from tests.support.fault_proxy import FaultProxy
    from tests.support.s3_server import S3Server


def serve(pace: Pace, best: int, seconds: float, *, demand: int = 1000, now: float = 0.0) -> float:
    """Answer as a server that takes 50 ms and serves ``best`` requests at a time; return the time after."""
    end = now + seconds
    while now < end:
        sent = min(pace.bound, demand)
        now += 0.05 / min(sent, best)
        pace.answered(now, crowded=sent < demand)
    return now


@pytest.mark.parametrize("best", [1, 4, 16, 24, 40, 100, 200])
def test_the_bound_comes_near_what_serves_best_and_stays(best: int) -> None:
    pace = Pace()
    now = serve(pace, best, 40)
    settled = []
    for _ in range(60):
        now = serve(pace, best, 1, now=now)
        settled.append(pace.bound)
    # One attempt at more every fifteen windows at most.
    usual = max(set(settled), key=settled.count)
    assert settled.count(usual) >= 50
    assert max(16, best * 2 // 3) <= usual <= max(16, best * 3 // 2 + 1)


def test_no_bound_is_beyond_the_highest() -> None:
    pace = Pace()
    serve(pace, 10_000, 60, demand=10_000)
    assert pace.bound == MOST_IN_FLIGHT


def test_a_bound_that_holds_nobody_up_stays() -> None:
    pace = Pace()
    serve(pace, 1000, 60, demand=10)
    assert pace.bound == 16


def test_throttling_halves_the_bound_and_gives_time_to_recover() -> None:
    pace = Pace()
    now = serve(pace, 100, 30)
    before = pace.bound
    pace.throttled()
    assert pace.bound == before // 2
    now = serve(pace, 100, 10, now=now)
    assert pace.bound == before // 2
    serve(pace, 100, 20, now=now)
    assert pace.bound > before // 2
    for _ in range(20):
        pace.throttled()
    assert pace.bound == 1
    serve(pace, 100, 60, now=now)
    assert pace.bound > 8


def test_turns_follow_their_bound() -> None:
    async def main() -> list[int]:
        turns, held, most = Turns(4), 0, [0]

        async def one() -> None:
            nonlocal held
            async with turns:
                held += 1
                most[-1] = max(most[-1], held)
                await asyncio.sleep(0)
                held -= 1

        for bound in (4, 9, 2, 3, 1, 5):
            # Moved while all turns are held: nobody is broken off, and the new bound holds from then on.
            running = [asyncio.create_task(one()) for _ in range(20)]
            await asyncio.sleep(0)
            turns.move(bound)
            await asyncio.gather(*running)
            most.append(0)
            await asyncio.gather(*(one() for _ in range(20)))
            assert most[-1] == bound
            assert not turns.all_taken
        return most

    asyncio.run(main())


@pytest.mark.parametrize("client", ["aioboto3", "obstore"])
def test_all_arrives_at_a_server_that_bears_few_requests(
    fault_proxy: FaultProxy, s3_server: S3Server, bucket: str, client: str
) -> None:
    """The server throttles everything while more than eight requests may be sent at a time."""

    async def work(storage: Any) -> None:
        turns = storage.requests._turns
        fault_proxy.rule = lambda method, path, attempt: "503 SlowDown" if turns.bound > 8 else None
        await asyncio.gather(*(storage.put(f"{number:03}", b"%d" % number) for number in range(200)))
        assert turns.bound <= 8

    run(fault_proxy, bucket, client, work, timeout=20.0, concurrency="auto")
    assert s3_server.objects(bucket, "p/") == {f"{number:03}": b"%d" % number for number in range(200)}


@pytest.mark.parametrize("given", [0, -1])
def test_no_requests_at_all_are_wrong_usage(given: int) -> None:
    with pytest.raises(UsageError, match=f"--concurrency {given} must be auto or at least 1"):
        S3Settings(concurrency=given)


def test_the_number_stays_what_it_is() -> None:
    assert S3Settings(concurrency=7).in_flight == 7
    assert S3Settings(concurrency="auto").in_flight == MOST_IN_FLIGHT
