"""Inspecting the output manifest of a finished job, however its location is given."""

from __future__ import annotations

import json
import shutil
import tarfile
import zipfile
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

import gtmask
from gtmask.errors import ManifestError
from gtmask.groundtruth.classes import class_map_from_labels
from gtmask.manifest.writer import ManifestWriter
from gtmask.png import encode_png
from tests.support import coco_data

if TYPE_CHECKING:
    from pathlib import Path

BEFORE, AFTER = "labeling-qa-ref", "labeling-qa-adjusted-ref"


def output_lines(count: int, start: int = 0) -> list[bytes]:
    """Return lines of a job that adjusted the first image of each three, and left the others."""
    writer = ManifestWriter(
        class_map_from_labels(["Car", "Road"]), creation_date="2024-01-01T00:00:00.000000"
    )
    lines = []
    for i in range(start, start + count):
        values = orjson.loads(writer.line(f"s3://b/images/{i}.png", f"s3://b/masks/{i}.png"))
        status = "unadjusted" if i % 3 else "adjusted"
        values[AFTER] = f"s3://b/masks/{i}-new.png"
        values[AFTER + "-metadata"] = values[BEFORE + "-metadata"] | {"adjustment-status": status}
        lines.append(orjson.dumps(values) + b"\n")
    return lines


def write_masks(folder: Path, count: int) -> None:
    folder.mkdir()
    for i in range(count):
        old = np.zeros((4, 5), np.uint8)
        old[1] = 1
        new = old.copy()
        if i % 3 == 0:
            new[2, :2] = 2
        (folder / f"{i}.png").write_bytes(encode_png(old))
        (folder / f"{i}-new.png").write_bytes(encode_png(new))


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """Make a folder with a job's output in two manifests, its masks beside them."""
    folder = tmp_path / "job"
    folder.mkdir()
    write_masks(folder / "masks", 6)
    (folder / "a.manifest").write_bytes(b"".join(output_lines(3)))
    (folder / "b.manifest").write_bytes(b"".join(output_lines(3, 3)))
    return folder


def zipped(folder: Path) -> Path:
    path = folder.parent / "job.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.*")):
            archive.write(file, str(file.relative_to(folder)))
    return path


def tarred(folder: Path) -> Path:
    path = folder.parent / "job.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for file in sorted(folder.rglob("*.*")):
            archive.add(file, str(file.relative_to(folder)))
    return path


LOCATIONS: dict[str, Any] = {
    "folder": lambda folder: folder,
    "glob": lambda folder: f"{folder}/*.manifest",
    "zip": zipped,
    "tar.gz": tarred,
}


@pytest.mark.parametrize("form", LOCATIONS)
def test_the_answer_is_found_wherever_the_manifests_lie(form: str, job: Path) -> None:
    seen = gtmask.inspect(LOCATIONS[form](job), masks=str(job / "masks"))
    assert (seen.images, dict(seen.labels)) == (6, {"Car": 6, "Road": 2})
    assert seen.answer is not None
    assert seen.to_json()["answer"] == {
        "before": BEFORE, "after": AFTER, "objects": 6, "statuses": {"adjusted": 2, "unadjusted": 4},
        "failures": {}, "compared": 6, "changed": 2, "changed_pixels": 4, "unreadable": 0,
        "confusion": {"BACKGROUND": {"BACKGROUND": 86, "Road": 4}, "Car": {"Car": 30}},
    }  # fmt: skip


def test_one_file_is_the_same(job: Path) -> None:
    seen = gtmask.inspect(job / "a.manifest", masks=str(job / "masks"))
    assert seen.answer is not None
    assert (seen.answer.objects, seen.answer.changed) == (3, 1)


def test_a_manifest_without_an_answer_has_none(job: Path) -> None:
    writer = ManifestWriter(class_map_from_labels(["Car"]), creation_date="2024-01-01T00:00:00.000000")
    path = job / "masks" / "in.manifest"
    path.write_bytes(writer.line("s3://b/images/0.png", "s3://b/masks/0.png"))
    assert gtmask.inspect(path).answer is None


def test_a_broken_line_of_an_archive_is_named(job: Path) -> None:
    (job / "b.manifest").write_bytes(b"".join(output_lines(2, 3)) + b'{"source-ref"\n')
    with pytest.raises(ManifestError, match=r"job\.zip: b\.manifest, line 3: line-not-json"):
        gtmask.inspect(zipped(job), masks=str(job / "masks"))


