"""Work side by side: in order, bounded, and no more of it after an error."""

from __future__ import annotations

import asyncio
from time import perf_counter

import pytest

from gtmask.loops import side_by_side


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
