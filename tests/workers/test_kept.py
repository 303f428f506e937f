"""What workers keep open from task to task is closed when they end: no connection is left to the system."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gtmask.workers import Pool, run_kept

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def opened(folder: str) -> AsyncIterator[int]:
    """Say in files that something was opened here, and that it was closed."""
    me = os.getpid()
    _mark(folder, f"{me}.opened")
    yield me
    _mark(folder, f"{me}.closed")


def _mark(folder: str, name: str) -> None:
    Path(folder, name).touch()


def work(folder: str) -> int:
    async def told(inside: int) -> int:
        return inside

    return run_kept(folder, lambda: opened(folder), told)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_kept_is_closed_in_the_end(tmp_path: Path, workers: int) -> None:
    with Pool(workers) as pool:
        used = set(pool.map(work, [(str(tmp_path),)] * 4))
    names = {path.name for path in tmp_path.iterdir()}
    assert {name for name in names if name.endswith(".closed")} == {f"{pid}.closed" for pid in used}
    assert len(names) == 2 * len(used)
