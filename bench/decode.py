"""PNGs of label masks to the class ids in them, as ``validate --deep`` needs them, against others."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from bench.harness import Goal, Measure, Row, Table, alone, race, ratios
from bench.masks import all_masks
from gtmask.png import decode_png, encode_png
from gtmask.raster import count_values

if TYPE_CHECKING:
    from numpy.typing import NDArray

OURS = "gtmask"
UNIQUE = "Pillow + np.unique"


def measure_decoders(name: str, mask: NDArray[np.uint8], rounds: int) -> Row:
    """Return one row, after both found the same values; the file is the one gtmask writes."""
    data = encode_png(mask)
    candidates = {
        OURS: lambda: np.flatnonzero(count_values(decode_png(data))),
        UNIQUE: lambda: np.unique(np.array(Image.open(io.BytesIO(data)))),
        "cv2.imdecode + np.unique": lambda: np.unique(
            cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        ),
    }
    expected = np.unique(mask)

    def check(candidate: str, values: NDArray[Any]) -> None:
        if not np.array_equal(values, expected) or not np.array_equal(decode_png(data), mask):
            raise AssertionError(f"{candidate} finds other values in {name}")

    times = race(candidates, check, rounds=rounds, least_seconds=0.004)
    return Row(name, {key: Measure(seconds) for key, seconds in times.items()})


def run(quick: bool) -> list[Table]:
    """Measure PNG decoding."""
    cv2.setNumThreads(1)
    rows = [measure_decoders(n, m, 3 if quick else 7) for n, m in all_masks(quick).items()]
    about = "What `validate --deep` does per mask: decode every pixel and list the values that occur."
    table = Table("PNG to class ids present", about, OURS, rows)
    least = min(ratios(table, UNIQUE))
    goal = Goal(f"at least 5x {UNIQUE} on every mask", f"{least:.1f}x at least", least >= 5)
    return [Table(table.title, about, OURS, rows, [goal])]


if __name__ == "__main__":
    raise SystemExit(alone(run))
