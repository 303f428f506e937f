"""Real exports of platforms and data sets: what is in every file, counted by hand, or why it has no shapes.

Shapes are counted in the raw files; a shape that cannot be painted is counted by its finding instead.
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from gtmask.errors import UnknownFormatError
from gtmask.formats import open_reader
from gtmask.run.paint import rasterize
from tests.support.small_exports import class_map

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gtmask.model import Record

SIMPLE = ("sagemaker_gt/superannotateai__superannotate-python-sdk/tests/data_set/converter_test/SageMaker/"
          "input/toSuperAnnotate/instance_segmentation/")  # fmt: skip
ISAT = "isat/yatengLG__ISAT_with_segment_anything/example/convert/coco_tiny/isat/"
PANLABEL = "strickvl__panlabel/tests/fixtures/"
VISTAS = "mapillary/cvat-ai__datumaro/tests/assets/mapillary_vistas_dataset/v2.0/"
DARWIN = "darwin/v7labs__darwin-py/e2e_tests/data/"
SPLIT = DARWIN + "import/image_annotations_split_in_two_files/annotations-"
SA = "superannotate/superannotateai__superannotate-python-sdk/tests/data_set/"
CASES = "scalabel_bdd/scalabel__scalabel/tests/label/testcases/"
BDD = "b1c81faa-3df17267-0000001.jpg"
LISTED = [("c1ba5ee6-b2cb1e51", 4), ("c587df13-09f601eb", 2), ("b7341ecf-4be3bdcb", 1),
          ("bca2410d-f8e930c3", 3),
          ("bb55f0e2-e5501b3c", 2), ("b5c12993-8cba5224", 2), ("b8086e12-1f7655aa", 2),
          ("c7f8589f-45c47b58", 5),
          ("c6cde742-b3cceffb", 3), ("b8c0d4a5-0b8ec726", 1)]  # fmt: skip
VAL = "https://s3-us-west-2.amazonaws.com/bdd-label/bdd100k/frames-20000/val/"
DEMO = "https://s3-us-west-2.amazonaws.com/scalabel-public/demo/frames/intersection-"
UNPAINTABLE = {"shape-kind-unsupported": 1, "shape-no-geometry": 1}

#: File or folder: (format, [(image, shapes)], findings of the records).
TABLE: dict[str, tuple[str, list[tuple[str, int]], dict[str, int]]] = {
    ISAT: ("isat", [("000000013923.jpg", 17), ("000000076261.jpg", 2), ("000000083540.jpg", 5),
                    ("000000100723.jpg", 27), ("000000549930.jpg", 3)], {}),
    f"cityscapes/{PANLABEL}sample_valid.cityscapes.json": (
        "cityscapes", [("sample_valid.cityscapes.png", 4)], {"label-group": 1, "shape-deleted": 1}),
    f"supervisely/{PANLABEL}sample_valid.supervisely.json": ("supervisely", [("sample_valid.supervisely",
                                                                              3)], {}),
    f"labelbox/{PANLABEL}sample_valid.labelbox.ndjson": ("labelbox", [("img1.jpg", 2), ("img2.jpg", 1)], {}),
    "labelbox/lightly-ai__labelformat/tests/fixtures/object_detection/Labelbox/export-result.ndjson": (
        "labelbox", [("a-weird Filename.asdf.jpg", 8), ("aNother-weird__ filename.with.many.characters.jpg",
                                                        8)], {}),
    VISTAS + "train/v2.0/polygons/2.json": ("mapillary", [("2.jpg", 5)], {}),
    VISTAS + "val/v2.0/polygons": ("mapillary", [("0.jpg", 2), ("1.jpg", 3)], {}),
    DARWIN + "base_annotation.json": ("darwin", [("base_annotation", 3)], {}),
    DARWIN + "convert/semantic_mask/from/221b-2.json": ("darwin", [("221b-2.jpeg", 1)], {}),
    SPLIT + "keypoint_ellipse_polygon_bbox": ("darwin", [("image_1.jpg", 4), ("image_2.jpg", 4)], {}),
    SPLIT + "tag_skeleton_mask_line": (
        "darwin", [("image_1.jpg", 2), ("image_2.jpg", 2)], dict.fromkeys(UNPAINTABLE, 2)),
    DARWIN + "import/image_annotations_with_subtypes": (
        "darwin", [("image_1.jpg", 6), ("image_2.jpg", 6)], dict.fromkeys(UNPAINTABLE, 2)),
    SA + "sample_project_vector": (
        "superannotate", [("example_image_1.jpg", 22), ("example_image_2.jpg", 24), ("example_image_3.jpg",
                                                                                     9),
                          ("example_image_4.jpg", 14), ("example_without_postfixes/example_image_1.jpg", 22)],
        {"shape-kind-unsupported": 14}),
    SA + "pixel_with_holes": ("superannotate", [("1.jpg", 5), ("2.webp", 1)], {}),
    CASES + "../../../examples/image_list_with_auto_labels_v2.json": (
        "scalabel", [(DEMO + "0000051.jpg", 4), (DEMO + "0000052.jpg", 2)], {"box-painted": 6}),
    CASES + "example_annotation.json": ("scalabel", [(BDD, 4)], {}),
    CASES + "image_list_with_auto_labels.json": (
        "scalabel", [(f"{VAL}{name}.jpg", count) for name, count in LISTED], {"box-painted": 24}),
    CASES + "image_list_with_auto_labels_graph.json": (
        "scalabel", [(f"{VAL}{name}.jpg", count) for name, count in LISTED], {"box-painted": 24}),
    CASES + "kitti_detection.json": (
        "scalabel", [("image_2_000000.png", 1), ("image_3_000000.png", 1), ("image_2_000001.png", 3),
                     ("image_3_000001.png", 3)], {"box-painted": 8}),
    CASES + "kitti_tracking.json": (
        "scalabel", [(f"image_0{camera}_0001_00000{i}.png", 7) for i in (0, 1) for camera in (2, 3)],
        {"box-painted": 28}),
    CASES + "rles/insseg_rle.json": ("scalabel", [(BDD, 4)], {}),
    CASES + "rles/panseg_rle.json": ("scalabel", [(BDD, 4)], {}),
    CASES + "rles/semseg_rle.json": ("scalabel", [(BDD, 4)], {}),
    CASES + "rles/segtrack/b1c81faa-3df17267.json": ("scalabel", [(BDD, 4)], {}),
    CASES + "rles/pred.json": ("scalabel", [(BDD, 4)], {"shape-no-geometry": 1}),
    CASES + "scalabel_box_track.json": ("scalabel", [("b1c66a42-6f7d68ca.jpg", 4)] * 2, {"box-painted": 8}),
    CASES + "scalabel_det.json": ("scalabel", [("b1c66a42-6f7d68ca.jpg", 4)], {"box-painted": 4}),
    CASES + "scalabel_ins_seg.json": ("scalabel", [("620a7840-33cada02.jpg", 2)], {}),
    # Its mask is among the samples under another name than the manifest gives.
    "sagemaker_gt/aws-samples__amazon-lookout-for-vision-image-augmentation-pipeline/output.manifest": (
        "sagemaker", [("s3://pcbtest22/label/s10.png", 0)], {"mask-missing": 1}),
    SIMPLE + "output.manifest": (
        "sagemaker", [(f"s3://test-simple-bucket/{name}.jpg", 2) for name in
                      ("cat1", "cat2", "cat3", "dog1", "dog2", "dog3")],
        {}),
}  # fmt: skip

#: Files that are no image annotations, and why.
OTHERS = {
    ISAT + "isat.yaml": "the class list of the five files beside it",
    VISTAS + "config_v2.0.json": "the class list of Mapillary Vistas",
    DARWIN + "convert/semantic_mask/to/class_mapping.csv": "the colours of an exported mask's classes",
    SA + "sample_project_vector/classes/classes.json": "the class list of the project",
    SA + "pixel_with_holes/classes/classes.json": "the class list of the project",
    CASES + "coco_rle.json": "one run-length mask without label and image",
    CASES + "scalabel_rle.json": "one run-length mask without label and image",
    CASES + "poly2ds.json": "one polygon without label and image",
    CASES + "poly2ds_to_polygon.json": "one polygon without label and image",
    CASES + "configs.toml": "the configuration of Scalabel's own tests",
}
#: Folders of these formats; the panoptic tables of Mapillary belong to the COCO panoptic tests.
FOLDERS = ("isat", "cityscapes", "supervisely", "labelbox", "scalabel_bdd", "mapillary", "darwin",
           "superannotate",
           "sagemaker_gt")  # fmt: skip
PICTURES = (".jpg", ".png", ".webp")


def read_all(place: Path) -> list[Record]:
    reader = open_reader(place)
    return [reader.record(unit) for unit in reader.units()]


@pytest.mark.parametrize("place", TABLE, ids=lambda place: place[-60:])
def test_images_shapes_and_findings(place: str, samples: Path):
    name, images, findings = TABLE[place]
    records = read_all((samples / place).resolve())
    assert [(record.image, len(record.shapes)) for record in records] == images
    assert Counter(finding.code for record in records for finding in record.findings) == findings
    assert type(open_reader((samples / place).resolve())).__module__.startswith("gtmask.formats")
    assert open_reader((samples / place).resolve(), name).title


@pytest.mark.parametrize("place", OTHERS, ids=lambda place: place[-60:])
def test_what_is_no_annotation_is_told(place: str, samples: Path):
    with pytest.raises(UnknownFormatError):
        open_reader(samples / place)


def test_no_file_is_left_out_of_the_tables(samples: Path):
    known = [(samples / place).resolve() for place in (*TABLE, *OTHERS)]
    for folder in FOLDERS:
        for path in (samples / folder).resolve().rglob("*"):
            if path.is_file() and path.suffix not in PICTURES and path.name != "panoptic_2020.json":
                assert any(path == place or place in path.parents for place in known), path


def test_class_lists(samples: Path):
    assert len(open_reader(samples / ISAT).labels) == 16
    assert open_reader(samples / SA / "sample_project_vector").labels == [
        "Personal vehicle",
        "Large vehicle",
        "Human",
        "Plant",
    ]
    assert open_reader(samples / CASES / "kitti_tracking.json").labels == [
        "pedestrian", "cyclist", "car", "truck", "tram", "misc"]  # fmt: skip


def test_superannotate_pixels_are_exact(samples: Path):
    """Each instance is exactly the pixels of its colours in the saved picture: 0 pixels differ."""
    folder = samples / SA / "pixel_with_holes"
    for record in read_all(folder):
        document = json.loads((folder / f"{record.image}___pixel.json").read_text())
        saved = np.asarray(Image.open(folder / f"{record.image}___save.png").convert("RGB"))
        expected = np.zeros(saved.shape[:2], np.uint8)
        for part in (part for instance in document["instances"] for part in instance["parts"]):
            expected[(saved == list(bytes.fromhex(part["color"][1:]))).all(axis=2)] = 1
        assert expected.any()
        assert np.array_equal(rasterize(record, class_map("asd")), expected)


def test_a_real_ground_truth_mask_comes_back_with_equal_indices(samples: Path, tmp_path: Path):
    folder = samples / "sagemaker_gt/aws-samples__amazon-lookout-for-vision-image-augmentation-pipeline"
    line = json.loads((folder / "output.manifest").read_text())
    name = line["S10-label3-ref"].rpartition("/")[2]
    shutil.copy(folder / "output.manifest", tmp_path)
    shutil.copy(folder / "mask.png", tmp_path / name)
    reader = open_reader(tmp_path / "output.manifest")
    assert reader.labels == ["IC", "resistor1", "resistor2"]
    (record,) = [reader.record(unit) for unit in reader.units()]
    indices = np.asarray(Image.open(folder / "mask.png"))
    record.height, record.width = indices.shape
    assert np.array_equal(rasterize(record, class_map(*reader.labels)), indices)
    assert set(np.unique(indices)) == {0, 1, 2, 3}


def test_darwin_raster_layers_add_up(samples: Path):
    """The layer's runs, read along the rows, have few edges down the columns: the order is right."""
    (record,) = read_all(samples / DARWIN / "convert/semantic_mask/from/221b-2.json")
    mask = rasterize(record, class_map("box"))
    assert mask.shape == (1024, 626)
    document = json.loads((samples / DARWIN / "convert/semantic_mask/from/221b-2.json").read_text())
    dense = document["annotations"][0]["raster_layer"]["dense_rle"]
    pixels = np.array(
        list(itertools.chain.from_iterable([v] * n for v, n in zip(dense[::2], dense[1::2], strict=True)))
    )
    assert np.array_equal(mask, pixels.reshape(1024, 626))


