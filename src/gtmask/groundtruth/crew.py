"""Workers for batches: processes where there is much to do, else one thread.

Results are handed over in the order of the batches, so that what is made of them is the same whatever
the number of workers; a bounded number of batches is under way.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, TypeVar

from gtmask.errors import GtmaskError
from gtmask.groundtruth.survey import close_at_exit, close_survey
from gtmask.kernels import CHECKER_MODULES, compile_kernels
from gtmask.machine import cores
from gtmask.spawn import WorkerContext

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor, Future

#: Manifests with fewer lines are not worth the seconds that starting processes takes.
FEW_LINES = 8000

T = TypeVar("T")
R = TypeVar("R")


def process_count(workers: int | None, lines: int) -> int:
    """Return how many processes to start for about so many lines, 0 to work in this one."""
    wanted = cores() if workers is None else workers
    return 0 if wanted <= 1 or (workers is None and lines < FEW_LINES) else wanted


class Crew(Generic[T, R]):
    """Runs ``work`` on batches and gives its results to ``merge``, in order.

    Parameters
    ----------
    work
        Picklable; called with a list of items.
    merge
        Called in the caller's thread.
    processes
        0 for one thread.
    decode
        The work decodes masks: its kernels are compiled once, before several processes would.
    """

    def __init__(
        self,
        work: Callable[[list[T]], R],
        merge: Callable[[R], None],
        processes: int,
        *,
        decode: bool = False,
    ) -> None:
        self._work = work
        self._merge = merge
        self._pending: deque[Future[R]] = deque()
        self._most = 2 * max(processes, 1) + 1
        self._threads = not processes
        self._executor: Executor
        if self._threads:
            self._executor = ThreadPoolExecutor(1)
        else:
            if decode:
                compile_kernels(CHECKER_MODULES)
            self._executor = ProcessPoolExecutor(processes, WorkerContext(), close_at_exit)

    def submit(self, batch: list[T]) -> None:
        """Hand over a batch, once there are not too many under way."""
        while len(self._pending) >= self._most:
            self._take()
        if batch:
            self._pending.append(self._executor.submit(self._work, batch))

    def finish(self) -> None:
        """Wait for all batches."""
        while self._pending:
            self._take()

    def _take(self) -> None:
        try:
            result = self._pending.popleft().result()
        except BrokenExecutor as error:
            msg = "a worker process ended by itself, often for lack of memory: run again with fewer --workers"
            raise GtmaskError(msg) from error
        self._merge(result)

    def close(self) -> None:
        """End the workers; what was not started is dropped."""
        for future in self._pending:
            future.cancel()
        if self._threads:
            self._executor.submit(close_survey)
        self._executor.shutdown(wait=True)
