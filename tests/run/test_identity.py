"""Which image is whose: records are told apart by the images that their references resolve to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
from PIL import Image

import gtmask
from tests.support import coco_data

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.s3_server import S3Server

#: Annotated squares by class, and sizes of images: each mask shows whose shapes it has.
CAR, DOG = [5, 5, 15, 5, 15, 15, 5, 15], [30, 5, 40, 5, 40, 15, 30, 15]


def put_images(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(coco_data.jpeg(60 + number, 40))
    return folder / "images"


def datumaro(folder: Path, name: str = "0001.jpg") -> Path:
    """Two subsets, each with a document and an image of one name."""
    for subset, label, ring in (("Train", 0, CAR), ("Validation", 1, DOG)):
        path = folder / "export" / "annotations" / f"{subset}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        labels = [{"name": "car"}, {"name": "dog"}]
        shape = {"id": 1, "type": "polygon", "label_id": label, "points": ring}
        item = {"id": "0001", "image": {"path": name, "size": [40, 60]}, "annotations": [shape]}
        document = {"categories": {"label": {"labels": labels}}, "items": [item]}
        path.write_text(json.dumps(document))
    return folder / "export"


def cvat(folder: Path, name: str = "0001.jpg") -> Path:
    """The same as one document, whose images have a subset."""
    shown = [";".join(f"{x},{y}" for x, y in np.reshape(ring, (4, 2))) for ring in (CAR, DOG)]
    images = "".join(
        f'<image id="{number}" name="{name}" subset="{subset}" width="60" height="40">'
        f'<polygon label="{label}" points="{shown[number]}"/></image>'
        for number, (subset, label) in enumerate((("Train", "car"), ("Validation", "dog")))
    )
    path = folder / "annotations.xml"
    labels = "".join(f"<label><name>{label}</name></label>" for label in ("car", "dog"))
    path.write_text(
        f"<annotations><version>1.1</version><meta><project><labels>{labels}</labels></project></meta>{images}"
        "</annotations>"
    )
    return path


def scalabel(folder: Path, name: str = "0001.jpg") -> Path:
    """The same as frames of two videos."""

    def frame(video: str, label: str, ring: list[int]) -> dict[str, Any]:
        polygon = {"vertices": np.reshape(ring, (4, 2)).tolist(), "types": "LLLL", "closed": True}
        return {"name": name, "videoName": video, "size": {"width": 60, "height": 40},
                "labels": [{"category": label, "poly2d": [polygon]}]}  # fmt: skip

    categories = [{"name": "car"}, {"name": "dog"}]
    frames = [frame("Train", "car", CAR), frame("Validation", "dog", DOG)]
    path = folder / "frames.json"
    path.write_text(json.dumps({"frames": frames, "config": {"categories": categories}}))
    return path


def labelme(folder: Path, stale: str = "old.jpg") -> Path:
    """Two files whose image was renamed together with them; what they say of it is old."""
    for name, label, ring in (("a", "car", CAR), ("b", "dog", DOG)):
        shape = {"label": label, "shape_type": "polygon", "points": np.reshape(ring, (4, 2)).tolist()}
        path = folder / "export" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            json.dumps({"imagePath": stale, "imageWidth": 60, "imageHeight": 40, "imageData": None,
                        "version": "5.5.0", "flags": {}, "shapes": [shape]})
        )  # fmt: skip
    return folder / "export"


def convert(source: Path, folder: Path, **options: Any) -> tuple[dict[str, set[str]], gtmask.Summary]:
    """Return the class names with pixels of each mask, by the image that its manifest line names."""
    options = {"images": folder / "images", "workers": 1} | options
    summary = gtmask.convert(source, folder / "out", **options)
    names = {entry.id: entry.name for entry in summary.classes.classes}
    seen = {}
    (manifest,) = (folder / "out").glob("*.manifest")
    for line in manifest.read_bytes().splitlines():
        row = orjson.loads(line)
        with Image.open(row[f"{manifest.stem}-ref"]) as mask:
            values = np.unique(np.array(mask))
        image = row["source-ref"].removeprefix(f"{folder}/images/")
        assert image not in seen
        seen[image] = {names[int(value)] for value in values if value}
    return seen, summary


BOTH = {"Train/0001.jpg": {"car"}, "Validation/0001.jpg": {"dog"}}


@pytest.mark.parametrize(
    ("make", "above"),
    [(datumaro, ""), (cvat, ""), (scalabel, ""), (datumaro, "images/"), (cvat, "images/")],
)
def test_one_name_in_two_subsets_is_two_images(tmp_path: Path, make: Any, above: str) -> None:
    put_images(tmp_path, *(above + name for name in BOTH))
    seen, summary = convert(make(tmp_path), tmp_path)
    assert {name.removeprefix("images/"): labels for name, labels in seen.items()} == BOTH
    assert (summary.exit_code, summary.tally.rejects) == (0, 0)
    assert len(list((tmp_path / "out" / "masks").rglob("0001.png"))) == 2


@pytest.mark.parametrize("make", [datumaro, cvat, scalabel])
def test_of_two_subsets_none_is_given_the_one_image_that_is_there(tmp_path: Path, make: Any) -> None:
    """It may be either's; a picture beside those of the subsets is nobody's."""
    put_images(tmp_path, "0001.jpg")
    seen, summary = convert(make(tmp_path), tmp_path)
    assert (seen, summary.exit_code) == ({}, 3)
    assert summary.tally.findings["image-ambiguous"] == 2
    put_images(tmp_path, *BOTH)
    assert convert(make(tmp_path), tmp_path, overwrite=True)[0] == BOTH


@pytest.mark.parametrize("make", [datumaro, cvat, scalabel])
def test_where_no_image_is_read_the_subset_tells_them_apart(tmp_path: Path, make: Any) -> None:
    seen, summary = convert(make(tmp_path), tmp_path, size="annotation")
    assert (seen, summary.exit_code) == (BOTH, 0)


@pytest.mark.parametrize("make", [datumaro, cvat, scalabel])
def test_a_subset_of_which_the_image_is_missing_is_told(tmp_path: Path, make: Any) -> None:
    put_images(tmp_path, "Train/0001.jpg")
    seen, summary = convert(make(tmp_path), tmp_path)
    assert seen == {"Train/0001.jpg": {"car"}}
    assert summary.tally.findings["image-missing"] == 1


def test_files_are_paired_by_their_own_names_where_the_image_that_they_name_is_gone(tmp_path: Path) -> None:
    put_images(tmp_path, "a.jpg", "b.jpg")
    seen, summary = convert(labelme(tmp_path), tmp_path)
    assert seen == {"a.jpg": {"car"}, "b.jpg": {"dog"}}
    assert {path.name for path in (tmp_path / "out" / "masks").iterdir()} == {"a.png", "b.png"}
    assert summary.exit_code == 0


def test_an_image_that_two_files_name_is_the_first_ones(tmp_path: Path) -> None:
    put_images(tmp_path, "old.jpg", "a.jpg")
    seen, summary = convert(labelme(tmp_path), tmp_path)
    assert seen == {"old.jpg": {"car"}}
    assert summary.tally.findings["image-duplicate"] == 1


def test_an_image_that_nobody_names_is_not_chosen_among_two(tmp_path: Path) -> None:
    """What is named is gone, and a.jpg and a.png fit just as well."""
    put_images(tmp_path, "a.jpg", "a.png", "b.jpg")
    seen, summary = convert(labelme(tmp_path), tmp_path)
    assert seen == {"b.jpg": {"dog"}}
    assert summary.tally.findings["image-ambiguous"] == 1


def test_what_is_missing_does_not_come_back_as_another_records_image(tmp_path: Path) -> None:
    """Of records that share a name it was decided when the run began which image is whose."""
    source = labelme(tmp_path)
    put_images(tmp_path, "c.jpg")
    (tmp_path / "export" / "c.json").write_text((source / "a.json").read_text().replace("old", "c"))
    assert convert(source, tmp_path)[0] == {"c.jpg": {"car"}}
    put_images(tmp_path, "a.jpg", "old.jpg")
    seen, summary = convert(source, tmp_path, retry_rejects=True)
    assert set(seen) == {"c.jpg", "old.jpg"}
    assert summary.tally.findings["image-duplicate"] == 1


def test_two_references_that_end_in_one_image_are_not_chosen_among(tmp_path: Path) -> None:
    put_images(tmp_path, "0.jpg", "1.jpg")
    document = coco_data.make_document(["x/0.jpg", "y/0.jpg", "x/1.jpg"])
    (tmp_path / "export.json").write_text(json.dumps(document))
    seen, summary = convert(tmp_path / "export.json", tmp_path)
    assert set(seen) == {"1.jpg"}
    assert summary.tally.findings["image-ambiguous"] == 2


@pytest.mark.parametrize("listed", [False, True])
def test_images_of_a_bucket_are_asked_for_or_listed(
    tmp_path: Path, s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch, listed: bool
) -> None:
    """Both give the same answer; a listing takes fewer requests where much is contested."""
    monkeypatch.setattr("gtmask.images.present.MANY", 0 if listed else 1000)
    folder = put_images(tmp_path, *BOTH, "0001.jpg")
    s3_server.put(bucket, {f"images/{name}": (folder / name).read_bytes() for name in (*BOTH, "0001.jpg")})
    images = f"s3://{bucket}/images"
    summary = gtmask.convert(
        datumaro(tmp_path), tmp_path / "out", images=images, workers=1,
        s3=gtmask.S3Settings(endpoint_url=s3_server.endpoint),
    )  # fmt: skip
    assert (summary.tally.masks, summary.exit_code) == (2, 0)
    masks = (tmp_path / "out" / "masks").rglob("*.png")
    assert {str(path.relative_to(tmp_path / "out" / "masks")) for path in masks} == {
        "Train/0001.png", "Validation/0001.png",
    }  # fmt: skip
