"""Work side by side is in order, bounded, and ends after an error; work in bursts is as if one by one."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtmask.loops import in_bursts, side_by_side

MOST = 4
NUMBERS = st.integers(0, 3 * MOST)


def test_results_come_in_order_and_no_more_is_at_work_than_allowed() -> None:
    async def main() -> tuple[list[int], int]:
        at_work = most = 0

        async def square(number: int) -> int:
            nonlocal at_work, most
            at_work += 1
            most = max(most, at_work)
            for _ in range(number % 5):
                await asyncio.sleep(0)
            at_work -= 1
            return number * number

        return await side_by_side(square, range(50), 4), most

    assert asyncio.run(main()) == ([number * number for number in range(50)], 4)


@pytest.mark.parametrize("items", [0, 1, 3])
def test_there_may_be_fewer_items_than_turns(items: int) -> None:
    async def same(number: int) -> int:
        return number

    assert asyncio.run(side_by_side(same, range(items), 8)) == list(range(items))


def test_after_an_error_what_has_begun_ends_and_nothing_more_begins() -> None:
    begun, ended = [], []

    async def work(number: int) -> None:
        begun.append(number)
        if number == 2:
            await asyncio.sleep(0)
            raise ValueError("the first")
        for _ in range(10):
            await asyncio.sleep(0)
        ended.append(number)
        if number == 1:
            raise ValueError("the second")

    with pytest.raises(ValueError, match="the first"):
        asyncio.run(side_by_side(work, range(100), 4))
    assert begun == [0, 1, 2, 3]
    assert ended == [0, 1, 3]


def test_work_that_never_waits_lets_the_loop_have_its_turn() -> None:
    async def main() -> int:
        turns = done = 0

        async def others() -> None:
            nonlocal turns
            while done < 100:
                turns += 1
                await asyncio.sleep(0)

        async def busy(_: int) -> None:
            nonlocal done
            end = perf_counter() + 0.001
            while perf_counter() < end:
                pass
            done += 1

        task = asyncio.create_task(others())
        await side_by_side(busy, range(100), 2)
        await task
        return turns

    # All the work takes 0.1 s at least, and nobody has the loop for much longer than 0.02 s.
    assert asyncio.run(main()) >= 3


def in_two_steps(count: int, bad_begins: set[int], bad_ends: set[int]) -> tuple[list[int], list[int], str]:
    """Return which of so many numbers were begun and ended, and the error that was raised."""
    begun: list[int] = []
    ended: list[int] = []

    async def begin(number: int) -> Any:
        if number in bad_begins:
            raise ValueError(f"begin {number}")
        begun.append(number)
        return -number

    async def end(number: int, one: Any) -> None:
        assert one == -number
        if number in bad_ends:
            raise ValueError(f"end {number}")
        ended.append(number)

    try:
        asyncio.run(in_bursts(begin, end, range(count), MOST, lambda _: False))
    except ValueError as error:
        return begun, ended, str(error)
    return begun, ended, ""


@given(NUMBERS, st.sets(NUMBERS, max_size=2), st.sets(NUMBERS, max_size=2))
def test_errors_are_those_of_one_number_after_the_other(
    count: int, bad_begins: set[int], bad_ends: set[int]
) -> None:
    begun, ended, error = in_two_steps(count, bad_begins, bad_ends)
    bad = min((number for number in bad_begins | bad_ends if number < count), default=None)
    if bad is None:
        assert (begun, ended, error) == (list(range(count)), list(range(count)), "")
    else:
        assert ended == list(range(bad))
        assert error == f"begin {bad}" if bad in bad_begins else f"end {bad}"


@pytest.mark.parametrize("stops", [KeyboardInterrupt, asyncio.CancelledError])
def test_nothing_is_ended_after_an_interruption(stops: type[BaseException]) -> None:
    ended: list[int] = []

    async def begin(number: int) -> Any:
        if number == MOST + 2:
            raise stops
        return number

    async def end(number: int, _one: Any) -> None:
        ended.append(number)

    with pytest.raises(stops):
        asyncio.run(in_bursts(begin, end, range(2 * MOST), MOST, lambda _: False))
    assert ended == list(range(MOST))


@given(NUMBERS, st.sets(NUMBERS))
def test_what_is_heavy_is_ended_before_anything_else_is_begun(count: int, heavy: set[int]) -> None:
    begun: list[int] = []
    ended: list[int] = []

    async def begin(number: int) -> int:
        assert not heavy & (set(begun) - set(ended))
        begun.append(number)
        return number

    async def end(number: int, _one: int) -> None:
        ended.append(number)

    asyncio.run(in_bursts(begin, end, range(count), MOST, heavy.__contains__))
    assert begun == ended == list(range(count))
