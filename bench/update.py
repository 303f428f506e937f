"""``gtmask convert --update`` of an export in which a few records changed, as a user starts it.

The export has 100,000 images of 64x48 with 8 polygons each, on disk; before each round other 100 of them are
changed. What an update has to do at least is to read all records and to look at all images; so it is held
against ``gtmask inspect`` of the same export, which reads all records, too, and against a conversion anew.
Each command runs in a process of its own on all CPUs and is timed from its start to its end. No time counts
unless masks, manifest and class map have, byte for byte, the bytes of a new run, and just as many masks were
written as records were changed.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.exports import write_export
from bench.harness import Goal, Measure, Row, Table, alone, in_own_process
from gtmask import kernels

OURS, READ, ANEW = "gtmask convert --update", "gtmask inspect", "gtmask convert"
COUNT, CHANGED, SHAPES = 100_000, 100, 8
#: Seconds that an update may take beyond an inspection.
MORE = 5.0


def run(quick: bool) -> list[Table]:
    """Change records, update, and compare with a run from nothing."""
    kernels.compile_kernels()
    count, changed, rounds = (200, 5, 1) if quick else (COUNT, CHANGED, 3)
    with tempfile.TemporaryDirectory(prefix="gtmask-bench-") as name:
        times, peaks = _measured(Path(name), count, changed, rounds)
    seconds = {who: statistics.median(taken) for who, taken in times.items()}
    more = seconds[OURS] - seconds[READ]
    goal = Goal(f"at most {MORE:g} s more than {READ}", f"{more:+.1f} s", more <= MORE)
    measures = {who: Measure(seconds[who], peak=peaks[who]) for who in seconds}
    about = (__doc__ or "").split("\n\n", 1)[1]
    scene = f"{count:,} images, {changed} of them changed"
    return [Table("Updates", about, OURS, [Row(scene, measures)], [goal])]


def _measured(
    folder: Path, count: int, changed: int, rounds: int
) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Return the seconds of each round and the peak memory of each command."""
    export = write_export(folder / "data", count, 64, 48, SHAPES)
    document = json.loads(export.read_bytes())
    same = ["convert", str(export), "--images", str(folder / "data" / "images"), "--mask-uri", "s3://b/masks",
            "--image-uri", "s3://b/images", "--creation-date", "2024-01-01T00:00:00.000000"]  # fmt: skip
    out, anew = folder / "out", folder / "anew"
    _run(*same, "--out", str(out))
    times: dict[str, list[float]] = {OURS: [], READ: []}
    peaks: dict[str, int] = {}

    def timed(who: str, *arguments: str) -> None:
        done = _run(*arguments)
        times.setdefault(who, []).append(done.whole)
        peaks[who] = max(peaks.get(who, 0), done.peak)

    for number in range(rounds):
        for image in random.Random(number).sample(range(count), changed):
            document["annotations"][SHAPES * image]["segmentation"][0][0] += 1 + number
        export.write_text(json.dumps(document))
        before = _stamps(out)
        timed(OURS, *same, "--out", str(out), "--update")
        timed(READ, "inspect", str(export))
        after = _stamps(out)
        if sum(before[key] != stamp for key, stamp in after.items()) != changed:
            sys.exit("the update made other masks than those that were changed: no time counts")
    timed(ANEW, *same, "--out", str(anew), "--classes", str(out / "classes.toml"))
    for path in (path for path in anew.rglob("*") if path.is_file() and "_gtmask" not in path.parts):
        if path.read_bytes() != (out / path.relative_to(anew)).read_bytes():
            sys.exit(f"{path.relative_to(anew)} is not that of a new run: no time counts")
    if len(after) != count:
        sys.exit(f"there are {len(after)} masks of {count} images: no time counts")
    return times, peaks


def _run(*arguments: str) -> Any:
    done = in_own_process("bench.command", "command", *arguments, timeout=3600, one_cpu=False)
    if done.value:
        sys.exit(f"gtmask {' '.join(arguments)} ended with {done.value}")
    return done


def _stamps(out: Path) -> dict[str, int]:
    """Return when each mask was written."""
    return {path.name: path.stat().st_mtime_ns for path in (out / "masks").glob("*.png")}


if __name__ == "__main__":
    raise SystemExit(alone(run))
