"""COCO: joins in any order, every form of segmentation, dialects, results lists, damaged documents."""

from __future__ import annotations

import json
import pickle
import random
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from gtmask.errors import DamagedExportError, ExportError
from gtmask.findings import Finding
from gtmask.formats import detect
from gtmask.formats.coco import tables as coco_tables
from gtmask.formats.jsonstream import container
from gtmask.formats.reading.rle import decode_counts, read_runs
from gtmask.model import Runs
from tests.support.coco_data import CATEGORIES, make_document
from tests.support.mutate import as_json, assert_survives, broken_bytes, mutations
from tests.support.small_exports import (
    FilesExport,
    as_bytes,
    codes,
    labels,
    open_files,
    painted,
    read_files,
    read_one,
    rings,
)

SQUARE = [1.0, 1.0, 5.0, 1.0, 5.0, 5.0, 1.0, 5.0]
POINTS = [SQUARE[i : i + 2] for i in range(0, 8, 2)]
IMAGE = {"id": 1, "file_name": "a.jpg", "width": 8, "height": 6}


def coco(*segmentations, images=(IMAGE,), categories=CATEGORIES, **more):
    annotations = [
        {"id": i, "image_id": 1, "category_id": 7, "segmentation": value, **more}
        for i, value in enumerate(segmentations)
    ]
    return {"images": list(images), "annotations": annotations, "categories": categories}


def plain(records):
    """What two ways of reading must agree on."""
    return [
        (record.image, record.width, record.height, labels(record), record.points.tolist(), codes(record),
         [shape.runs.counts.tolist() if shape.runs else None for shape in record.shapes])
        for record in records
    ]  # fmt: skip


def read_whole(document):
    """Read a document that is in memory: one export per image, with its annotations looked up."""
    records = []
    for image in document["images"]:
        mine = [item for item in document["annotations"] if str(item["image_id"]) == str(image["id"])]
        part = {"images": [image], "annotations": mine, "categories": document["categories"]}
        records.append(read_one("coco", part))
    return plain(records)


@st.composite
def exports(draw):
    """An export with its tables, annotations and keys in any order, ids as numbers or strings."""
    document = make_document([f"{i}.jpg" for i in range(draw(st.integers(0, 7)))], draw(st.integers(0, 99)))
    rng = draw(st.randoms(use_true_random=False))
    if draw(st.booleans()):
        rng.shuffle(document["annotations"])
    spell = draw(st.sampled_from([lambda value: value, str, lambda value: f'img-{value}\n"é']))
    for image in document["images"]:
        image["id"] = spell(image["id"])
    mixed = draw(st.booleans())
    for item in document["annotations"]:
        owner = spell(item["image_id"])
        item["image_id"] = str(owner) if mixed else owner
        keys = list(item.items())
        rng.shuffle(keys)
        item.clear()
        item.update(keys)
    document = dict(draw(st.permutations(list(document.items()))))
    return document, json.dumps(document, indent=draw(st.sampled_from([None, 1]))).encode()


def image_names(reader):
    """What the image table says by itself."""
    return [texts[i] for texts in reader.image_names() for i in range(len(texts))]


@settings(max_examples=60, deadline=None)
@given(
    exports(),
    st.sampled_from([1, 64, 300, 1 << 20]),
    st.sampled_from([3, 8192]),
    st.sampled_from([0, 1 << 30]),
)
def test_streamed_records_are_those_of_the_whole_document(export, window, batch, limit):
    document, data = export
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(container.Cursor.__init__, "__defaults__", (0, window))
        patch.setattr(container, "_BATCH", batch)
        reader = open_files("coco", {"a.json": data}, memory_limit=limit)
        assert reader.count() == len(document["images"])
        assert reader.findings == []
        units = list(reader.units())
        assert (
            [reader.names_of(unit).image for unit in units]
            == [image["file_name"] for image in document["images"]]
            == image_names(reader)
        )
        sent = pickle.loads(pickle.dumps((reader, units)))
        records = [sent[0].record(unit) for unit in sent[1]]
    assert plain(records) == read_whole(document)


def test_units_are_small_and_the_reader_sent_to_workers_holds_no_index():
    document = make_document([f"{i}.jpg" for i in range(300)], 3)
    reader = open_files("coco", {"a.json": document})
    assert len(pickle.dumps(next(iter(reader.units())))) < 300
    vars(reader)["document"].export = None
    assert len(pickle.dumps(reader)) < 3000


