"""Real exports of labelme, Label Studio, CVAT, YOLO and VIA: what is in them, counted by hand from the files.

Each row of the table says what the raw file holds: images with their sizes, shapes by (label, kind), and
what cannot become a mask. The masks that the tools made themselves are compared pixel by pixel.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw

from gtmask.class_map import ClassMap, LabelClass
from gtmask.errors import UnknownFormatError
from gtmask.formats import open_reader
from gtmask.run.paint import rasterize
from tests.support.small_exports import painted, rings

if TYPE_CHECKING:
    from pathlib import Path

    from gtmask.model import Record

LABELME = "labelme/wkentaro__labelme/examples"
LABEL_STUDIO = "label_studio/HumanSignal__label-studio-sdk/tests/custom/converter/data"
CVAT = "cvat/cvat-ai__datumaro/tests/assets/cvat_dataset"
YOLO = "yolo_seg/cvat-ai__datumaro/tests/assets/yolo_dataset"
TINY = "yolo_seg/yatengLG__ISAT_with_segment_anything/example/convert/coco_tiny/yolo"

#: path: (title, [(image, width, height, {kind: shapes}, {finding: count}), ...])
TABLE = {
    f"{LABELME}/semantic_segmentation/data_annotated": ("labelme", [
        ("2011_000003.jpg", 500, 338, {"polygon": 5}, {}),
        ("2011_000006.jpg", 500, 375, {"polygon": 10}, {}),
        ("2011_000025.jpg", 500, 375, {"polygon": 3}, {}),
    ]),
    f"{LABELME}/primitives": ("labelme", [
        ("primitives.jpg", 560, 450,
         {"rectangle": 2, "circle": 1, "polygon": 1, "polyline": 2, "point": 1, "bitmap": 1}, {}),
    ]),
    f"{LABELME}/tutorial/apc2016_obj3.json": ("labelme", [
        ("apc2016_obj3.jpg", 1210, 907, {"polygon": 4}, {}),
    ]),
    f"{LABEL_STUDIO}/test_export_yolo/data.json": ("Label Studio", [
        ("/image1", 2800, 2800, {"rectangle": 2}, {"annotation-chosen": 1}),
        ("/image2", 2800, 2800, {"rectangle": 2}, {}),
    ]),
    f"{LABEL_STUDIO}/test_export_yolo/data_obb.json": ("Label Studio", [
        ("/image1", 597, 768, {"rotated_rectangle": 23}, {}),
        ("/image2", 433, 768, {"rotated_rectangle": 1}, {}),
        ("/image3", 716, 768, {"rotated_rectangle": 1}, {}),
    ]),
    f"{LABEL_STUDIO}/test_export_yolo/data_keypoints.json": ("Label Studio", [
        ("/data/upload/18/image1.jpg", 216, 174, {"point": 3, "rectangle": 1}, {}),
    ]),
    f"{LABEL_STUDIO}/test_export_yolo/data_polygons.json": ("Label Studio", [
        ("/image2", 640, 426, {"polygon": 1}, {}),
    ]),
    f"{LABEL_STUDIO}/test_export_coco/data.json": ("Label Studio", [
        ("test_image1.jpg", 500, 320, {"rectangle": 1, "polygon": 1, "point": 2}, {}),
    ]),
    f"{LABEL_STUDIO}/test_export_json_min/data.json": ("Label Studio", [
        ("/data/upload/29/example.png", 128, 128, {"polygon": 1}, {}),
    ]),
    f"{LABEL_STUDIO}/test_export_json_min/data_repeater.json": ("Label Studio", [
        ("https://example.org/example1.jpeg", 1280, 720, {"rectangle": 1}, {}),
        ("https://example.org/example2.jpeg", None, None, {}, {"image-unannotated": 1}),
        ("https://example.org/example3.jpeg", None, None, {}, {"image-unannotated": 1}),
    ]),
    f"{CVAT}/for_images/train.xml": ("CVAT XML for images", [
        ("img0.jpg", 8, 8, {"polyline": 1, "rectangle": 1}, {"shape-kind-unsupported": 1}),
        ("img1.jpg", 10, 10, {"polygon": 1, "point": 1}, {"shape-kind-unsupported": 1}),
    ]),
    f"{CVAT}/for_video/annotations.xml": ("CVAT XML for video", [
        ("frame_000010.png", 25, 20, {"rectangle": 1, "point": 1}, {"shape-kind-unsupported": 1}),
        ("frame_000013.png", 25, 20, {"polyline": 1}, {"shape-kind-unsupported": 1}),
        ("frame_000016.png", 25, 20, {}, {"shape-kind-unsupported": 1}),
    ]),
    "cvat/open-edge-platform__datumaro/tests/assets/cvat_dataset/for_images/export_task/train.xml": (
        "CVAT XML for images", [
            ("img0.jpg", 8, 8, {"polyline": 1, "rectangle": 1}, {}),
            ("img1.jpg", 10, 10, {"polygon": 1, "point": 1}, {}),
        ]),
    "cvat/v7labs__darwin-py/e2e_tests/data/convert/cvat/to/output.xml": ("CVAT XML for images", [
        ("000000021295.jpg", 640, 427, {"rectangle": 2}, {}),
    ]),
    f"{YOLO}/yolov8_segmentation": ("YOLO segmentation", [
        ("images/train/1.jpg", None, None, {"polygon": 2}, {}),
    ]),
    f"{YOLO}/yolov8_oriented_boxes": ("YOLO segmentation", [
        ("images/train/1.jpg", None, None, {"polygon": 2}, {}),
    ]),
    f"{YOLO}/yolov8_detection": ("YOLO segmentation", [
        ("images/train/1.jpg", None, None, {"rectangle": 2}, {"box-painted": 1}),
    ]),
    TINY: ("YOLO segmentation", [
        ("000000013923.jpg", None, None, {"polygon": 19}, {}),
        ("000000076261.jpg", None, None, {"polygon": 2}, {}),
        ("000000083540.jpg", None, None, {"polygon": 2}, {}),
        ("000000100723.jpg", None, None, {"polygon": 17}, {}),
        ("000000549930.jpg", None, None, {"polygon": 21}, {}),
    ]),
    "via/strickvl__panlabel/tests/fixtures/sample_valid.via.json": ("VIA", [
        ("img001.jpg", None, None, {"rectangle": 2}, {}),
        ("img002.jpg", None, None, {"rectangle": 1}, {}),
    ]),
    "via/ox-vgg__via/via-1.x.y/tests/data/unit_test_annotation2.json": ("VIA", [
        ("test_pattern_qbist.jpg", None, None, {"ellipse": 2, "rectangle": 1, "point": 4,
                                                    "circle": 1}, {"label-number": 1}),
        ("sinus_test_pattern.jpg", None, None, {"polygon": 1}, {}),
        ("a_swan_swimming_in_geneve_lake.jpg", None, None, {"ellipse": 1, "rectangle": 1, "point": 1}, {}),
    ]),
}  # fmt: skip

#: Files that name no image, and the words that say so.
NOT_ANNOTATIONS = {
    "label_studio/HumanSignal__label-studio-ml-backend/label_studio_ml/examples/yolo/tests/test_brush_labels.json":
        "predictions without their tasks",
    "label_studio/HumanSignal__label-studio-ml-backend/label_studio_ml/examples/yolo/tests/test_polygon_labels.json":
        "predictions without their tasks",
    f"{LABEL_STUDIO}/test_export_coco/label_config.xml": "XML or HTML that is not CVAT's",
    f"{LABEL_STUDIO}/test_export_yolo/label_config_obb.xml": "XML or HTML that is not CVAT's",
    f"{LABEL_STUDIO}/test_export_yolo/label_config_polygons.xml": "XML or HTML that is not CVAT's",
    f"{LABELME}/semantic_segmentation/labels.txt": "no JSON",
}  # fmt: skip


def read_all(source: Path) -> tuple[str, list[Record]]:
    reader = open_reader(source)
    return reader.title, [reader.record(unit) for unit in reader.units()]


@pytest.mark.parametrize("path", TABLE)
def test_every_file_holds_what_was_counted_by_hand(samples: Path, path: str):
    title, rows = TABLE[path]
    found_title, records = read_all(samples / path)
    assert found_title == title
    found = [
        (
            record.image, record.width, record.height, dict(Counter(shape.kind for shape in record.shapes)),
            dict(Counter(finding.code for finding in record.findings)),
        )
        for record in records
    ]  # fmt: skip
    assert found == rows


@pytest.mark.parametrize("path", NOT_ANNOTATIONS)
def test_files_without_annotations_of_images_say_why(samples: Path, path: str):
    with pytest.raises(UnknownFormatError, match=NOT_ANNOTATIONS[path]):
        open_reader(samples / path)


def test_no_real_file_of_these_tools_is_missing_from_the_tables(samples: Path):
    listed = [samples / path for path in (*TABLE, *NOT_ANNOTATIONS)]
    for tool in ("labelme", "label_studio", "cvat", "yolo_seg", "via"):
        for path in (samples / tool).rglob("*"):
            if path.suffix in {".json", ".xml"} or (path.suffix == ".txt" and path.parent.name == "train"):
                assert any(path == known or known in path.parents for known in listed), path


@pytest.mark.parametrize("name", ["2011_000003", "2011_000006", "2011_000025"])
def test_masks_of_labelmes_own_exporter(samples: Path, name: str):
    """Source rule: at most one pixel differs (Pillow's version and float rounding at vertices)."""
    folder = samples / LABELME / "semantic_segmentation"
    names = (folder / "data_dataset_voc" / "class_names.txt").read_text().splitlines()
    classes = [LabelClass(i, label, f"#{i:06x}") for i, label in enumerate(names) if i]
    class_map = ClassMap((*classes, LabelClass(255, "__ignore__", "#fefefe")))
    _, (record,) = read_all(folder / "data_annotated" / f"{name}.json")
    with Image.open(folder / "data_dataset_voc" / "SegmentationClass" / f"{name}.png") as picture:
        expected = np.array(picture)
    assert (rasterize(record, class_map, fill="source") != expected).sum() <= 1
    assert (rasterize(record, class_map, fill="opencv") != expected).sum() > 1000


def test_the_mask_of_labelmes_tutorial(samples: Path):
    """Eight pixels in one row at the foot of one shape are the older Pillow's: today's paints ours."""
    _, (record,) = read_all(samples / LABELME / "tutorial" / "apc2016_obj3.json")
    with Image.open(samples / LABELME / "tutorial" / "apc2016_obj3" / "label.png") as picture:
        expected = np.array(picture)
    names = sorted(shape.label for shape in record.shapes)
    mask = painted(record, *names, fill="source")
    assert np.argwhere(mask != expected).tolist() == [[711, column] for column in range(523, 531)]
    today = Image.new("L", (1210, 907), 0)
    for shape in record.shapes:
        ((ring,),) = rings(record, shape)
        value = names.index(shape.label) + 1
        ImageDraw.Draw(today).polygon([tuple(point) for point in ring], outline=value, fill=value)
    assert np.array_equal(mask, np.array(today))
