"""When a server that answers 503 is given a pause: on a clock that jumps, with a server made of chance."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from bench.sizing import Bucket, JumpingLoop
from gtmask.errors import ThrottledError, TransientError
from gtmask.storage.retry import Requests

if TYPE_CHECKING:
    from collections.abc import Callable

LATENCY = 0.2
COUNT = 4000


def seconds_of(answer: Callable[[int, int], Exception | None], count: int = COUNT) -> tuple[float, float]:
    """Return how long requests take, 32 at a time, and when the last pause of all of them has ended.

    ``answer`` gets a request's number and its attempt's, and returns the error that it is answered by.
    """

    async def main() -> tuple[float, float]:
        requests = Requests(32, 10)

        async def one(number: int) -> None:
            attempts = 0

            async def request() -> None:
                nonlocal attempts
                attempts += 1
                await asyncio.sleep(LATENCY)
                error = answer(number, attempts)
                if error is not None:
                    raise error

            await requests.send(request, 60.0, "write")

        await asyncio.gather(*map(one, range(count)))
        return asyncio.get_running_loop().time(), requests._resume_at

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(main())


@pytest.mark.slow
@pytest.mark.parametrize("errors", [[ThrottledError], [ThrottledError, TransientError, TransientError]])
@pytest.mark.parametrize("share", [0.03, 0.1])
def test_answers_that_are_broken_now_and_then_cost_their_own_requests_only(
    share: float, errors: list[type[Exception]]
) -> None:
    chance = random.Random(1)
    usual, _ = seconds_of(lambda number, attempt: None)
    broken, _ = seconds_of(
        lambda number, attempt: chance.choice(errors)("?") if chance.random() < share else None
    )
    assert usual == pytest.approx(COUNT / 32 * LATENCY, rel=0.01)
    assert broken <= 1.25 * usual


def test_all_requests_pause_where_half_of_the_answers_throttle() -> None:
    chance = random.Random(1)
    _, pause = seconds_of(
        lambda number, attempt: ThrottledError("?") if attempt < 6 and chance.random() < 0.5 else None, 500
    )
    assert pause > 0


def test_all_requests_pause_where_one_is_throttled_again_and_again() -> None:
    def answer(number: int, attempt: int, *, times: int) -> Exception | None:
        return ThrottledError("?") if number == 7 and attempt <= times else None

    assert seconds_of(lambda number, attempt: answer(number, attempt, times=3), 500)[1] == 0
    assert seconds_of(lambda number, attempt: answer(number, attempt, times=4), 500)[1] > 0


@pytest.mark.slow
def test_a_server_that_takes_so_many_requests_a_second_is_sent_few_more() -> None:
    """It could be asked for twice as many; none is given up."""
    server, throttled = Bucket(80.0, 0.0), [0]

    def answer(number: int, attempt: int) -> Exception | None:
        if server.takes(asyncio.get_running_loop().time()):
            return None
        throttled[0] += 1
        return ThrottledError("?")

    seconds, _ = seconds_of(answer)
    assert seconds <= 1.3 * COUNT / 80
    assert throttled[0] <= COUNT
