"""The Pillow rule against masks that labelme's own exporter made, from the raw JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from gtmask.raster import fill_pillow
from tests.support.random_rings import flatten

if TYPE_CHECKING:
    from pathlib import Path

#: Pixels that differ from the published masks, which some earlier Pillow painted.
DIFFERING = {"2011_000003": 0, "2011_000006": 1, "2011_000025": 0}


@pytest.mark.parametrize("name", DIFFERING)
def test_labelme_masks(samples: Path, name: str) -> None:
    folder = samples / "labelme" / "wkentaro__labelme" / "examples" / "semantic_segmentation"
    labels = (folder / "labels.txt").read_text(encoding="utf-8").splitlines()
    annotation = json.loads((folder / "data_annotated" / f"{name}.json").read_bytes())
    with Image.open(folder / "data_dataset_voc" / "SegmentationClass" / f"{name}.png") as image:
        expected = np.asarray(image)
    shapes = annotation["shapes"]
    assert {shape["shape_type"] for shape in shapes} == {"polygon"}
    points, ring_offsets, part_offsets, _ = flatten([[shape["points"]] for shape in shapes])
    # The first two lines of labels.txt are __ignore__ and _background_; -1 is stored as 255.
    values = np.array([labels.index(shape["label"]) - 1 for shape in shapes]).astype(np.uint8)
    mask = np.zeros(expected.shape, np.uint8)
    fill_pillow(mask, points, ring_offsets, part_offsets, values)
    assert (mask != expected).sum() == DIFFERING[name]
    assert (mask > 0).sum() > 10_000
