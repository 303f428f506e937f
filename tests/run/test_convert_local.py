"""A local conversion from start to end: pixels, manifest, keys, on made data and on real exports."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import orjson
import pytest
from PIL import Image, ImageOps

import gtmask
from gtmask import errors
from gtmask.storage import S3Settings
from tests.support import coco_data
from tests.support.commands import tree

LINE = (
    b'{"source-ref":"s3://autonomous-training-data/batch_01/img_0299.jpg","labeling-qa-ref":"s3://autonomous-'
    b'training-data/aws/masks/img_0299.png","labeling-qa-ref-metadata":{"internal-color-map":{"0":{"class-name":'
    b'"BACKGROUND","confidence":0.9,"hex-color":"#ffffff"},"1":{"class-name":"Car","confidence":0.9,"hex-color":'
    b'"#2ca02c"},"2":{"class-name":"Road","confidence":0.9,"hex-color":"#1f77b4"},"3":{"class-name":"Person",'
    b'"confidence":0.9,"hex-color":"#ff7f0e"}},"type":"groundtruth/semantic-segmentation","job-name":"labeling-qa",'
    b'"human-annotated":"yes","creation-date":"2024-01-01T00:00:00.000000"}}\n'
)


def read_mask(path: Path) -> np.ndarray:
    picture = Image.open(path)
    assert picture.mode == "L"
    header = path.read_bytes()[:33]
    assert (header[24], header[25], header[28]) == (8, 0, 0), "8 bits, colour type 0, not interlaced"
    return np.array(picture)


def test_manifest_line_byte_for_byte(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, ["img_0299.jpg"])
    summary = gtmask.convert(
        export,
        tmp_path / "out",
        images=tmp_path / "images",
        image_uri="s3://autonomous-training-data/batch_01",
        mask_uri="s3://autonomous-training-data/aws/masks",
        label_attribute="labeling-qa-ref",
        job_name="labeling-qa",
        creation_date="2024-01-01T00:00:00.000000",
        workers=1,
    )
    assert (tmp_path / "out" / "labeling-qa.manifest").read_bytes() == LINE
    assert summary.exit_code == 0
    assert (tmp_path / "out" / "rejects.jsonl").read_bytes() == b""


def check_against_painting(document: dict[str, Any], out: Path, images: Path) -> None:
    """Every image has a mask that equals the independent painting, pixel for pixel."""
    lines = [orjson.loads(line) for line in (out / "labeling-qa.manifest").read_bytes().splitlines()]
    by_image = {line["source-ref"]: line for line in lines}
    assert len(by_image) == len(document["images"])
    for image in document["images"]:
        line = by_image[str(images / image["file_name"])]
        mask = read_mask(Path(line["labeling-qa-ref"]))
        with Image.open(images / image["file_name"]) as picture:
            stored = picture.size
        assert mask.shape == stored[::-1]
        known = {int(key) for key in line["labeling-qa-ref-metadata"]["internal-color-map"]}
        assert set(np.unique(mask).tolist()) <= known
        np.testing.assert_array_equal(mask, coco_data.paint(document, image, stored))


@pytest.mark.parametrize("workers", [1, 2])
def test_made_export_equals_independent_painting(tmp_path: Path, workers: int) -> None:
    names = [f"day {number % 3}/img_{number:03d}.jpg" for number in range(40)]
    export = coco_data.write(tmp_path, names, seed=5)
    images = tmp_path / "images"
    summary = gtmask.convert(export, tmp_path / "out", images=images, workers=workers, chunk_size=7)
    assert summary.tally.masks == 40
    assert summary.chunks == 6
    check_against_painting(orjson.loads(export.read_bytes()), tmp_path / "out", images)


@pytest.mark.usefixtures("processes_alone")
def test_same_bytes_whatever_the_workers(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(30)])
    common = {"images": tmp_path / "images", "creation_date": "2024-01-01T00:00:00.000000", "chunk_size": 4,
              "mask_uri": "s3://b/masks"}  # fmt: skip
    gtmask.convert(export, tmp_path / "one", workers=1, **common)
    gtmask.convert(export, tmp_path / "two", workers=2, s3=S3Settings(concurrency=2), **common)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_palette_masks_hold_the_same_ids(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, ["a.jpg", "b.jpg"])
    gtmask.convert(export, tmp_path / "gray", images=tmp_path / "images", workers=1)
    gtmask.convert(export, tmp_path / "color", images=tmp_path / "images", workers=1, png="palette")
    for name in ("a.png", "b.png"):
        colored = Image.open(tmp_path / "color" / "masks" / name)
        assert colored.mode == "P"
        np.testing.assert_array_equal(np.array(colored), read_mask(tmp_path / "gray" / "masks" / name))
        palette = bytes(colored.palette.palette)
        assert len(palette) == 768
        assert palette[:12].hex() == "ffffff2ca02c1f77b4ff7f0e"
        assert set(palette[12:]) == {255}


def test_exif_turned_images(tmp_path: Path) -> None:
    """COCO geometry is in the stored grid; --orientation display turns the finished mask."""
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 40, "height": 20}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 9, 0, 9, 4, 0, 4]]}
        ],
        "categories": [{"id": 1, "name": "x"}],
    }
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(coco_data.jpeg(40, 20, orientation=6))
    export = tmp_path / "export.json"
    export.write_bytes(orjson.dumps(document))
    gtmask.convert(export, tmp_path / "stored", images=tmp_path / "images", workers=1)
    gtmask.convert(export, tmp_path / "shown", images=tmp_path / "images", workers=1, orientation="display")
    stored = read_mask(tmp_path / "stored" / "masks" / "a.png")
    shown = read_mask(tmp_path / "shown" / "masks" / "a.png")
    assert stored.shape == (20, 40)
    assert stored[:5, :10].all()
    # Orientation 6: a viewer turns the stored picture a quarter clockwise.
    np.testing.assert_array_equal(shown, np.rot90(stored, -1))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(40, 20), (30, 30)])
def test_the_coco_of_label_studio_is_painted_in_the_turned_pixels(
    tmp_path: Path, size: tuple[int, int], orientation: int
) -> None:
    """It has the stored size, and shapes that are fractions of the turned image times that size."""
    width, height = size[::-1] if orientation >= 5 else size
    shown = np.zeros((height, width), np.uint8)
    shown[:5, :10] = 1
    ring = [0, 0, 9, 0, 9, 4, 0, 4]
    written = [value / (width, height)[axis % 2] * size[axis % 2] for axis, value in enumerate(ring)]
    document = {
        "images": [{"id": 0, "file_name": "images/a.jpg", "width": size[0], "height": size[1]}],
        "annotations": [{"id": 0, "image_id": 0, "category_id": 0, "segmentation": [written]}],
        "categories": [{"id": 0, "name": "x"}],
        "info": {"contributor": "Label Studio", "date_created": "2024-11-06 10:00:00.000000"},
    }
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.jpg").write_bytes(coco_data.jpeg(*size, orientation=orientation))
    (tmp_path / "result.json").write_bytes(orjson.dumps(document))
    for target in ("stored", "display"):
        for check in ("header", "check"):
            out = tmp_path / target / check
            done = gtmask.convert(
                tmp_path / "result.json", out, workers=1, orientation=target, size=check, strict=True
            )
            assert done.exit_code == 0
            mask = read_mask(out / "masks/images/a.png")
            if target == "stored":
                # Pillow turns what is stored into what is shown.
                picture = Image.fromarray(mask)
                picture.getexif()[0x0112] = orientation
                mask = np.array(ImageOps.exif_transpose(picture))
            np.testing.assert_array_equal(mask, shown)


ISAT = "coco/yatengLG__ISAT_with_segment_anything/example/convert/coco_tiny"
SUPERANNOTATE = (
    "coco/superannotateai__superannotate-python-sdk/tests/data_set/converter_test/COCO/input/toSuperAnnotate/"
    "instance_segmentation"
)


@pytest.mark.parametrize(
    ("export", "images"),
    [
        (f"{ISAT}/coco_tiny.json", f"{ISAT}/images"),
        (f"{SUPERANNOTATE}/instances_test.json", SUPERANNOTATE),
    ],
    ids=["coco_tiny", "instances_test"],
)
def test_real_coco_equals_independent_painting(
    samples: Path, tmp_path: Path, export: str, images: str
) -> None:
    gtmask.convert(samples / export, tmp_path / "out", images=samples / images, workers=1)
    document = orjson.loads((samples / export).read_bytes())
    check_against_painting(document, tmp_path / "out", samples / images)


def paint_labelme(document: dict[str, Any], ids: dict[str, int], size: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(size[::-1], np.uint8)
    for shape in document["shapes"]:
        assert shape["shape_type"] == "polygon"
        if shape["label"] == "__ignore__":
            continue  # labelme's own word for what does not count; left out and counted
        cv2.fillPoly(mask, [np.round(np.array(shape["points"])).astype(np.int32)], ids[shape["label"]])
    return mask


def test_real_labelme_equals_independent_painting(samples: Path, tmp_path: Path) -> None:
    folder = samples / "labelme/wkentaro__labelme/examples/semantic_segmentation/data_annotated"
    summary = gtmask.convert(folder, tmp_path / "out", workers=1)
    ids = {entry.name: entry.id for entry in summary.classes.classes}
    documents = sorted(folder.glob("*.json"))
    assert summary.tally.masks == len(documents) == 3
    for path in documents:
        document = orjson.loads(path.read_bytes())
        mask = read_mask(tmp_path / "out" / "masks" / f"{path.stem}.png")
        with Image.open(folder / document["imagePath"]) as image:
            size = image.size
        np.testing.assert_array_equal(mask, paint_labelme(document, ids, size))


def test_made_labelme_equals_independent_painting(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for number in range(5):
        shapes = {
            "b": [[0, 0], [49, 0], [49, 39], [0, 39]],
            "a": [[3.4 + number, 2.5], [30.2, 4.6], [22.7, 28.1 + number]],
        }
        document = {
            "version": "5.4.1",
            "flags": {},
            "imagePath": f"{number}.jpg",
            "imageData": None,
            "imageHeight": 40,
            "imageWidth": 50,
            "shapes": [
                {"label": label, "points": points, "shape_type": "polygon", "flags": {}}
                for label, points in shapes.items()
            ],
        }
        (data / f"{number}.json").write_bytes(orjson.dumps(document))
        (data / f"{number}.jpg").write_bytes(coco_data.jpeg(50, 40))
    summary = gtmask.convert(data, tmp_path / "out", workers=1)
    ids = {entry.name: entry.id for entry in summary.classes.classes}
    assert ids == {"a": 1, "b": 2}
    for path in sorted(data.glob("*.json")):
        mask = read_mask(tmp_path / "out" / "masks" / f"{path.stem}.png")
        np.testing.assert_array_equal(mask, paint_labelme(orjson.loads(path.read_bytes()), ids, (50, 40)))


def test_more_than_255_classes_are_refused_before_any_work(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, ["a.jpg"])
    document = orjson.loads(export.read_bytes())
    document["categories"] = [{"id": number, "name": f"class {number}"} for number in range(300)]
    export.write_bytes(orjson.dumps(document))
    with pytest.raises(errors.UsageError, match="300"):
        gtmask.convert(export, tmp_path / "out", images=tmp_path / "images", workers=1)
    assert not (tmp_path / "out").exists()


def test_dry_run_writes_nothing(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, ["a.jpg", "b.jpg"])
    summary = gtmask.convert(export, tmp_path / "out", images=tmp_path / "images", workers=1, dry_run=True)
    assert summary.tally.masks == 2
    assert not (tmp_path / "out").exists()


def test_the_library_works_where_an_event_loop_runs_as_in_notebooks(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, ["a.jpg", "b.jpg"])
    out = tmp_path / "out"

    async def cell() -> None:
        summary = gtmask.convert(export, out, images=tmp_path / "images", workers=1)
        manifest = str(summary.manifest)
        assert gtmask.validate(manifest, workers=1).masks == 2
        assert len(gtmask.pilot(manifest, tmp_path / "pilot", workers=1).chosen) == 2
        assert gtmask.preview(manifest, tmp_path / "look.html").shown == 2

    asyncio.run(cell())
