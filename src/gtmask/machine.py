"""What of this machine the process may use, and how many workers may be asked for.

Containers (AWS Batch, Kubernetes, Docker) limit CPU time by cgroup quotas and still show every core of their
host: one process per core would then be many times too many.
"""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gtmask.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SYSTEM = Path("/")


def cores(system: Path = _SYSTEM) -> int:
    """Return the number of cores that this process may use, at least 1.

    - ``system``: where ``proc`` and ``sys`` are.
    """
    shown = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([shown, *map(math.ceil, _quotas(system))])


def _quotas(system: Path) -> Iterator[float]:
    """Yield the limits on CPU time, in cores, of this process's control group and of those above it.

    The files are those of the kernel's documents: ``cpu.max`` (cgroup-v2, "CPU Interface Files") and
    ``cpu.cfs_quota_us`` (scheduler/sched-bwc). What cannot be read limits nothing.
    """
    with suppress(OSError, ValueError):
        for line in (system / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            mount = system / "sys/fs/cgroup" / ("cpu" if controllers else "")
            group = mount / path.strip("/")
            # A container sees its own group as the mount's top, whatever path the host calls it by.
            for folder in (mount, *(p for p in (group, *group.parents) if mount in p.parents)):
                yield from _quota(folder)


def _quota(folder: Path) -> Iterator[float]:
    """Yield the limit of one control group, if it has one."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        with suppress(OSError, ValueError):
            words = " ".join((folder / name).read_text(encoding="utf-8") for name in names).split()
            quota, period = map(int, words)  # "max" and -1: no limit
            if quota > 0 and period > 0:
                yield quota / period


def check_workers(workers: int | None) -> None:
    """Refuse a number of worker processes below 1; None stands for the default.

    Raises UsageError as said.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"--workers {workers} must be at least 1.")


def waited_for_a_core(system: Path = _SYSTEM) -> float:
    """Return the seconds for which this thread could have run and others had the cores, 0 if nobody tells.

    Linux tells it in nanoseconds, as the second of the numbers (``Documentation/scheduler/sched-stats.rst``).

    - ``system``: where ``proc`` is.
    """
    try:
        return int((system / "proc" / "thread-self" / "schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
