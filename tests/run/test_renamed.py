"""An annotation file that names an image and is called like another one: the image that it names counts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import gtmask
from gtmask.images.resolve import GUESSED, ImageRule
from gtmask.model import ImageNames
from tests.support import coco_data

if TYPE_CHECKING:
    from pathlib import Path

RING = [[5, 5], [15, 5], [15, 15]]


def labelme(name: str) -> tuple[str, str]:
    shape = {"label": "x", "points": RING, "shape_type": "polygon"}
    document = {"version": "5.4.1", "shapes": [shape], "imagePath": name, "imageWidth": 40, "imageHeight": 30}
    return "b.json", json.dumps(document)


def isat(name: str) -> tuple[str, str]:
    item = {
        "category": "x",
        "group": 1,
        "segmentation": RING,
        "area": 50.0,
        "layer": 1.0,
        "bbox": [5, 5, 15, 15],
    }
    info = {
        "description": "ISAT",
        "folder": "",
        "name": name,
        "width": 40,
        "height": 30,
        "depth": 3,
        "note": "",
    }
    return "b.json", json.dumps({"info": info, "objects": [item | {"iscrowd": 0, "note": ""}]})


def superannotate(name: str) -> tuple[str, str]:
    ring = [value for point in RING for value in point]
    item = {"type": "polygon", "className": "x", "points": ring, "classId": 1, "attributes": []}
    return "b.jpg.json", json.dumps(
        {"metadata": {"name": name, "width": 40, "height": 30}, "instances": [item]}
    )


@pytest.mark.parametrize("make", [labelme, isat, superannotate])
@pytest.mark.parametrize(
    ("name", "there", "image", "codes"),
    [
        ("a.jpg", ["a.jpg", "b.jpg"], "a.jpg", []),
        # The image that is named lies elsewhere in the folder of images.
        ("raw/a.jpg", ["a.jpg", "b.jpg"], "a.jpg", ["images-two-ways"]),
        ("a.jpg", ["b.jpg"], "b.jpg", ["image-renamed"]),
        ("b.jpg", ["b.jpg"], "b.jpg", []),
        ("", ["b.jpg"], "b.jpg", []),
    ],
)
def test_the_image_that_is_named_counts_before_the_name_of_the_annotation_file(
    tmp_path: Path, make, name: str, there: list[str], image: str, codes: list[str]
) -> None:
    file, text = make(name)
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / file).write_text(text)
    (tmp_path / "images").mkdir()
    for one in there:
        (tmp_path / "images" / one).write_bytes(coco_data.jpeg(40, 30))
    run = {"images": tmp_path / "images", "format": make.__name__, "workers": 1}
    summary = gtmask.convert(tmp_path / "export", tmp_path / "out", **run)
    (line,) = (tmp_path / "out" / "labeling-qa.manifest").read_text().splitlines()
    assert json.loads(line)["source-ref"].endswith(f"/images/{image}")
    told = {"images-two-ways", "image-renamed"}
    seen = {*summary.tally.findings, *(one.code for one in summary.findings)}
    assert sorted(told & seen) == codes


@pytest.mark.parametrize("order", [("stale", "right"), ("right", "stale")])
def test_an_export_that_names_an_image_has_it_before_one_that_is_only_called_so(
    tmp_path: Path, order: tuple[str, str]
) -> None:
    for folder, name in (("stale", "a.jpg"), ("right", "b.jpg")):
        (tmp_path / folder).mkdir()
        file, text = labelme(name)
        (tmp_path / folder / file).write_text(text.replace('"x"', f'"{folder}"'))
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "b.jpg").write_bytes(coco_data.jpeg(40, 30))
    sources = [tmp_path / folder for folder in order]
    summary = gtmask.convert(sources, tmp_path / "out", images=tmp_path / "images", workers=1)
    assert (summary.tally.masks, summary.tally.findings["image-ambiguous"]) == (1, 1)
    (line,) = (tmp_path / "out" / "rejects.jsonl").read_text().splitlines()
    assert json.loads(line)["image"] == "a.jpg"


def test_a_guess_in_another_spelling_of_the_name_says_no_other() -> None:
    names = ImageNames("\u00e9.jpg", ("e\u0301.jpg", "c.jpg"), guessed=2)
    ranks = ImageRule().keys(names)
    assert [key for key, rank in ranks.items() if rank == GUESSED] == ["c.jpg"]
