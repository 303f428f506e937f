"""Turning a mask back: what a viewer makes of the turned mask is the mask that was painted."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from gtmask.raster import turn


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("shape", [(5, 7), (1, 3), (64, 48)])
def test_a_viewer_sees_the_painted_mask(orientation, shape):
    displayed = np.random.default_rng(orientation).integers(0, 256, shape).astype(np.uint8)
    stored = turn(displayed, orientation)
    exif = Image.Exif()
    exif[274] = orientation
    file = io.BytesIO()
    Image.fromarray(stored).save(file, "PNG", exif=exif)
    with Image.open(file) as image:
        assert np.array_equal(ImageOps.exif_transpose(image), displayed)
    assert stored.flags.c_contiguous
    assert stored.dtype == np.uint8


@pytest.mark.parametrize("orientation", [0, 9, -1])
def test_other_orientations_are_told(orientation):
    with pytest.raises(ValueError, match="must be 1 to 8"):
        turn(np.zeros((2, 2), np.uint8), orientation)
