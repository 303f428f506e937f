"""Where tasks run: in a thread of this process, in one spawned process per core, or on a Dask cluster.

:class:`Pool` keeps a bounded number of tasks in flight and gives results back in order, so that memory does
not grow with the number of tasks, and what is made of the results is the same whatever the workers.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from threading import Event, Timer
from time import perf_counter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from gtmask.errors import WorkersLostError
from gtmask.machine import check_workers, cores, waited_for_a_core
from gtmask.progress import Progress, count_retries, counted, notice
from gtmask.workers.kept import interrupt_all, release, told_by

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from multiprocessing.connection import Connection

    from gtmask.workers.cluster import Cluster

T = TypeVar("T")

#: How often in a row processes may die before a task gets done.
_DEATHS = 3
#: What processes must save to be started: their start costs so much, on CPUs that could work meanwhile.
START_SECONDS = 0.8


@dataclass(slots=True)
class _Flying(Generic[T]):
    """A task that was given away, and what it calls: a process that dies takes its task along."""

    future: Future[tuple[T, int]]
    call: tuple[Any, ...]


class Pool:
    """Workers for tasks; use it in a ``with`` statement.

    Raises UsageError if ``workers`` is less than 1, or there is no such cluster.

    - ``workers``: processes; one per core by default, where they save more than their start costs. One worker
      runs in a thread of this process: a small run need not wait for a process to start.
    - ``executor``: ``"local"`` or ``"dask://HOST:PORT"``.
    - ``before``: called once before processes start: compiles what each of them would compile.
    - ``grace``: seconds that an interruption leaves to the tasks that run; None is as long as they need.
    - ``patience``: seconds for which a Dask cluster may have no workers.
    """

    def __init__(
        self,
        workers: int | None = None,
        executor: str = "local",
        *,
        before: Callable[[], object] = lambda: None,
        grace: float | None = None,
        patience: float = 600.0,
    ) -> None:
        check_workers(workers)
        self._grace = grace
        self._workers = workers or cores()
        #: Whether tasks go to workers from the first one on, and none is done here to see what it takes.
        self._fixed = workers is not None or self._workers == 1
        self._before = before
        self._thread: ThreadPoolExecutor | None = None
        self._processes: Executor | None = None
        #: What processes do first; once one of them has done it, they can be given tasks.
        self._starting: list[Future[tuple[None, int]]] = []
        #: How tasks learn that nobody waits for more: those of the thread, and those of processes.
        self._ending = Event()
        self._pipe: tuple[Connection, Connection] | None = None
        self._count = self._workers
        self._deaths = 0
        #: Results given, and how many tasks were done when a process died last.
        self._given = self._done = 0
        self._flying: deque[_Flying[Any]] = deque()
        #: Whether processes were given anything but what they do first.
        self._is_used = False
        self._cluster: Cluster | None = None
        if executor.startswith("dask://"):
            from gtmask.workers.cluster import Cluster  # noqa: PLC0415 - an extra

            self._cluster = Cluster(executor.removeprefix("dask://"), patience)
            self._fixed = True

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for the tasks that run, so that their work is not lost; a second Ctrl-C ends them."""
        end = None
        if self._grace is not None and kind is not None and issubclass(kind, KeyboardInterrupt):
            end = Timer(self._grace, self.kill)
            end.daemon = True
            end.start()
        try:
            self.close()
        except KeyboardInterrupt:
            self.kill()
            raise
        finally:
            if end is not None:
                end.cancel()

    @property
    def workers(self) -> int:
        """How many there may be."""
        return self._cluster.workers if self._cluster else self._workers

    @property
    def at_work(self) -> int:
        """How many there are by now: one, this process, while it is open whether processes pay."""
        return self.workers if self.is_settled else 1

    @property
    def ahead(self) -> int:
        """Tasks in flight: each worker has one to go on with."""
        return 2 * self.at_work + 1

    @property
    def is_settled(self) -> bool:
        """Whether tasks run where all will: the first ones may be done here, until processes are there."""
        return self._fixed or any(process.done() for process in self._starting)

    def map(
        self,
        function: Callable[..., T],
        arguments: Iterable[tuple[Any, ...]],
        total: int | None = None,
        weigh: Callable[..., int] = lambda *_: 1,
    ) -> Generator[T, None, None]:
        """Yield ``function(*arguments)`` for each of the arguments, in order.

        Raises GtmaskError: what a task raised, or that workers die again and again: what a process was at
        when it died is done again by fewer of them. Tasks that run are waited for by :meth:`close`, so that
        their work is not lost; tasks that wait are dropped.

        - ``function``, ``arguments``: picklable.
        - ``total``: about how much there is to do: the number of tasks, or what they weigh together. The
          first tasks are done in this process, until processes have started, unless somebody asked for them:
          they are started once they would save more than they cost. Where nobody knows how much there is, as
          much more is expected as is done.
        - ``weigh``: called with a task's arguments: how much of the total it is.
        """
        items = iter(arguments)
        flying: deque[_Flying[T]] = deque()
        self._flying = flying
        try:
            if not self.is_settled:
                yield from self._map_here(function, items, flying, total, weigh)
            spread = self._cluster is not None or self._processes is not None or self._workers == 1
            first = list(islice(items, 2))
            # Whoever asks for processes gets them, unless there is only one task.
            submit = self._submit if spread or len(first) > 1 else self._submit_here
            for item in chain(first, items):
                flying.append(_Flying(submit(function, *item), (function, *item)))
                if len(flying) >= self.ahead:
                    yield self._first_result(flying)
            while flying:
                yield self._first_result(flying)
        finally:
            for task in flying:
                task.future.cancel()

    def _map_here(
        self,
        function: Callable[..., T],
        items: Iterator[tuple[Any, ...]],
        flying: deque[_Flying[T]],
        total: int | None,
        weigh: Callable[..., int],
    ) -> Generator[T, None, None]:
        """Yield the results of tasks done in this process, until all are, or there are processes.

        What is not begun by then is theirs; the task that runs here stays the first one in flight.
        """
        took: deque[float] = deque()

        def timed(*arguments: Any) -> T:
            # Time in which other programs have the cores, they would take from further processes, too.
            start = perf_counter() - waited_for_a_core()
            result = function(*arguments)
            took.append(perf_counter() - waited_for_a_core() - start)
            return result

        done, seconds, seen = 0, 0.0, 0
        while True:
            # One runs, and one is there to go on with.
            while len(flying) < 2 and (item := next(items, None)) is not None:
                flying.append(_Flying(self._submit_here(timed, *item), (function, *item)))
            if not flying:
                return
            wait_for: list[Future[Any]] = [flying[0].future, *self._starting]
            wait(wait_for, return_when=FIRST_COMPLETED)
            if self.is_settled:
                self._hand_over(flying)
                return
            weight = weigh(*flying[0].call[1:])
            result = self._first_result(flying)
            if done:  # the first task loads the kernels and opens connections, too: it tells nothing
                seconds, seen = seconds + took[0], seen + weight
            took.popleft()
            done += weight
            yield result
            left = seen and seconds / seen * (done if total is None else total - done)
            if not self._starting and left * (1 - 1 / self._workers) > START_SECONDS:
                self._start(partial(_get_ready, function))

    def _hand_over(self, flying: deque[_Flying[T]]) -> None:
        """Give the tasks that this process has not begun to processes."""
        for task in flying:
            if task.future.cancel():
                task.future = self._submit(*task.call)

    def _start(self, first: Callable[[], None]) -> None:
        """Start processes: each does this first."""
        self._starting = [self._submit(first) for _ in range(self._workers)]
        self._is_used = False

    def _submit(self, function: Callable[..., T], *arguments: Any) -> Future[tuple[T, int]]:
        """Hand a task to all cores, or machines; what comes back is for :meth:`_result`."""
        if self._cluster is not None:
            return self._cluster.submit(counted, function, *arguments)
        if self._workers == 1:
            return self._submit_here(function, *arguments)
        if self._processes is None:
            self._before()
            self._processes = self._make_processes()
        self._is_used = True
        try:
            return self._processes.submit(counted, function, *arguments)
        except BrokenExecutor:
            return self._replaced().submit(counted, function, *arguments)

    def _submit_here(self, function: Callable[..., T], *arguments: Any) -> Future[tuple[T, int]]:
        """Hand a task to this process's thread."""
        return self._here().submit(counted, function, *arguments)

    def _here(self) -> ThreadPoolExecutor:
        """Return the executor that works in a thread of this process."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "gtmask-worker", told_by, (self._ending.is_set,))
        return self._thread

    def _first_result(self, flying: deque[_Flying[T]]) -> T:
        """Return the result of the first task; where its process dies, give it and others to new ones."""
        while True:
            try:
                result = self._result(flying[0].future)
            except BrokenExecutor:
                for task in flying:
                    if task.future.cancelled() or isinstance(task.future.exception(), BrokenExecutor):
                        task.future = self._submit(*task.call)
            else:
                self._given += 1
                flying.popleft()
                return result

    def _replaced(self) -> Executor:
        """Return new processes in place of broken ones, one less: most die for want of memory."""
        done = self._given + sum(_is_done(task.future) for task in self._flying)
        self._deaths = self._deaths + 1 if done <= self._done else 1
        self._done = done
        if self._deaths == _DEATHS:
            raise WorkersLostError(
                f"Worker processes died {_DEATHS} times without getting anything done, most likely for want "
                "of memory: run the same command again, with fewer --workers."
            )
        assert self._processes is not None
        self._processes.shutdown(cancel_futures=True)
        self._count = max(1, self._count - 1)
        by = "1 process" if self._count == 1 else f"{self._count} processes"
        notice(f"A worker process died, most likely for want of memory: its work is done again, by {by}.")
        self._processes = self._make_processes()
        return self._processes

    def _make_processes(self) -> Executor:
        """Return processes whose tasks learn by a pipe that they are to begin nothing more."""
        # Importing and making these takes a tenth of a small run, which does without.
        from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415

        from gtmask.spawn import WorkerContext  # noqa: PLC0415

        context = WorkerContext()
        if self._pipe is None:
            self._pipe = context.Pipe(duplex=False)
        return ProcessPoolExecutor(self._count, context, _start_process, self._pipe[:1])

    def _result(self, future: Future[tuple[T, int]]) -> T:
        result, retries = future.result() if self._cluster is None else self._cluster.result(future)
        count_retries(retries)
        return result

    def wait_for_workers(self, warm_up: Callable[[], None], progress: Progress) -> None:
        """Wait until a Dask cluster does its first task: its workers may be in a queue, or start when asked.

        Raises GtmaskError as :meth:`map`: the workers cannot import gtmask, for example.

        - ``warm_up``: a task that does nothing, from the module whose tasks will follow.
        - ``progress``: told where there is something to wait for.
        """
        if self._cluster is not None:
            if not self._cluster.threads():
                progress.stage("waiting for Dask's workers", None)
            self._result(self._submit(warm_up))
            self._cluster.look_again()

    def prepare(self, warm_up: Callable[[], None]) -> None:
        """Let worker processes start and import while this process is still busy with other things.

        All tasks are theirs then: what this process did until they are there, it would do in their way.
        """
        if self._cluster is None and self._workers > 1 and self._processes is None:
            self._fixed = True
            self._start(warm_up)

    def close(self, *, wait: bool = True) -> None:
        """End the workers; with ``wait``, after the tasks that run."""
        for task in self._flying:
            task.future.cancel()
        self._ending.set()
        if self._pipe is not None:
            self._pipe[1].send_bytes(b"")
        if self._thread is not None:
            if wait:
                with suppress(CancelledError):  # by :meth:`kill`, when the time of grace is over
                    self._thread.submit(release).result()
            self._thread.shutdown(wait=wait, cancel_futures=True)
        if self._cluster is not None:
            self._cluster.close(wait=wait)
        if self._processes is not None:
            if not self._is_used:  # they import what is not needed any more
                self._kill_processes()
            self._processes.shutdown(wait=wait, cancel_futures=True)

    def kill(self) -> None:
        """End what runs at once: worker processes by their ids, and the task in this process's thread."""
        interrupt_all()
        self._kill_processes()
        self.close(wait=False)

    def _kill_processes(self) -> None:
        processes = getattr(self._processes, "_processes", None) or {}
        for process in list(processes.values()):
            process.kill()


def _get_ready(_function: Callable[..., Any]) -> None:
    """Do nothing: by the time this runs, the process has imported what the function needs."""


def _is_done(future: Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def thread_pool(count: int, name: str) -> ThreadPoolExecutor:
    """Return an executor of threads, for work that lets other threads run."""
    return ThreadPoolExecutor(count, name)


def _start_process(pipe: Connection) -> None:
    """Prepare a worker process, whose tasks are told by a pipe that nobody waits for more.

    It closes what it keeps when it ends: connections are not just let go.
    """
    from multiprocessing.util import Finalize  # noqa: PLC0415 - as the processes

    from gtmask.spawn import start_worker  # noqa: PLC0415 - as the processes

    start_worker()
    told_by(pipe.poll)
    Finalize(None, release, exitpriority=1)
