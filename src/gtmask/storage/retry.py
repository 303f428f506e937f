"""When a request is sent, when it is given up and when it is sent again: for all requests of a storage.

botocore's own modes do not fit a bulk run: "standard" and "adaptive" give up after a shared quota (of 400
uploads that were each throttled twice, none arrived). Here a failed request waits exponentially longer, with
full jitter, so that retries do not come in step. That is all that a server needs which throttles a request
now and then: a 503 among many good answers is its hiccup. Every request waits where the server is asked for
far more than it can do: where a considerable share of the last answers are 503, or one request is throttled
again and again.
"""

from __future__ import annotations

import asyncio
import logging
import random
from time import perf_counter
from typing import TYPE_CHECKING, Literal, TypeVar

from gtmask.errors import ThrottledError, TransientError, UnreachableError
from gtmask.progress import count_retries
from gtmask.storage import traffic
from gtmask.storage.limits import TimeLimits
from gtmask.storage.pace import Pace, Turns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

_log = logging.getLogger(__name__)

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 20.0
#: Part of that for a request whose answer broke: the next one is most often good. A server that is gone, or
#: is asked for too much, is given the whole. AWS's SDK for JavaScript tells the two apart as well
#: (``DEFAULT_RETRY_DELAY_BASE``, ``THROTTLING_RETRY_DELAY_BASE``).
_HICCUP = 1 / 4
_LONGEST_SHARED_PAUSE = 5.0
#: From this share of 503 among the last answers on all requests wait. The adaptive mode of AWS's SDKs answers
#: throttling with 0.7 times as many requests (``_BETA`` of botocore/retries/throttling.py), which is right
#: for a server that refuses three of ten.
_CROWDED = 0.3
#: What each answer counts in that share: about the last 32 of them do.
_WEIGHT = 1 / 32
#: Times in a row that one request is throttled before all others wait, too.
_REPEATEDLY = 4
#: Attempts at a server that has not answered anything yet: more likely a wrong address than trouble.
_ATTEMPTS_AT_STRANGER = 3
#: Endpoints that have answered this process once: the same address cannot be wrong later.
_known: set[str | None] = set()


class Requests:
    """Bounds, paces, times and repeats requests.

    - ``concurrency``: requests in flight at a time; one that waits for its next attempt does not count.
      "auto" finds the number: see :mod:`gtmask.storage.pace`.
    - ``attempts``: how often a request is sent before its trouble becomes an error.
    - ``endpoint``: the server's URL, None for AWS: one that has answered this process is waited for with more
      patience.
    """

    def __init__(
        self, concurrency: int | Literal["auto"], attempts: int, endpoint: str | None = None
    ) -> None:
        self._pace = Pace() if concurrency == "auto" else None
        self._turns = Turns(self._pace.bound if self._pace else int(concurrency))
        self._limits = TimeLimits()
        self._attempts = attempts
        self._endpoint = endpoint
        self._answered = endpoint in _known
        #: Share of 503 among the last answers.
        self._throttled = 0.0
        self._pause = 0.0
        self._resume_at = 0.0

    async def send(self, request: Callable[[], Awaitable[T]], timeout: float, action: str) -> T:  # noqa: ASYNC109 - each attempt has it, not the call
        """Send a request until it succeeds.

        Raises TransientError if no attempt helped, or the server cannot be reached at all. Raises
        GtmaskError: what else the request raises, at once.

        - ``request``: makes one attempt; raises ``TransientError`` where another attempt may help.
        - ``timeout``: seconds for one attempt.
        - ``action``: what the request does; continues "Cannot".
        """
        number = in_a_row = 0
        while True:
            number += 1
            if self._resume_at:
                await self._wait_for_resume()
            try:
                result = await self._attempt(request, timeout, action)
            except TransientError as error:
                stranger = isinstance(error, UnreachableError) and not self._answered
                if number >= (min(_ATTEMPTS_AT_STRANGER, self._attempts) if stranger else self._attempts):
                    advice = "check the endpoint and the network" if stranger else "run again later to go on"
                    times = "time" if number == 1 else "times"
                    said = str(error).rstrip(".")
                    raise TransientError(f"{said} (tried {number} {times}): {advice}.") from error
                count_retries()
                _log.info("%s Tried %d times so far.", error, number)
                is_throttled = isinstance(error, ThrottledError)
                in_a_row = in_a_row + 1 if is_throttled else 0
                lasts = isinstance(error, UnreachableError)
                if not lasts:
                    self._note_answer(is_throttled)
                if is_throttled and (self._throttled >= _CROWDED or in_a_row >= _REPEATEDLY):
                    lasts = True
                    self._slow_down()
                await asyncio.sleep(random.uniform(0, _backoff(number, lasts=lasts)))
            else:
                self._note_answer(False)
                if self._pace:
                    now = asyncio.get_running_loop().time()
                    self._pace.answered(now, self._turns.all_taken)
                    self._turns.move(self._pace.bound)
                if self._pause and asyncio.get_running_loop().time() >= self._resume_at:
                    self._pause /= 2
                return result

    def _note_answer(self, is_throttled: bool) -> None:
        self._throttled += _WEIGHT * (is_throttled - self._throttled)
        if is_throttled and traffic.counts is not None:
            traffic.counts["throttled"] += 1
        if not self._answered:
            self._answered = True
            _known.add(self._endpoint)

    async def _attempt(self, request: Callable[[], Awaitable[T]], timeout: float, action: str) -> T:  # noqa: ASYNC109 - as above
        async with self._turns:
            begun = perf_counter() if traffic.counts is not None else 0.0
            try:
                return await self._limits.within(timeout, request)
            except TimeoutError as error:
                raise TransientError(f"Cannot {action}: no answer within {timeout:.0f} seconds.") from error
            finally:
                if traffic.counts is not None:
                    traffic.counts[action.partition(" ")[0]] += 1
                    traffic.counts["seconds"] += perf_counter() - begun

    async def _wait_for_resume(self) -> None:
        """Wait while a pause lasts, and a little longer, so that not all begin again at once.

        A pause that begins meanwhile is not waited for as well: else a few requests that are throttled
        one after the other would hold up all the others for good.
        """
        left = self._resume_at - asyncio.get_running_loop().time()
        if left > 0:
            await asyncio.sleep(left + random.uniform(0, self._pause))

    def _slow_down(self) -> None:
        """Begin a pause for all, twice as long as the last one that success has not shortened since.

        Requests that were in flight when a pause began bring back the same news; they do not lengthen it.
        """
        now = asyncio.get_running_loop().time()
        if now >= self._resume_at:
            self._pause = min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_SHARED_PAUSE)
            self._resume_at = now + self._pause
            if self._pace:
                self._pace.throttled()
                self._turns.move(self._pace.bound)


def _backoff(number: int, *, lasts: bool) -> float:
    """Return the longest wait in seconds after so many attempts; ``lasts`` tells of trouble that may last."""
    first = _FIRST_PAUSE if lasts else _HICCUP * _FIRST_PAUSE
    return min(first * 2.0 ** min(number, 30), _LONGEST_PAUSE)
