"""Sizes and grids: in which grid a mask is painted, and how it is turned, against Pillow's own turning."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from gtmask import raster
from gtmask.formats.reading.build import RecordBuilder
from gtmask.images.probe import ImageInfo
from gtmask.manifest.contract import MAX_IMAGE_PIXELS
from gtmask.model import Record, Runs
from gtmask.run.sizes import fit

STORED = np.arange(6, dtype=np.uint8).reshape(2, 3)


def displayed(orientation: int) -> np.ndarray:
    """Return the picture as a viewer shows it."""
    image = Image.fromarray(STORED)
    image.getexif()[0x0112] = orientation
    return np.array(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("target", ["stored", "display"])
@pytest.mark.parametrize("grid", ["stored", "displayed"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_is_painted_in_the_grid_of_its_geometry_and_turned_into_the_wanted_one(
    orientation: int, grid: str, target: str
) -> None:
    shown = displayed(orientation)
    painted = STORED if grid == "stored" else shown
    record = Record("a.jpg", grid=grid, grid_known=True)
    fitting = fit(record, ImageInfo(3, 2, orientation, "JPEG"), "header", target)
    assert (fitting.height, fitting.width) == painted.shape
    turned = raster.turn(np.ascontiguousarray(painted), fitting.turn)
    np.testing.assert_array_equal(turned, STORED if target == "stored" else shown)
    told = [finding.code for finding in fitting.findings]
    changes = orientation != 1 and (grid == "stored") != (target == "stored")
    assert told == (["orientation-turned"] if changes else [])


@pytest.mark.parametrize("grid", ["stored", "displayed"])
@pytest.mark.parametrize(("size", "turn"), [((3, 2), 1), ((2, 3), 6)])
def test_a_size_that_fits_one_grid_only_proves_that_the_geometry_is_in_it(
    size: tuple[int, int], turn: int, grid: str
) -> None:
    fitting = fit(Record("a.jpg", *size, grid=grid), ImageInfo(3, 2, 6, "JPEG"), "check", "stored")
    assert ((fitting.width, fitting.height), fitting.turn) == (size, turn)
    assert not any(finding.code.endswith("size-differs") for finding in fitting.findings)


@pytest.mark.parametrize("grid", ["stored", "displayed"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("image", "told"), [((3, 2), None), ((3, 2), (3, 2)), ((3, 2), (2, 3)), ((2, 2), (2, 2))]
)
def test_a_grid_that_neither_tool_nor_size_proves_is_a_guess(
    image: tuple[int, int], told: tuple[int, int] | None, orientation: int, grid: str
) -> None:
    for known in (False, True):
        width, height = told or (None, None)
        record = Record("a.jpg", width, height, grid, grid_known=known)
        fitting = fit(record, ImageInfo(*image, orientation, "JPEG"), "header", "stored")
        proven = image[0] != image[1] and orientation >= 5 and told is not None
        guessed = any(finding.code == "grid-guessed" for finding in fitting.findings)
        assert guessed == (orientation != 1 and not proven and not known)


@pytest.mark.parametrize(("size", "code"), [("header", "size-differs"), ("check", "image-size-differs")])
def test_a_size_that_fits_no_grid_is_told(size: str, code: str) -> None:
    fitting = fit(Record("a.jpg", 30, 20), ImageInfo(3, 2, 1, "JPEG"), size, "stored")
    assert (fitting.width, fitting.height) == (3, 2)
    assert [finding.code for finding in fitting.findings] == [code]


@pytest.mark.parametrize(
    ("width", "height", "codes"),
    [
        (10_000, MAX_IMAGE_PIXELS // 10_000, []),
        (10_000, MAX_IMAGE_PIXELS // 10_000 + 1, ["image-too-large"]),
        (0, 20, ["record-size-bad"]),
        (30, -1, ["record-size-bad"]),
        (None, 20, ["image-size-unknown"]),
    ],
)
def test_sizes_of_the_export_alone_must_be_possible(
    width: int | None, height: int | None, codes: list[str]
) -> None:
    fitting = fit(Record("a.jpg", width, height), None, "annotation", "stored")
    assert [finding.code for finding in fitting.findings] == codes


@pytest.mark.parametrize("told", [(3, 2), (2, 3)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_size_of_another_grid_than_the_geometry_proves_nothing_and_differs_from_neither(
    told: tuple[int, int], orientation: int
) -> None:
    record = Record("a.jpg", *told, "displayed", grid_known=True, size_in_grid=False)
    fitting = fit(record, ImageInfo(3, 2, orientation, "JPEG"), "check", "stored")
    assert (fitting.width, fitting.height) == displayed(orientation).shape[::-1]
    fits = told == (3, 2) or orientation >= 5
    assert [finding.code for finding in fitting.findings] == (
        ([] if fits else ["image-size-differs"]) + (["orientation-turned"] if orientation != 1 else [])
    )


def test_without_the_image_a_size_that_proves_no_grid_is_told() -> None:
    for size_in_grid, told in ((True, []), (False, ["grid-guessed"])):
        record = Record("a.jpg", 3, 2, grid="displayed", grid_known=True, size_in_grid=size_in_grid)
        fitting = fit(record, None, "annotation", "stored")
        assert [finding.code for finding in fitting.findings] == told


@pytest.mark.parametrize("grid", ["stored", "displayed"])
@pytest.mark.parametrize(
    ("reach", "turned"),
    [((29, 19), False), ((21, 20), False), ((31, 20), False), ((20, 29), True), ((29, 29), False)],
)
def test_shapes_that_fit_the_other_grid_alone_are_in_it(
    reach: tuple[int, int], grid: str, *, turned: bool
) -> None:
    """A format's usual grid is a guess: on 30 x 20 pixels a shape 29 high was drawn as EXIF turns them."""
    far = reach if grid == "stored" else reach[::-1]
    for told in ((None, None), (30, 20), (20, 30)):
        builder = RecordBuilder("a.jpg", *told, grid=grid)
        builder.record.size_in_grid = False
        builder.polygon("car", [1, 1, far[0], 1, *far])
        fitting = fit(builder.build(), ImageInfo(30, 20, 6, "JPEG"), "header", "stored")
        assert ((fitting.width, fitting.height) == (30, 20)) == ((grid == "stored") != turned)
        assert "grid-guessed" in [finding.code for finding in fitting.findings]
    known = RecordBuilder("a.jpg", grid=grid)
    known.record.grid_known = True
    known.polygon("car", [1, 1, far[0], 1, *far])
    fitting = fit(known.build(), ImageInfo(30, 20, 6, "JPEG"), "header", "stored")
    assert ((fitting.width, fitting.height) == (30, 20)) == (grid == "stored")


@pytest.mark.parametrize("grid", ["stored", "displayed"])
@pytest.mark.parametrize("size", [(30, 20), (20, 30), (9, 9)])
def test_a_mask_of_the_whole_image_is_in_the_grid_that_has_its_size(size: tuple[int, int], grid: str) -> None:
    builder = RecordBuilder("a.jpg", grid=grid)
    counts = np.array([0, size[0] * size[1]])
    builder.runs("car", Runs(counts, size[1], size[0], "row", whole=True))
    fitting = fit(builder.build(), ImageInfo(30, 20, 6, "JPEG"), "header", "stored")
    usual = (30, 20) if grid == "stored" else (20, 30)
    assert (fitting.width, fitting.height) == (size if size != (9, 9) else usual)