def test_parts_are_a_union_and_equal_names_are_one_label():
    categories = [*CATEGORIES, {"id": 8, "name": "Car"}]
    ring = [2.0, 2.0, 4.0, 2.0, 4.0, 4.0, 2.0, 4.0]
    document = coco([SQUARE, ring], categories=categories)
    document["annotations"][0]["category_id"] = 8
    reader = open_files("coco", {"a.json": document})
    assert reader.labels == ["Car", "Road", "Person"]
    assert reader.findings == [Finding("label-duplicate", "Car: ids 7, 8")]
    (record,) = (reader.record(unit) for unit in reader.units())
    assert labels(record) == ["Car"]
    assert len(rings(record, record.shapes[0])) == 2
    assert painted(record, "Car").sum() == 16


BOX_ONLY = {"segmentation": None, "bbox": [1, 1, 3, 3]}
CASES = [
    ([], ["shape-no-geometry"], []),
    ([[]], ["shape-no-geometry"], []),
    (None, ["shape-no-geometry"], []),
    ({}, ["shape-no-geometry"], []),
    ("1 2 3", ["value-type"], []),
    (7, ["value-type"], []),
    ([[1, 1, 5, 1, 5]], ["shape-odd-count"], []),
    ([[1, 1, 5, 1, 5, 5], [1, 1]], ["shape-few-points"], ["polygon"]),
    ([[1, 1, 5, 1, 1, 1]], ["shape-few-points"], []),
    ([[1, 1, 5, 1, 5, None]], ["shape-bad-number"], []),
    ([[1, 1, 5, 1, 5, 1e300]], ["shape-bad-number"], []),
    ([[1, 1, 5, 1, 5, [2]]], ["shape-bad-number"], []),
    (SQUARE, [], ["polygon"]),
    # One ring that is nested otherwise: nothing else can be meant.
    ([SQUARE], [], ["polygon"]),
    ([[SQUARE]], [], ["polygon"]),
    (POINTS, [], ["polygon"]),
    ([POINTS], [], ["polygon"]),
    ([[POINTS]], [], ["polygon"]),
    # Several may be parts, or holes as in GeoJSON.
    ([POINTS, POINTS], ["shape-bad-geometry"], []),
    ([[SQUARE, SQUARE]], ["shape-bad-geometry"], []),
    ([[1, 1], [5, 1]], ["shape-few-points"], []),
    # An empty part among others is told; nothing but empty ones is no segmentation.
    ([[], SQUARE], ["shape-no-geometry"], ["polygon"]),
    ([[], []], ["shape-no-geometry"], []),
    ([[1, 1, 3, 3]], ["shape-few-points"], []),
    ([[1, 1, 3, 3], [1, 1, 5, 1, 5, 5]], ["shape-few-points"], ["polygon"]),
    ([[1, 1, 3, "x"]], ["shape-few-points"], []),
    ([SQUARE, {"size": [6, 8]}], ["shape-bad-geometry"], []),
    ({"size": [6, 8], "counts": [40, 8]}, [], ["runs"]),
    ({"size": [6, 8], "counts": [0, 48]}, [], ["runs"]),
    ({"size": [6, 8], "counts": [40, 9]}, ["runs-bad"], []),
    ({"size": [6, 8], "counts": [50, -2]}, ["runs-bad"], []),
    ({"size": [6, 8], "counts": [40.5, 7.5]}, ["runs-bad"], []),
    ({"size": [6, 8], "counts": "not runs"}, ["runs-bad"], []),
    ({"size": [6, 8], "counts": None}, ["runs-bad"], []),
    ({"size": [6], "counts": [48]}, ["runs-bad"], []),
    ({"size": [0, 8], "counts": []}, ["runs-bad"], []),
    # Another size is told where it is painted, since only there the image's own is known.
    ({"size": [8, 6], "counts": [40, 8]}, [], ["runs"]),
    ({"size": [6, 8], "counts": [2**62, 2**62, 2**62, 2**62, 48]}, ["runs-bad"], []),
]


@pytest.mark.parametrize(("segmentation", "found", "kinds"), CASES)
def test_every_form_of_segmentation(segmentation, found, kinds):
    record = read_one("coco", coco(segmentation))
    assert codes(record) == found
    assert [shape.kind for shape in record.shapes] == kinds


