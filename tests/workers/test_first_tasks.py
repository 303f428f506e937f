"""Where nobody asks for workers, this process begins, sees what tasks take, and leaves the rest to others."""

from __future__ import annotations

import itertools
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gtmask.workers import Pool, pool
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

        monkeypatch.setattr(pool, "perf_counter", now)
        monkeypatch.setattr(pool, "waited_for_a_core", lambda: 0.0)
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
    monkeypatch.setattr(pool, "waited_for_a_core", lambda: float(next(seconds)))
    monkeypatch.setattr(Pool, "_start", lambda *_: pytest.fail("they would wait, too"))
    with Pool() as workers:
        assert list(workers.map(weigh, ((1,) for _ in range(5)), 1000, weigh)) == [1] * 5


def hold(folder: str, parent: int, number: int) -> int:
    """Do the third task until another process has done the fourth, if this is the one that began."""
    if os.getpid() != parent:
        Path(folder, str(number)).touch()
    elif number == 2:
        wait_for(Path(folder, "3").exists)
    return os.getpid()


def test_processes_do_not_wait_for_the_task_that_runs_here(
    two_cores: Callable[[float], None], tmp_path: Path
) -> None:
    two_cores(1.0)
    with Pool() as workers:
        tasks = ((str(tmp_path), os.getpid(), number) for number in range(6))
        found = list(workers.map(hold, tasks, 1000))
    assert found[:3] == [os.getpid()] * 3, "this process does what it has begun"
    assert os.getpid() not in found[3:], "and nothing that it has not"


def test_what_is_started_ahead_does_all(two_cores: Callable[[float], None]) -> None:
    two_cores(0.0)
    with Pool() as workers:
        assert workers.at_work == 1
        workers.prepare(_nothing)
        assert workers.at_work == 2
        assert os.getpid() not in list(workers.map(_me, itertools.repeat((), 3), 3))


def _nothing() -> None:
    """Do nothing."""


def _me() -> int:
    return os.getpid()
