"""The kernels without Numba and with its bounds checks: no index out of range, and the same pixels."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXERCISE = """
import sys
import cv2
import numpy as np
sys.path.insert(0, sys.argv[1])
from tests.support.raster_twins import center_twin, flatten, runs_twin
from gtmask.png import count_values
from gtmask.raster import fill_center, fill_polygons, paint_bitmap, paint_ids, paint_runs

np.seterr(all="raise")
rng = np.random.default_rng(8)
one = np.array([1], np.uint8)
for round in range(int(sys.argv[2])):
    height, width = (int(v) for v in rng.integers(1, 14, 2))
    reach = int(rng.choice([0, 3, 40, 2**30 - 50]))
    part = [rng.integers([-reach, -min(reach, 400)], [width + reach, height + min(reach, 400)],
            (rng.integers(1, 30), 2)) for _ in range(rng.integers(1, 3))]
    found, expected = np.zeros((2, height, width), np.uint8)
    fill_polygons(found, *flatten([part], np.int32), one)
    cv2.fillPoly(expected, [ring.astype(np.int32) for ring in part], 1)
    assert np.array_equal(found, expected), (height, width, part)
    rings = [rng.random((5, 2)) * 14 - 2 for _ in range(2)]
    found, expected = np.zeros((2, height, width), np.uint8)
    fill_center(found, *flatten([rings], np.float64), one)
    center_twin(expected, rings, 1)
    assert np.array_equal(found, expected), (height, width, rings)
    for column_major in (False, True):
        counts = rng.integers(0, 9, 8)
        h, w, x, y = (int(v) for v in (*rng.integers(1, 9, 2), *rng.integers(-5, 6, 2)))
        found = np.zeros((height, width), np.uint8)
        paint_runs(found, counts, h, w, x, y, column_major, 3)
        paint_bitmap(found, rng.integers(0, 2, (h, w)).astype(np.uint8), x, y, 4)
        paint_ids(found, rng.integers(0, 4, (h, w)).astype(np.uint32), x, y, np.array([2], np.uint32), one)
        assert count_values(found).sum() == found.size
"""


@pytest.mark.slow
@pytest.mark.parametrize(("flag", "rounds"), [("NUMBA_DISABLE_JIT", "300"), ("NUMBA_BOUNDSCHECK", "3000")])
def test_no_index_is_out_of_range(flag, rounds, tmp_path):
    environment = {**os.environ, flag: "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    folder = str(Path(__file__).parents[2])
    finished = subprocess.run(
        [sys.executable, "-c", EXERCISE, folder, rounds],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
