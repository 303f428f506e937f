"""How long a user waits for the first mask of a large export: ``gtmask convert`` as a process of its own.

On all CPUs, unlike what is raced: workers start while the export is surveyed. The masks that are there when
the run is ended are compared with what OpenCV paints of the same annotations.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import orjson
from PIL import Image

from bench.harness import ROOT
from gtmask import kernels

#: Bytes of the tables that hold the annotations of the first masks.
PIECE = 4 << 20


def first_mask(export: Path, rounds: int) -> float:
    """Return the fewest seconds from the command to the first mask in the output folder."""
    kernels.compile_kernels()
    return min(_wait(export) for _ in range(rounds))


def _wait(export: Path) -> float:
    folder = Path(tempfile.mkdtemp(prefix="gtmask-bench-", dir=export.parent))
    command = [sys.executable, "-m", "gtmask", "convert", export, "--out", folder, "--size", "annotation"]
    start = time.perf_counter()
    # A session of its own, so that its workers end with it.
    process = subprocess.Popen([*map(str, command), "--quiet"], cwd=ROOT, start_new_session=True)
    try:
        while not (masks := list((folder / "masks").glob("*.png"))):
            if process.poll() is not None:
                sys.exit(f"the run ended with {process.returncode} before its first mask")
            time.sleep(0.005)
        seconds = time.perf_counter() - start
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if not all(np.array_equal(np.array(Image.open(mask)), painted(export, mask.stem)) for mask in masks):
        sys.exit("a mask is not what OpenCV paints: no time counts")
    # A worker that is just being killed may still add a file; that goes with the export.
    shutil.rmtree(folder, ignore_errors=True)
    return seconds


def painted(export: Path, stem: str) -> np.ndarray:
    """Paint an image from the first annotations of an export that scripts/make_export.py made."""
    image = next(item for item in entries(export, b'"images": [') if item["file_name"] == f"{stem}.jpg")
    mask = np.zeros((image["height"], image["width"]), np.uint8)
    for annotation in entries(export, b'"annotations": ['):
        if annotation["image_id"] == image["id"]:
            for ring in annotation["segmentation"]:
                points = np.round(np.array(ring).reshape(-1, 2)).astype(np.int32)
                # The categories are listed by their ids, from 1.
                cv2.fillPoly(mask, [points], annotation["category_id"])
    return mask


def entries(export: Path, table: bytes) -> list[dict[str, Any]]:
    """Return the first entries of a table."""
    with export.open("rb") as file:
        start = 0
        while table not in (piece := file.read(PIECE)):
            if not piece:
                sys.exit(f"{export} has no {table!r}")
            start += PIECE - len(table)
            file.seek(start)
        file.seek(start + piece.index(table) + len(table))
        piece = file.read(PIECE)
    # No entry holds another object, so that this is the end of the last one or of the whole table.
    last = piece.find(b"}]") if b"}]" in piece else piece.rfind(b"},{")
    found: list[dict[str, Any]] = orjson.loads(b"[" + piece[: last + 1] + b"]")
    return found