def test_a_missing_segmentation_is_a_box_only_annotation_and_its_neighbours_are_read():
    document = coco(SQUARE, SQUARE)
    del document["annotations"][0]["segmentation"]
    document["annotations"][0]["bbox"] = [1, 1, 3, 3]
    record = read_one("coco", document)
    assert codes(record) == ["shape-no-geometry"]
    assert len(record.shapes) == 1


def test_two_points_are_no_box_though_pycocotools_takes_them_for_one():
    reference = coco_mask.decode(coco_mask.frPyObjects(np.array([[1.0, 2, 3, 2]]), 6, 8))
    assert reference.sum() == 6, "the trap is still there"
    record = read_one("coco", coco([[1, 2, 3, 2]]))
    assert codes(record) == ["shape-few-points"]
    assert not record.shapes


def test_crowd_is_kept_and_marked():
    runs = {"size": [6, 8], "counts": [40, 8]}
    record = read_one("coco", coco(runs, iscrowd=1))
    assert [shape.ignore for shape in record.shapes] == [True]
    assert painted(record, "Car").sum() == 8


@pytest.mark.parametrize(
    ("crowd", "ignored"), [("1", True), ("0", False), (True, True), ([], False), (None, False)]
)
@pytest.mark.parametrize("segmentation", [SQUARE, {"size": [6, 8], "counts": [40, 8]}])
def test_the_crowd_flag_may_be_text(segmentation, crowd, ignored):
    record = read_one("coco", coco(segmentation, iscrowd=crowd))
    assert [shape.ignore for shape in record.shapes] == [ignored]


def test_sizes_may_be_text():
    record = read_one("coco", coco(SQUARE, images=[IMAGE | {"width": "8", "height": "6"}]))
    assert (record.width, record.height, codes(record)) == (8, 6, [])


def test_later_annotations_lie_over_earlier_ones():
    document = coco([SQUARE], [SQUARE])
    document["annotations"][1]["category_id"] = 3
    record = read_one("coco", document)
    assert labels(record) == ["Car", "Road"]
    assert (painted(record, "Car", "Road")[1:5, 1:5] == 2).all()


def test_unlisted_categories_and_orphans_are_told_with_their_number():
    document = coco(SQUARE, SQUARE, SQUARE)
    document["annotations"][0]["category_id"] = 99
    document["annotations"][1]["image_id"] = 2
    del document["annotations"][2]["image_id"]
    reader = open_files("coco", {"a.json": document})
    (record,) = (reader.record(unit) for unit in reader.units())
    assert codes(record) == ["shape-no-label"]
    assert [finding.code for finding in reader.findings] == ["annotation-orphan"]
    assert "2" in reader.findings[0].detail


def test_an_image_that_is_listed_twice_is_one_record():
    other = IMAGE | {"id": 5, "file_name": "b.jpg"}
    document = coco(SQUARE, images=[IMAGE, other, IMAGE])
    reader = open_files("coco", {"a.json": document})
    records = [reader.record(unit) for unit in reader.units()]
    assert reader.count() == len(records) == 2
    assert [record.image for record in records] == ["a.jpg", "b.jpg"]
    assert codes(records[0]) == ["image-duplicate"]
    assert len(records[0].shapes) == 1


def test_names_of_images_are_told_only_where_they_are_those_of_the_units():
    images = [IMAGE | {"id": 2, "file_name": None, "coco_url": "http://h/c.jpg"}, {"id": 3}, "no object"]
    reader: Any = open_files("coco", {"a.json": coco(images=[IMAGE, *images])})
    # One of them has another name than file_name: then all are asked for.
    assert list(reader.image_names()) == [None]
    reader = open_files("coco", {"a.json": coco(images=[IMAGE, {"id": 3}, "no object"])})
    assert image_names(reader) == ["a.jpg", "", ""]
    assert [reader.names_of(unit).image for unit in reader.units()] == image_names(reader)
    twice = coco(SQUARE, images=[IMAGE, IMAGE])
    for document in (twice, twice["annotations"]):
        opened: Any = open_files("coco", {"a.json": document})
        assert opened.image_names() is None


