"""Whole read: a COCO export from its bytes on disk to records, each candidate in a process of its own.

The rival loads the whole document with orjson (garbage collection paused), groups the annotations by
image and builds the same records with the same code. Streaming also counts finding the format. Peaks are
those of the process, interpreter and libraries included. The time to the first mask is that of ``gtmask
convert`` on all CPUs, start-up included, the export in the system's cache; the masks are compared with
OpenCV's.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

from bench.first import first_mask
from bench.harness import Goal, Measure, OwnProcess, Row, Table, alone, in_own_process
from bench.scan import make_export
from gtmask.formats import open_reader
from gtmask.formats.coco.shapes import add_segmentation
from gtmask.formats.jsonstream import paused_gc
from gtmask.formats.reading.build import RecordBuilder

OURS = "gtmask"
PEER = "orjson.loads and the same building"
#: Bytes that the index holds: per annotation and per image.
PER_ANNOTATION, PER_IMAGE = 20, 8


def stream(path: str) -> dict[str, Any]:
    """Read all records by streaming, keeping none."""
    start = time.perf_counter()
    reader = open_reader(path)
    images = shapes = 0
    total = first = 0.0
    for unit in reader.units():
        record = reader.record(unit)
        images += 1
        shapes += len(record.shapes)
        total += float(record.points.sum())
        first = first or time.perf_counter() - start
    return {"images": images, "shapes": shapes, "sum": round(total, 1), "first": first}


def load_whole(path: str) -> dict[str, Any]:
    """Read all records from the loaded document, keeping none."""
    images = shapes = 0
    total = 0.0
    with paused_gc():
        document = orjson.loads(Path(path).read_bytes())
        categories = {item["id"]: item["name"] for item in document["categories"]}
        grouped: dict[Any, list[dict[str, Any]]] = {item["id"]: [] for item in document["images"]}
        for annotation in document["annotations"]:
            grouped[annotation["image_id"]].append(annotation)
        for image in document["images"]:
            builder = RecordBuilder(image["file_name"], image["width"], image["height"], source_fill="coco")
            for annotation in grouped[image["id"]]:
                add_segmentation(builder, categories[annotation["category_id"]], annotation)
            record = builder.build()
            images += 1
            shapes += len(record.shapes)
            total += float(record.points.sum())
    return {"images": images, "shapes": shapes, "sum": round(total, 1), "first": 0.0}


def measured(function: str, path: Path, rounds: int) -> OwnProcess:
    """Return the fastest of several processes."""
    results = [in_own_process("bench.read", function, str(path), timeout=3000) for _ in range(rounds)]
    return min(results, key=lambda result: result.seconds)


def index_bytes(result: OwnProcess) -> int:
    """Return how large the index was."""
    return int(result.value["shapes"] * PER_ANNOTATION + result.value["images"] * PER_IMAGE)


def scene(
    path: Path, size: str, options: tuple[str, ...], rounds: int, *, rival: bool
) -> tuple[Row, OwnProcess]:
    """Measure one export."""
    make_export(path, "coco", size, *options)
    ours = measured("stream", path, rounds)
    measures: dict[str, Measure | None] = {OURS: Measure(ours.seconds, peak=ours.peak), PEER: None}
    if rival:
        theirs = measured("load_whole", path, rounds)
        same = {key: value for key, value in theirs.value.items() if key != "first"}
        if same != {key: ours.value[key] for key in same}:
            raise AssertionError(f"the records differ: {ours.value} and {theirs.value}")
        measures[PEER] = Measure(theirs.seconds, peak=theirs.peak)
    name = f"COCO, {size}B" + "".join(option.replace("--", ", ") for option in options)
    return Row(name, measures), ours


def run(quick: bool) -> list[Table]:
    """Measure whole reads."""
    sizes = ("2M", "4M") if quick else ("400M", "4G")
    rounds = 1 if quick else 3
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "export.json")
        stream(str(make_export(path, "coco", "100K")))
        small, first = scene(path, sizes[0], (), rounds, rival=True)
        mixed, _ = scene(path, sizes[0], ("--ungrouped", "--string-ids"), rounds, rival=False)
        large, last = scene(path, sizes[1], (), 1, rival=False)
        wait = first_mask(path, rounds)
    ours, theirs = small.measures[OURS], small.measures[PEER]
    share = ours.seconds / theirs.seconds if ours and theirs else float("nan")
    beyond = [result.peak - index_bytes(result) for result in (first, last)]
    growth = beyond[1] / beyond[0] - 1
    goals = [
        Goal("at most 1.15x the time of loading the whole document", f"{share:.2f}x", share <= 1.15),
        Goal(f"peak at {sizes[1]}B at most 300 MB and the index", f"{beyond[1] / 1e6:.0f} MB and an index of "
             f"{index_bytes(last) / 1e6:.0f} MB", beyond[1] <= 300e6),
        Goal(f"growth from {sizes[0]}B to {sizes[1]}B beyond the index at most 10 %", f"{growth:.1%}",
             growth <= 0.1),
        Goal("index at most 24 bytes per annotation", f"{PER_ANNOTATION} bytes", PER_ANNOTATION <= 24),
        Goal(f"first record of {sizes[1]}B after at most 8 s", f"{last.value['first']:.1f} s",
             last.value["first"] <= 8),
        Goal(f"first mask of {sizes[1]}B after at most 10 s on two CPUs",
             f"{wait:.1f} s on {os.cpu_count()} CPUs", wait <= 10),
    ]  # fmt: skip
    return [Table("Reading COCO exports", __doc__ or "", OURS, [small, mixed, large], goals)]


if __name__ == "__main__":
    raise SystemExit(alone(run))
