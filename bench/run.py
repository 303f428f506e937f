"""The whole run: ``gtmask convert`` of a COCO export with images on disk, as a user starts it.

The peer is the usual script over the same export: ``json.load``, images opened with Pillow for their size,
one ``cv2.fillPoly`` per part, Pillow's default save, one manifest line. Each runs in a process of its own on
all CPUs, timed from its start to its end; the masks are compared pixel for pixel before a time counts. Two
workers are two processes more, which pays only from some thousand images on; by itself, gtmask starts them
where its first chunks show that. Peak memory is that of the process which was started.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import gtmask
from bench.harness import Goal, Measure, Row, Table, alone, in_own_process
from gtmask import kernels
from gtmask.report.scenes import write_data_set

OURS = "gtmask convert"
ONE = "gtmask convert, one worker"
TWO = "gtmask convert, two workers"
PEER = "the usual script"


def convert(export: str, images: str, out: str, workers: int | None) -> int:
    """Convert with gtmask; return the number of masks."""
    return gtmask.convert(export, out, images=images, workers=workers).tally.masks


def same_masks(one: Path, other: Path) -> bool:
    """Say whether two folders hold the same masks."""
    names = sorted(path.name for path in one.glob("*.png"))
    return names == sorted(path.name for path in other.glob("*.png")) and all(
        np.array_equal(np.array(Image.open(one / name)), np.array(Image.open(other / name))) for name in names
    )


def run(quick: bool) -> list[Table]:
    """Race a whole conversion against the usual script."""
    kernels.compile_kernels()
    # Removed at the very end: ext4 creates files much more slowly just after many others were removed.
    with tempfile.TemporaryDirectory(prefix="gtmask-bench-") as name:
        rows = [_row(Path(name, str(count)), count) for count in ((20,) if quick else (200, 2000))]
    ratio = rows[-1].measures[PEER].seconds / rows[-1].measures[OURS].seconds  # type: ignore[union-attr]
    goals = [Goal("faster than the usual script on the largest export", f"{ratio:.1f}x", ratio > 1)]
    return [Table("The whole run, start-up included", (__doc__ or "").split("\n\n", 1)[1], OURS, rows, goals)]


def _row(folder: Path, count: int) -> Row:
    export = write_data_set(folder / "data", count, turned=False)
    images = folder / "data" / "images"
    measures = {}
    calls: dict[str, tuple[Any, ...]] = {
        OURS: ("run", "convert", None),
        ONE: ("run", "convert", 1),
        TWO: ("run", "convert", 2),
        PEER: ("script", "usual_script"),
    }
    for name, (module, function, *workers) in calls.items():
        out = folder / name.replace(" ", "-")
        arguments = (str(export), str(images), str(out), *workers)
        done = in_own_process(f"bench.{module}", function, *arguments, one_cpu=False)
        if done.value != count:
            sys.exit(f"{name} made {done.value} of {count} masks")
        size = sum(path.stat().st_size for path in (out / "masks").glob("*.png"))
        measures[name] = Measure(done.whole, size, done.peak)
    first, *others = (folder / name.replace(" ", "-") / "masks" for name in calls)
    if not all(same_masks(first, other) for other in others):
        sys.exit("the masks differ: no time counts")
    return Row(f"{count:,} scenes of 640x480", measures)


if __name__ == "__main__":
    raise SystemExit(alone(run))
