"""The whole run: ``gtmask convert`` of a COCO export with images on disk, as a user starts it.

The peer is the usual script over the same export: ``json.load``, images opened with Pillow for their size,
one ``cv2.fillPoly`` per part, Pillow's default save, one manifest line; and the same script in a pool of two
processes. Each runs in a process of its own on all CPUs, timed from its start to its end, into a fresh
folder; masks are compared pixel for pixel (300 of each export) before a time counts. By itself, gtmask
starts processes where its first chunks show that they would save more than their start costs. Peak memory is
that of the process which was started.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import gtmask
from bench.exports import write_export
from bench.harness import Goal, Measure, Row, Table, alone, in_own_process
from gtmask import kernels
from gtmask.run import chunks
from gtmask.workers.pool import MOST_WITH_THIS

OURS = "gtmask convert"
ONE = "gtmask convert, one worker"
TWO = "gtmask convert, two workers"
PEER = "the usual script"
POOL = "the usual script, two processes"
CALLS: dict[str, tuple[Any, ...]] = {
    OURS: ("command", "convert", None),
    ONE: ("command", "convert", 1),
    TWO: ("command", "convert", 2),
    PEER: ("script", "usual_script", 1),
    POOL: ("script", "usual_script", 2),
}
#: Masks of an export that are compared.
COMPARED = 300
#: Workers for which is said how busy the leading process would be.
LED = 16
#: Workers of which this process is none.
LEADS = MOST_WITH_THIS + 1
#: A file system in memory, where there is one.
MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Scene:
    """An export: how many images of which size, polygons in each, where it lies, how often it is read."""

    count: int
    width: int = 640
    height: int = 480
    shapes: int = 8
    in_memory: bool = False
    rounds: int = 3

    @property
    def title(self) -> str:
        """What the row is called."""
        where = "in memory" if self.in_memory else "on disk"
        return f"{self.count:,} images of {self.width}x{self.height}, {self.shapes} polygons each, {where}"


SMALL, MIDDLE, LARGE = Scene(200, rounds=5), Scene(3000), Scene(20_000)
FINE, TMPFS = Scene(500, 1920, 1080, 40, rounds=5), Scene(3000, in_memory=True)
QUICK = Scene(20, rounds=1)
#: What is aimed at: the first candidate that many times as fast as the second.
GOALS = (
    (SMALL, OURS, PEER, 1.0),
    (MIDDLE, ONE, PEER, 5.0),
    (LARGE, TWO, POOL, 5.0),
    (LARGE, TWO, ONE, 1.75),
    (FINE, ONE, PEER, 10.0),
)


def convert(
    export: str,
    images: str,
    out: str,
    workers: int | None,
    size: str = "auto",
    chunk_size: int | None = None,
) -> int:
    """Convert with gtmask; return the number of masks."""
    made = gtmask.convert(export, out, images=images, workers=workers, size=size, chunk_size=chunk_size)
    return made.tally.masks


def led(export: str, images: str, out: str, workers: int, size: str) -> float:
    """Convert; return the CPU seconds of this process, which leads the workers, without theirs."""
    gtmask.convert(export, out, images=images, workers=workers, size=size)
    return time.process_time()


def worker_seconds(export: str, images: str, out: str, chunk_size: int | None = None) -> float:
    """Return the CPU seconds per image of the worker alone, tasks but for the first, in one thread."""
    spent: list[tuple[float, int]] = []
    run_chunks = vars(chunks)["run_chunks"]

    def timed(job: bytes, *group: Any) -> Any:
        start = time.thread_time()
        result = run_chunks(job, *group)
        spent.append((time.thread_time() - start, sum(len(chunk.units) for chunk in group)))
        return result

    vars(chunks)["run_chunks"] = timed
    convert(export, images, out, 1, chunk_size=chunk_size)
    later = spent[1:] or spent
    return sum(seconds for seconds, _ in later) / sum(count for _, count in later)


def same_masks(one: Path, other: Path) -> bool:
    """Say whether two folders hold masks of the same names, and a sample of them the same pixels."""
    names = sorted(path.name for path in one.glob("*.png"))
    return names == sorted(path.name for path in other.glob("*.png")) and all(
        np.array_equal(np.array(Image.open(one / name)), np.array(Image.open(other / name)))
        for name in names[:: max(len(names) // COMPARED, 1)]
    )


def run(quick: bool) -> list[Table]:
    """Race whole conversions against the usual script."""
    kernels.compile_kernels()
    scenes = [QUICK] if quick else [SMALL, MIDDLE, LARGE, FINE, *([TMPFS] if MEMORY.is_dir() else [])]
    rows: dict[Scene, Row] = {}
    # Removed at the very end: ext4 creates files much more slowly just after many others were removed.
    with (
        tempfile.TemporaryDirectory(prefix="gtmask-bench-") as disk,
        tempfile.TemporaryDirectory(
            prefix="gtmask-bench-", dir=MEMORY if MEMORY.is_dir() else None
        ) as memory,
    ):
        for number, scene in enumerate(scenes):
            rows[scene] = _row(Path(memory if scene.in_memory else disk, str(number)), scene)
        worker = _worker(Path(memory, "worker"), 20 if quick else 3000)
        parent = _parent(Path(disk, "parent"), *((20, 40) if quick else (3000, 100_000)), _seconds(worker))
    goals = [_goal(rows[scene], ours, other, least) for scene, ours, other, least in GOALS if scene in rows]
    about = (__doc__ or "").split("\n\n", 1)[1]
    return [
        Table("The whole run, start-up included", about, OURS, list(rows.values()), goals),
        worker,
        parent,
    ]


def _goal(row: Row, ours: str, other: str, least: float) -> Goal:
    ratio = row.measures[other].seconds / row.measures[ours].seconds  # type: ignore[union-attr] # all measured
    return Goal(
        f"{row.scene}: {ours} at least {least:g}x as fast as {other}", f"{ratio:.2f}x", ratio >= least
    )


def _row(folder: Path, scene: Scene) -> Row:
    export = write_export(folder / "data", scene.count, scene.width, scene.height, scene.shapes)
    done: dict[str, list[Any]] = {name: [] for name in CALLS}
    outs = {name: folder / name.replace(" ", "-") for name in CALLS}
    for number in range(scene.rounds):
        for name, (module, function, *workers) in CALLS.items():
            out = outs[name] / str(number)
            arguments = (str(export), str(folder / "data" / "images"), str(out), *workers)
            # What was written before, the export or what the candidate before has left in memory, is not its.
            os.sync()
            found = in_own_process(f"bench.{module}", function, *arguments, timeout=3600, one_cpu=False)
            if found.value != scene.count:
                sys.exit(f"{name} made {found.value} of {scene.count} masks")
            done[name].append(found)
    first, *others = (out / "0" / "masks" for out in outs.values())
    if not all(same_masks(first, other) for other in others):
        sys.exit("the masks differ: no time counts")
    sizes = {name: sum(path.stat().st_size for path in (out / "0" / "masks").glob("*.png"))
             for name, out in outs.items()}  # fmt: skip
    measures = {}
    for name, rounds in done.items():
        seconds, peak = statistics.median(one.whole for one in rounds), max(one.peak for one in rounds)
        measures[name] = Measure(seconds, sizes[name], peak)
    return Row(scene.title, measures)


def _worker(folder: Path, count: int) -> Table:
    """Measure what a worker needs per image, start-up and survey left out."""
    export = write_export(folder / "data", count, 640, 480, 8)
    rounds = [
        in_own_process("bench.run", "worker_seconds", str(export), str(folder / "data" / "images"),
                       str(folder / str(number)), timeout=3600).value
        for number in range(3)
    ]  # fmt: skip
    seconds = statistics.median(rounds)
    goal = Goal("at most 450 us of CPU time per image", f"{seconds * 1e6:.0f} us", seconds <= 450e-6)
    about = (
        "CPU time per image of the worker's own thread: read, probe, paint, encode, put, commit; images of "
        "640x480 with 8 polygons on a file system in memory where there is one."
    )
    return Table(
        "One image in a worker", about, OURS, [Row(f"{count:,} images", {OURS: Measure(seconds)})], [goal]
    )


def _seconds(table: Table) -> float:
    measure = table.rows[0].measures[OURS]
    assert measure is not None
    return measure.seconds


def _parent(folder: Path, few: int, many: int, per_image: float) -> Table:
    """Measure by how much memory and CPU time of the process that leads a run grow with the images.

    ``per_image`` are the seconds that a worker needs for one.
    """
    done = {}
    for count in (few, many):
        export = write_export(folder / str(count), count, 64, 48, 2)
        images = folder / str(count) / "images"
        arguments = (str(export), str(images), str(folder / f"out-{count}"), LEADS, "annotation")
        done[count] = in_own_process("bench.run", "led", *arguments, timeout=3600, one_cpu=False)
    growth = (done[many].peak - done[few].peak) / 1e6
    share = (done[many].value - done[few].value) / (many - few) / per_image
    busy = f"{share:.1%}: busy {LED * share:.0%} of its time with {LED} workers"
    goals = [
        Goal(f"at most 40 MB more for {many:,} images than for {few:,}", f"{growth:.0f} MB", growth <= 40),
        Goal("at most 3 % of the CPU time that workers need for the same images", busy, share <= 0.03),
    ]
    rows = [
        Row(f"{count:,} images", {OURS: Measure(one.whole, peak=one.peak)}) for count, one in done.items()
    ]
    about = (
        f"Peak memory of the process that was started, with sizes from the export and {LEADS} workers: so "
        "many that it is none of them. Its CPU time for each further image is set beside what a worker needs "
        "for one of 640x480 with 8 polygons."
    )
    return Table("Memory of the leading process", about, OURS, rows, goals)


if __name__ == "__main__":
    raise SystemExit(alone(run))
