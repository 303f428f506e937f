"""PNGs of label masks to pixels by value, as ``validate --deep`` needs them, against others.

The files are those that gtmask, Pillow and OpenCV write. Every candidate tells which values occur, and all
but one also how many pixels have each: that one is timed because it is what a script that looks for unknown
class ids does.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from bench.harness import Goal, Measure, Row, Table, alone, geometric_mean, race, ratios
from bench.masks import all_masks
from gtmask.png import count_png, encode_png

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

OURS = "gtmask"
COUNTED, VALUES = "Pillow + np.unique with counts", "Pillow + np.unique, values only"
LEAST, MEAN = 4, 20


def with_pillow(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(data)))


def with_opencv(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)


def counted(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    values, counts = np.unique(pixels, return_counts=True)
    found = np.zeros(256, np.int64)
    found[values] = counts
    return found


CANDIDATES: dict[str, Callable[[bytes], Any]] = {
    OURS: count_png,
    COUNTED: lambda data: counted(with_pillow(data)),
    VALUES: lambda data: np.unique(with_pillow(data)),
    "Pillow + np.bincount": lambda data: np.bincount(with_pillow(data).ravel(), minlength=256),
    "cv2.imdecode + np.bincount": lambda data: np.bincount(with_opencv(data).ravel(), minlength=256),
}


def files(mask: NDArray[np.uint8]) -> dict[str, bytes]:
    """Return the mask's PNG by each writer's name."""
    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, "png")
    opencv = cv2.imencode(".png", mask)[1].tobytes()
    return {"gtmask": encode_png(mask), "Pillow": stream.getvalue(), "OpenCV": opencv}


def measure(name: str, mask: NDArray[np.uint8], data: bytes, rounds: int) -> Row:
    """Return one row, after each candidate gave the right answer."""
    counts = np.bincount(mask.ravel(), minlength=256)

    def check(candidate: str, found: NDArray[Any]) -> None:
        if not np.array_equal(found, np.flatnonzero(counts) if candidate == VALUES else counts):
            raise AssertionError(f"{candidate} finds other values in {name}")

    candidates = {key: lambda count=count: count(data) for key, count in CANDIDATES.items()}
    times = race(candidates, check, rounds=rounds, least_seconds=0.004)
    return Row(name, {key: Measure(seconds) for key, seconds in times.items()})


def run(quick: bool) -> list[Table]:
    """Measure decoding and counting."""
    cv2.setNumThreads(1)
    rows = []
    for name, mask in all_masks(quick).items():
        for writer, data in files(mask).items():
            rows.append(measure(f"{name}, written by {writer}", mask, data, 3 if quick else 7))
    about = (__doc__ or "").partition("\n\n")[2].strip()
    table = Table("PNG to pixels by class id", about, OURS, rows)
    goals = []
    for peer in (COUNTED, VALUES):
        found = ratios(table, peer)
        mean = geometric_mean(found)
        goals.append(Goal(f">= {LEAST}x {peer}, on every mask", f"{min(found):.2f}x", min(found) >= LEAST))
        goals.append(Goal(f">= {MEAN}x {peer}, geometric mean", f"{mean:.1f}x", mean >= MEAN))
    return [Table(table.title, about, OURS, rows, goals)]


if __name__ == "__main__":
    raise SystemExit(alone(run))