def union(record: Record, fill: str) -> list[np.ndarray]:
    """Paint each shape of a frame alone, at the size that Scalabel's tests have."""
    record.width, record.height = 1280, 720
    masks = []
    for shape in record.shapes:
        alone = [item for item in record.shapes if item is shape]
        whole, record.shapes = record.shapes, alone
        masks.append(rasterize(record, class_map(shape.label), fill=fill))
        record.shapes = whole
    return masks


def test_bdd_polygons_against_the_masks_that_the_tool_made(samples: Path):
    """The same frame as polygons and as the run-length masks that Scalabel made of them.

    82 of 121,254 pixels differ, all of them beside a Bezier curve: the tool rounds a curve's ends and
    control points and not the points on it, while the rule is given a polygon, all of whose vertices it
    rounds. Along straight edges nothing differs. Where labels overlap, the later one owns the pixel.
    """
    (polygons,) = read_all(samples / CASES / "example_annotation.json")
    (made,) = read_all(samples / CASES / "rles/insseg_rle.json")
    assert [shape.label for shape in polygons.shapes] == [shape.label for shape in made.shapes]
    different = {}
    for fill in ("source", "pillow", "coco", "opencv"):
        drawn = np.zeros((720, 1280), np.uint8)
        expected = np.zeros((720, 1280), np.uint8)
        for number, (ours, theirs) in enumerate(
            zip(union(polygons, fill), union(made, "source"), strict=True), 1
        ):
            drawn[ours > 0] = number
            expected[theirs > 0] = number
        different[fill] = int(np.count_nonzero(drawn != expected))
        if fill == "source":
            rows, columns = np.nonzero(drawn != expected)
    assert np.count_nonzero(expected) == 121254
    assert different["source"] <= 82, different
    assert all(different["source"] * 9 < different[fill] for fill in ("pillow", "coco", "opencv")), different
    curves = np.concatenate(list(curves_of(samples / CASES / "example_annotation.json")))
    away = np.hypot(columns[:, None] + 0.5 - curves[:, 0], rows[:, None] + 0.5 - curves[:, 1]).min(axis=1)
    assert away.max() < 1.5


def curves_of(path: Path) -> Iterator[np.ndarray]:
    """Yield points along each cubic curve of a file, closer than half a pixel."""
    t = np.linspace(0, 1, 800)[:, None]
    for label in json.loads(path.read_text())[0]["labels"]:
        for polygon in label["poly2d"]:
            vertices = np.array(polygon["vertices"])
            for at, kind in enumerate(polygon["types"]):
                if kind == "C" and polygon["types"][at - 1] == "L":
                    a, b, c, d = (vertices[(at + step) % len(vertices)] for step in (-1, 0, 1, 2))
                    yield (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t * t * c + t**3 * d
