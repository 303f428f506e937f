"""Starting: whole processes, from the command to its end, as a user waits for them.

The first run on a machine, or `gtmask warmup` before it, compiles the kernels on all cores, here into an
empty folder; every later run loads from that cache what it calls. Nothing is pinned to one CPU here. The peer
for one image is the usual script of the benchmark of whole runs, which has nothing to load but NumPy, OpenCV
and Pillow. Python's own bytecode is cached. Figures are medians of whole processes.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.harness import KEPT_BYTECODE, ROOT, Goal, Measure, Row, Table, alone
from bench.run import same_masks
from gtmask import kernels
from gtmask.report.scenes import write_data_set

if TYPE_CHECKING:
    from collections.abc import Sequence

OURS = "gtmask"
PEER = "the usual script"
GTMASK = (sys.executable, "-m", "gtmask")
SCRIPT = "import sys; from bench.script import usual_script; usual_script(*sys.argv[1:])"


def started(command: Sequence[str | Path], **environment: str) -> tuple[float, str]:
    """Run a command; return how long it took, and what it said."""
    start = time.perf_counter()
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, env={**os.environ, **KEPT_BYTECODE, **environment},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True,
    )  # fmt: skip
    return time.perf_counter() - start, done.stdout


def help_page() -> float:
    """Show the help page."""
    seconds, said = started((*GTMASK, "--help"))
    if "convert" not in said:
        sys.exit("the help page does not name convert: no time counts")
    return seconds


def one_image(folder: Path, export: Path) -> tuple[float, float]:
    """Convert an export of one image with gtmask and with the usual script."""
    images, ours, theirs = folder / "data" / "images", folder / "ours", folder / "theirs"
    for out in (ours, theirs):
        shutil.rmtree(out, ignore_errors=True)
    seconds, _ = started((*GTMASK, "convert", export, "--images", images, "--out", ours))
    peer, _ = started((sys.executable, "-c", SCRIPT, export, images, theirs))
    if not same_masks(ours / "masks", theirs / "masks"):
        sys.exit("the masks differ: no time counts")
    return seconds, peer


def warm_up(folder: Path, export: Path) -> float:
    """Compile what runs call into an empty cache, and make sure that a run then compiles nothing."""
    cache, out = folder / "cache", folder / "after"
    for leftover in (cache, out):
        shutil.rmtree(leftover, ignore_errors=True)
    seconds, said = started((*GTMASK, "warmup"), NUMBA_CACHE_DIR=str(cache))
    ready = re.search(r"^(\d+) kernels are ready", said, re.MULTILINE)
    compiled = sorted(cache.rglob("*.nb?"))
    images = folder / "data" / "images"
    started((*GTMASK, "convert", export, "--images", images, "--out", out), NUMBA_CACHE_DIR=str(cache))
    if ready is None or int(ready[1]) == 0 or sorted(cache.rglob("*.nb?")) != compiled:
        sys.exit("the warm-up left kernels to compile: no time counts")
    return seconds


def run(quick: bool) -> list[Table]:
    """Time starts."""
    rounds, cold_rounds = (2, 1) if quick else (15, 3)
    kernels.compile_kernels()
    folder = Path(tempfile.mkdtemp(prefix="gtmask-bench-"))
    try:
        export = write_data_set(folder / "data", 1, turned=False)
        one_image(folder, export)
        helps = statistics.median(help_page() for _ in range(rounds))
        ours, theirs = map(
            statistics.median, zip(*(one_image(folder, export) for _ in range(rounds)), strict=True)
        )
        cold = statistics.median(warm_up(folder, export) for _ in range(cold_rounds))
    finally:
        shutil.rmtree(folder)
    rows = [
        Row("gtmask --help", {OURS: Measure(helps), PEER: None}),
        Row("one image of 640x480, kernels cached", {OURS: Measure(ours), PEER: Measure(theirs)}),
        Row(f"gtmask warmup, nothing cached, {os.cpu_count()} CPUs", {OURS: Measure(cold), PEER: None}),
    ]
    goals = [
        Goal("the help page within 0.3 s", f"{helps:.2f} s", helps <= 0.3),
        Goal("one image within 0.6 s, kernels cached", f"{ours:.2f} s", ours <= 0.6),
        Goal("the warm-up within 6 s on two CPUs", f"{cold:.1f} s", cold <= 6),
    ]
    return [Table("Starting", (__doc__ or "").split("\n\n", 1)[1], OURS, rows, goals)]


if __name__ == "__main__":
    raise SystemExit(alone(run))
