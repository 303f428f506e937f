"""Containers show every core of their host; the quota of their control group says how many are theirs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from gtmask import machine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def sixteen_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)


def system(root: Path, groups: str, files: dict[str, str]) -> Path:
    """Make the files that a process in these control groups would see."""
    for name, text in {"proc/self/cgroup": groups, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        pytest.param("0::/\n", {}, 16, id="no limit"),
        pytest.param("0::/\n", {"sys/fs/cgroup/cpu.max": "max 100000\n"}, 16, id="v2, unlimited"),
        pytest.param("0::/\n", {"sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2, id="v2, in a container"),
        pytest.param("0::/a/b\n", {"sys/fs/cgroup/a/cpu.max": "350000 100000\n"}, 4, id="v2, a group above"),
        pytest.param("0::/a/b\n", {"sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1, id="v2, half a core"),
        pytest.param("0::/\n", {"sys/fs/cgroup/cpu.max": "9900000 100000\n"}, 16, id="more than there are"),
        pytest.param(
            "5:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n",
            {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "300000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            3,
            id="v1, in a container",
        ),
        pytest.param(
            "5:cpu:/slurm/job\n",
            {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu/slurm/job/cpu.cfs_quota_us": "500000\n",
                "sys/fs/cgroup/cpu/slurm/job/cpu.cfs_period_us": "100000\n",
            },
            5,
            id="v1, its own group",
        ),
        pytest.param("nonsense\n", {"sys/fs/cgroup/cpu.max": "nonsense\n"}, 16, id="unreadable"),
    ],
)
def test_cores_are_those_of_the_quota(
    tmp_path: Path, groups: str, files: dict[str, str], expected: int
) -> None:
    assert machine.cores(system(tmp_path, groups, files)) == expected


def test_cores_of_a_system_without_control_groups(tmp_path: Path) -> None:
    assert machine.cores(tmp_path) == 16


def test_the_system_tells_how_long_a_thread_waited_for_a_core(tmp_path: Path) -> None:
    assert machine.waited_for_a_core() >= 0.0
    assert machine.waited_for_a_core(tmp_path) == 0.0
    told = tmp_path / "proc" / "thread-self" / "schedstat"
    told.parent.mkdir(parents=True)
    told.write_text("52000000 1500000000 7\n")
    assert machine.waited_for_a_core(tmp_path) == 1.5
    told.write_text("\n")
    assert machine.waited_for_a_core(tmp_path) == 0.0
