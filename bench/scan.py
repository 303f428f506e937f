"""Structural scan: byte ranges of all elements and the ids of their images, against orjson.loads.

The scan reads the file in windows and tells, for each image and annotation of a COCO export or each task
of a Label Studio export, where it stands and (COCO) whose it is. orjson gets the same bytes in memory and
makes Python objects of them: the work that a reader which loads the whole document has to do first.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from bench.harness import ROOT, Goal, Measure, Row, Table, alone, geometric_mean, race, ratios
from gtmask.formats.jsonstream import elements, open_document
from gtmask.formats.jsonstream.ids import keys_of
from gtmask.formats.locate import open_export

OURS = "gtmask"
PEER = "orjson.loads"
IDS = {"images": "id", "annotations": "image_id"}


def make_export(path: Path, kind: str, size: str, *options: str) -> Path:
    """Write an export with scripts/make_export.py."""
    command = [sys.executable, str(ROOT / "scripts" / "make_export.py"), kind, str(path), "--bytes", size]
    subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL)
    return path


def scan_coco(path: Path) -> list[int]:
    """Return how many images and annotations there are, and the sum of the ids."""
    export = open_export(path)
    found = []
    for entry in open_document(export, path.name).container().entries():
        if entry.key in IDS:
            count = total = 0
            for batch in entry.enter().batches(IDS[entry.key]):
                count += len(batch)
                total += int(keys_of(batch).sum())
            found += [count, total]
    return found


def load_coco(data: bytes) -> list[int]:
    """Return the same by loading the document; the sums are computed only where they are checked."""
    document = orjson.loads(data)
    return [len(document["images"]), len(document["annotations"])]


def scan_array(path: Path) -> list[int]:
    """Return how many elements a top-level array has."""
    return [sum(1 for _ in elements(open_export(path), path.name))]


def measure(path: Path, scene: str, rounds: int, *, array: bool) -> tuple[Row, float]:
    """Return one row and the gigabytes per second of the scan, after both found the same."""
    data = path.read_bytes()
    document = orjson.loads(data)
    if array:
        expected = [len(document)]
        candidates: dict[str, Any] = {OURS: partial(scan_array, path), PEER: partial(orjson.loads, data)}
    else:
        expected = []
        for table, key in IDS.items():
            expected += [len(document[table]), sum(int(element[key]) for element in document[table])]
        candidates = {OURS: partial(scan_coco, path), PEER: partial(load_coco, data)}
    del document

    def check(name: str, result: Any) -> None:
        counts = [len(result)] if array and name == PEER else result
        if counts != (expected if array or name == OURS else expected[::2]):
            raise AssertionError(f"{name} finds {counts} in {scene}, not {expected}")

    times = race(candidates, check, rounds=rounds)
    return Row(scene, {name: Measure(value) for name, value in times.items()}), len(data) / times[OURS] / 1e9


def run(quick: bool) -> list[Table]:
    """Measure the structural scan."""
    size = "2M" if quick else "100M"
    scenes = [
        ("COCO, minified", "coco", ()),
        ("COCO, minified, ungrouped", "coco", ("--ungrouped",)),
        ("COCO, indented", "coco", ("--pretty",)),
        ("Label Studio, minified", "label-studio", ()),
    ]
    rows, speeds = [], []
    with tempfile.TemporaryDirectory() as folder:
        for scene, kind, options in scenes:
            path = make_export(Path(folder) / "export.json", kind, size, *options)
            row, speed = measure(path, f"{scene}, {size}B", 3 if quick else 5, array=kind != "coco")
            rows.append(row)
            speeds.append(f"{scene}: {speed:.2f} GB/s")
            if not options and kind == "coco":
                first = speed
    table = Table("Structural scan", (__doc__ or "") + "\n" + "; ".join(speeds) + ".", OURS, rows)
    found = ratios(table, PEER)
    goals = [
        Goal("at least 1.0 GB/s on minified COCO", f"{first:.2f} GB/s", first >= 1),
        Goal(f"at least 4x as fast as {PEER}", f"{geometric_mean(found):.1f}x, least {min(found):.1f}x",
             min(found) >= 4),
    ]  # fmt: skip
    return [Table(table.title, table.about, table.ours, table.rows, goals)]


if __name__ == "__main__":
    raise SystemExit(alone(run))
