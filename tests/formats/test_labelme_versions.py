"""Which pixels labelme and its dialects mean, version by version."""

from __future__ import annotations

import pytest

from gtmask.formats.labelme_versions import grid_of
from tests.support.small_exports import read_one


@pytest.mark.parametrize(
    ("version", "dialect", "grid", "known"),
    [
        ("3.6.16", False, "stored", True),
        ("3.7.0", False, "displayed", False),
        ("3.11.0", False, "displayed", True),
        ("3.16.7", False, "displayed", True),
        ("5.4.1", False, "displayed", True),
        ("7.1.0rc1", False, "displayed", True),
        ("0.2.4", True, "displayed", True),
        ("0.4.10", True, "displayed", True),
        ("2.3.4", True, "displayed", True),
        ("2.3.5", True, "stored", True),
        ("2.3.7", True, "stored", True),
        ("2.4.0", True, "displayed", True),
        ("3.0.0", True, "displayed", True),
        ("3.0.1", True, "stored", False),
        ("3.2.2", True, "stored", False),
        ("3.10.0", True, "displayed", False),
        ("4.0.2-beta.1", True, "displayed", False),
        ("", False, "displayed", False),
        ("x", True, "displayed", False),
    ],
)
def test_the_version_tells_the_grid(version: str, dialect: bool, grid: str, known: bool):
    assert grid_of(version, dialect=dialect) == (grid, known)
    shape = {"label": "a", "points": [[1, 1], [5, 1], [5, 4]], "shape_type": "polygon"}
    document = {"version": version, "shapes": [shape], "imagePath": "a.jpg", "imageData": None}
    record = read_one("labelme", {**document, **({"text": ""} if dialect else {})})
    assert (record.grid, record.grid_known) == (grid, known)
