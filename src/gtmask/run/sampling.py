"""What a worker's thread is at: looked at from beside, so that the work itself costs nothing to measure.

A thread looks many times a second in which of gtmask's modules another thread is, and books the time since
its last look, and the CPU time that the other thread has used since, under what that module is for.
"""

from __future__ import annotations

import os
import platform
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gtmask.storage import traffic

if TYPE_CHECKING:
    from types import FrameType

#: Seconds between two looks.
INTERVAL = 0.005
#: What modules are for, the longest match first; what matches none is "other".
_STAGES = {
    "run/journal": "commit",
    "run/commit": "commit",
    "run/bursts": "store",
    "run/paint": "paint",
    "run/covered": "paint",
    "run/outcomes": "line",
    "workers": "wait",
    "spawn": "idle",
    "formats": "read",
    "images": "probe",
    "raster": "paint",
    "png": "encode",
    "manifest": "line",
    "storage": "store",
}
STAGES = ("read", "probe", "paint", "encode", "line", "store", "commit", "other", "wait", "idle")
_ROOT = str(Path(__file__).parents[1]) + os.sep


class Sampler:
    """Looks at the thread that enters it, for ``with``."""

    def __init__(self) -> None:
        self._seen: dict[str, list[float]] = {}
        self._known: dict[str, str] = {}
        self._guard = threading.Lock()
        self._ended = threading.Event()

    def __enter__(self) -> Sampler:
        traffic.count()
        watched = threading.get_ident()
        self._thread = threading.Thread(target=self._watch, args=(watched,), name="gtmask-stats", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended.set()
        self._thread.join()

    def take(self) -> dict[str, Any]:
        """Return what was seen since this was called last, and what this process has used so far."""
        with self._guard:
            seen, self._seen = self._seen, {}
        return {
            "process": f"{platform.node()}-{os.getpid()}",
            "cpu_seconds": time.process_time(),
            "peak_memory_bytes": peak_memory(),
            "work": seen,
            "traffic": traffic.take(),
        }

    def _watch(self, watched: int) -> None:
        clock = _cpu_clock(watched)
        then, used = time.perf_counter(), clock()
        while not self._ended.wait(INTERVAL):
            stage = self._stage(sys._current_frames().get(watched))  # noqa: SLF001 - documented
            now, burnt = time.perf_counter(), clock()
            with self._guard:
                booked = self._seen.setdefault(stage, [0.0, 0.0])
                booked[0] += now - then
                booked[1] += burnt - used
            then, used = now, burnt

    def _stage(self, frame: FrameType | None) -> str:
        """Return what the innermost of gtmask's modules in a thread's calls is for."""
        while frame is not None:
            name = frame.f_code.co_filename
            stage = self._known.get(name)
            if stage is None:
                stage = self._known[name] = _stage_of(name)
            if stage:
                return stage
            frame = frame.f_back
        return "idle"


def _stage_of(path: str) -> str:
    """Return what a file of gtmask is for, "" for files of others."""
    if not path.startswith(_ROOT):
        return ""
    module = path[len(_ROOT) :].replace(os.sep, "/")
    return next((stage for start, stage in _STAGES.items() if module.startswith(start)), "other")


def _cpu_clock(thread: int) -> Any:
    """Return what tells the CPU time of a thread, or of the whole process where that cannot be told."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return time.process_time
    clock = time.pthread_getcpuclockid(thread)
    return lambda: time.clock_gettime(clock)


def peak_memory() -> int:
    """Return the most bytes of memory that this process has held so far; 0 where the system does not tell."""
    try:
        import resource  # noqa: PLC0415 - not everywhere
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
