"""What an image and a chunk take, beside what gtmask works out when it cuts a run into chunks.

CPU time of a run with one worker. *An image* is read, probed, painted, encoded and put, on a file system in
memory where there is one; its time is worked out from shapes and pixels by the constants of
``gtmask.run.chunk_size``. *A chunk* is what a run of chunks of 8 images takes more than one of chunks of 512,
divided by the chunks, on disk. Where images take four times as long as was worked out, chunks are twice as
large as they should be.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from bench.exports import write_export
from bench.harness import Goal, Measure, Row, Table, alone, format_seconds, in_own_process
from bench.run import MEMORY, convert
from gtmask import kernels
from gtmask.run import chunk_size
from gtmask.run.chunk_size import LEAST, MOST, Load

OURS = "gtmask convert"
#: Images, width, height, polygons in each.
SCENES = [(1000, 64, 48, 1), (1000, 640, 480, 8), (200, 640, 480, 200), (200, 1920, 1080, 40),
          (40, 4096, 3072, 8), (20, 4096, 3072, 2000)]  # fmt: skip
#: Images in a run of many chunks.
MANY = 4096
#: A time that was worked out may be wrong by so much: chunks are then wrong by its root.
FACTOR = 4.0
ROUNDS = 3


def whole_run(export: str, images: str, out: str, size: int) -> float:
    """Convert with one worker; return the CPU seconds that it took."""
    start = time.process_time()
    convert(export, images, out, 1, chunk_size=size)
    return time.process_time() - start


def run(quick: bool) -> list[Table]:
    """Measure images of several kinds, and chunks."""
    kernels.compile_kernels()
    scenes = []
    memory = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="gtmask-bench-", dir=memory) as folder:
        for number, (most, width, height, shapes) in enumerate(SCENES):
            count = 8 if quick else most
            export = write_export(Path(folder, str(number)), count, width, height, shapes)
            # The first task is not counted.
            seconds = _median("worker_seconds", export, count // 4)
            told = Load(1, shapes, width * height).each
            scenes.append((f"an image of {width}x{height}, {shapes:,} x 24 vertices", seconds, told))
    with tempfile.TemporaryDirectory(prefix="gtmask-bench-") as folder:
        count = 64 if quick else MANY
        export = write_export(Path(folder, "chunks"), count, 64, 48, 1)
        more = _median("whole_run", export, LEAST) - _median("whole_run", export, MOST)
        scenes.append(("a chunk", max(more, 0) / (count / LEAST - count / MOST), chunk_size.CHUNK))
    about = (__doc__ or "").split("\n\n", 1)[1]
    rows = [Row(scene, {OURS: Measure(seconds)}) for scene, seconds, _ in scenes]
    return [Table("Chunks", about, OURS, rows, [_goal(*scene) for scene in scenes])]


def _goal(scene: str, seconds: float, told: float) -> Goal:
    name = f"{scene}: {format_seconds(told)} worked out, at most {FACTOR:g} times too much or too little"
    return Goal(name, format_seconds(seconds), told / FACTOR <= seconds <= told * FACTOR)


def _median(function: str, export: Path, size: int) -> float:
    """Return what a function of runs returns, in chunks of so many images, in fresh processes and folders."""
    module = "bench.chunks" if function == "whole_run" else "bench.run"
    found = []
    for number in range(ROUNDS):
        out = export.parent / f"{function}-{size}-{number}"
        arguments = (str(export), str(export.parent / "images"), str(out), size)
        found.append(float(in_own_process(module, function, *arguments, timeout=3600).value))
    return statistics.median(found)


if __name__ == "__main__":
    raise SystemExit(alone(run))
