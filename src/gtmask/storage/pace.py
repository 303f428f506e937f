"""How many requests are in flight, where nobody says: as many as bring more answers per second.

Answers are counted in windows of time. While requests wait for their turn, every other window tries half as
many requests more; they stay where they bring a tenth more answers, and are taken back where they do not.
A server that asks for fewer requests gets half as many at once, and time to recover before more are tried.
"""

from __future__ import annotations

import asyncio

from gtmask.storage.base import MOST_IN_FLIGHT

_FIRST = 16
#: Seconds of a window; it lasts longer where it takes longer to fill all turns twice.
_WINDOW = 1.0
_GAIN = 1.1
#: Windows after an attempt that did not help before the next one.
_REST = 15


class Turns:
    """A bound on the requests in flight that can be moved; held with ``async with``.

    - ``bound``: requests in flight, at least 1.
    """

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self._semaphore = asyncio.Semaphore(bound)
        self._owed = 0

    async def __aenter__(self) -> None:
        await self._semaphore.acquire()

    async def __aexit__(self, *exc: object) -> None:
        if self._owed:
            self._owed -= 1
        else:
            self._semaphore.release()

    @property
    def all_taken(self) -> bool:
        """Whether the next request has to wait."""
        return self._semaphore.locked()

    def move(self, bound: int) -> None:
        """Change the bound; requests in flight beyond a lower one are not broken off."""
        for _ in range(bound - self.bound):
            if self._owed:
                self._owed -= 1
            else:
                self._semaphore.release()
        self._owed += max(self.bound - bound, 0)
        self.bound = bound


class Pace:
    """Finds the bound from when answers arrive.

    - ``most``: the highest bound.

    - ``bound``: requests that may be in flight now.
    """

    def __init__(self, most: int = MOST_IN_FLIGHT) -> None:
        self.bound = min(_FIRST, most)
        self._most = most
        self._proven = self.bound
        self._rate = 0.0
        self._rest = 0
        self._begin(None)

    def _begin(self, now: float | None) -> None:
        self._since = now
        self._answers = self._crowded = 0

    def answered(self, now: float, crowded: bool) -> None:
        """Count an answer.

        - ``now``: seconds on a clock that never goes back.
        - ``crowded``: whether all turns were taken: only then can another bound make a difference.
        """
        if self._since is None:
            self._begin(now)
            return
        self._answers += 1
        self._crowded += crowded
        seconds = now - self._since
        if seconds >= _WINDOW and self._answers >= 2 * self.bound:
            if 2 * self._crowded > self._answers:
                self._judge(self._answers / seconds)
            self._begin(now)

    def throttled(self) -> None:
        """Halve the bound: the server asks for fewer requests."""
        self.bound = self._proven = max(self.bound // 2, 1)
        self._rest = _REST
        self._begin(None)

    def _judge(self, rate: float) -> None:
        """Decide on the next window's bound by this window's answers per second."""
        if self.bound > self._proven:
            if rate < _GAIN * self._rate:
                self.bound, self._rest = self._proven, _REST
                return
            self._proven = self.bound
        self._rate = rate
        if self._rest:
            self._rest -= 1
        else:
            self.bound = min(max(self.bound * 3 // 2, self.bound + 1), self._most)
