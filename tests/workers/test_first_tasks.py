"""Where nobody asks for workers, this process begins, sees what tasks take, and leaves the rest to others."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gtmask.workers import Pool, pool, tasks
from gtmask.workers.tasks import Task
from tests.support.commands import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return a function after which there are two cores, and each task seems to take so many seconds."""

    def pretend(seconds: float) -> None:
        ticks = itertools.count()
        lock = threading.Lock()

        def now() -> float:
            with lock:
                return next(ticks) * seconds

        monkeypatch.setattr(tasks, "perf_counter", now)
        monkeypatch.setattr(tasks, "waited_for_a_core", lambda: 0.0)
        monkeypatch.setattr(pool, "cores", lambda: 2)

    return pretend


def weigh(task: int) -> int:
    return task


@pytest.mark.parametrize(
    ("weights", "total", "started_after"),
    [
        pytest.param([1] * 8, 40, 2, id="much is left"),
        pytest.param([1] * 8, 8, None, id="little is left"),
        pytest.param([1] + [4] * 5, 40, None, id="little is left of heavy tasks"),
        pytest.param([4, 1, 4, 4], 40, 2, id="much is left of a light one"),
        pytest.param([1] * 40, None, 17, id="as much again as was done"),
    ],
)
def test_processes_start_by_what_is_left(
    two_cores: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
    weights: list[int],
    total: int | None,
    started_after: int | None,
) -> None:
    """Each task takes 0.1 s: processes pay if 1.6 s are left, half of which one of two would save."""
    two_cores(0.1)
    started: list[int] = []
    done: list[int] = []
    monkeypatch.setattr(pool, "START_SECONDS", 0.8)
    monkeypatch.setattr(Pool, "_start", lambda *_: started.append(len(done)))
    with Pool() as workers:
        for result in workers.map(weigh, ((weight,) for weight in weights), total, weigh):
            done.append(result)
            if started:
                break
        else:
            assert done == weights
    assert started == ([] if started_after is None else [started_after])


def test_what_others_do_with_the_cores_is_nothing_that_processes_save(
    two_cores: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    two_cores(1.0)
    seconds = itertools.count()
    monkeypatch.setattr(tasks, "waited_for_a_core", lambda: float(next(seconds)))
    monkeypatch.setattr(Pool, "_start", lambda *_: pytest.fail("they would wait, too"))
    with Pool() as workers:
        assert list(workers.map(weigh, ((1,) for _ in range(5)), 1000, weigh)) == [1] * 5


def hold(folder: str, leader: int, number: int) -> int:
    """Do a task until another process has done one, if this is the one that began."""
    if os.getpid() != leader:
        Path(folder, str(number)).touch()
    elif number == 2:
        wait_for(lambda: len(list(Path(folder).iterdir())) == 2)
    return os.getpid()


def test_processes_do_not_wait_for_the_task_that_runs_here(
    two_cores: Callable[[float], None], tmp_path: Path
) -> None:
    two_cores(1.0)
    with Pool() as workers:
        tasks = ((str(tmp_path), os.getpid(), number) for number in range(6))
        found = list(workers.map(hold, tasks, 1000))
    assert found[:3] == [os.getpid()] * 3, "this process does what it has begun"
    assert len(set(found)) == 2, "and another one what nobody has begun meanwhile"


def wait_for_both(folder: str, number: int) -> int:
    """Do a task only while another process does one: those of two are."""
    Path(folder, str(os.getpid())).touch()
    wait_for(lambda: len(list(Path(folder).iterdir())) == 2)
    return number


def test_this_process_works_along_with_those_that_somebody_asked_for(tmp_path: Path) -> None:
    with Pool(2) as workers:
        assert list(workers.map(wait_for_both, ((str(tmp_path), number) for number in range(9)))) == [
            *range(9)
        ]
        assert workers.at_work == 2
    assert str(os.getpid()) in {path.name for path in tmp_path.iterdir()}


def wait_for_others(folder: str, leader: int, number: int) -> int:
    """Do the first task only when nine processes beside this one have done one each."""
    if os.getpid() != leader:
        Path(folder, str(os.getpid())).touch()
        wait_for(lambda: len(list(Path(folder).iterdir())) == pool.MOST_WITH_THIS + 1)
    return os.getpid()


@pytest.mark.slow
def test_with_many_workers_this_process_has_enough_to_do(tmp_path: Path) -> None:
    count = pool.MOST_WITH_THIS + 1
    with Pool(count) as workers:
        workers.prepare(_nothing)
        wait_for(lambda: workers.is_settled)
        tasks = ((str(tmp_path), os.getpid(), number) for number in range(3 * count))
        assert os.getpid() not in list(workers.map(wait_for_others, tasks))


def test_what_waits_at_the_end_is_for_whoever_is_free_first() -> None:
    """Of two workers one has the second-last task, and is not given the last one to go on with."""
    with Pool(2) as workers:
        workers.prepare(_nothing)
        wait_for(lambda: workers.is_settled)
        running: Task[int] = Task((), Future())
        assert workers._is_next_here(deque([running]), is_last=True) is True
        here: Task[int] = Task((), Future(), is_here=True)
        assert workers._is_next_here(deque([running, here]), is_last=True) is None
        assert workers._is_next_here(deque([running, here]), is_last=False) is True
        here.future.set_result((1, 0))
        assert workers._is_next_here(deque([running, here]), is_last=True) is True
        running.future.set_result((1, 0))
        assert workers._is_next_here(deque([here]), is_last=True) is True


def test_results_that_wait_for_an_earlier_one_are_bounded(tmp_path: Path) -> None:
    """A task that takes as long as all others together holds their results back, but not all of them."""
    given = itertools.count()
    with Pool(2) as workers:
        workers.prepare(_nothing)
        wait_for(lambda: workers.is_settled)
        results = workers.map(wait_for_file, ((str(tmp_path), number, next(given)) for number in range(500)))
        threading.Timer(1.0, Path(tmp_path, "go").touch).start()
        assert next(results) == 0
        assert next(given) < 50
        assert list(results) == [*range(1, 500)]


def wait_for_file(folder: str, number: int, _given: int) -> int:
    """Do the first task when there is a file."""
    if number == 0:
        wait_for(Path(folder, "go").exists)
    return number


def test_what_is_started_ahead_gets_tasks_once_it_is_there(two_cores: Callable[[float], None]) -> None:
    two_cores(0.0)
    with Pool() as workers:
        assert workers.at_work == 1
        workers.prepare(_nothing)
        wait_for(lambda: workers.at_work == 2)
        assert len(set(workers.map(_me_for_a_while, itertools.repeat((), 9), 9))) == 2


def _nothing() -> None:
    """Do nothing."""


def _me_for_a_while() -> int:
    time.sleep(0.05)
    return os.getpid()
