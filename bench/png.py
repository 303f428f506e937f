"""Label masks to PNG, against every encoder that Python users have.

Encoding starts from the mask and ends with the file's bytes. The other compressors get the container that
gtmask has, with all rows filtered None or all Up (NumPy does that, and it is timed, since they need
it). A candidate's PNG counts only after OpenCV, which takes no part in writing it, has read equal pixels.
"""

from __future__ import annotations

import io
import time
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import imagecodecs
import numpy as np
import png
from isal import isal_zlib
from PIL import Image
from zlib_ng import zlib_ng

from bench.harness import Goal, Measure, Row, Table, alone, geometric_mean, race, ratios
from bench.masks import all_masks, textures
from gtmask.png import encode_png
from gtmask.png.container import _contain

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

OURS = "gtmask"
OPENCV, PILLOW, PYPNG = "cv2.imencode", "Pillow", "pypng"
FASTEST = "fastest other of 1.2x bytes"


def with_pillow(mask: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(mask).save(out, "png")
    return out.getvalue()


def with_opencv(mask: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", mask)[1].tobytes()


def with_pypng(mask: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    png.Writer(mask.shape[1], mask.shape[0], greyscale=True).write_packed(out, mask)
    return out.getvalue()


def filtered(mask: NDArray[np.uint8], up: bool) -> NDArray[np.uint8]:
    rows = np.empty((mask.shape[0], mask.shape[1] + 1), np.uint8)
    rows[:, 0] = 2 if up else 0
    rows[:, 1:] = mask
    if up:
        rows[1:, 1:] -= mask[:-1]
    return rows


def in_container(compress: Callable[[Any], Any], up: bool, mask: NDArray[np.uint8]) -> bytes:
    return _contain(compress(filtered(mask, up)), mask.shape[1], mask.shape[0], None)


def by_strategy(library: Any, level: int, strategy: int, rows: NDArray[np.uint8]) -> bytes:
    stream = library.compressobj(level, 8, 15, 9, strategy)
    return bytes(stream.compress(rows) + stream.flush())


def rivals() -> dict[str, Callable[[NDArray[np.uint8]], bytes]]:
    """Return every other compressor at its settings, by name."""
    compressors: dict[str, Callable[[Any], Any]] = {}
    for level in (0, 1, 2, 3):
        compressors[f"isal {level}"] = partial(isal_zlib.compress, level=level)
    for level in (1, 2, 3, 4, 6, 9):
        compressors[f"zlib-ng {level}"] = partial(zlib_ng.compress, level=level)
    compressors["zlib-ng RLE"] = partial(by_strategy, zlib_ng, 1, zlib.Z_RLE)
    compressors["zlib RLE"] = partial(by_strategy, zlib, 1, zlib.Z_RLE)
    for level in (1, 2, 4, 6, 9, 12):
        compressors[f"libdeflate {level}"] = partial(imagecodecs.deflate_encode, level=level)
    found: dict[str, Callable[[NDArray[np.uint8]], Any]] = {}
    for name, compress in compressors.items():
        for up in (False, True):
            found[f"{name} {'Up' if up else 'None'}"] = partial(in_container, compress, up)
    for level in (1, 3, 6, 9):
        for strategy in (0, 3):  # default, RLE
            for filters in (0x08, 0x20):  # None, Up
                found[f"imagecodecs PNG {level}, strategy {strategy}, filter {filters:#x}"] = partial(
                    imagecodecs.png_encode, level=level, strategy=strategy, filter=filters
                )
    return found


def fastest_rival(mask: NDArray[np.uint8], most: float) -> tuple[str, Callable[[NDArray[np.uint8]], bytes]]:
    """Return the fastest rival among those with at most so many bytes, by the best of three calls."""
    best: tuple[str, Callable[[NDArray[np.uint8]], bytes]] = ("", with_pypng)
    least = np.inf
    for name, encode in rivals().items():
        start = time.perf_counter()
        size = len(encode(mask))
        seconds = time.perf_counter() - start
        if size > most or seconds > 2 * least:
            continue
        for _ in range(2):
            start = time.perf_counter()
            encode(mask)
            seconds = min(seconds, time.perf_counter() - start)
        if seconds < least:
            best, least = (name, encode), seconds
    return best


def measure_encoders(name: str, mask: NDArray[np.uint8], rounds: int) -> Row:
    """Return one row, after OpenCV has read equal pixels from every file."""
    sizes = {}
    rival, encode_rival = fastest_rival(mask, 1.2 * len(encode_png(mask)))
    candidates = {
        OURS: partial(encode_png, mask),
        OPENCV: partial(with_opencv, mask),
        PILLOW: partial(with_pillow, mask),
        PYPNG: partial(with_pypng, mask),
    }
    if rival:
        candidates[FASTEST] = partial(encode_rival, mask)

    def check(candidate: str, data: bytes) -> None:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if pixels is None or not np.array_equal(pixels, mask):
            raise AssertionError(f"{candidate} writes other pixels of {name}")
        sizes[candidate] = len(data)

    times = race(candidates, check, rounds=rounds, least_seconds=0.004)
    measures = {key: Measure(seconds, sizes[key]) for key, seconds in times.items()}
    return Row(f"{name}, {mask.shape[1]}x{mask.shape[0]} ({rival or 'no rival so small'})", measures)


def sizes_against(table: Table, peer: str) -> list[float]:
    """Return our bytes by theirs for every row that has both."""
    pairs = [(row.measures.get(OURS), row.measures.get(peer)) for row in table.rows]
    return [ours.bytes / theirs.bytes for ours, theirs in pairs if ours and theirs]  # type: ignore[operator]


def encoding_goals(table: Table) -> list[Goal]:
    """Judge the goals of the encoder."""
    goals = []
    for peer, least, most in ((OPENCV, 12, 0.75), (PILLOW, 40, 0.95), (PYPNG, 40, None)):
        mean = geometric_mean(ratios(table, peer))
        goals.append(Goal(f"{peer}: at least {least}x faster (mean)", f"{mean:.1f}x", mean >= least))
        if most:
            size = geometric_mean(sizes_against(table, peer))
            goals.append(Goal(f"{peer}: bytes at most {most}x (mean)", f"{size:.2f}x", size <= most))
    worst = max(sizes_against(table, PILLOW))
    goals.append(Goal("Pillow: bytes at most 1.1x on every mask", f"{worst:.2f}x at most", worst <= 1.1))
    found = ratios(table, FASTEST)
    goals.append(
        Goal(
            "faster than every other compressor of at most 1.2x our bytes, on every mask",
            f"{min(found):.2f}x at least, {geometric_mean(found):.1f}x mean over {len(found)} masks",
            min(found) > 1,
        )
    )
    return goals


def run(quick: bool) -> list[Table]:
    """Measure PNG encoding."""
    cv2.setNumThreads(1)
    masks = all_masks(quick)
    rounds = 3 if quick else 7
    about = (__doc__ or "").partition("\n\n")[2]
    table = Table("Mask to PNG", about, OURS, [measure_encoders(n, m, rounds) for n, m in masks.items()])
    measured = Table(table.title, about, OURS, table.rows, encoding_goals(table))
    if quick:
        return [measured]
    patterns = Table(
        "Mask of a fine pattern to PNG",
        "The price of looking for runs alone: what repeats farther away than the row above is written anew "
        "each time, where zlib finds it.",
        OURS,
        [measure_encoders(n, m, rounds) for n, m in textures()],
    )
    return [measured, patterns]


if __name__ == "__main__":
    raise SystemExit(alone(run))
