"""Where chunks run: in this thread, in one spawned process per core, or on a Dask cluster.

All three are ``concurrent.futures`` executors; :class:`Pool` keeps a bounded number of tasks in flight and
gives results back in order, so that memory does not grow with the number of chunks.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor, wait
from itertools import chain, islice
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from gtmask.errors import GtmaskError, UsageError
from gtmask.machine import cores
from gtmask.run.worker import be_ready, close_worker, interrupt_workers, start_process

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from gtmask.run.progress import Progress

T = TypeVar("T")

#: Up to this many tasks are done in this process, where it is not known how many there are.
FEW_TASKS = 4
#: What processes must save to be started: their start costs so much, on CPUs that could work meanwhile.
START_SECONDS = 1.5
#: Seconds after which it is looked whether Dask's scheduler is still there, and how many workers it has.
SCHEDULER_LOOK = 5.0


class Pool:
    """An executor with a bounded number of tasks in flight.

    Parameters
    ----------
    executor
        ``"local"`` or ``"dask://HOST:PORT"``.
    workers
        Processes, for the local executor; one per core by default. One worker runs in a thread of this
        process: a small run need not wait for a process to start.
    """

    def __init__(self, executor: str = "local", workers: int | None = None) -> None:
        self._client: Any = None
        self._thread: ThreadPoolExecutor | None = None
        # Whoever asks for workers gets them, unless there is only one task.
        self._asked = workers is not None
        self._few = 1 if self._asked else FEW_TASKS
        self._executor: Executor | None = None
        self._next_look = 0.0
        if executor.startswith("dask://"):
            self._executor = self._connect(executor.removeprefix("dask://"))
            self.workers = max(1, self._dask_threads())
        else:
            self.workers = workers or cores()

    def _connect(self, address: str) -> Executor:
        try:
            from distributed import Client  # noqa: PLC0415 - an extra
        except ImportError:
            raise UsageError("--executor dask://… needs Dask: pip install 'gtmask[dask]'.") from None
        try:
            connect: Any = Client
            self._client = connect(f"tcp://{address}", timeout=10)
        except (OSError, ValueError, TimeoutError) as error:
            raise UsageError(f"No Dask scheduler answers at {address}: {error}") from error
        executor: Executor = self._client.get_executor(pure=False, retries=2)
        return executor

    @property
    def ahead(self) -> int:
        """Tasks in flight: each worker has one to go on with."""
        return 2 * self.workers + 1

    def _dask_threads(self) -> int:
        """Return how many tasks Dask's workers can do at once by now, 0 where nobody answers."""
        try:
            return sum(self._client.nthreads().values())
        except (OSError, TimeoutError, RuntimeError):
            return 0

    def welcome(self, progress: Progress) -> None:
        """Wait until a Dask cluster does its first task: its workers may be in a queue, or start when asked.

        Raises
        ------
        GtmaskError
            As :meth:`map`: the workers cannot import gtmask, for example.
        """
        if self._client is not None:
            if not self._dask_threads():
                progress.stage("waiting for Dask's workers", None)
            for _ in self.map(be_ready, [()]):
                self._next_look = 0.0

    def _look(self) -> None:
        """See, now and then, how many workers Dask has: they come and go."""
        if self._client is not None and perf_counter() >= self._next_look:
            self.workers = max(1, self._dask_threads())
            self._next_look = perf_counter() + SCHEDULER_LOOK

    def map(
        self, function: Callable[..., T], arguments: Iterable[tuple[Any, ...]], tasks: int | None = None
    ) -> Generator[T, None, None]:
        """Yield ``function(*arguments)`` for each of the arguments, in order.

        Parameters
        ----------
        function, arguments
            Picklable.
        tasks
            How many there are, where that is known: it is then seen from the first ones whether processes
            are worth their start, unless somebody has asked for them.

        Raises
        ------
        GtmaskError
            What a task raised, or that a worker process died. Tasks that run are waited for, so that
            their work is not lost; tasks that wait are dropped.
        """
        items = iter(arguments)
        flying: deque[Future[T]] = deque()
        try:
            free = self._client is None and self._executor is None
            few = self._few if free else 0
            if free and tasks is not None and not self._asked:
                yield from self._map_here(function, items, tasks)
                few = 0
            first = list(islice(items, few + 1))
            # A few tasks are done here before a process would have started.
            submit = self._here().submit if len(first) <= few else self._spread().submit
            for item in chain(first, items):
                flying.append(submit(function, *item))
                self._look()
                if len(flying) >= self.ahead:
                    yield self._result(flying.popleft())
            while flying:
                yield self._result(flying.popleft())
        except BrokenExecutor:
            raise GtmaskError(
                "A worker process died, most likely for want of memory: run the same command again, with "
                "fewer --workers. What was committed is kept."
            ) from None
        except GtmaskError:
            raise
        except Exception as error:
            if self._client is None:
                raise
            # Workers that died, a scheduler that left, machines without gtmask: Dask has an error for each.
            said = " ".join(str(error).split())[:120]
            raise GtmaskError(
                f"Dask could not do a task ({type(error).__name__}: {said}): see in its workers' logs "
                "whether they lack memory or gtmask, then run the same command again. What was committed is "
                "kept."
            ) from error
        finally:
            for future in flying:
                future.cancel()

    def _map_here(
        self, function: Callable[..., T], items: Iterator[tuple[Any, ...]], tasks: int
    ) -> Generator[T, None, None]:
        """Yield the results of tasks done in this process, until processes would save more than they cost."""
        for done, item in enumerate(items, 1):
            start = perf_counter()
            result = self._here().submit(function, *item).result()
            seconds = perf_counter() - start
            yield result
            # The first task loads the kernels and opens connections, too: it tells nothing of the others.
            if done > 1 and seconds * (tasks - done) * (1 - 1 / self.workers) > START_SECONDS:
                return

    def _result(self, future: Future[T]) -> T:
        """Wait for a task, but not for ever where Dask's scheduler is gone: its futures then never end."""
        while self._client is not None and not wait([future], timeout=SCHEDULER_LOOK).done:
            if self._client.status in {"closed", "closing"}:
                raise ConnectionError("the scheduler does not answer any more")
        return future.result()

    def prepare(self) -> None:
        """Let worker processes start and import while this process is still busy with other things."""
        if self._client is None and self.workers > 1:
            for _ in range(self.workers):
                self._spread().submit(be_ready)

    def _spread(self) -> Executor:
        """Return the executor that works on all cores, or machines; made when it is needed first."""
        if self._executor is None:
            self._executor = self._here() if self.workers == 1 else _make_processes(self.workers)
        return self._executor

    def _here(self) -> ThreadPoolExecutor:
        """Return the executor that works in a thread of this process."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "gtmask-worker")
        return self._thread

    def close(self, *, wait: bool = True) -> None:
        """End the executor; with ``wait``, after the tasks that run."""
        if self._thread is not None:
            if wait:
                self._thread.submit(close_worker).result()
            self._thread.shutdown(wait=wait, cancel_futures=True)
        if self._client is not None:
            # Without workers nothing runs that could be waited for.
            self._spread().shutdown(wait=wait and self._dask_threads() > 0)
            self._client.close()
        elif self._executor is not None:
            self._executor.shutdown(wait=wait, cancel_futures=True)

    def kill(self) -> None:
        """End what runs at once: worker processes by their ids, and the chunk in this process's thread."""
        interrupt_workers()
        processes = getattr(self._executor, "_processes", None) or {}
        for process in list(processes.values()):
            process.kill()
        self.close(wait=False)


def _make_processes(workers: int) -> Executor:
    # Importing and making these takes a tenth of a small run, which does without.
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415

    from gtmask.spawn import WorkerContext  # noqa: PLC0415

    return ProcessPoolExecutor(
        workers,
        mp_context=WorkerContext(),
        initializer=start_process,
        initargs=(os.getpid(),),
    )
