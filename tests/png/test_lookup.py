"""Re-coding by a table, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from gtmask.png import look_up
from tests.support.png_masks import odd_masks


@pytest.mark.parametrize("name", odd_masks())
@pytest.mark.parametrize("others", [None, 0, 9])
def test_a_table_is_applied_to_every_pixel(name: str, others: int | None):
    mask = odd_masks()[name]
    rng = np.random.default_rng(1)
    table = {int(value): int(rng.integers(0, 256)) for value in rng.permutation(256)[:200]}
    out = rng.integers(0, 256, mask.shape).astype(np.uint8)
    wanted = out.copy() if others is None else np.full(mask.shape, others, np.uint8)
    for value, becomes in table.items():
        wanted[mask == value] = becomes
    look_up(mask, table, out, others=others)
    assert (out == wanted).all()


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="shape"):
        look_up(np.zeros((2, 3), np.uint8), {}, np.zeros((3, 2), np.uint8))
