"""COCO panoptic: segment ids as colours, where the PNGs are, and the twins that panopticapi made."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gtmask.class_map import ClassMap, LabelClass
from gtmask.errors import ExportError
from gtmask.formats import open_reader
from gtmask.formats.locate import open_export
from gtmask.model import Select
from gtmask.run.paint import rasterize
from tests.support.mutate import as_json, assert_survives, broken_bytes, mutations
from tests.support.small_exports import codes, grid, labels, open_files, painted, png, read_files

CATEGORIES = [{"id": 1, "name": "cat"}, {"id": 200, "name": "sky"}]


def colours(ids) -> bytes:
    """Return the PNG of segment ids."""
    ids = np.asarray(ids)
    return png(np.stack([ids % 256, ids // 256 % 256, ids // 65536], -1))


def panoptic(*segments, **more):
    return {
        "images": [{"id": 4, "file_name": "photo.jpg", "width": 4, "height": 2}],
        "annotations": [{"image_id": 4, "file_name": "p.png", "segments_info": list(segments), **more}],
        "categories": CATEGORIES,
    }


def segment(number, category=1, **more):
    return {"id": number, "category_id": category, "iscrowd": 0, **more}


IDS = [[7, 7, 0, 70_000], [256, 7, 9, 70_000]]


@pytest.mark.parametrize("png_name", ["instances_val/p.png", "p.png"])
def test_the_folder_is_named_like_the_document_or_is_its_own(png_name):
    document = panoptic(segment(7), segment(70_000, 200), segment(256, 200))
    files = {"ann/instances_val.json": document, f"../ann/{png_name}": b"", f"ann/{png_name}": colours(IDS)}
    reader = open_files("coco_panoptic", dict(sorted(files.items())))
    (record,) = (reader.record(unit) for unit in reader.units())
    assert record.image == "photo.jpg"
    assert labels(record) == ["cat", "sky", "sky"]
    assert all(shape.bitmap.file == f"ann/{png_name}" and shape.bitmap.whole for shape in record.shapes)
    assert record.shapes[1].bitmap.select == Select("id", 70_000)
    assert np.array_equal(painted(record, "cat", "sky"), grid("11.2", "21.2"))


@pytest.mark.parametrize("document_name", ["annotations/panoptic_val.json", "panoptic_val.json"])
def test_the_folder_may_stand_beside_that_of_the_document(document_name):
    """Mask2Former's guide: coco/annotations/panoptic_val2017.json and coco/panoptic_val2017/."""
    above = "../" if "/" not in document_name else ""
    files = {document_name: panoptic(segment(7)), f"{above}panoptic_val/p.png": colours(IDS)}
    (record,) = read_files("coco_panoptic", files)
    assert record.shapes[0].bitmap.file == f"{above}panoptic_val/p.png"


def test_crowd_is_kept_and_odd_segments_cost_themselves():
    document = panoptic(
        segment(7, iscrowd=1), segment(0), segment(-3), segment(1 << 24), segment("x"), None, segment(9, 55)
    )
    (record,) = read_files("coco_panoptic", {"a.json": document, "a/p.png": colours(IDS)})
    assert [shape.ignore for shape in record.shapes] == [True]
    assert codes(record) == ["annotation-bad"] + ["shape-bad-geometry"] * 4 + ["shape-no-label"]


def test_a_second_annotation_of_an_image_is_told():
    document = panoptic(segment(7))
    document["annotations"].append({"image_id": 4, "file_name": "q.png", "segments_info": [segment(7, 200)]})
    pngs = {"ann/p.png": colours(IDS), "ann/q.png": colours([[7, 0, 0, 0], [0, 0, 0, 0]])}
    (record,) = read_files("coco_panoptic", {"ann/a.json": document, **pngs})
    assert codes(record) == ["annotation-bad"]
    assert np.array_equal(painted(record, "cat", "sky"), grid("21..", ".1.."))


def test_an_annotation_without_a_png_is_told():
    (record,) = read_files("coco_panoptic", {"a.json": panoptic(segment(7), file_name=None)})
    assert (codes(record), record.shapes) == (["annotation-bad", "bitmap-missing"], [])


def test_the_two_kinds_of_coco_are_not_confused():
    with pytest.raises(ExportError, match=r"--format coco\.$"):
        open_files("coco_panoptic", {"a.json": {"images": [], "annotations": [{"segmentation": []}]}})


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_broken_exports_give_findings_or_errors_of_the_project(data):
    document = panoptic(segment(7), segment(9, 200))
    broken = data.draw(mutations(document).map(as_json) | broken_bytes(as_json(document)))
    assert_survives(lambda: read_files("coco_panoptic", {"a.json": broken, "a/p.png": colours(IDS)}))


def test_the_masks_are_the_two_channel_twins_of_panopticapi(samples):
    """The first channel of the twin is the category id; 0 is void."""
    folder = samples / "coco_panoptic/cocodataset__panopticapi/sample_data"
    document = json.loads((folder / "panoptic_examples.json").read_text())
    reader = open_reader(folder / "panoptic_examples.json")
    assert reader.title == "COCO panoptic"
    records = [reader.record(unit) for unit in reader.units()]
    assert [len(record.shapes) for record in records] == [
        len(item["segments_info"]) for item in document["annotations"]
    ]
    names = {item["name"]: item["id"] for item in document["categories"]}
    classes = ClassMap(tuple(LabelClass(i, name, f"#{i:06x}") for name, i in names.items()))
    for record, voids in zip(records, (2712, 7189), strict=True):
        twin = folder / "panoptic_examples_2ch_format" / record.image.replace("jpg", "png")
        expected = np.asarray(Image.open(io.BytesIO(twin.read_bytes())).convert("RGB"))[:, :, 0]
        mask = rasterize(record, classes, fill="opencv")
        assert np.array_equal(mask, expected)
        assert int((mask == 0).sum()) == voids


@pytest.mark.parametrize(("name", "shapes"), [("panoptic_train", 1), ("panoptic_val", 2)])
def test_real_exports(samples, name, shapes):
    folder = samples / "coco_panoptic/cvat-ai__datumaro/tests/assets/coco_dataset/coco/annotations"
    reader = open_reader(folder / f"{name}.json")
    (record,) = (reader.record(unit) for unit in reader.units())
    assert len(record.shapes) == shapes
    assert open_export(folder / f"{name}.json").exists(record.shapes[0].bitmap.file)