class Heard:
    """Keeps what a progress bar would show."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.done: dict[str, int] = {}

    def stage(self, name: str, total: int | None) -> None:
        assert total is None or total > 0
        self.stages.append(name)

    def advance(self, records: int, rejects: int = 0) -> None:
        assert records >= rejects >= 0
        self.done[self.stages[-1]] = self.done.get(self.stages[-1], 0) + records


def test_comparing_the_masks_tells_how_it_gets_on(job: Path) -> None:
    heard = Heard()
    lines = output_lines(3)
    (job / "a.manifest").write_bytes(b"".join(lines[i % 3] for i in range(200)))
    shutil.rmtree(job / "masks")
    (job / "b.manifest").unlink()
    seen = gtmask.inspect(job, progress=heard, masks=str(job))
    assert heard.stages == ["inspect", "compare"]
    assert heard.done["compare"] == 200
    assert seen.answer is not None
    assert seen.answer.unreadable == 200


def test_classes_that_became_one_or_look_alike_are_told_as_by_a_run(tmp_path: Path) -> None:
    names = ["car", " car", "Tree", "tree"]
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}], "annotations": [],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, 1)],
    }  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(document))
    seen = gtmask.inspect(tmp_path / "a.json", workers=1)
    summary = gtmask.convert(tmp_path / "a.json", tmp_path / "out", size="annotation", workers=1)
    for code in ("label-duplicate", "label-alike"):
        assert seen.findings[code] == [item.code for item in summary.findings].count(code) == 1


# --- the document that --json writes ------------------------------------------------------------------

SCHEMA = orjson.loads((resources.files("gtmask.report") / "inspection.schema.json").read_bytes())
#: The keys of the first version, in their order: scripts rely on them.
FIRST_KEYS = [
    "format", "images", "shapes", "unusable", "empty", "labels", "declared", "kinds", "sizes", "balance",
    "findings", "examples", "answer",
]  # fmt: skip


def check_document(seen: gtmask.Inspection) -> dict[str, Any]:
    document = orjson.loads(orjson.dumps(seen.to_json()))
    Draft202012Validator.check_schema(SCHEMA)
    errors = [error.message for error in Draft202012Validator(SCHEMA).iter_errors(document)]
    assert errors == []
    assert [*document][: len(FIRST_KEYS)] == FIRST_KEYS
    assert [*document] == SCHEMA["required"] == [*SCHEMA["properties"]]
    return dict(document)


def test_the_schema_describes_the_document_of_a_job(job: Path) -> None:
    document = check_document(gtmask.inspect(job / "a.manifest", masks=str(job / "masks")))
    assert document["answer"]["changed"] == 1


def test_the_schema_describes_the_document_of_an_export(tmp_path: Path) -> None:
    coco_data.write(tmp_path, [f"{number}.jpg" for number in range(6)])
    seen = gtmask.inspect(tmp_path / "export.json", images=str(tmp_path / "images"), workers=1)
    document = check_document(seen)
    assert document["why"].startswith("export.json has images, annotations, categories")
    assert document["first_images"].keys() == document["labels"].keys()
    assert document["sampled"] == document["turned"]["looked_at"] == 6
    made = gtmask.convert(tmp_path / "export.json", tmp_path / "out", images=tmp_path / "images", workers=1)
    assert document["estimate"]["bytes"] == made.tally.mask_bytes


def test_areas_overlaps_and_what_is_left_out_are_told(tmp_path: Path) -> None:
    def square(x: int, category: int) -> dict[str, Any]:
        return {
            "id": x + 1, "image_id": 1, "category_id": category, "iscrowd": 0,
            "segmentation": [[x, 0, x + 9, 0, x + 9, 9, x, 9]],
        }  # fmt: skip

    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 40, "height": 20}],
        "categories": [{"id": 1, "name": "low"}, {"id": 2, "name": "high"}],
        "annotations": [square(0, 1), square(5, 2), {**square(30, 1), "segmentation": [[1, 1, 2, 2]]}],
    }
    (tmp_path / "a.json").write_bytes(orjson.dumps(document))
    seen = check_document(gtmask.inspect(tmp_path / "a.json", workers=1))
    assert seen["areas"] == {"low": 100 / 800, "high": 100 / 800}
    assert seen["overlaps"] == {"images": 1, "covered": {"low": 50}}
    assert seen["left_out"] == {"shape-few-points": 1}
    assert seen["turned"] == {"looked_at": 0, "turned": 0}


def test_images_that_exif_turns_are_counted(tmp_path: Path) -> None:
    coco_data.write(tmp_path, ["0.jpg", "1.jpg"])
    (tmp_path / "images" / "1.jpg").write_bytes(coco_data.jpeg(40, 30, 6))
    seen = gtmask.inspect(tmp_path / "export.json", images=str(tmp_path / "images"), workers=1)
    assert (seen.sampled.looked_at, seen.sampled.turned) == (2, 1)


ITEM = {"type": "polygon", "points": [1, 1, 5, 1, 5, 5]}


@pytest.mark.parametrize(
    ("classes", "code"),
    [
        ([(1, "car"), (2, "car")], "label-duplicate"),
        ([(1, "car"), (1, "dog")], "label-id-shared"),
        ([(3, "car")], "label-id-shared"),
        ([(1, "car"), (2, "dog"), (-1, "car")], None),
    ],
)
def test_classes_of_one_name_and_several_names_of_a_class_are_told(
    tmp_path: Path, classes: list[tuple[int, str]], code: str | None
) -> None:
    """The tool's own ids of classes tell them apart, in whichever images they are."""
    for number, (identity, name) in enumerate(classes):
        document = {
            "metadata": {"name": f"{number}.jpg", "width": 9, "height": 9},
            "instances": [ITEM | {"classId": identity, "className": name}],
        }
        (tmp_path / "e").mkdir(exist_ok=True)
        (tmp_path / "e" / f"{number}.jpg___objects.json").write_text(json.dumps(document))
    (tmp_path / "e" / "classes").mkdir()
    (tmp_path / "e" / "classes" / "classes.json").write_text(json.dumps([{"id": 3, "name": "dog"}]))
    seen = gtmask.inspect(tmp_path / "e", workers=1)
    summary = gtmask.convert(tmp_path / "e", tmp_path / "out", size="annotation", workers=1)
    told = [item.code for item in summary.findings if item.code.startswith("label-")]
    assert told == ([] if code is None else [code])
    assert [found for found in seen.findings if found.startswith("label-")] == told