def test_names_of_a_damaged_image_table_end_at_the_damage():
    data = b'{"annotations": [], "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"'
    reader = open_files("coco", {"a.json": data}, keep_going=True)
    assert image_names(reader) == ["a.jpg"]
    assert reader.count() == 1


def test_two_images_with_one_id_are_rejected_because_nobody_knows_whose_shapes_these_are():
    document = coco(SQUARE, images=[IMAGE, IMAGE | {"file_name": "b.jpg"}])
    records = read_files("coco", {"a.json": document})
    assert [codes(record) for record in records] == [["image-id-shared"], ["image-id-shared"]]


def test_ids_with_one_hash_are_told_apart_when_the_annotations_are_read(monkeypatch):
    """A hash that is the same for all strings stands for two strings that happen to share one."""
    clashing = lambda data, fields, stops, keys, states: (keys.fill(1 << 62), states.fill(1))  # noqa: E731 (three lines shorter)
    monkeypatch.setattr("gtmask.formats.jsonstream.ids.read_keys", clashing)
    monkeypatch.setattr(coco_tables, "id_key", lambda value: 1 << 62)
    monkeypatch.setattr("gtmask.formats.coco.id_key", lambda value: 1 << 62)
    images = [IMAGE | {"id": name, "file_name": f"{name}.jpg"} for name in ("x", "y")]
    document = coco(SQUARE, SQUARE, SQUARE, images=images)
    for item, owner in zip(document["annotations"], ("x", "y", "x"), strict=True):
        item["image_id"] = owner
    records = read_files("coco", {"a.json": document})
    assert [len(record.shapes) for record in records] == [2, 1]


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ({"id": 1, "width": 8, "height": 6}, ["image-name-bad"]),
        (IMAGE | {"file_name": None}, ["image-name-bad"]),
        (IMAGE | {"width": 1.5}, ["record-size-bad"]),
        (IMAGE | {"height": -(2**31)}, ["record-size-bad"]),
        (IMAGE | {"height": "tall"}, ["record-size-bad"]),
        (IMAGE | {"id": None}, ["record-bad"]),
        ("a.jpg", ["record-bad"]),
        (None, ["record-bad"]),
    ],
)
def test_images_that_cannot_be_used_are_rejected(image, found):
    record = read_one("coco", coco(images=[image]))
    assert codes(record) == found


def test_the_url_stands_in_for_a_missing_file_name():
    record = read_one("coco", coco(images=[{"id": 1, "coco_url": "http://x/a.jpg", "path": "/data/a.jpg"}]))
    assert record.image == "/data/a.jpg"
    assert record.aliases == ("http://x/a.jpg",)
    assert (record.width, record.height) == (None, None)


def test_roboflow_lists_its_group_as_category_zero():
    categories = [
        {"id": 0, "name": "things", "supercategory": "none"},
        {"id": 1, "name": "Tumor", "supercategory": "things"},
    ]
    document = {"info": {"description": "Exported from roboflow.com"}} | coco(SQUARE, categories=categories)
    document["annotations"][0]["category_id"] = 1
    reader = open_files("coco", {"a.json": document})
    assert "Roboflow" in reader.title
    assert reader.labels == ["Tumor"]
    assert [finding.code for finding in reader.findings] == ["label-placeholder"]
    twin = [*categories[:1], {"id": 1, "name": "things", "supercategory": "things"}]
    reader = open_files("coco", {"a.json": document | {"categories": twin}})
    assert reader.labels == ["things"]


def test_cvat_writes_every_mask_as_crowd():
    head = {"licenses": [{"name": "", "id": 0, "url": ""}]}
    document = head | coco({"size": [6, 8], "counts": [40, 8]}, iscrowd=1)
    reader = open_files("coco", {"a.json": document})
    assert "CVAT" in reader.title
    (record,) = (reader.record(unit) for unit in reader.units())
    assert len(record.shapes) == 1
    assert record.grid == "displayed"


def test_label_studio_coordinates_are_fractions_of_the_displayed_image():
    """An image of 8 x 6 stored pixels that EXIF turns is shown as 6 x 8; its right half is x > 3 there.

    The exporter multiplies the fraction by the stored size: x = 0.5 * 8.
    """
    ring = [4.0, 0.0, 8.0, 0.0, 8.0, 6.0, 4.0, 6.0]
    document = coco([ring]) | {"info": {"contributor": "Label Studio"}}
    reader = open_files("coco", {"a.json": document})
    assert "Label Studio" in reader.title
    (record,) = (reader.record(unit) for unit in reader.units())
    assert (record.units, record.grid) == ("fraction", "displayed")
    assert (record.size_in_grid, record.grid_known) == (False, False)
    assert record.points.tolist() == [[0.5, 0], [1, 0], [1, 1], [0.5, 1]]


