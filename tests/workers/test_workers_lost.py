"""Worker processes that are killed, as by the system for want of memory: their work is done by others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

import gtmask
from gtmask.errors import WorkersLostError
from gtmask.workers import Pool
from tests.support import coco_data
from tests.support.commands import tree, wait_for

OPTIONS: dict[str, Any] = {
    "creation_date": "2024-01-01T00:00:00.000000",
    "mask_uri": "s3://b/m",
    "chunk_size": 4,
}


def dies_once(number: int, marks: str, leader: int) -> int:
    """Kill this process, unless it was done before; by odd numbers only, and not the one that leads."""
    mark = Path(marks, str(number))
    if os.getpid() == leader:
        wait_for(lambda: any(Path(marks).iterdir()))  # it does not do all before another has begun
    elif number % 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def dies(number: int, marks: str, leader: int) -> int:
    """Kill this process by each number, but not the one that leads: that waits until another was killed."""
    if os.getpid() != leader:
        Path(marks, str(number)).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    wait_for(lambda: any(Path(marks).iterdir()))
    return number


@pytest.mark.slow
def test_what_a_dead_process_was_at_is_done_again(tmp_path: Path) -> None:
    heard: list[str] = []
    with gtmask.hearing_notices(heard.append), Pool(3) as pool:
        assert list(pool.map(dies_once, ((n, str(tmp_path), os.getpid()) for n in range(9)))) == list(
            range(9)
        )
    said = [text for text in heard if "A worker process died" in text]
    assert 1 <= len(said) <= 4
    assert said[0].endswith("its work is done again, by 2 processes.")


def test_tasks_that_kill_every_process_stop_the_run(tmp_path: Path) -> None:
    with Pool(2) as pool:
        results = pool.map(dies, ((n, str(tmp_path), os.getpid()) for n in range(9)))
        with pytest.raises(WorkersLostError, match="died 3 times"):
            list(results)


@pytest.mark.slow
def test_a_run_whose_worker_is_killed_ends_as_if_nothing_had_been(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(1200)])
    images, out = tmp_path / "images", tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "gtmask",
        "convert",
        str(export),
        "--images",
        str(images),
        "--out",
        str(out),
    ]
    command += ["--workers", "2", "--chunk-size", "4", "--mask-uri", "s3://b/m"]
    command += ["--creation-date", OPTIONS["creation_date"]]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: len(list(out.glob("_gtmask/parts/*.json"))) > 5 or run.poll() is not None)
        # Idle processes are spared: what is killed is at work.
        workers = psutil.Process(run.pid).children()
        max(workers, key=lambda process: sum(process.cpu_times()[:2])).kill()
        _, said = run.communicate(timeout=120)
    finally:
        run.kill()
        run.wait()
    assert run.returncode == 0, said
    assert "A worker process died" in said
    gtmask.convert(export, tmp_path / "whole", images=images, workers=1, **OPTIONS)
    assert tree(out) == tree(tmp_path / "whole")
