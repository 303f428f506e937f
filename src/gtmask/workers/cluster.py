"""A Dask cluster as an executor: connecting, how many workers it has by now, and leaving it."""

from __future__ import annotations

import contextlib
import logging
from concurrent.futures import Executor, Future, wait
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from gtmask.errors import GtmaskError, UsageError
from gtmask.progress import notice
from gtmask.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

#: Seconds after which it is looked whether the scheduler is still there, and how many workers it has.
LOOK = 5.0
#: The loggers for which Dask's configuration has a level.
_LOGS = ("distributed", "distributed.client", "tornado", "tornado.application")


class Cluster:
    """A connection to a Dask scheduler.

    Raises UsageError if Dask is not installed, or no scheduler answers.

    - ``address``: ``HOST:PORT`` of the scheduler.
    - ``patience``: seconds for which there may be no workers while somebody waits for a result.
    """

    def __init__(self, address: str, patience: float) -> None:
        try:
            from distributed import Client  # noqa: PLC0415 - an extra
        except ImportError:
            raise UsageError("--executor dask://… needs Dask: pip install 'gtmask[dask]'.") from None
        try:
            connect: Any = Client
            self._client = connect(f"tcp://{address}", timeout=10)
        except (OSError, ValueError, TimeoutError) as error:
            raise UsageError(f"No Dask scheduler answers at {address}: {one_line(error)}.") from error
        self._executor: Executor = self._client.get_executor(pure=False, retries=2)
        self._address = address
        self._patience = patience
        self._left_at: float | None = None
        # What these log of a scheduler that is gone, with tracebacks, our sentence says.
        self._levels = {log: log.level for log in map(logging.getLogger, _LOGS)}
        for log in self._levels:
            log.setLevel(logging.CRITICAL)
        self._seen = 0
        self._next_look = 0.0

    def threads(self) -> int:
        """Return how many tasks the cluster's workers can do at once by now, 0 where nobody answers."""
        try:
            return sum(self._client.nthreads().values())
        except (OSError, TimeoutError, RuntimeError):
            return 0

    @property
    def workers(self) -> int:
        """How many tasks can be done at once, at least 1: looked at now and then, as workers come and go."""
        if perf_counter() >= self._next_look:
            self._seen = max(1, self.threads())
            self._next_look = perf_counter() + LOOK
        return self._seen

    def look_again(self) -> None:
        """Have :attr:`workers` looked at the next time."""
        self._next_look = 0.0

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Hand a task over; raises as :meth:`result`."""
        with self._translate_errors():
            return self._executor.submit(function, *arguments)

    def result(self, future: Future[T]) -> T:
        """Wait for a task, but not for ever where the scheduler is gone, or all workers: it then never ends.

        Raises GtmaskError: what the task raised, or that Dask could not do it.
        """
        with self._translate_errors():
            while not wait([future], timeout=min(LOOK, max(self._patience, 0.1))).done:
                if self._client.status in {"closed", "closing"}:
                    raise ConnectionError
                self._look_for_workers()
            self._left_at = None
            return future.result()

    def _look_for_workers(self) -> None:
        """Say once that there are no workers, and stop where that goes on for too long."""
        now = perf_counter()
        if self.threads():
            self._left_at = None
        elif self._left_at is None:
            self._left_at = now
            notice(
                f"The Dask cluster at {self._address} has no workers: they are waited for up to "
                f"{self._patience:g} s (--worker-timeout)."
            )
        elif now - self._left_at > self._patience:
            raise GtmaskError(
                f"The Dask cluster at {self._address} has had no workers for {self._patience:g} s: start "
                "some and run the same command again, or wait longer with --worker-timeout. What was "
                "committed is kept."
            )

    def close(self, *, wait: bool) -> None:
        """Leave the cluster; with ``wait``, after the tasks that run."""
        # Without workers nothing runs that could be waited for; a scheduler that is gone cannot be left.
        with contextlib.suppress(Exception):
            self._executor.shutdown(wait=wait and self.threads() > 0)
        with contextlib.suppress(Exception):
            self._client.close()
        for log, level in self._levels.items():
            log.setLevel(level)

    @contextlib.contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Turn Dask's errors into ours: workers that died, a scheduler that left, machines without gtmask."""
        try:
            yield
        except (GtmaskError, KeyboardInterrupt):
            raise
        except BaseException as error:  # one of them is asyncio's CancelledError, which is no Exception
            if self._client.status != "running":
                raise GtmaskError(
                    f"The Dask scheduler at {self._address} does not answer any more: run the same command "
                    "again when it is back, or with another --executor. What was committed is kept."
                ) from error
            what = f"{type(error).__name__}: {one_line(error):.120}"
            raise GtmaskError(
                f"Dask could not do a task ({what}): see in its workers' logs whether they lack memory or "
                "gtmask, then run the same command again. What was committed is kept."
            ) from error