def test_fractions_that_label_studio_took_for_percent_are_told():
    info = {"info": {"contributor": "Label Studio"}}
    (record,) = read_files("coco", {"a.json": coco([0.0, 0.0, 0.08, 0.0, 0.04, 0.06]) | info})
    assert [finding.code for finding in record.findings] == ["fraction-suspected"]


@pytest.mark.parametrize(
    ("date", "known"), [("2024-11-06 10:00:00", True), ("2019-11-06", False), (7, False)]
)
def test_label_studio_shows_turned_images_for_certain_since_browsers_do(date: Any, known: bool):
    info = {"contributor": "Label Studio", "date_created": date}
    (record,) = read_files("coco", {"a.json": coco([[1, 1, 4, 1, 4, 3]]) | {"info": info}})
    assert (record.grid, record.grid_known, record.size_in_grid) == ("displayed", known, False)


def result(**more):
    return {"category_id": 2, "score": 0.5, "segmentation": {"size": [6, 8], "counts": [40, 8]}, **more}


@pytest.mark.parametrize("named", ["file_name", "image_id"])
def test_results_lists_name_images_where_annotations_do(named):
    """detectron2's semantic results have the name alone; instance results may have both, or a name as id."""
    names = ["x/b", "x/a", "x/b"]
    rows = [result(**{named: name}, category_id=number) for number, name in enumerate(names, 1)]
    reader = open_files("coco", {"a.json": rows})
    records = [reader.record(unit) for unit in reader.units()]
    assert [record.image for record in records] == ["x/b", "x/a"]
    assert [labels(record) for record in records] == [["1", "3"], ["2"]]
    assert all(f"{record.image}{end}" in record.aliases for record in records for end in (".jpg", ".png"))
    assert [reader.names_of(unit) for unit in reader.units()] == [record.names for record in records]
    assert [finding.code for finding in reader.findings] == ["label-number"]


def test_the_name_in_an_entry_of_results_goes_before_its_id():
    rows = [result(image_id=1, file_name="0001.jpg"), result(image_id=1, file_name="0001.jpg")]
    (record,) = read_files("coco", {"a.json": rows})
    assert (record.image, record.aliases[:2]) == ("0001.jpg", ("1", "000000000001.jpg"))
    assert len(record.shapes) == 2


def test_one_id_with_two_names_in_results_is_told():
    rows = [result(image_id=1, file_name="a.jpg"), result(image_id=1, file_name="b.jpg")]
    (record,) = read_files("coco", {"a.json": rows})
    assert codes(record) == ["image-id-shared"]


@pytest.mark.parametrize("categories", [[], None, "absent", {}])
def test_without_categories_ids_are_the_classes_and_that_is_told(categories):
    document = coco(SQUARE, categories=categories)
    if categories == "absent":
        del document["categories"]
    reader = open_files("coco", {"a.json": document})
    (record,) = (reader.record(unit) for unit in reader.units())
    assert (reader.labels, labels(record)) == (None, ["7"])
    assert [finding.code for finding in reader.findings if finding.code != "value-type"] == ["label-number"]


@pytest.mark.parametrize("name", [None, "", 7, "absent"])
def test_a_category_without_a_name_goes_by_its_id_and_is_told(name):
    category = {"id": 7, "name": name} if name != "absent" else {"id": 7}
    reader = open_files("coco", {"a.json": coco(SQUARE, categories=[category])})
    assert reader.labels == ["7"]
    assert [finding.code for finding in reader.findings] == ["label-number"]


def test_one_id_of_two_categories_is_told():
    twice = [{"id": 7, "name": "cat"}, {"id": 7, "name": "dog"}]
    reader = open_files("coco", {"a.json": coco(SQUARE, categories=twice)})
    (record,) = (reader.record(unit) for unit in reader.units())
    assert (reader.labels, labels(record)) == (["cat"], ["cat"])
    (found,) = reader.findings
    assert (found.code, found.detail) == ("label-id-shared", "7: cat, dog")


