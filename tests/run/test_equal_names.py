"""Where a format does not say which extension an image has, two images of one stem are no pick."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import gtmask
from gtmask.images.resolve import ImageRule
from gtmask.model import ImageNames
from gtmask.run.clashes import find
from tests.support import coco_data

if TYPE_CHECKING:
    from pathlib import Path


def test_a_yolo_label_beside_two_images_of_its_stem_is_rejected(tmp_path: Path) -> None:
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for stem in ("a", "b"):
        (tmp_path / "images" / f"{stem}.jpg").write_bytes(coco_data.jpeg(40, 30))
        (tmp_path / "labels" / f"{stem}.txt").write_text("0 0.1 0.1 0.6 0.1 0.6 0.7\n")
    (tmp_path / "data.yaml").write_text("names: [x]\n")
    run = {"images": tmp_path, "format": "yolo", "workers": 1}
    assert gtmask.convert(tmp_path, tmp_path / "../whole", **run).tally.masks == 2
    (tmp_path / "images" / "a.png").write_bytes(coco_data.jpeg(40, 30))
    summary = gtmask.convert(tmp_path, tmp_path / "../out", **run)
    assert (summary.tally.masks, summary.tally.rejects, summary.exit_code) == (1, 1, 3)
    assert summary.tally.findings["image-ambiguous"] == 1


@pytest.mark.parametrize(
    ("aliases", "found"),
    [
        (("i/a.png",), ["i/a.jpg", "i/a.png"]),
        (("i/a.jpeg",), ["i/a.jpg"]),
        (("j/a.png",), ["i/a.jpg"]),
    ],
)
def test_extensions_of_one_name_are_equals_and_other_names_are_not(
    aliases: tuple[str, ...], found: list[str]
) -> None:
    keys = ImageRule().keys(ImageNames("i/a.jpg", aliases))
    assert find(keys, {"i/a.jpg", "i/a.png", "j/a.png"}) == found
