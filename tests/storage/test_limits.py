"""Time limits of requests: one timer breaks off whichever of them take too long, and nobody else."""

from __future__ import annotations

import asyncio

import pytest

from gtmask.storage.limits import TimeLimits


def test_each_request_has_its_own_limit() -> None:
    async def main() -> None:
        limits, forever = TimeLimits(), asyncio.Event()
        loop = asyncio.get_running_loop()

        async def limited(seconds: float) -> float:
            begun = loop.time()
            with pytest.raises(TimeoutError):
                await limits.within(seconds, forever.wait)
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 0
            # The task goes on as if nothing had been.
            assert await limits.within(60, lambda: asyncio.sleep(0, "after")) == "after"
            return loop.time() - begun

        async def answered() -> str:
            return await limits.within(60, lambda: asyncio.sleep(0.3, "answer"))

        # The later ones begin with shorter limits than the timer was set for, and with longer ones.
        seconds = (0.2, 0.05, 0.1, 0.25)
        reply = asyncio.create_task(answered())
        taken = await asyncio.gather(*map(limited, seconds))
        assert all(took >= wanted - 0.01 for took, wanted in zip(taken, seconds, strict=True))
        assert await reply == "answer"

    asyncio.run(main())


def test_whoever_cancels_a_request_sees_it_cancelled() -> None:
    async def main() -> None:
        limits, forever = TimeLimits(), asyncio.Event()
        task = asyncio.create_task(limits.within(60, forever.wait))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_a_request_that_is_cancelled_when_its_time_is_over_is_cancelled() -> None:
    async def main() -> None:
        limits, is_late, forever = TimeLimits(), asyncio.Event(), asyncio.Event()

        async def slow_to_stop() -> None:
            try:
                await forever.wait()
            except asyncio.CancelledError:
                is_late.set()
                await forever.wait()

        task = asyncio.create_task(limits.within(0.01, slow_to_stop))
        await asyncio.wait_for(is_late.wait(), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_errors_of_requests_are_their_own() -> None:
    async def main() -> None:
        limits = TimeLimits()

        async def broken() -> None:
            raise ValueError("broken")

        for _ in range(3):
            with pytest.raises(ValueError, match="broken"):
                await limits.within(60, broken)

    asyncio.run(main())
