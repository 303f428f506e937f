"""Labelbox: both versions, which label counts, masks beside the export, turned images."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gtmask.formats import labelbox
from gtmask.formats.sampling import take_sample
from tests.support.small_exports import (
    FilesExport,
    codes,
    grid,
    labels,
    open_files,
    painted,
    png,
    read_files,
    read_one,
    rings,
)

POLYGON = [{"x": 1, "y": 1}, {"x": 3, "y": 1}, {"x": 3, "y": 3}, {"x": 1, "y": 3}]


def row(*made: dict, **media: object) -> dict:
    return {
        "data_row": {"id": "dr1", "external_id": "a b.jpg", "global_key": "k/a b.jpg",
                     "row_data": "https://x.y/p/q%20r.jpg?sig=1"},
        "media_attributes": {"width": 4, "height": 4, **media},
        "projects": {"p1": {"labels": list(made)}},
    }  # fmt: skip


def label(*objects: dict, **more: object) -> dict:
    return {"id": "L1", "label_kind": "Default", "annotations": {"objects": list(objects)}, **more}


def shape(name: str, **geometry: object) -> dict:
    return {"feature_id": "f1", "name": name, "annotation_kind": "x", **geometry}


def lines(*rows: dict) -> bytes:
    return "\n".join(map(json.dumps, rows)).encode()


def test_v2_shapes():
    made = label(
        shape("poly gon", polygon=POLYGON), shape("box", bounding_box={"top": 1, "left": 0, "height": 2,
                                                                       "width": 3}),
        shape("line", line=POLYGON), shape("point", point={"x": 1, "y": 2}), shape("text", location={}),
    )  # fmt: skip
    record = read_one("labelbox", lines(row(made)), "e.ndjson")
    assert [(item.label, item.kind) for item in record.shapes] == [
        ("poly gon", "polygon"), ("box", "rectangle"), ("line", "polyline"), ("point", "point")]  # fmt: skip
    assert record.points[4:8].tolist() == [[0, 1], [3, 1], [3, 3], [0, 3]]
    assert codes(record) == ["shape-kind-unsupported"]
    assert record.image == "a b.jpg"
    assert record.aliases == ("k/a b.jpg", "https://x.y/p/q%20r.jpg?sig=1", "dr1", "q r.jpg")


def test_rows_may_stand_on_lines_or_in_an_array_or_alone():
    rows = [row(label(shape(name, polygon=POLYGON))) for name in "abc"]
    for content in (
        lines(*rows),
        lines(*rows) + b"\r\n\n",
        json.dumps(rows, indent=1).encode(),
        b"\xef\xbb\xbf" + lines(*rows),
    ):
        assert [labels(record) for record in read_files("labelbox", {"e.json": content})] == [
            ["a"],
            ["b"],
            ["c"],
        ]
    assert labels(read_one("labelbox", json.dumps(rows[0], indent=2))) == ["a"]


def by(person: str, when: str, name: str, **more: object) -> dict:
    details = {"created_by": person, "created_at": when, **more}
    return label(shape(name, polygon=POLYGON), label_details=details)


@pytest.mark.parametrize(("made", "options", "chosen"), [
    ([by("ann", "2024-01-02", "new"), by("bob", "2024-01-01", "old")], {}, "new"),
    ([by("ann", "2024-01-01", "old"), by("bob", "2024-01-02", "new")], {}, "new"),
    ([by("ann", "2024-01-02", "new"), by("bob", "2024-01-01", "old")], {"annotator": "bob"}, "old"),
    ([by("ann", "1", "low", consensus_score=0.2), by("bob", "0", "high", consensus_score=0.9)], {}, "high"),
    ([by("ann", "1", "high", consensus_score=0.9), by("bob", "0", "gold", is_benchmark_reference=True)], {},
     "gold"),
    ([by("ann", "1", "first"), by("bob", "1", "last")], {}, "last"),
    ([by("ann", "2024-01-02T01:00:00+05:00", "old"), by("bob", "2024-01-01T22:00:00Z", "new")], {}, "new"),
])  # fmt: skip
def test_one_label_of_several_counts(made: list, options: dict, chosen: str):
    record = read_one("labelbox", lines(row(*made)), **options)
    assert labels(record) == [chosen]
    assert codes(record) == ([] if options else ["annotation-chosen"])


def test_labels_of_several_projects_are_never_merged():
    document = row(by("ann", "1", "a"))
    document["projects"]["p2"] = {"labels": [by("bob", "2", "b")]}
    assert labels(read_one("labelbox", lines(document))) == ["b"]


def test_skipped_labels_do_not_count():
    skipped = label(shape("a", polygon=POLYGON), performance_details={"skipped": True})
    assert codes(read_one("labelbox", lines(row(skipped)))) == ["annotation-cancelled", "record-skipped"]
    record = read_one("labelbox", lines(row(skipped, by("ann", "1", "b"))))
    assert labels(record) == ["b"]
    assert codes(read_one("labelbox", lines(row(by("a", "1", "b"))), annotator="zoe")) == ["record-skipped"]


def test_annotations_that_are_no_object_are_told():
    assert codes(read_one("labelbox", row(label() | {"annotations": []}))) == ["value-type"]


def test_rows_without_labels():
    assert codes(read_one("labelbox", lines(row()))) == ["record-unannotated"]
    record = read_one("labelbox", lines(row()), include_unannotated=True)
    assert codes(record) == ["image-unannotated"]
    assert not painted(record, "a").any()


MASK = grid("1...", "....", "....", "...1") * 255


def test_masks_are_taken_from_files_beside_the_export():
    made = label(shape("a", mask={"url": "https://api.labelbox.com/masks/feature/f9?token=t"}))
    for name in ("f1.png", "masks/f1.png", "f9", "masks/feature/f9"):
        (record,) = read_files("labelbox", {"e.ndjson": lines(row(made)), name: png(MASK)})
        assert np.array_equal(painted(record, "a"), MASK // 255), name


def test_a_mask_that_is_not_there_is_told_without_its_signature():
    made = label(shape("a", mask={"url": "https://api.labelbox.com/masks/f9?token=secret"}))
    record = read_one("labelbox", lines(row(made)))
    assert codes(record) == ["bitmap-missing"]
    assert "secret" not in record.findings[0].detail


def test_composite_masks_are_read_by_colour():
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[0, 0], pixels[1, 1], pixels[2, 2] = (1, 2, 3), (3, 2, 1), (9, 9, 9)
    whole = {"url": "https://x.y/composite.png"}
    made = label(
        shape("a", mask={"url": "https://x.y/gone"}, composite_mask={**whole, "color_rgb": [1, 2, 3]}),
        shape("b", composite_mask={**whole, "color_rgb": [3, 2, 1]}),
    )
    for name in ("composite.png", "L1.png"):
        (record,) = read_files("labelbox", {"e.ndjson": lines(row(made)), name: png(pixels)})
        assert np.array_equal(painted(record, "a", "b"), grid("1...", ".2..", "....", "....")), name
        assert codes(record) == []


@pytest.mark.parametrize("orientation", ["6", "3", 8, "1", None])
def test_geometry_is_in_stored_pixels_whatever_exif_says(orientation: object):
    """The vendor takes EXIF out of images, so that nothing is drawn on a turned one."""
    record = read_one("labelbox", lines(row(label(), exif_rotation=orientation)))
    assert (record.grid, record.grid_known) == ("stored", False)


def v1(label_value: object, **more: object) -> dict:
    return {"ID": "i", "DataRow ID": "dr", "Labeled Data": "https://x.y/z/a.jpg", "Label": label_value,
            "External ID": "a.jpg", "Skipped": False, **more}  # fmt: skip


def test_v1_shapes():
    objects = [
        {"title": "p", "value": "p_v", "polygon": POLYGON},
        {"value": "b", "bbox": {"top": 0, "left": 0, "height": 1, "width": 1}},
        {"title": "l", "line": POLYGON}, {"title": "k", "point": {"x": 1, "y": 1}},
        {"title": "m", "featureId": "f1", "instanceURI": "https://x.y/m?t=1"}, {"title": "n"},
    ]  # fmt: skip
    (record,) = read_files("labelbox", {"e.json": [v1({"objects": objects})], "f1.png": png(MASK)})
    assert [item.kind for item in record.shapes] == ["polygon", "rectangle", "polyline", "point", "bitmap"]
    assert labels(record)[:2] == ["p", "b"]
    assert (record.image, record.width) == ("a.jpg", None)


def v1_row(number: int, who: str, when: str, *names: str, row: str = "dr", **more: object) -> dict:
    objects = [{"title": name, "polygon": POLYGON} for name in names]
    return v1({"objects": objects}, **{"ID": f"l{number}", "DataRow ID": row, "Created By": who,
                                       "Created At": when, "External ID": f"{row}.jpg", **more})  # fmt: skip


def test_rows_of_version_1_are_compared_as_moments():
    made = [
        v1_row(1, "ann", "2024-01-02T01:00:00.000+05:00", "a"),
        v1_row(2, "bob", "2024-01-01T22:00:00Z", "b"),
    ]
    (record,) = read_files("labelbox", {"e.json": made})
    assert labels(record) == ["b"]


def test_rows_of_one_person_are_one_annotation():
    made = [
        v1_row(1, "ann", "1", "a"),
        v1_row(2, "ann", "1", "x", row="other"),
        v1_row(3, "ann", "2", "b", "c"),
    ]
    records = read_files("labelbox", {"e.json": made})
    assert [(record.image, labels(record), codes(record)) for record in records] == [
        ("dr.jpg", ["a", "b", "c"], []), ("other.jpg", ["x"], [])]  # fmt: skip
    assert records[0].balance.handed == 3
    without = [{key: value for key, value in row.items() if key != "DataRow ID"} for row in made]
    (record,) = read_files("labelbox", {"e.json": without})
    assert labels(record) == ["a", "x", "b", "c"], "of one address"


def test_of_several_people_the_newest_or_the_one_asked_for_counts():
    made = [
        v1_row(1, "ann", "2024-01-02", "a"),
        v1_row(2, "bob", "2024-01-03", "b"),
        v1_row(3, "ann", "2024-01-01", "c"),
        v1_row(4, "bob", "2024-01-05", "d", Skipped=True),
    ]
    (record,) = read_files("labelbox", {"e.json": made})
    assert (labels(record), codes(record)) == (["b"], ["annotation-cancelled", "annotation-chosen"])
    (record,) = read_files("labelbox", {"e.json": made}, annotator="ann")
    assert (labels(record), codes(record)) == (["a", "c"], ["annotation-cancelled"])
    (record,) = read_files("labelbox", {"e.json": made}, annotator="zoe")
    assert "record-skipped" in codes(record)
    (record,) = read_files("labelbox", {"e.json": made[:1]}, annotator="zoe")
    assert codes(record) == ["record-skipped"]


@pytest.mark.parametrize("nothing", [{}, None, {"objects": []}, {"objects": None}])
def test_one_of_several_rows_that_lists_nothing_is_told(nothing: object):
    made = [v1_row(1, "ann", "1", "a"), v1_row(2, "ann", "1", Label=nothing)]
    (record,) = read_files("labelbox", {"e.json": made})
    assert (labels(record), codes(record)) == (["a"], ["annotation-bad"])


def test_rows_of_two_forms_of_one_data_row_are_a_reject():
    (record,) = read_files(
        "labelbox", {"e.json": [v1({"a": [POLYGON]}), v1_row(2, "", "1", "b", **{"Created By": None})]}
    )
    assert codes(record) == ["record-bad"]


def test_findings_are_told_once_however_often_the_rows_are_walked_through():
    content = json.dumps([v1_row(1, "a", "1", "a"), v1_row(2, "a", "1", "b")])[:-1] + ", {"
    reader = open_files("labelbox", {"e.json": content}, keep_going=True)
    for _ in range(2):
        assert len(list(reader.units())) == 1
        assert [finding.code for finding in reader.findings] == ["record-bad"]


def test_data_sets_tell_images_of_one_name_apart():
    rows = [row(label()) for _ in range(2)]
    for made, name in zip(rows, ("left", "right"), strict=True):
        made["data_row"]["details"] = {"dataset_id": name[0], "dataset_name": name}
    first = read_files("labelbox", {"e.ndjson": lines(*rows)})
    old = [
        v1_row(1, "a", "1", "a", row=name, **{"External ID": "a.jpg", "Dataset Name": name})
        for name in ("left", "right")
    ]
    for records in (first, read_files("labelbox", {"e.json": old})):
        assert [record.scope for record in records] == ["left", "right"]
        assert records[0].image == records[1].image


UPWARDS = {
    "bare": [POLYGON],
    "geometry": [{"geometry": POLYGON}],
    "text": "MULTIPOLYGON (((1 1, 3 1, 3 3, 1 3, 1 1)))",
    "text in geometry": [{"geometry": "POLYGON((1.0 1.0,3 1e0, 3 3, 1 3))"}],
    "text in list": ["Polygon ((1 1,3 1,3 3,1 3,1 1))"],
}


def test_v1_of_2018():
    record = read_one("labelbox", [v1({"Car": [{"geometry": POLYGON}], "Dog": [POLYGON, 3], "note": "x"})])
    assert labels(record) == ["Car", "Dog"]
    assert codes(record) == ["shape-bad-geometry", "shape-no-geometry"]
    assert record.balance.handed == 4


@pytest.mark.parametrize("form", UPWARDS)
def test_in_exports_of_2018_y_grows_upwards(form: str):
    """In an image of 5 x 6 pixels the square from (1, 1) to (3, 3) lies at rows 3 and 4, not 1 and 2."""
    record = read_one("labelbox", [v1({"a": UPWARDS[form]})])
    assert (record.units, labels(record), codes(record)) == ("upward", ["a"], [])
    record.width, record.height = 5, 6
    mask = grid(".....", ".....", ".....", ".11..", ".11..", ".....")
    assert np.array_equal(painted(record, "a", fill="center"), mask)
    now = read_one("labelbox", [v1({"objects": [{"title": "a", "polygon": POLYGON}]})])
    assert now.units == "pixel"


def test_well_known_text_has_holes_parts_lines_and_points():
    holed, other = "((0 0, 9 0, 9 9, 0 9, 0 0), (2 2, 4 2, 4 4, 2 4, 2 2))", "((20 20, 29 20, 29 29, 20 20))"
    text = f"MULTIPOLYGON ({holed}, {other})"
    record = read_one(
        "labelbox", [v1({"a": text, "line": ["LINESTRING (1 1, 5 5)"], "dot": ["POINT (3 4)"]})]
    )
    assert [(item.label, item.kind) for item in record.shapes] == [
        ("a", "polygon"), ("line", "polyline"), ("dot", "point")]  # fmt: skip
    assert [[len(ring) for ring in part] for part in rings(record, record.shapes[0])] == [[4, 4], [3]]


@pytest.mark.parametrize("text", [
    "POLYGON ((0 0, 9 0, 9)", "POLYGON (0 0, 9 0, 9 9)", "POLYGON ((0 0 1, 9 0 1, 9 9 1))", "POLYGON ((a b))",
    "GEOMETRYCOLLECTION (POINT (1 1))", "MULTIPOLYGON ((0 0, 9 0, 9 9))", "POLYGON", "POLYGON ((1, 2, 3))",
])  # fmt: skip
def test_malformed_well_known_text_is_told(text: str):
    record = read_one("labelbox", [v1({"a": text, "b": [POLYGON]})])
    assert (labels(record), codes(record)) == (["b"], ["shape-bad-geometry"])


def test_rows_of_2018_have_no_data_row_id():
    old = {key: value for key, value in v1({"a": [POLYGON]}).items() if key != "DataRow ID"}
    sample = take_sample(FilesExport({"e.json": json.dumps([old]).encode()}), "e.json")
    assert labelbox.sniff(sample) == "Labelbox v1"


@pytest.mark.parametrize(("value", "more", "found"), [
    ("Skip", {}, "record-skipped"), ({}, {"Skipped": True}, "record-skipped"), ({}, {}, "record-unannotated"),
    (None, {}, "record-unannotated"),
])  # fmt: skip
def test_v1_rows_without_a_label(value: object, more: dict, found: str):
    assert codes(read_one("labelbox", [v1(value, **more)])) == [found]


def test_damaged_lines_are_rejects_and_the_others_are_read():
    content = lines(row(label(shape("a", polygon=POLYGON)))) + b'\n{"data_row": \n' + lines(row(label()))
    records = read_files("labelbox", {"e.ndjson": content})
    assert [codes(record) for record in records] == [[], ["record-bad"], ["image-unannotated"]]
    assert "record 2" in records[1].where


def test_rows_that_are_no_objects_are_rejects():
    assert [codes(record) for record in read_files("labelbox", {"e.json": [3, None, {"data_row": 5}]})] == [
        ["record-bad"], ["record-bad"], ["image-name-bad", "record-unannotated", "value-type"]]  # fmt: skip


def test_the_reader_has_no_class_list():
    assert open_files("labelbox", {"e.ndjson": lines(row())}).labels is None


def test_videos_are_told():
    video = label()
    video["annotations"] = {"frames": {"1": {}}}
    assert codes(read_one("labelbox", lines(row(video)))) == ["record-bad"]
