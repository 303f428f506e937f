"""Which images a pilot takes, against a plain account of the rule."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gtmask.groundtruth.sampling import Candidate, Sampling

#: Classes of a mask, painted pixels, pixels and EXIF orientation of an image.
Look = tuple[set[int], int, int, int]

looks = st.lists(
    st.tuples(
        st.sets(st.sampled_from([1, 2, 3, 7, 8, 254, 255]), max_size=3), st.integers(0, 3),
        st.integers(1, 3), st.sampled_from([1, 1, 1, 6, 8]),
    ),
    max_size=12,
)  # fmt: skip


def naive(rows: list[Look], count: int, seed: int) -> list[tuple[int, str]]:
    """Return (row, reason) in the order in which the rule takes them."""
    tie = np.random.default_rng(seed).permutation(len(rows)).tolist()
    order: list[tuple[int, str]] = []
    shown: set[int] = set()
    while any(row[0] - shown for row in rows):
        best = min(range(len(rows)), key=lambda i: (-len(rows[i][0] - shown), tie[i]))
        gain = len(rows[best][0] - shown)
        words = f"{gain} {'more ' if shown else ''}{'class' if gain == 1 else 'classes'}"
        order.append((best, f"shows {words}"))
        shown |= rows[best][0]
    crowd = sorted(range(len(rows)), key=lambda i: (-len(rows[i][0]), -rows[i][1], tie[i]))
    order.append((crowd[0], "is the most crowded"))
    order.append((min(range(len(rows)), key=lambda i: (-rows[i][2], tie[i])), "is the largest"))
    turned = [i for i in range(len(rows)) if rows[i][3] != 1]
    if turned:
        order.append((min(turned, key=tie.__getitem__), "is turned by EXIF"))
    order += [(i, "is among the most crowded") for i in crowd]
    chosen: dict[int, str] = {}
    for i, reason in order:
        chosen.setdefault(i, reason)
    return list(chosen.items())[:count]


@settings(max_examples=80)
@given(looks, st.integers(1, 14), st.integers(0, 3))
def test_images_are_chosen_by_the_rule(rows: list[Look], count: int, seed: int) -> None:
    made = Sampling()
    for i, (classes, painted, pixels, orientation) in enumerate(rows):
        present = np.zeros(256, np.uint8)
        present[[0, *classes]] = 1
        packed = np.packbits(present, bitorder="little").tobytes()
        made.add(Candidate(10 + i, (100 * i, 7 + i), packed, painted, pixels, orientation))
    assert len(made) == len(rows)
    picks = made.choose(count, seed)
    expected = naive(rows, count, seed) if rows else []
    assert [(pick.line, pick.span, pick.reason) for pick in picks] == [
        (10 + i, (100 * i, 7 + i), reason) for i, reason in expected
    ]
    assert made.classes() == set().union(*(row[0] for row in rows))
