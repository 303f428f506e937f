"""Label Studio's target storage: objects without extension, one annotation each, the task inside."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import gtmask
from gtmask.formats import open_source
from tests.formats.label_studio.test_label_studio import annotation, polygon
from tests.support import coco_data
from tests.support.small_exports import codes, labels, open_files

if TYPE_CHECKING:
    from pathlib import Path


def stored(label: str, task: Any = 1, image: str = "a.jpg", **more: Any) -> dict:
    inside = {"id": task, "data": {"image": image}, "project": 3} if isinstance(task, int) else task
    return {**annotation(polygon(label)), "task": inside, **more}


def put(folder: Path, **objects: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in objects.items():
        (folder / name.removeprefix("_")).write_text(value if isinstance(value, str) else json.dumps(value))
    return folder


@pytest.mark.parametrize("format_name", ["auto", "label_studio"])
@pytest.mark.parametrize("count", [1, 2, 30])
def test_a_folder_of_objects_is_one_export(tmp_path: Path, format_name: str, count: int):
    put(tmp_path, **{f"_{n}": stored(f"l{n}", n, f"{n}.jpg") for n in range(count)})
    records = list(gtmask.read(tmp_path, format_name))
    assert sorted((record.image, *labels(record)) for record in records) == sorted(
        (f"{n}.jpg", f"l{n}") for n in range(count)
    )
    assert not any(record.findings for record in records)


def test_a_prefix_in_s3_is_one_export(s3_server: Any, bucket: str, tmp_path: Path):
    """As Label Studio's sync leaves it: a key for each annotation, and nothing else below the prefix."""
    objects = {f"out/{n}": json.dumps(stored(f"l{n % 2}", n, f"s3://{bucket}/images/{n}.jpg")).encode()
               for n in range(12)}  # fmt: skip
    images = {f"images/{n}.jpg": coco_data.jpeg(40, 30) for n in range(12)}
    s3_server.put(bucket, objects | images)
    done = gtmask.convert(
        f"s3://{bucket}/out/", f"s3://{bucket}/run", images=f"s3://{bucket}/images", workers=1,
        s3=gtmask.S3Settings(endpoint_url=s3_server.endpoint),
    )  # fmt: skip
    assert (done.tally.masks, done.tally.rejects, done.exit_code) == (12, 0, 0)
    assert done.tally.shapes == {"l0": 6, "l1": 6}
    assert sorted(s3_server.objects(bucket, "run/masks/")) == sorted(f"{n}.png" for n in range(12))


def test_one_object_alone_is_read_too(tmp_path: Path):
    folder = put(tmp_path, _7=stored("a"))
    (record,) = gtmask.read(folder / "7")
    assert (record.image, labels(record)) == ("a.jpg", ["a"])


def test_of_several_annotations_of_one_task_one_counts_as_in_json(tmp_path: Path):
    put(
        tmp_path,
        _1=stored("old", updated_at="2024-01-01"),
        _2=stored("new", updated_at="2024-03-01", completed_by=5),
        _3=stored("cancelled", updated_at="2025-01-01", was_cancelled=True),
        _4=stored("other", 2, "b.jpg"),
    )
    records = list(gtmask.read(tmp_path))
    assert [(record.image, labels(record)) for record in records] == [
        ("a.jpg", ["new"]),
        ("b.jpg", ["other"]),
    ]
    assert codes(records[0]) == ["annotation-cancelled", "annotation-chosen"]
    (record, _) = gtmask.read(tmp_path, options=gtmask.ReadOptions(annotator="5"))
    assert codes(record) == ["annotation-cancelled", "annotation-superseded"]


def test_a_task_with_two_images_is_one_record_each(tmp_path: Path):
    data = {"id": 1, "data": {"left": "l.jpg", "right": "r.jpg"}}
    one = {**annotation(polygon("a", to_name="left"), polygon("b", to_name="right")), "task": data}
    put(tmp_path, _1=one, _2=stored("x", 2))
    for folder in (tmp_path, tmp_path / "1"):
        records = list(gtmask.read(folder))[:2]
        assert [(record.image, labels(record)) for record in records] == [("l.jpg", ["a"]), ("r.jpg", ["b"])]


@pytest.mark.parametrize("bad", ["{", "[1]", "", '{"id": 1}', '{"result": [], "data": {}, "task": 1}'])
def test_what_is_no_annotation_is_told(tmp_path: Path, bad: str):
    put(tmp_path, _1=stored("a"), _2=bad, _3=stored("b", 2, "b.jpg"))
    (tmp_path / "x.bin").write_bytes(b"x")
    reader = open_source(tmp_path).reader
    records = [reader.record(unit) for unit in reader.units()]
    assert [codes(record) for record in records] == [[], ["record-bad"], []]
    assert [finding.code for finding in reader.findings] == ["file-skipped"]


def test_a_task_that_is_only_a_number_names_no_image():
    reader = open_files(
        "label_studio", {"1": json.dumps({**stored("a"), "task": 9}), "2": json.dumps(stored("b"))}
    )
    records = [reader.record(unit) for unit in reader.units()]
    assert [codes(record) for record in records] == [["image-name-bad"], []]


def test_tasks_without_a_number_stay_apart(tmp_path: Path):
    """Nothing tells that two annotations are of one task: two records, of which one is a duplicate later."""
    put(tmp_path, _1=stored("a", {"data": {"image": "a.jpg"}}), _2=stored("b", {"data": {"image": "b.jpg"}}))
    assert [labels(record) for record in gtmask.read(tmp_path)] == [["a"], ["b"]]
