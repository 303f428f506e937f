"""Where tasks run: in a thread of this process and in further, spawned ones, or on a Dask cluster.

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
from functools import partial
from threading import Event, Thread, Timer
from typing import TYPE_CHECKING, Any, TypeVar

from gtmask.errors import WorkersLostError
from gtmask.machine import check_workers, cores
from gtmask.progress import Progress, count_retries, counted, notice
from gtmask.workers.kept import interrupt_all, release, told_by
from gtmask.workers.tasks import Ahead, Saving, Task, timed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from multiprocessing.connection import Connection

    from gtmask.workers.cluster import Cluster

T = TypeVar("T")

#: How often in a row processes may die before a task gets done.
_DEATHS = 3
#: What processes must save to be started: their start costs so much, on CPUs that could work meanwhile.
START_SECONDS = 0.4
#: Up to so many workers, this process is one of them: it begins at once, and a process less is started. With
#: more of them, giving tasks to others and taking their results is work enough.
MOST_WITH_THIS = 8
#: Tasks that may be given away before the first of them is done, in multiples of :attr:`Pool.ahead`: results
#: come in order, and those behind a task that takes long are held until then.
_HELD = 4


class Pool:
    """Workers for tasks; use it in a ``with`` statement.

    Raises UsageError if ``workers`` is less than 1, or there is no such cluster.

    - ``workers``: how many tasks are worked on at a time; one per core by default, where further processes
      save more than their start costs. Up to ``MOST_WITH_THIS`` of them, the first one is a thread of this
      process: a small run need not wait for a process to start. Once a process has died, this one does no
      tasks any more: a task that ends processes is not to end what leads them.
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
        #: Whether processes start whatever the first tasks take.
        self._fixed = workers is not None
        self._before = before
        self._thread: ThreadPoolExecutor | None = None
        self._processes: Executor | None = None
        self._leaving: Thread | None = None
        #: What processes do first; once one of them has done it, they can be given tasks.
        self._starting: list[Future[tuple[None, int]]] = []
        #: How tasks learn that nobody waits for more: those of the thread, and those of processes.
        self._ending = Event()
        self._pipe: tuple[Connection, Connection] | None = None
        #: Whether this process is one of the workers, and how many processes are the others.
        self._helps = self._workers <= MOST_WITH_THIS
        self._count = self._workers - self._helps
        self._deaths = 0
        #: Results of processes that were given, and how many of their tasks were done when one died last.
        self._given = self._done = 0
        self._flying: deque[Task[Any]] = deque()
        #: Whether processes were given anything but what they do first.
        self._is_used = False
        self._cluster: Cluster | None = None
        if executor.startswith("dask://"):
            from gtmask.workers.cluster import Cluster  # noqa: PLC0415 - an extra

            self._cluster = Cluster(executor.removeprefix("dask://"), patience)
            self._helps = False

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
        """How many there are by now: one, this process, until others have started."""
        return self.workers if self.is_settled else 1

    @property
    def ahead(self) -> int:
        """Tasks in flight: each worker has one to go on with."""
        return 2 * self.at_work + 1

    @property
    def is_settled(self) -> bool:
        """Whether tasks run where all will: the first ones are done here, until there are processes.

        Many workers that somebody asks for are waited for: what is done here would be in their way.
        """
        if self._workers == 1 or (self._fixed and not self._helps):
            return True
        return self._cluster is not None or any(map(Future.done, self._starting))

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
        - ``total``: about how much there is to do: the number of tasks, or what they weigh together. Unless
          somebody asked for processes, they are started once they would save more than they cost. Where
          nobody knows how much there is, as much more is expected as is done.
        - ``weigh``: called with a task's arguments: how much of the total it is.
        """
        ahead = Ahead(arguments, max(2, self._workers if self._helps else 0))
        saving = Saving(total, self._workers)
        flying: deque[Task[T]] = deque()
        self._flying = flying
        get_ready = partial(_get_ready, function)
        try:
            # Whoever asks for processes gets them, unless there is only one task.
            if self._fixed and ahead.look() > 1:
                self.prepare(get_ready)
            while self._hand_out(function, ahead, flying):
                if self._cluster is None and flying[0].is_pending:
                    wait(self._awaited(flying), return_when=FIRST_COMPLETED)
                    self._give_again(flying)
                    continue
                task, result = flying[0], self._first_result(flying)
                if task.seconds:
                    saving.note(task.seconds[0], weigh(*task.call[1:]))
                yield result
                if not (self._fixed or self._starting) and saving.seconds > START_SECONDS:
                    self._start(get_ready)
        finally:
            for task in flying:
                task.future.cancel()

    def _hand_out(self, function: Callable[..., T], ahead: Ahead[Any], flying: deque[Task[T]]) -> bool:
        """Give tasks to workers until each has enough; say whether any are in flight."""
        while ahead.look() and (is_here := self._is_next_here(flying, is_last=ahead.is_last)) is not None:
            call = (function, *ahead.take())
            seconds: list[float] = []
            future = self._submit_here(timed, seconds, *call) if is_here else self._submit(*call)
            flying.append(Task(call, future, is_here, seconds))
        return bool(flying)

    def _is_next_here(self, flying: deque[Task[Any]], *, is_last: bool) -> bool | None:
        """Say whether this process, or another one, gets the next task; None where all have enough.

        ``is_last``: no tasks follow those at hand, so they are for whoever is free first.
        """
        here = sum(task.is_here and task.is_pending for task in flying)
        if not self.is_settled or self._workers == 1:
            return True if here < 2 else None
        if not self._helps:
            return False if len(flying) < self.ahead else None
        there = sum(not task.is_here and task.is_pending for task in flying)
        if len(flying) < _HELD * self.ahead:
            for each in (1,) if is_last else (1, 2):
                if here < each:
                    return True
                if there < each * self._count:
                    return False
        return None

    def _awaited(self, flying: deque[Task[Any]]) -> list[Future[Any]]:
        """Return what may change who gets the next task, while the first one is not done."""
        if self.is_settled and not self._helps:
            return [flying[0].future]
        futures: list[Future[Any]] = [task.future for task in flying]
        return [future for future in (*futures, *self._starting) if not future.done()]

    def _start(self, first: Callable[[], None]) -> None:
        """Start processes: each does this first."""
        self._starting = [self._submit(first) for _ in range(self._count)]
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

    def _first_result(self, flying: deque[Task[T]]) -> T:
        """Return the result of the first task; where its process dies, give it and others to new ones."""
        while True:
            try:
                result = self._result(flying[0].future)
            except BrokenExecutor:
                self._give_again(flying)
            else:
                self._given += not flying[0].is_here
                flying.popleft()
                return result

    def _give_again(self, flying: deque[Task[Any]]) -> None:
        """Give tasks whose processes have died to others, never to this process."""
        for task in flying:
            if task.is_lost:
                task.future = self._submit(*task.call)

    def _replaced(self) -> Executor:
        """Return new processes in place of broken ones, one less: most die for want of memory."""
        done = self._given + sum(task.is_done for task in self._flying if not task.is_here)
        self._deaths = self._deaths + 1 if done <= self._done else 1
        self._done = done
        if self._deaths == _DEATHS:
            raise WorkersLostError(
                f"Worker processes died {_DEATHS} times without getting anything done, most likely for want "
                "of memory: run the same command again, with fewer --workers."
            )
        assert self._processes is not None
        self._processes.shutdown(cancel_futures=True)
        self._count = max(1, self._count - (not self._helps))
        self._helps = False
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
        """Let worker processes start and import while this process is still busy with other things."""
        if self._cluster is None and self._count and self._processes is None:
            self._start(warm_up)

    def dismiss(self) -> None:
        """Let worker processes end while this process goes on: no tasks follow."""
        if self._processes is not None and self._leaving is None:
            if not self._is_used:  # they import what is not needed any more
                self._kill_processes()
            self._leaving = Thread(target=self._processes.shutdown, name="gtmask-dismiss")
            self._leaving.start()

    def close(self, *, wait: bool = True) -> None:
        """End the workers; with ``wait``, after the tasks that run."""
        for task in self._flying:
            task.future.cancel()
        self._ending.set()
        if self._pipe is not None:
            self._pipe[1].send_bytes(b"")
        if self._thread is not None:
            if wait:
                # By :meth:`kill`, when the time of grace is over: also before the thread is asked.
                with suppress(CancelledError, RuntimeError):
                    self._thread.submit(release).result()
            self._thread.shutdown(wait=wait, cancel_futures=True)
        if self._cluster is not None:
            self._cluster.close(wait=wait)
        if self._leaving is not None:
            if wait:
                self._leaving.join()
        elif self._processes is not None:
            if not self._is_used:
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