def test_the_size_of_masks_is_taken_where_the_image_table_has_none():
    none = {"id": 1, "file_name": "a.jpg", "width": 0, "height": 0}
    record = read_one("coco", coco({"size": [6, 8], "counts": [40, 8]}, images=[none]))
    assert (record.width, record.height) == (8, 6)
    assert codes(record) == ["record-size-none"]


def test_a_run_of_no_pixels_in_the_middle_is_told():
    record = read_one("coco", coco({"size": [6, 8], "counts": [0, 0, 40, 8]}))
    assert codes(record) == ["runs-doubtful"]


@pytest.mark.parametrize(
    ("scores", "order"),
    [
        ([0.9, 0.1, 0.5], ["2", "3", "1"]),
        ([0.1, 0.5, 0.9], ["1", "2", "3"]),
        ([0.5, 0.5, 0.5], ["1", "2", "3"]),
        ([0.9, 0.1, None], ["1", "2", "3"]),
        ([0.9, 0.1, "0.5"], ["1", "2", "3"]),
    ],
)
def test_the_surest_of_a_models_results_lies_on_top(scores: list, order: list):
    """Models list them as they like, detectron2 the surest first: it would lie below all others."""
    runs = {"size": [6, 8], "counts": [40, 8]}
    rows = [
        {"image_id": 1, "category_id": number, "segmentation": runs, "score": score}
        for number, score in enumerate(scores, 1)
    ]
    assert labels(read_one("coco", rows)) == order


def test_results_lists_name_images_by_their_ids():
    runs = {"size": [6, 8], "counts": [40, 8]}
    rows = [
        {"image_id": 139, "category_id": 3, "segmentation": runs, "score": 0.5},
        {"image_id": "kitchen", "category_id": 1, "segmentation": [SQUARE], "score": 0.5},
        {"image_id": 139, "category_id": 1, "segmentation": [SQUARE], "score": 0.5},
    ]
    reader = open_files("coco", {"a.json": rows})
    assert reader.labels is None
    assert reader.count() == 2
    records = [reader.record(unit) for unit in reader.units()]
    assert [record.image for record in records] == ["139", "kitchen"]
    assert "000000000139.jpg" in records[0].aliases
    assert (records[0].width, records[0].height) == (8, 6)
    assert [labels(record) for record in records] == [["3", "1"], ["1"]]


def test_not_a_number_costs_one_shape():
    text = json.dumps(coco(SQUARE, [[1, 1, 5, 1, float("nan"), 5]], SQUARE))
    assert "NaN" in text
    record = read_one("coco", text)
    assert codes(record) == ["shape-bad-number"]
    assert len(record.shapes) == 2


DEEP = '{"image_id": 1, "a": ' + "[" * 10_000 + "]" * 10_000 + "}"
BAD = ['{"image_id": 1, "a": nul}', '{"image_id": 1, "a": "\\ud800"}', "[[[[1]]]]", "3", DEEP]


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_a_bad_annotation_costs_itself(bad):
    good = json.dumps(coco(SQUARE)["annotations"][0])
    names = json.dumps(coco(SQUARE)["categories"])
    rows = f"[{good}, {bad}, {good}]"
    text = f'{{"images": [{json.dumps(IMAGE)}], "annotations": {rows}, "categories": {names}}}'
    reader = open_files("coco", {"a.json": text})
    (record,) = (reader.record(unit) for unit in reader.units())
    assert len(record.shapes) == 2
    told = codes(record) + [finding.code for finding in reader.findings]
    assert told in (["annotation-bad"], ["annotation-orphan"])


