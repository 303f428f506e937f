"""What is noted of rings is what their bounding boxes say."""

from __future__ import annotations

from functools import reduce
from operator import or_

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtmask.raster.extent import FAR, FRACTION, OUTSIDE, note_rings

WIDTH, HEIGHT, SHARE = 20, 10, 0.1
COORDINATES = st.sampled_from([-9.0, -2.01, -2.0, -1.0, -0.5, -0.49, 0.0, 0.5, 1.0, 1.01, 5.0, 9.5, 9.51,
                               10.9, 11.0, 11.01, 19.5, 19.51, 22.0, 22.01, 99.0])  # fmt: skip
RINGS = st.lists(st.lists(st.tuples(COORDINATES, COORDINATES), min_size=1, max_size=4), max_size=4)


def naive(ring: list[tuple[float, float]]) -> tuple[int, list[float]]:
    (left, top), (right, bottom) = map(min, zip(*ring, strict=True)), map(max, zip(*ring, strict=True))
    noted = 0
    if right < -0.5 or bottom < -0.5 or left > WIDTH - 0.5 or top > HEIGHT - 0.5:
        noted |= OUTSIDE
    beyond = max(-left, right - WIDTH) > SHARE * WIDTH or max(-top, bottom - HEIGHT) > SHARE * HEIGHT
    noted |= FAR if beyond else 0
    if min(left, top) >= 0 and max(right, bottom) <= 1:
        noted |= FRACTION
    return noted, [left, top, right, bottom]


@settings(max_examples=300, deadline=None)
@given(RINGS)
def test_rings_are_noted_by_their_boxes(rings: list[list[tuple[float, float]]]) -> None:
    points = np.array([point for ring in rings for point in ring], np.float64).reshape(-1, 2)
    offsets = np.cumsum([0, *map(len, rings)], dtype=np.int32)
    found = note_rings(points, offsets, WIDTH, HEIGHT, SHARE)
    assert list(zip(found.rings.tolist(), found.boxes.tolist(), strict=True)) == [
        naive(ring) for ring in rings
    ]
    assert found.any == reduce(or_, found.rings.tolist(), 0)


@pytest.mark.parametrize("kind", [np.float32, np.int64, np.float64])
def test_vertices_of_any_type_are_taken(kind: type) -> None:
    points = np.array([[30, 2], [40, 2], [40, 5]], kind)
    points.flags.writeable = False
    assert note_rings(points, np.array([0, 3]), WIDTH, HEIGHT, SHARE).any == OUTSIDE | FAR
