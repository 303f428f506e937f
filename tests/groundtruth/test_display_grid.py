"""Runs with ``--orientation display``: masks fit what EXIF turns to; validate and preview know it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import gtmask
from gtmask.groundtruth.manifest_file import open_manifest
from gtmask.report.pictures import shrink
from tests.support.coco_data import jpeg

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, HEIGHT = 40, 30


def write(folder: Path, orientation: int) -> None:
    """Write an image that EXIF turns, and an export of what its viewer shows."""
    (folder / "images").mkdir()
    (folder / "images/a.jpg").write_bytes(jpeg(WIDTH, HEIGHT, orientation))
    shown = (HEIGHT, WIDTH) if orientation > 4 else (WIDTH, HEIGHT)
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": shown[0], "height": shown[1]}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": [[2, 3, 12, 3, 12, 9]]}
        ],
        "categories": [{"id": 1, "name": "car"}],
    }  # fmt: skip
    (folder / "export.json").write_text(json.dumps(document))


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_runs_in_either_grid_pass_their_own_checks(orientation: int, tmp_path: Path) -> None:
    write(tmp_path, orientation)
    for grid in ("stored", "display"):
        made = gtmask.convert(
            tmp_path / "export.json",
            tmp_path / grid,
            images=str(tmp_path / "images"),
            orientation=grid,
            workers=1,
        )
        assert made.manifest is not None
        report = gtmask.validate(made.manifest, level="deep", workers=1)
        turned = {"source-turned" if grid == "stored" else "mask-turned"} if orientation != 1 else set()
        assert (set(report.codes), report.exit_code) == ({"reference-local"} | turned, 0)
        page = tmp_path / f"{grid}.html"
        assert gtmask.preview(made.manifest, page).troubles == []
        mask = Image.open(tmp_path / grid / "masks/a.png")
        swapped = orientation > 4 and grid == "display"
        assert mask.size == ((HEIGHT, WIDTH) if swapped else (WIDTH, HEIGHT))
        if swapped:
            elsewhere = tmp_path / "copied.manifest"
            elsewhere.write_bytes((tmp_path / grid / "labeling-qa.manifest").read_bytes())
            assert "mask-size" in gtmask.validate(elsewhere, workers=1).codes


@pytest.mark.parametrize("options", [{}, {"copy_masks": True}, {"compare_png": True}])
def test_the_pilot_of_a_run_fits_the_grid_of_the_run(options: dict[str, bool], tmp_path: Path) -> None:
    write(tmp_path, 6)
    for grid in ("stored", "display", "stored"):
        made = gtmask.convert(
            tmp_path / "export.json", tmp_path / grid, images=str(tmp_path / "images"), orientation=grid,
            workers=1,
        )  # fmt: skip
        assert made.manifest is not None
        small = gtmask.pilot(made.manifest, tmp_path / "pilot", workers=1, **options)
        again = gtmask.pilot(small.manifest, tmp_path / "again", workers=1)
        for manifest in (small.manifest, again.manifest):
            report = gtmask.validate(manifest, level="deep", workers=1)
            assert (set(report.codes), report.exit_code) == (
                {"reference-local", "source-turned" if grid == "stored" else "mask-turned"},
                0,
            )
            assert gtmask.preview(manifest, tmp_path / "page.html").troubles == []


def test_what_a_job_uploads_fits_the_grid_of_the_run(tmp_path: Path) -> None:
    write(tmp_path, 6)
    for grid in ("stored", "display"):
        made = gtmask.convert(
            tmp_path / "export.json", tmp_path / grid, images=str(tmp_path / "images"), orientation=grid,
            image_uri="s3://data/images", mask_uri="s3://data/masks", workers=1,
        )  # fmt: skip
        assert made.manifest is not None
        gtmask.job(
            made.manifest, tmp_path / "job", output="s3://out/answers",
            role="arn:aws:iam::123456789012:role/x",
            workteam="arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/x",
        )  # fmt: skip
        (part,) = (tmp_path / "job").glob("*.manifest")
        with open_manifest(str(part)) as opened:
            assert opened.grid == grid


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_viewers_turn_them(orientation: int) -> None:
    data = jpeg(WIDTH, HEIGHT, orientation)
    stored, shown = (shrink(data, 1 << 20, grid) for grid in ("stored", "display"))
    assert (stored.full_width, stored.full_height) == (stored.width, stored.height) == (WIDTH, HEIGHT)
    expected = (HEIGHT, WIDTH) if orientation > 4 else (WIDTH, HEIGHT)
    assert (shown.full_width, shown.full_height) == (shown.width, shown.height) == expected
    assert np.prod(expected) == WIDTH * HEIGHT