def test_a_damaged_document_is_told_or_read_up_to_the_damage():
    document = make_document(["a.jpg", "b.jpg", "c.jpg"], 1)
    whole = {record.image: record for record in read_files("coco", {"a.json": document})}
    text = json.dumps({key: document[key] for key in ("categories", "images", "annotations")}, indent=1)
    cut = text[: text.rindex('"segmentation"')]
    with pytest.raises(
        DamagedExportError, match=rf"breaks off at byte {len(cut)} \(line {cut.count(chr(10)) + 1}\)"
    ):
        open_files("coco", {"a.json": cut})
    reader = open_files("coco", {"a.json": cut}, keep_going=True)
    assert [finding.code for finding in reader.findings] == ["document-damaged"]
    records = [reader.record(unit) for unit in reader.units()]
    lost = [len(whole[record.image].shapes) - len(record.shapes) for record in records]
    assert sorted(lost) == [0, 0, 1]
    cut = text[: text.index('"b.jpg"')]
    reader = open_files("coco", {"a.json": cut}, keep_going=True)
    assert reader.count() == len(list(reader.units())) < 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"{}x", "expected the end of the document"),
        ('{"images": {}}'.encode("utf-16"), "UTF-16"),
        (b'{"images": {"a": 1}, "annotations": []}', "no array"),
        (b'{"images": [], "annotations": [{"image_id": 1, "segments_info": []}]}', "coco_panoptic"),
    ],
)
def test_what_is_no_coco_is_told(content, message):
    with pytest.raises(ExportError, match=message):
        open_files("coco", {"a.json": content})


def test_byte_order_mark_and_windows_line_ends():
    text = json.dumps(coco(SQUARE), indent=2).replace("\n", "\r\n")
    assert len(read_one("coco", b"\xef\xbb\xbf" + text.encode()).shapes) == 1


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_broken_exports_give_findings_or_errors_of_the_project(data):
    document = make_document(["a.jpg", "b.jpg"], 2)
    broken = data.draw(mutations(document).map(as_json) | broken_bytes(as_json(document)))
    keep = data.draw(st.booleans())
    assert_survives(lambda: read_files("coco", {"a.json": broken}, keep_going=keep))


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 12),
    st.integers(1, 12),
    st.randoms(use_true_random=False),
    st.sampled_from([0.02, 0.5, 0.98]),
)
def test_compressed_runs_are_those_of_pycocotools(height, width, rng, share):
    bits = np.array([[rng.random() < share for _ in range(width)] for _ in range(height)], np.uint8)
    packed = coco_mask.encode(np.asfortranarray(bits))
    runs = read_runs({"size": packed["size"], "counts": packed["counts"].decode()})
    assert isinstance(runs, Runs)
    values = np.repeat(np.arange(len(runs.counts)) % 2, runs.counts)
    assert np.array_equal(values.reshape(width, height).T, bits)


def test_long_runs_and_differences_are_those_of_pycocotools():
    rng = random.Random(4)
    for _ in range(50):
        counts = [rng.choice((1, 31, 32, 1000, 70_000, 10**6)) for _ in range(rng.randint(1, 30))]
        total = sum(counts)
        packed = coco_mask.frPyObjects({"size": [1, total], "counts": counts}, 1, total)
        assert decode_counts(np.frombuffer(packed["counts"], np.uint8).copy()).tolist() == [0, *counts]


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=130), max_size=30))
def test_any_text_as_compressed_runs_is_judged(text):
    with suppress(ValueError):
        assert int(read_runs({"size": [6, 8], "counts": text}).counts.sum()) == 48


def test_detection_by_the_first_kilobytes():
    def found(content):
        return detect.detect(FilesExport({"a.json": as_bytes(content)})).format.name

    assert found(coco(SQUARE)) == "coco"
    assert (
        found([{"image_id": 1, "category_id": 2, "segmentation": {"size": [1, 1], "counts": "1"}}]) == "coco"
    )
    assert found({"annotations": coco(SQUARE)["annotations"], "images": [IMAGE]}) == "coco"
    many = coco(SQUARE, images=[IMAGE | {"id": i} for i in range(3000)])
    assert len(json.dumps(many)) > 1 << 17
    assert found(many) == "coco"


#: Images, shapes and findings of real exports, counted by hand: repository, file name.
SAMPLES = {
    ("HumanSignal__label-studio-sdk", "coco_import_input.json"): (2, 2, {}),
    ("Labelbox__labelbox-python", "rle.json"): (10, 231, {}),
    ("cvat-ai__datumaro", "instances_train.json"): (1, 0, {"shape-no-geometry": 1}),
    ("cvat-ai__datumaro", "instances_val.json"): (1, 2, {}),
    ("cvat-ai__datumaro", "stuff_train.json"): (1, 1, {}),
    ("cvat-ai__datumaro", "stuff_val.json"): (1, 1, {}),
    ("lightly-ai__labelformat", "instances.json"): (2, 3, {}),
    ("lightly-ai__labelformat", "instances_with_binary_mask.json"): (3, 4, {}),
    ("open-edge-platform__datumaro", "train/_annotations.coco.json"): (2, 0, {"shape-no-geometry": 2}),
    ("open-edge-platform__datumaro", "val/_annotations.coco.json"): (1, 0, {"shape-no-geometry": 2}),
    ("superannotateai__superannotate-python-sdk", "instances_test.json"): (4, 46, {}),
    ("yatengLG__ISAT_with_segment_anything", "coco_tiny.json"): (5, 63, {}),
}


