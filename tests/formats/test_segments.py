"""Segments.ai: bitmaps by id, vectors, label sets and their status."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.small_exports import codes, grid, labels, open_files, painted, png, read_files, read_one


def release(*samples: dict) -> dict:
    categories = [{"id": 1, "name": "car"}, {"id": 4, "name": "dog"}]
    return {"name": "v1", "dataset": {"name": "d", "task_type": "segmentation-bitmap",
                                      "samples": list(samples),
                                      "task_attributes": {"format_version": "0.1",
                                                          "categories": categories}}}  # fmt: skip


def sample(label: object, name: str = "x/donuts.jpg", label_set: str = "ground-truth") -> dict:
    image = {"url": "https://h.eu/assets/i.jpg", "width": 3, "height": 2}
    return {"name": name, "attributes": {"image": image}, "labels": {label_set: label}}


def made(*annotations: dict, status: str = "LABELED", bitmap: bool = False) -> dict:
    attributes: dict[str, Any] = {"format_version": "0.1", "annotations": list(annotations)}
    if bitmap:
        attributes["segmentation_bitmap"] = {"url": "https://h.eu/assets/u/m.png"}
    return {"label_status": status, "attributes": attributes}


def bitmap() -> bytes:
    ids = np.array([[0, 1, 300], [300, 2, 0]])
    pixels = np.stack([ids & 255, ids >> 8, ids >> 16, np.full_like(ids, 255)], axis=2)
    return png(pixels)


LABEL = made(
    {"id": 1, "category_id": 1}, {"id": 2, "category_id": 4}, {"id": 300, "category_id": 1}, bitmap=True
)


@pytest.mark.parametrize(
    "name", ["m.png", "assets/u/m.png", "masks/m.png", "x/donuts_label_ground-truth.png"]
)
def test_bitmaps_are_read_by_the_id_in_their_colour(name: str):
    (record,) = read_files("segments", {"r.json": release(sample(LABEL)), name: bitmap()})
    assert np.array_equal(painted(record, "car", "dog"), grid(".11", "12."))
    assert (record.image, record.aliases) == ("x/donuts.jpg", ("https://h.eu/assets/i.jpg",))


def test_without_its_bitmap_a_sample_is_rejected():
    assert codes(read_one("segments", release(sample(LABEL)))) == ["bitmap-missing", "record-bad"]


def test_vector_labels():
    record = read_one("segments", release(sample(made(
        {"id": 1, "category_id": 1, "type": "bbox", "points": [[0, 0], [2, 1]]},
        {"id": 2, "category_id": 4, "type": "polygon", "points": [[1, 0], [3, 0], [3, 2], [1, 2]]},
        {"id": 3, "category_id": 4, "type": "polyline", "points": [[1, 0], [3, 0]]},
        {"id": 4, "category_id": 4, "type": "point", "points": [[1, 0]]},
        {"id": 5, "category_id": 4, "type": "cuboid"}, {"id": 6, "category_id": 0, "type": "polygon",
                                                        "points": []},
    ))))  # fmt: skip
    assert [shape.kind for shape in record.shapes] == ["rectangle", "polygon", "polyline", "point"]
    assert np.array_equal(painted(record, "car", "dog"), grid("122", ".22"))
    assert codes(record) == ["shape-kind-unsupported", "shape-no-label"]


def test_the_class_list_stands_behind_the_samples_too():
    assert open_files("segments", {"r.json": release(sample(LABEL))}).labels == ["car", "dog"]


POLYGON = {"id": 1, "category_id": 1, "type": "polygon", "points": [[0, 0], [2, 0], [2, 2]]}
OTHER = {**POLYGON, "category_id": 4}


def test_the_ground_truth_counts_unless_another_set_is_named():
    document = release(
        {
            **sample(made(OTHER), label_set="model"),
            "labels": {"model": made(OTHER), "ground-truth": made(POLYGON)},
        }
    )
    record = read_one("segments", document)
    assert (labels(record), codes(record)) == (["car"], ["annotation-chosen"])
    record = read_one("segments", document, annotator="model")
    assert (labels(record), codes(record)) == (["dog"], [])
    assert labels(read_one("segments", release(sample(made(POLYGON), label_set="mine")))) == ["car"]


@pytest.mark.parametrize(("status", "found"), [
    ("SKIPPED", ["record-skipped"]), ("REJECTED", ["record-skipped"]), ("REVIEWED", []), ("LABELED", []),
    ("PRELABELED", ["prediction-left-out", "record-unannotated"]),
])  # fmt: skip
def test_status(status: str, found: list):
    assert codes(read_one("segments", release(sample(made(POLYGON, status=status))))) == found


def test_predictions_and_unannotated_samples_on_request():
    document = release(sample(made(POLYGON, status="PRELABELED")))
    assert labels(read_one("segments", document, include_predictions=True)) == ["car"]
    assert codes(read_one("segments", release(sample(None)))) == ["record-unannotated"]
    assert codes(read_one("segments", release(sample(None)), include_unannotated=True)) == [
        "image-unannotated"
    ]


def test_broken_annotations_cost_only_themselves():
    (record,) = read_files("segments", {"m.png": bitmap(), "r.json": release(sample(made(
        {"id": 1, "category_id": 1}, {"category_id": 1}, {"id": "x", "category_id": 1}, {"id": -1,
                                                                                         "category_id": 1},
        3, {"id": 1}, {"id": 1, "category_id": [1]}, bitmap=True,
    )))})  # fmt: skip
    assert labels(record) == ["car", "", ""]
    assert codes(record) == ["annotation-bad"] + ["shape-bad-geometry"] * 3 + ["value-type"]


def test_sequences_are_told():
    sequence = {"label_status": "LABELED", "attributes": {"frames": []}}
    assert codes(read_one("segments", release(sample(sequence)))) == ["record-bad"]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([(1, "car"), (2, "dog")], []),
        ([(1, "car"), (1, "dog")], ["label-id-shared"]),
        ([(1, "car"), (2, "car")], ["label-duplicate"]),
    ],
)
def test_categories_of_one_id_or_one_name_are_told(rows: list, told: list):
    categories = [{"id": number, "name": name} for number, name in rows]
    dataset = {"name": "d", "task_attributes": {"categories": categories}, "samples": []}
    reader = open_files("segments", {"r.json": {"name": "r", "dataset": dataset}})
    assert [finding.code for finding in reader.findings] == told


def test_labels_fit_the_image_as_exif_turns_it():
    record = read_one("segments", release(sample(made())))
    assert (record.grid, record.grid_known) == ("displayed", False)
