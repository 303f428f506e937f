"""Datumaro: labels by index, z order, COCO masks, boxes that belong to a mask, what is no image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from gtmask.formats import open_reader
from tests.support.mutate import as_json, assert_survives, broken_bytes, mutations
from tests.support.small_exports import codes, grid, labels, open_files, painted, read_files, read_one

LEFT = [1, 1, 5, 1, 5, 5, 1, 5]
RIGHT = [3, 1, 7, 1, 7, 5, 3, 5]


def datumaro(*annotations, **item):
    base = {"id": "photo", "image": {"path": "photo.png", "size": [6, 8]}, "annotations": list(annotations)}
    names = [{"name": "cat"}, {"name": "dog"}]
    return {"info": {}, "categories": {"label": {"labels": names}}, "items": [base | item]}


def thing(kind, label=0, **more):
    return {"id": 1, "type": kind, "group": 0, "label_id": label, **more}


def mask_of(bits):
    packed = coco_mask.encode(np.asfortranarray(bits))
    return {"size": packed["size"], "counts": packed["counts"].decode()}


def test_size_is_height_before_width_and_runs_go_down_the_columns():
    bits = grid("11......", "1.......", "........", "........", ".......1", "........")
    record = read_one("datumaro", datumaro(thing("mask", rle=mask_of(bits))))
    assert (record.width, record.height) == (8, 6)
    assert np.array_equal(painted(record, "cat"), bits)


def test_an_attribute_may_hold_the_class():
    things = [thing("polygon", points=LEFT, attributes={"kind": kind}) for kind in ("x", "y", 3)]
    reader = open_files(
        "datumaro", {"a.json": datumaro(*things, thing("polygon", points=LEFT))}, class_attribute="kind"
    )
    (record,) = map(reader.record, reader.units())
    assert (reader.labels, labels(record)) == (None, ["x", "y", "3", ""])
    assert codes(record) == ["class-attribute-missing", "label-number"]


def test_higher_z_lies_over_lower_and_ties_keep_the_list_order():
    record = read_one(
        "datumaro",
        datumaro(thing("polygon", 0, points=LEFT, z_order=2), thing("polygon", 1, points=RIGHT, z_order=-1),
                 thing("polygon", 1, points=LEFT, z_order=2)),
    )  # fmt: skip
    assert labels(record) == ["dog", "cat", "dog"]


def test_a_box_of_the_same_group_as_a_mask_is_not_painted():
    bits = np.eye(6, 8, dtype=np.uint8)
    record = read_one(
        "datumaro",
        datumaro(thing("bbox", bbox=[0, 0, 8, 6], group=3), thing("mask", rle=mask_of(bits), group=3)),
    )
    assert codes(record) == ["box-grouped"]
    assert np.array_equal(painted(record, "cat"), bits)
    record = read_one(
        "datumaro", datumaro(thing("bbox", bbox=[1, 1, 4, 4]), thing("mask", rle=mask_of(bits)))
    )
    assert codes(record) == ["box-painted"]
    assert len(record.shapes) == 2


def test_a_turned_box_turns_about_its_centre():
    """A box of 4 x 2 about (4, 3), turned by a right angle, is 2 x 4 about the same centre."""
    turned = grid("........", "...11...", "...11...", "...11...", "...11...", "........")
    for entry in (thing("bbox", bbox=[2, 2, 4, 2], attributes={"rotation": 90.0}),
                  thing("rotated_bbox", bbox=[4, 3, 4, 2, 90.0])):  # fmt: skip
        record = read_one("datumaro", datumaro(entry))
        assert record.shapes[0].kind == "rotated_rectangle"
        assert np.array_equal(painted(record, "cat"), turned)


def test_an_ellipse_is_given_by_its_box():
    record = read_one("datumaro", datumaro(thing("ellipse", points=[1, 1, 7, 5])))
    assert record.shapes[0].curve == (4, 3, 3, 2, 0)


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (thing("polygon", 2, points=LEFT), "shape-no-label"),
        (thing("polygon", -1, points=LEFT), "shape-no-label"),
        (thing("label"), "shape-no-geometry"),
        (thing("caption", None), "shape-no-geometry"),
        (thing("cuboid_3d"), "shape-kind-unsupported"),
        (thing("skeleton"), "shape-kind-unsupported"),
        (thing("mask", rle={"size": [6, 8], "counts": "`1"}), "shape-no-geometry"),
        (thing("mask", rle={"size": [6, 8], "counts": "?"}), "runs-bad"),
        (thing("polygon"), "shape-bad-geometry"),
        (thing("polygon", points=[1, 2, 3]), "shape-odd-count"),
        (thing("bbox", bbox=[1, 2, 3]), "shape-bad-geometry"),
        ("polygon", "annotation-bad"),
    ],
)
def test_what_cannot_be_painted_is_told(entry, code):
    record = read_one("datumaro", datumaro(entry))
    assert (codes(record), record.shapes) == ([code], [])


def test_lines_and_points_are_kept_for_a_stroke():
    record = read_one(
        "datumaro", datumaro(thing("polyline", points=[0, 0, 5, 5]), thing("points", points=[1, 1, 2, 2]))
    )
    assert [shape.kind for shape in record.shapes] == ["polyline", "point"]


def test_images_and_what_is_none():
    record = read_one("datumaro", datumaro(image={"path": "a\\b.png"}), name="train.json")
    assert (record.image, record.aliases) == ("a/b.png", ("images/train/a/b.png", "train/a/b.png"))
    record = read_one("datumaro", datumaro(image=None))
    assert (record.image, record.aliases[0]) == ("photo", "photo.jpg")
    record = read_one("datumaro", datumaro(image=None, point_cloud={"path": "x.pcd"}))
    assert codes(record) == ["record-bad"]


def test_labels_are_listed_once_and_may_come_after_the_items():
    document = datumaro(thing("polygon", 2, points=LEFT))
    document["categories"]["label"]["labels"].append({"name": "cat"})
    document = dict(reversed(document.items()))
    reader = open_files("datumaro", {"a.json": document})
    assert reader.labels == ["cat", "dog"]
    assert [finding.code for finding in reader.findings] == ["label-duplicate"]
    (record,) = (reader.record(unit) for unit in reader.units())
    assert labels(record) == ["cat"]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_broken_exports_give_findings_or_errors_of_the_project(data):
    mask = thing("mask", rle={"size": [6, 8], "counts": "`1"})
    polygon, ellipse = thing("polygon", points=LEFT, z_order=1), thing("ellipse", points=[1, 1, 7, 5])
    document = datumaro(polygon, thing("bbox", bbox=[1, 1, 4, 4]), mask, ellipse)
    broken = data.draw(mutations(document).map(as_json) | broken_bytes(as_json(document)))
    assert_survives(lambda: read_files("datumaro", {"a.json": broken}))


#: Images, shapes and findings of real exports, counted by hand.
SAMPLES = {
    "diverse/annotations/default.json": (2, 0, {"image-unannotated": 2}),
    "diverse/annotations/test.json": (2, 0, {"shape-kind-unsupported": 1, "image-unannotated": 1}),
    "diverse/annotations/train.json": (
        2, 4,
        {"shape-no-geometry": 5, "shape-no-label": 1, "box-painted": 2},
    ),
    "diverse/annotations/val.json": (1, 2, {}),
    "with_pcd/annotations/default.json": (3, 0, {"record-bad": 3}),
    "with_skeleton/annotations/default.json": (1, 0, {"shape-kind-unsupported": 1}),
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_real_exports(samples, name):
    folder = samples / "datumaro/cvat-ai__datumaro/tests/assets/datumaro_dataset"
    reader = open_reader(folder / name)
    assert reader.title == "Datumaro"
    records = [reader.record(unit) for unit in reader.units()]
    images, shapes, found = SAMPLES[name]
    assert (len(records), sum(len(record.shapes) for record in records)) == (images, shapes)
    told = [finding.code for record in records for finding in record.findings]
    assert {code: told.count(code) for code in told} == found


def test_shapes_of_a_track_that_is_outside_are_not_painted():
    away = thing("polygon", points=[1, 1, 5, 1, 5, 4], attributes={"track_id": 1, "outside": True})
    record = read_one("datumaro", datumaro(away, thing("polygon", points=[1, 1, 5, 1, 5, 4])))
    assert codes(record) == ["shape-deleted"]
    assert len(record.shapes) == 1


@pytest.mark.parametrize("kind", ["polygon", "mask", "bbox", "ellipse"])
def test_crowd_regions_of_coco_stay_crowd_regions(kind: str):
    """An export of COCO's classes keeps ``iscrowd`` as an attribute, which ``--crowd ignore`` looks at."""
    shapes = {"polygon": {"points": [1, 1, 5, 1, 5, 4]}, "bbox": {"bbox": [1, 1, 3, 2]},
              "mask": {"rle": {"counts": [0, 8, 40], "size": [6, 8]}},
              "ellipse": {"points": [1, 1, 5, 4]}}  # fmt: skip
    entries = [{"id": n, "type": kind, "label_id": 0, "attributes": {"is_crowd": crowd}, **shapes[kind]}
               for n, crowd in enumerate((True, False))]  # fmt: skip
    document = {"categories": {"label": {"labels": [{"name": "a"}]}}, "items": [
        {"id": "a", "image": {"path": "a.jpg", "size": [6, 8]}, "annotations": entries}]}  # fmt: skip
    record = read_one("datumaro", document, "annotations/train.json")
    assert [shape.ignore for shape in record.shapes] == [True, False]