@pytest.mark.parametrize("name", SAMPLES, ids="/".join)
def test_real_exports(samples, name):
    (path,) = (samples / "coco" / name[0]).glob(f"**/{name[1]}")
    data = path.read_bytes()
    images, shapes, found = SAMPLES[name]
    records = read_files("coco", {"a.json": data})
    assert (len(records), sum(len(record.shapes) for record in records)) == (images, shapes)
    told = [finding.code for record in records for finding in record.findings]
    assert {code: told.count(code) for code in told} == found
    assert plain(records) == read_whole(json.loads(data))


@pytest.mark.parametrize("window", [64, 1000, 4096])
@pytest.mark.parametrize("name", SAMPLES, ids="/".join)
def test_real_exports_in_windows_of_any_size(samples, name, window, monkeypatch):
    (path,) = (samples / "coco" / name[0]).glob(f"**/{name[1]}")
    data = path.read_bytes()
    whole = read_files("coco", {"a.json": data})
    monkeypatch.setattr(container.Cursor.__init__, "__defaults__", (0, window))
    monkeypatch.setattr(container, "_BATCH", 5)
    assert read_files("coco", {"a.json": data}) == whole


def test_an_attribute_may_hold_the_class():
    document = coco([SQUARE], [SQUARE], [SQUARE])
    for annotation, attributes in zip(document["annotations"], ({"kind": "x"}, {"kind": 3}, {}), strict=True):
        annotation["attributes"] = attributes
    reader = open_files("coco", {"a.json": document}, class_attribute="kind")
    (record,) = map(reader.record, reader.units())
    assert (reader.labels, labels(record)) == (None, ["x", "3", ""])
    assert codes(record) == ["class-attribute-missing", "label-number"]


@pytest.mark.parametrize("table", ["images", "annotations", "categories"])
def test_a_table_that_stands_twice_is_never_half_read(table: str):
    document = coco([SQUARE])
    doubled = json.dumps(document)[:-1] + f', "{table}": {json.dumps(document[table])}}}'
    with pytest.raises(DamagedExportError, match=f"'{table}' stands twice"):
        read_files("coco", {"c.json": doubled})


def test_an_image_with_a_doubled_name_is_rejected_with_the_reason():
    images = '[{"id": 1, "file_name": "a.jpg", "file_name": "b.jpg"}]'
    (record,) = read_files("coco", {"c.json": f'{{"images": {images}, "annotations": [], "categories": []}}'})
    assert codes(record) == ["record-bad"]
    assert "'file_name' stands twice in one object, as 'a.jpg' and as 'b.jpg'" in record.where


@pytest.mark.parametrize("doubled", ["category_id", "image_id", "iscrowd"])
@pytest.mark.parametrize("first", [False, True])
def test_the_kernel_leaves_annotations_with_a_doubled_key_to_the_parser(doubled: str, first: bool):
    """Which of the two values is the right one, nobody can say: the annotation is left out."""
    good, other = {"category_id": (1, 2), "image_id": (1, 7), "iscrowd": (0, 1)}[doubled]
    values = {"image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": [[1, 1, 5, 1, 5, 5]]}
    text = json.dumps({"id": 1, **values})
    pair = (other, good) if first else (good, other)
    text = text.replace(f'"{doubled}": {good}', ", ".join(f'"{doubled}": {value}' for value in pair))
    document = (
        '{"images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}],'
        ' "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}], "annotations": ['
        + text + ", " + json.dumps({"id": 2, **values}) + "]}"
    )  # fmt: skip
    reader = open_files("coco", {"c.json": document})
    (record,) = map(reader.record, reader.units())
    told = codes(record) + [finding.code for finding in reader.findings]
    assert len(record.shapes) == 1
    assert told in (["annotation-bad"], ["annotation-orphan"])
