"""Tasks learn that nobody waits for more, in threads and in processes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from gtmask.workers import Pool, is_ending
from tests.support.commands import wait_for

if TYPE_CHECKING:
    from pathlib import Path


def wait_for_the_end(folder: str) -> None:
    """Say that this task has begun, and what it was told then and at its end."""
    from pathlib import Path  # noqa: PLC0415 - in the process

    Path(folder, "began").write_text(str(is_ending()))
    deadline = time.monotonic() + 60
    while not is_ending() and time.monotonic() < deadline:
        time.sleep(0.001)
    Path(folder, "ended").write_text(str(is_ending()))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_task_that_runs_learns_that_its_pool_ends(tmp_path: Path, workers: int) -> None:
    with Pool(workers) as pool:
        pool._submit(wait_for_the_end, str(tmp_path))
        wait_for((tmp_path / "began").exists)
    assert (tmp_path / "began").read_text() == "False"
    assert (tmp_path / "ended").read_text() == "True"
    assert not is_ending()
