"""The way back: ``gtmask answer`` of a job's output, against ``gtmask convert`` of the export before it.

Both write one mask of 640x480 per image; an answer also reads two, the old one and the palette mask that the
job made of it, gives the new one the run's class ids, and compares both. Each command runs in a process of
its own on all CPUs, timed from its start to its end.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import gtmask
from bench.harness import Goal, Measure, Row, Table, alone, in_own_process
from gtmask import kernels
from gtmask.report.scenes import write_data_set

OURS, BEFORE = "gtmask answer", "gtmask convert"
AFTER = "labeling-qa-adjusted-ref"
AIM = 0.5


def convert(export: str, images: str, out: str) -> int:
    """Convert with gtmask; return the number of masks."""
    return gtmask.convert(export, out, images=images, image_uri="s3://b/images").tally.masks


def answer(manifest: str, run: str, out: str) -> int:
    """Bring an answer back; return the number of masks that were compared."""
    return gtmask.answer([manifest], out, run=run).compared


def make_answer(run: Path, folder: Path) -> Path:
    """Write what a job answers: two of three masks changed, as palette PNGs with other numbers."""
    folder.mkdir()
    written = folder / "output.manifest"
    with (run / "labeling-qa.manifest").open() as lines, written.open("w") as out:
        for number, line in enumerate(map(json.loads, lines)):
            mask = gtmask.decode_png(Path(line["labeling-qa-ref"]).read_bytes())
            metadata: dict[str, Any] = line["labeling-qa-ref-metadata"]
            classes = metadata["internal-color-map"]
            ids = {int(old): (int(old) % (len(classes) - 1)) + 1 if int(old) else 0 for old in classes}
            made = {str(ids[int(old)]): entry for old, entry in classes.items()}
            if number % 3:
                mask[100:140, 50:90] = 1
            table = np.array([ids.get(value, 0) for value in range(256)], np.uint8)
            palette = {int(new): str(entry["hex-color"]) for new, entry in made.items()}
            path = folder / f"{number}.png"
            path.write_bytes(gtmask.encode_png(table[mask], palette=palette))
            line[AFTER] = str(path)
            status = "adjusted" if number % 3 else "unadjusted"
            line[AFTER + "-metadata"] = metadata | {
                "internal-color-map": made, "job-name": "labeling-job/qa", "adjustment-status": status,
                "creation-date": "2099-01-01T00:00:00.000000",
            }  # fmt: skip
            print(json.dumps(line), file=out)
    return written


def run(quick: bool) -> list[Table]:
    """Race an answer against the conversion before it."""
    kernels.compile_kernels()
    with tempfile.TemporaryDirectory(prefix="gtmask-bench-") as name:
        rows = [_row(Path(name, str(count)), count) for count in ((20,) if quick else (3000, 20_000))]
    ratio = rows[-1].measures[BEFORE].seconds / rows[-1].measures[OURS].seconds  # type: ignore[union-attr]
    goals = [Goal(f"at least {AIM:g} of convert's images/s", f"{ratio:.2f}x", ratio >= AIM)]
    return [Table("The way back", (__doc__ or "").split("\n\n", 1)[1], OURS, rows, goals)]


def _row(folder: Path, count: int) -> Row:
    export = write_data_set(folder / "data", count, turned=False)
    made = folder / "run"
    arguments = (str(export), str(folder / "data/images"), str(made))
    forth = in_own_process("bench.answer", "convert", *arguments, one_cpu=False)
    manifest = make_answer(made, folder / "job")
    back = in_own_process(
        "bench.answer", "answer", str(manifest), str(made), str(folder / "back"), one_cpu=False
    )
    if (forth.value, back.value) != (count, count):
        sys.exit(f"convert made {forth.value} masks and answer compared {back.value} of {count}")
    sizes = (
        sum(path.stat().st_size for path in (place / "masks").rglob("*.png"))
        for place in (folder / "back", made)
    )
    measures = {
        label: Measure(done.whole, size, done.peak)
        for label, done, size in zip((OURS, BEFORE), (back, forth), sizes, strict=True)
    }
    return Row(f"{count:,} scenes of 640x480", measures)


if __name__ == "__main__":
    raise SystemExit(alone(run))