def test_what_a_conversion_would_find_is_found(tmp_path: Path) -> None:
    """Findings that painting, or a look at the images, makes are those of a conversion."""

    def drawn(number: int, image: int, ring: list[float]) -> dict[str, Any]:
        return {"id": number, "image_id": image, "category_id": 1, "iscrowd": 0, "segmentation": [ring]}

    names = ["a.png", "b.png", "a.png", "gone.png", "damaged.png"]
    document = {
        "images": [
            {"id": number, "file_name": name, "width": 30, "height": 22 if number == 2 else 21}
            for number, name in enumerate(names, 1)
        ],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [
            drawn(1, 1, [0.1, 0.1, 0.9, 0.1, 0.9, 0.9]),
            drawn(2, 2, [100, 100, 110, 100, 110, 110]),
            drawn(3, 2, [5, 5, 25, 5, 60, 15]),
        ],
    }  # fmt: skip
    (tmp_path / "a.json").write_bytes(orjson.dumps(document))
    for name in ("a.png", "b.png"):
        Image.new("RGB", (30, 21)).save(tmp_path / name)
    (tmp_path / "damaged.png").write_bytes(b"nothing")
    seen = gtmask.inspect(tmp_path / "a.json", workers=1)
    out = tmp_path.parent / f"{tmp_path.name}-masks"
    made = gtmask.convert(tmp_path / "a.json", out, workers=1)
    codes = {
        "fraction-suspected", "image-duplicate", "image-missing", "image-unannotated", "image-unreadable",
        "shape-cut", "shape-outside", "size-differs",
    }  # fmt: skip
    assert set(seen.findings) == codes
    assert codes == set(made.tally.findings)
    for code in codes - {"image-unannotated"}:
        assert seen.findings[code] == made.tally.findings[code], code
    assert seen.examples["image-duplicate"] == ["the export: its image has an earlier record"]


def test_images_of_one_name_in_two_scopes_are_two(tmp_path: Path) -> None:
    rows = "".join(
        f'<image id="{subset}" name="a.png" subset="{subset}" width="9" height="9"/>' for subset in "ab"
    )
    (tmp_path / "a.xml").write_text(f"<annotations><version>1.1</version>{rows}</annotations>")
    assert "image-duplicate" not in gtmask.inspect(tmp_path / "a.xml", workers=1).findings


def test_images_of_several_exports_are_told_where_their_folder_is_one(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        coco_data.write(tmp_path / folder, ["0.jpg"])
    exports = [tmp_path / folder / "export.json" for folder in ("a", "b")]
    assert "image-duplicate" not in gtmask.inspect(exports, workers=1).findings
    images = str(tmp_path / "a" / "images")
    assert gtmask.inspect(exports, images=images, workers=1).findings["image-duplicate"] == 1
    made = gtmask.convert(exports, tmp_path / "out", images=images, workers=1)
    assert made.tally.findings["image-duplicate"] == 1
