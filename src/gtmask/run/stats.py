"""Where a start's time went: ``--stats FILE``, JSON for people who size a job or wonder what it waits for.

The main process notes when its stages begin; workers send along with each chunk what they were seen at
(:class:`Sampler`) and what they asked of S3 (:mod:`gtmask.storage.traffic`). A thread looks many times a
second in which of gtmask's modules the worker's is, and books the time since its last look, and the CPU time
that the other has used since, under what that module is for: so the work itself costs nothing to measure.
"""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from gtmask._version import __version__
from gtmask.errors import GtmaskError
from gtmask.progress import Progress, retries
from gtmask.storage import traffic
from gtmask.storage.outputs import refuse_foreign, write_file

if TYPE_CHECKING:
    from types import FrameType

    from gtmask.run.commit import ChunkResult, Tally
    from gtmask.storage.base import S3Settings


#: How the file begins: what does not is not ours, and is not replaced.
_BEGIN = b'{\n  "gtmask_stats": '
_VERBS = ("read", "write", "list", "delete")


@dataclass(slots=True)
class _Spent:
    """Seconds, and CPU seconds of a process."""

    seconds: float = 0.0
    cpu: float = 0.0

    def add(self, seconds: float, cpu: float) -> None:
        self.seconds += seconds
        self.cpu += cpu

    def to_json(self) -> dict[str, float]:
        return {"seconds": round(self.seconds, 3), "cpu_seconds": round(self.cpu, 3)}


@dataclass(slots=True)
class Stats:
    """Hears how a start gets on, and writes what it took when it ends; for ``with``.

    - ``location``: where the file goes: a path or an ``s3://`` URI.
    - ``progress``: is told what this is told.
    """

    location: str
    s3: S3Settings
    progress: Progress
    _stage: str = "start"
    _stages: dict[str, _Spent] = field(default_factory=dict)
    _work: dict[str, _Spent] = field(default_factory=dict)
    _processes: dict[str, dict[str, Any]] = field(default_factory=dict)
    _traffic: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    _counts: Counter[str] = field(default_factory=Counter)
    _heads: Counter[str] = field(default_factory=Counter)
    _since: tuple[float, float] = (0.0, 0.0)
    _retries: int = 0

    def refuse_foreign(self) -> None:
        """Refuse to replace a file that is none of these: ``--overwrite`` is about the run.

        Raises UsageError where there is such a file.
        """
        refuse_foreign(
            self.location,
            "--stats",
            self.s3,
            lambda head: head.startswith(_BEGIN),
            overwrite=False,
            remedy="remove it",
        )

    def __enter__(self) -> Stats:
        traffic.count()
        self._since, self._retries = (time.perf_counter(), time.process_time()), retries()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write the file, also of a start that was stopped: what stopped it is then more important."""
        self._end_stage()
        self._add_traffic(traffic.stop())
        with contextlib.suppress(*([GtmaskError] if kind else [])):
            write_file(self.location, self._to_bytes(complete=kind is None), "application/json", self.s3)

    def stage(self, name: str, total: int | None) -> None:
        """Note that a stage begins."""
        self._end_stage()
        self._stage = name
        self.progress.stage(name, total)

    def advance(self, records: int, rejects: int = 0) -> None:
        """Pass on that records are done."""
        self.progress.advance(records, rejects)

    def hear(self, result: ChunkResult) -> None:
        """Take what a chunk counted, and what its worker tells of itself."""
        self._count(result.tally)
        if result.heads is not None:
            self._heads.update(known=result.heads.known, read=result.heads.read)
        report = result.report
        if report is None:  # nothing of it was converted
            return
        self._add_traffic(report["traffic"])
        for name, (seconds, cpu) in report["work"].items():
            self._work.setdefault(name, _Spent()).add(seconds, cpu)
        self._processes[report["process"]] = {
            name: report[name] for name in ("process", "cpu_seconds", "peak_memory_bytes")
        }

    def _add_traffic(self, counts: dict[str, float]) -> None:
        for name, count in counts.items():
            self._traffic[name] += count

    def _count(self, tally: Tally) -> None:
        for name in ("records", "masks", "rejects", "mask_bytes"):
            self._counts[name] += getattr(tally, name)

    def _end_stage(self) -> None:
        now = time.perf_counter(), time.process_time()
        spent = self._stages.setdefault(self._stage, _Spent())
        spent.add(now[0] - self._since[0], now[1] - self._since[1])
        self._since = now

    def _to_bytes(self, *, complete: bool) -> bytes:
        me = f"{platform.node()}-{os.getpid()}"
        here = {"process": me, "cpu_seconds": time.process_time(), "peak_memory_bytes": peak_memory()}
        processes = [here, *(other for name, other in self._processes.items() if name != me)]
        seconds = sum(spent.seconds for spent in self._stages.values())
        converting = max(self._stages.get("convert", _Spent()).seconds, 1e-9)
        sent = sum(self._traffic[verb] for verb in _VERBS)
        values = {
            "gtmask_stats": 1,
            "version": __version__,
            "complete": complete,
            "seconds": round(seconds, 3),
            "cpu_seconds": round(sum(process["cpu_seconds"] for process in processes), 3),
            "images": self._counts["records"],
            "rejects": self._counts["rejects"],
            "masks": self._counts["masks"],
            "mask_bytes": self._counts["mask_bytes"],
            "images_per_second": round(self._counts["records"] / converting, 2),
            "megabytes_per_second": round(self._counts["mask_bytes"] / converting / 1e6, 3),
            **({"heads": dict(self._heads)} if self._heads else {}),
            "s3": {
                "requests": {verb: int(self._traffic[verb]) for verb in _VERBS},
                "retries": retries() - self._retries,
                "throttled": int(self._traffic["throttled"]),
                "bytes_read": int(self._traffic["bytes_read"]),
                "bytes_written": int(self._traffic["bytes_written"]),
                "seconds_per_request": round(self._traffic["seconds"] / sent, 6) if sent else 0.0,
            },
            "stages": {name: spent.to_json() for name, spent in self._stages.items()},
            "work": {name: self._work[name].to_json() for name in STAGES if name in self._work},
            "processes": [
                {**process, "cpu_seconds": round(process["cpu_seconds"], 3)} for process in processes
            ],
        }
        return orjson.dumps(values, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


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
