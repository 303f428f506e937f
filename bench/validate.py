"""Validation at its default level: the rate at which headers are read and checked.

What is timed is one core, files in the page cache: a fast disk or a machine's memory. In S3 the requests
decide, not this code.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from bench.harness import Goal, Measure, Row, Table, alone, race
from bench.masks import street
from gtmask import encode_png
from gtmask.groundtruth.classes import class_map_from_labels
from gtmask.groundtruth.line_rules import LineChecker, Task
from gtmask.groundtruth.media import MediaSettings, check_batch
from gtmask.manifest.writer import ManifestWriter
from gtmask.storage.base import S3Settings
from gtmask.workers import release

HEADER_GOAL = 3000


def run(quick: bool) -> list[Table]:
    """Measure the default level's header rate; the deep level's decoding is that of bench.decode."""
    return [headers(200 if quick else 2000)]


def headers(count: int) -> Table:
    """Time lines of a manifest with 640x480 masks and JPEGs: parse, probe both, compare sizes."""
    with tempfile.TemporaryDirectory() as folder:
        tasks = _files(Path(folder), count)
        masks_only = [(task._replace(source=""), False) for task, _ in tasks]
        settings = MediaSettings(S3Settings())
        times = race(
            {
                "masks and images": lambda: check_batch(settings, tasks),
                "masks": lambda: check_batch(settings, masks_only),
            },
            lambda _, report: _expect(report.masks == count and not report.problems),
            rounds=5,
        )
        release()
    rows = [Row(f"{name}, {count} lines", {"gtmask": Measure(seconds)}) for name, seconds in times.items()]
    rate, both = count / times["masks"], count / times["masks and images"]
    goals = [
        Goal(f">= {HEADER_GOAL:,} masks per second and core", f"{rate:,.0f}", rate >= HEADER_GOAL),
        Goal(f">= {HEADER_GOAL:,} lines with image and mask", f"{both:,.0f}", both >= HEADER_GOAL),
    ]
    about = "Headers of masks (and of the images they belong to), read from files and checked, one core."
    return Table("validate: headers", about, "gtmask", rows, goals)


def _files(folder: Path, count: int) -> list[tuple[Task, bool]]:
    """Write masks, images and their manifest lines, and return what is left to look at."""
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    Image.fromarray(noise).save(stream, "JPEG", quality=40)
    png = encode_png(np.ascontiguousarray(street(480, 640, 40, 3)))
    writer = ManifestWriter(
        class_map_from_labels(["a", "b", "c"]), creation_date="2024-01-01T00:00:00.000000"
    )
    checker, tasks = LineChecker(), []
    for i in range(count):
        image, mask = folder / f"{i}.jpg", folder / f"{i}.png"
        image.write_bytes(stream.getvalue())
        mask.write_bytes(png)
        _, task = checker.check(i + 1, writer.line(str(image), str(mask)).rstrip())
        assert task is not None
        tasks.append((task, False))
    return tasks


def _expect(right: bool) -> None:
    if not right:
        raise AssertionError("the result is wrong, so its time does not count")


if __name__ == "__main__":
    sys.exit(alone(run))
