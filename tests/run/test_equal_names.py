"""Where a format does not say which extension an image has, two images of one stem are no pick."""

from __future__ import annotations

import json
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


def convert(folder: Path, references: list[str], files: list[str]) -> gtmask.Summary:
    """Convert an export whose images are called by these references, with these files as images."""
    document = coco_data.make_document(references)
    for image in document["images"]:
        for file in files:
            path = folder / "images" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(coco_data.jpeg(image["width"], image["height"]))
    (folder / "export.json").write_text(json.dumps(document))
    return gtmask.convert(folder / "export.json", folder / "out", images=folder / "images", workers=1)


@pytest.mark.parametrize("sieve", [True, False])
@pytest.mark.parametrize("turned", [False, True])
def test_a_shortened_name_that_is_another_images_whole_name_is_no_pick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sieve: bool, turned: bool
) -> None:
    """Less its first part, ``train/images/a.jpg`` is what the other one is called, and that is there."""
    monkeypatch.setattr("gtmask.run.survey.WORTH_SIFTING", 0 if sieve else 10_000)
    references = ["images/a.jpg", "train/images/a.jpg"]
    summary = convert(tmp_path, references[::-1] if turned else references, ["images/a.jpg", "a.jpg"])
    assert (summary.tally.masks, summary.tally.findings["image-ambiguous"]) == (0, 2)


def test_images_that_are_found_in_two_ways_are_told(tmp_path: Path) -> None:
    references = ["x/a.jpg", "x/b.jpg", "x/c.jpg"]
    summary = convert(tmp_path, references, ["x/a.jpg", "a.jpg", "b.jpg", "c.jpg"])
    assert [item.code for item in summary.findings] == ["images-two-ways"]
    summary = convert(tmp_path / "other", references, ["a.jpg", "b.jpg", "c.jpg"])
    assert [item.code for item in summary.findings] == []


@pytest.mark.parametrize("name", ["path", "coco_url"])
@pytest.mark.parametrize("sieve", [True, False])
def test_other_names_of_images_take_part_however_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, sieve: bool
) -> None:
    monkeypatch.setattr("gtmask.run.survey.WORTH_SIFTING", 0 if sieve else 10_000)
    coco_data.write(tmp_path, ["a.jpg", "b.jpg"])
    document = json.loads((tmp_path / "export.json").read_bytes())
    document["images"][0] |= {"file_name": "gone.jpg", name: "b.jpg"}
    (tmp_path / "export.json").write_text(json.dumps(document))
    summary = gtmask.convert(
        tmp_path / "export.json", tmp_path / "out", images=tmp_path / "images", workers=1
    )
    assert (summary.tally.masks, summary.tally.findings["image-ambiguous"]) == (1, 1)
