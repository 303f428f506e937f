"""Workers that are forked from a process that has imported what they need, where this process is all ours."""

from __future__ import annotations

import os
import signal
import sys
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

import gtmask
from gtmask import kernels, light, spawn
from gtmask.workers import Pool, nursery

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")

#: What no worker imports by itself.
SELDOM = "gtmask.report.scenes"
#: What the process that others are forked from is started with.
OURS = {nursery.NEEDS, "PYTHONSAFEPATH"}


@pytest.fixture(autouse=True)
def ours(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this process pass for one that is all ours."""
    monkeypatch.setattr(light, "_is_light", [True])
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    yield
    spawn.end_forking()


def look(_number: int) -> tuple[int, int, bool, bool, bool]:
    """Return which process this is and whose, if it has what it needs, hears no Ctrl-C, has our variables."""
    is_deaf = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    return os.getpid(), os.getppid(), SELDOM in sys.modules, is_deaf, not OURS.isdisjoint(os.environ)


def servers() -> list[psutil.Process]:
    """Return the processes of this one that others are forked from."""
    return [child for child in psutil.Process().children() if "forkserver" in " ".join(child.cmdline())]


def test_workers_are_forked_from_one_process_that_imported_what_they_need() -> None:
    with Pool(2, needs=(SELDOM, *kernels.KERNEL_MODULES)) as pool:
        pool.prepare()
        (server,) = servers()
        found = list(pool.map(look, ((number,) for number in range(8))))
        assert {parent for _, parent, *_ in found} == {server.pid}
        # Programs that tell credentials, for example, are started with the environment as it was.
        assert {tuple(rest) for _, _, *rest in found} == {(True, True, False)}
        assert OURS.isdisjoint(os.environ)
        workers = server.children()
        assert {process for process, *_ in found} <= {worker.pid for worker in workers}
    assert not server.is_running()
    assert not any(worker.is_running() for worker in workers)


@pytest.mark.parametrize("needs", [("gtmask.no_such_module",), ()], ids=["missing", "none"])
def test_what_cannot_be_imported_ahead_is_left_to_the_tasks(needs: tuple[str, ...]) -> None:
    with Pool(2, needs=needs) as pool:
        pool.prepare()
        assert {seldom for _, _, seldom, *_ in pool.map(look, ((n,) for n in range(3)))} == {False}


def test_workers_are_spawned_where_none_can_be_forked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A name of a socket has 107 bytes at most."""
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    monkeypatch.setattr("multiprocessing.util.get_temp_dir", lambda: str(deep))
    with Pool(2, needs=(SELDOM,)) as pool:
        pool.prepare()
        found = list(pool.map(look, ((n,) for n in range(3))))
    assert {parent for _, parent, *_ in found} == {os.getpid()}


def die_once(number: int, marks: str, asking: int) -> int:
    """Kill this process, or the one that it was forked from, unless that was done before."""
    mark = Path(marks, str(number))
    if number in {1, 4} and not mark.exists():
        mark.touch()
        victim = os.getpid() if number == 1 else os.getppid()
        assert victim != asking, "it was spawned"
        os.kill(victim, signal.SIGKILL)
    return number


def test_what_dead_processes_were_at_is_done_again(tmp_path: Path) -> None:
    heard: list[str] = []
    with gtmask.hearing_notices(heard.append), Pool(3, needs=(SELDOM,)) as pool:
        pool.prepare()
        first = servers()
        tasks = ((number, str(tmp_path), os.getpid()) for number in range(9))
        assert list(pool.map(die_once, tasks)) == list(range(9))
        assert {name.name for name in tmp_path.iterdir()} == {"1", "4"}
    assert any("A worker process died" in text for text in heard)
    assert not any(server.is_running() for server in first)
    assert servers() == []


def test_a_pool_that_ends_early_does_not_wait_for_imports() -> None:
    with Pool(2, needs=("gtmask.run.worker",)) as pool:
        pool.prepare()
        (server,) = servers()
    assert not server.is_running()


def test_a_process_that_is_ending_ends_it_without_a_word() -> None:
    """A second Ctrl-C, or the end of the time of grace: the folder of the socket may be gone by then."""
    assert nursery.begin(())
    (server,) = servers()
    Path(forkserver._forkserver._forkserver_address).unlink()  # type: ignore[attr-defined]
    spawn.end_forking()
    assert not server.is_running()
    assert nursery.begin(())
