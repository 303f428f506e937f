"""SA-1B: one file per image, masks without classes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gtmask.formats import detect
from tests.support.mutate import as_json, assert_survives, broken_bytes, mutations
from tests.support.small_exports import FilesExport, as_bytes, codes, labels, open_files, painted, read_files

RUNS = {"size": [2, 3], "counts": [1, 2, 3]}


def sa1b(*segmentations, **image):
    base = {"image_id": 7, "width": 3, "height": 2, "file_name": "sa_7.jpg"}
    annotations = [{"id": i, "segmentation": value, "area": 2} for i, value in enumerate(segmentations)]
    return {"image": base | image, "annotations": annotations}


def test_a_folder_is_one_export():
    files = {"sa_7.json": sa1b(RUNS, RUNS), "sa_8.json": sa1b(file_name="sa_8.jpg"), "sa_7.jpg": b""}
    assert (
        detect.detect(FilesExport({name: as_bytes(value) for name, value in files.items()})).format.name
        == "sa1b"
    )
    reader = open_files("sa1b", files)
    assert reader.labels == ["object"]
    records = [reader.record(unit) for unit in reader.units()]
    assert [record.image for record in records] == ["sa_7.jpg", "sa_8.jpg"]
    assert labels(records[0]) == ["object", "object"]
    assert np.array_equal(painted(records[0], "object"), [[0, 1, 0], [1, 0, 0]])


def test_files_and_masks_that_cannot_be_used_are_told():
    files = {"a.json": sa1b({"size": [3, 2], "counts": [5]}), "b.json": {"image": {}, "annotations": []},
             "c.json": "[1, 2]"}  # fmt: skip
    assert [codes(record) for record in read_files("sa1b", files)] == [
        ["runs-bad"], ["image-name-bad"], ["record-bad"],
    ]  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_broken_exports_give_findings_or_errors_of_the_project(data):
    document = sa1b(RUNS, [[0, 0, 2, 0, 2, 2]])
    broken = data.draw(mutations(document).map(as_json) | broken_bytes(as_json(document)))
    assert_survives(lambda: read_files("sa1b", {"a.json": broken}))
