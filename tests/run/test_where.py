"""``--where`` and ``--status``: images of which the export says something are converted, no others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

import gtmask
from gtmask.cli import app
from gtmask.errors import RunConflictError, StrictError, UsageError
from gtmask.formats import FORMATS
from gtmask.formats.base import ReadOptions
from gtmask.formats.conditions import parse_where
from gtmask.storage import S3Settings
from tests.support import coco_data
from tests.support.small_exports import png, read_files

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.s3_server import S3Server

OPTIONS: dict[str, Any] = {"creation_date": "2024-01-01T00:00:00.000000", "chunk_size": 2, "workers": 1,
                           "mask_uri": "s3://b/masks", "image_uri": "s3://b/images"}  # fmt: skip
RUN = CliRunner()
SQUARE = [[1, 1], [9, 1], [9, 9]]
#: Of each image: labels and whether each is occluded.
SCENES = {
    "a/1.jpg": [("Car", True), ("Road", False)],
    "a/2.jpg": [("Road", False)],
    "b/3.jpg": [("Car", False)],
    "c.jpg": [("Person, old", True)],
    "d.jpg": [],
}


def images(folder: Path) -> Path:
    for name in SCENES:
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(coco_data.jpeg(30, 20))
    return folder / "images"


def as_coco(folder: Path) -> Path:
    names = ["Car", "Road", "Person, old"]
    document: dict[str, Any] = {
        "images": [{"id": number, "file_name": name, "width": 30, "height": 20}
                   for number, name in enumerate(SCENES, 1)],
        "annotations": [
            {"id": 1, "image_id": number, "category_id": names.index(label) + 1, "iscrowd": 0,
             "segmentation": [[value for point in SQUARE for value in point]],
             "attributes": {"occluded": hidden, "number": 7}}
            for number, shapes in enumerate(SCENES.values(), 1) for label, hidden in shapes
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, 1)],
    }  # fmt: skip
    path = folder / "export.json"
    path.write_text(json.dumps(document))
    return path


def as_labelme(folder: Path) -> Path:
    annotations = folder / "annotations"
    annotations.mkdir(exist_ok=True)
    for number, (name, shapes) in enumerate(SCENES.items()):
        found = [{"label": label, "shape_type": "polygon", "points": SQUARE,
                  "flags": {"occluded": hidden, "number": 7}} for label, hidden in shapes]  # fmt: skip
        document = {"version": "5.0.1", "flags": {}, "shapes": found, "imagePath": f"../images/{name}",
                    "imageData": None, "imageHeight": 20, "imageWidth": 30}  # fmt: skip
        (annotations / f"{number}.json").write_text(json.dumps(document))
    return annotations


def as_cvat(folder: Path) -> Path:
    def drawn(label: str, hidden: bool) -> str:
        points = ";".join(f"{x},{y}" for x, y in SQUARE)
        return (
            f'<polygon label="{label}" occluded="{int(hidden)}" points="{points}">'
            '<attribute name="number">7</attribute></polygon>'
        )

    found = "".join(
        f'<image id="{number}" name="{name}" width="30" height="20">'
        + "".join(drawn(*shape) for shape in shapes)
        + "</image>"
        for number, (name, shapes) in enumerate(SCENES.items())
    )
    path = folder / "annotations.xml"
    path.write_text(f"<annotations><version>1.1</version>{found}</annotations>")
    return path


def images_of(out: Path) -> list[str]:
    (manifest,) = out.glob("*.manifest")
    lines = manifest.read_text().splitlines()
    found = [json.loads(line)["source-ref"].removeprefix("s3://b/images/") for line in lines]
    return sorted(name.removeprefix("images/") for name in found)


def told(summary: gtmask.Summary) -> dict[str, str]:
    return {item.code: item.detail for item in summary.findings}


@pytest.mark.parametrize("write", [as_coco, as_labelme, as_cvat])
@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        (["label=Car"], ["a/1.jpg", "b/3.jpg"]),
        (["label=Road, Car"], ["a/1.jpg", "a/2.jpg", "b/3.jpg"]),
        (["label=Car", "label=Road"], ["a/1.jpg"]),
        ([r"LABEL=Person\, old"], ["c.jpg"]),
        (["attribute:occluded=true"], ["a/1.jpg", "c.jpg"]),
        (["attribute:occluded=false", "attribute:number=7,8"], ["a/1.jpg", "a/2.jpg", "b/3.jpg"]),
        (["label=Car", "attribute:occluded=true"], ["a/1.jpg"]),
    ],
)
def test_images_that_have_such_a_shape_are_converted(
    write: Any, where: list[str], wanted: list[str], tmp_path: Path
) -> None:
    folder, export = images(tmp_path), write(tmp_path)
    summary = gtmask.convert(export, tmp_path / "out", images=folder, where=where, **OPTIONS)
    assert images_of(tmp_path / "out") == wanted
    left = told(summary)["images-left-out"]
    assert left.startswith(f"{len(SCENES) - len(wanted)} of {len(SCENES)} images, by --where ")
    assert ("choice-unmet" in told(summary)) == ("attribute:number=7,8" in where)
    options = ReadOptions(where=tuple(where))
    seen = gtmask.inspect(export, options=options, workers=1)
    assert (seen.images, seen.findings["images-left-out"]) == (len(wanted), 1)
    assert len(list(gtmask.read(export, options=options))) == len(wanted)
    if where != ["label=Car"]:
        return
    page = gtmask.preview(export, tmp_path / "page.html", images=str(folder), options=options, workers=1)
    assert page.shown == len(wanted)


def test_all_shapes_of_a_chosen_image_are_painted_as_ever(tmp_path: Path) -> None:
    folder, export = images(tmp_path), as_coco(tmp_path)
    gtmask.convert(export, tmp_path / "all", images=folder, **OPTIONS)
    gtmask.convert(export, tmp_path / "some", images=folder, where=("label=Car",), **OPTIONS)
    masks = sorted((tmp_path / "some" / "masks").rglob("*.png"))
    assert [path.stem for path in masks] == ["1", "3"]
    for path in masks:
        assert path.read_bytes() == (tmp_path / "all" / path.relative_to(tmp_path / "some")).read_bytes(), (
            path
        )


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"where": ["label=car"]},
         r"--where label=car fits none of the 5 images of .*: the labels there are Car \(2\), Road \(2\), P"),
        ({"where": ["attribute:occluded=yes"]}, r"values of occluded there are false \(3\), true \(2\)\."),
        ({"where": ["attribute:truncated=yes"]}, "there are no values of truncated"),
        ({"where": [r"label=Person\, old", "label=Road"]},
         r"--where label=Person\\, old and --where label=Road together fit none of the 5 images"),
        ({"where": ["Car"]}, "--where 'Car' is no condition: write label=NAME or attribute:NAME=VALUE"),
        ({"where": ["label="]}, "--where 'label=' is no condition"),
        ({"where": ["attribute:=1"]}, "--where 'attribute:=1' is no condition"),
        ({"status": "completed"}, "--status has no effect on the format of .*, coco: .* are labelbox, "),
        ({"status": " , "}, "--status is empty"),
    ],
)  # fmt: skip
def test_what_chooses_nothing_is_refused_with_what_there_is(
    given: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    folder, export = images(tmp_path), as_coco(tmp_path)
    with pytest.raises(UsageError, match=sentence):
        gtmask.convert(export, tmp_path / "out", images=folder, **given, **OPTIONS)
    assert not (tmp_path / "out").exists()


def test_shapes_of_a_format_without_attributes_are_not_asked_for_any(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("0 0.1 0.1 0.5 0.1 0.5 0.5\n")
    with pytest.raises(UsageError, match=r"^--where attribute:NAME=VALUE has no .* know it are cvat, coco,"):
        gtmask.inspect(tmp_path, format="yolo", options=ReadOptions(where=("attribute:a=b",)), workers=1)


def test_the_choice_is_part_of_the_run_however_it_is_written(tmp_path: Path) -> None:
    folder, export, out = images(tmp_path), as_coco(tmp_path), tmp_path / "out"
    gtmask.convert(export, out, images=folder, where=["label=Car,Road", "attribute:number=7"], **OPTIONS)
    same = ["attribute:number=7", " label= Road , Car "]
    assert gtmask.convert(export, out, images=folder, where=same, **OPTIONS).resumed == 2
    for other in ({"where": ["label=Car"]}, {}, {"where": ["label=Car"], "update": True}):
        with pytest.raises(
            RunConflictError, match="--where was attribute:number=7 and label=Car,Road and is"
        ):
            gtmask.convert(export, out, images=folder, **other, **OPTIONS)
    (folder / "b/3.jpg").write_bytes(coco_data.jpeg(40, 30))
    updated = gtmask.convert(export, out, images=folder, where=same, update=True, **OPTIONS)
    fresh = gtmask.convert(export, tmp_path / "fresh", images=folder, where=same, **OPTIONS)
    assert updated.tally == fresh.tally
    assert images_of(out) == images_of(tmp_path / "fresh") == ["a/1.jpg", "a/2.jpg", "b/3.jpg"]


def test_names_and_conditions_hold_together(tmp_path: Path) -> None:
    folder, export = images(tmp_path), as_coco(tmp_path)
    only = tmp_path / "wanted.txt"
    only.write_text("a/*\nc.jpg\n")
    summary = gtmask.convert(
        export, tmp_path / "out", images=folder, only=str(only), where=["label=Car"], **OPTIONS
    )
    assert images_of(tmp_path / "out") == ["a/1.jpg"]
    assert told(summary)["images-left-out"] == "4 of 5 images, by --only, --where label=Car"
    made = gtmask.classes(
        as_labelme(tmp_path), only=only, options=ReadOptions(where=("label=Car",)), workers=1
    )
    assert made.labels == {"Car": 1, "Road": 1}
    only.write_text("d.jpg\n")
    with pytest.raises(UsageError, match="--where label=Car and --only together fit none"):
        gtmask.convert(export, tmp_path / "2", images=folder, only=str(only), where=["label=Car"], **OPTIONS)


def test_a_record_that_cannot_be_read_is_not_hidden_by_the_choice(tmp_path: Path) -> None:
    folder, export = images(tmp_path), as_labelme(tmp_path)
    (export / "0.json").write_text("{")
    summary = gtmask.convert(export, tmp_path / "out", images=folder, where=["label=Car"], **OPTIONS)
    assert (summary.tally.masks, summary.tally.rejects, summary.exit_code) == (1, 1, 3)


def test_alternatives_of_no_image_stop_a_strict_run(tmp_path: Path) -> None:
    folder, export = images(tmp_path), as_coco(tmp_path)
    with pytest.raises(StrictError, match=r"choice-unmet \(--where label=Car,Truck: Truck\)"):
        gtmask.convert(
            export, tmp_path / "out", images=folder, where=["label=Car,Truck"], strict=True, **OPTIONS
        )


def test_a_manifest_is_not_previewed_by_conditions(tmp_path: Path) -> None:
    folder, export = images(tmp_path), as_coco(tmp_path)
    made = gtmask.convert(export, tmp_path / "out", images=folder, creation_date=OPTIONS["creation_date"])
    assert made.manifest is not None
    with pytest.raises(UsageError, match="--where label=Car chooses images of an export"):
        gtmask.preview(made.manifest, tmp_path / "a.html", options=ReadOptions(where=("label=Car",)))


def test_every_command_takes_the_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, export = images(tmp_path), as_labelme(tmp_path)
    done = RUN.invoke(app, ["convert", str(export), "--images", str(folder), "--out", str(tmp_path / "out"),
                            "--where", "label=Car", "--where", "label=Road", "--workers", "1"])  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "images-left-out: 4 of 5 images, by --where label=Car, --where label=Road." in done.output
    monkeypatch.setenv("GTMASK_WHERE", r"label=Person\, old;attribute:number=7")
    for command in (["inspect", str(export), "--json"], ["classes", str(export), "--json"]):
        done = RUN.invoke(app, [*command, "--workers", "1"])
        assert (done.exit_code, json.loads(done.stdout)["labels"]) == (0, {"Person, old": 1}), done.output
    done = RUN.invoke(app, ["inspect", str(export), "--where", "label=Lorry", "--workers", "1"])
    assert isinstance(done.exception, UsageError)
    assert str(done.exception).endswith(r"the labels there are Car (2), Road (2), Person\, old (1).")


#: Of each format that knows the status: how an export of one image says it, what is said, and of what name.
STATUSES: dict[str, tuple[str, Any, tuple[str, ...]]] = {
    "superannotate": ("a.jpg___objects.json", {
        "metadata": {"name": "a.jpg", "width": 8, "height": 8, "status": "QualityCheck"}, "instances": []},
        ("QualityCheck",)),
    "segments": ("r.json", {"name": "v1", "dataset": {
        "name": "d", "task_type": "segmentation-bitmap", "task_attributes": {"categories": []}, "samples": [
            {"name": "a.jpg", "attributes": {"image": {"url": "u"}},
             "labels": {"ground-truth": {"label_status": "REJECTED", "attributes": {}}}}]}}, ("REJECTED",)),
    "labelbox": ("a.ndjson", {
        "data_row": {"id": "i", "external_id": "a.jpg"},
        "projects": {"p": {"labels": [], "project_details": {"workflow_status": "IN_REVIEW"}}}},
        ("IN_REVIEW",)),
    "encord": ("a.json", [{"label_hash": "h", "data_units": {"u": {
        "data_title": "a.jpg", "data_type": "image/png", "labels": {"objects": []}}},
        "label_status": "LABELLED"}], ("LABELLED",)),
    "kili": ("a.json", {"externalId": "a.jpg", "status": "TO_REVIEW", "labels": [
        {"labelType": "DEFAULT", "jsonResponse": {}}]}, ("TO_REVIEW",)),
    "dataloop": ("a.json", {
        "filename": "/a.jpg", "datasetId": "d", "annotations": [], "metadata": {"system": {
            "width": 8, "height": 6, "refs": [
                {"type": "task", "id": "t", "metadata": {"status": "approved"}},
                {"type": "assignment", "id": "u", "metadata": {"status": "completed"}}, {"type": "task"}]}}},
        ("approved", "completed")),
    "label_studio": ("a.json", {"id": 1, "data": {"image": "a.jpg"}, "annotations": [
        {"id": 1, "result": [], "ground_truth": True, "was_cancelled": False}]},
        ("completed", "ground_truth")),
    "sagemaker": ("a.manifest", {
        "source-ref": "s3://bucket/a.jpg", "q-ref": "s3://bucket/a.png", "q-ref-metadata": {
            "internal-color-map": {"0": {"class-name": "BACKGROUND", "hex-color": "#ffffff"}},
            "type": "groundtruth/semantic-segmentation", "adjustment-status": "adjusted",
            "creation-date": "2024-01-01T00:00:00"}}, ("adjusted",)),
}  # fmt: skip


def test_the_formats_that_tell_statuses_are_these() -> None:
    assert {row.name for row in FORMATS.values() if row.statuses} == set(STATUSES)


@pytest.mark.parametrize("name", STATUSES)
def test_a_format_tells_the_status_as_the_tool_writes_it(name: str) -> None:
    file, document, wanted = STATUSES[name]
    (record,) = read_files(name, {file: document, "a.png": png([[0]])})
    assert record.statuses == wanted
    assert set(wanted) <= set(FORMATS[name].status_values)


def test_label_studio_tells_tasks_that_were_skipped_from_those_that_nobody_saw() -> None:
    def task(*annotations: dict[str, Any]) -> dict[str, Any]:
        return {"id": 1, "data": {"image": "a.jpg"}, "annotations": list(annotations)}

    tasks = [task(), task({"id": 1, "result": [], "was_cancelled": True}), task({"id": 2, "result": []})]
    found = [record.statuses for record in read_files("label_studio", {"a.json": tasks})]
    assert found == [("unlabeled",), ("skipped",), ("completed",)]


def test_images_are_chosen_by_their_status(tmp_path: Path) -> None:
    folder = images(tmp_path)
    statuses = ["Completed", "InProgress", "Completed", "Skipped", ""]
    for name, status in zip(SCENES, statuses, strict=True):
        document = {"metadata": {"name": name, "width": 30, "height": 20, "status": status or None},
                    "instances": [{"type": "bbox", "className": "a",
                                   "points": {"x1": 1, "y1": 1, "x2": 5, "y2": 5}}]}  # fmt: skip
        path = tmp_path / "annotations" / f"{name}___objects.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
    export = tmp_path / "annotations"
    summary = gtmask.convert(
        export, tmp_path / "out", images=folder, status="completed,SKIPPED,lost", **OPTIONS
    )
    assert images_of(tmp_path / "out") == ["a/1.jpg", "b/3.jpg", "c.jpg"]
    assert told(summary)["choice-unmet"] == "--status completed,lost,skipped: lost"
    with pytest.raises(UsageError, match=r"the statuses there are Completed \(2\), InProgress \(1\)"):
        gtmask.convert(export, tmp_path / "no", images=folder, status="done", **OPTIONS)


def test_conditions_are_one_text_for_one_meaning() -> None:
    one = parse_where(r"attribute: a b = x\,y ,z,,z")
    assert (one.what, one.values) == ("attribute:a b", ("x,y", "z"))
    assert parse_where(one.text.removeprefix("--where ")) == one


def test_choices_in_s3_with_shards_are_those_of_one_local_run(
    tmp_path: Path, s3_server: S3Server, bucket: str
) -> None:
    folder, export = images(tmp_path), as_coco(tmp_path)
    s3_server.put(bucket, {f"images/{name}": (folder / name).read_bytes() for name in SCENES}
                  | {"export.json": export.read_bytes()})  # fmt: skip
    only = tmp_path / "wanted.txt"
    only.write_text("a/*\nb/*\nc.jpg\n")
    common = OPTIONS | {"only": str(only), "where": ["label=Car,Road"], "image_uri": None, "mask_uri": None}
    s3 = S3Settings(endpoint_url=s3_server.endpoint)
    for shard in ("0/2", "1/2"):
        summary = gtmask.convert(
            f"s3://{bucket}/export.json", f"s3://{bucket}/out", images=f"s3://{bucket}/images", s3=s3,
            shard=shard, **common,
        )  # fmt: skip
    assert summary.complete
    prefixes = {"image_uri": f"s3://{bucket}/images", "mask_uri": f"s3://{bucket}/out/masks"}
    gtmask.convert(export, tmp_path / "out", images=folder, **common | prefixes)
    found = s3_server.objects(bucket, "out/")
    made = {key.removeprefix("out/"): data for key, data in found.items() if "_gtmask/" not in key}
    here = {str(path.relative_to(tmp_path / "out")): path.read_bytes()
            for path in (tmp_path / "out").rglob("*") if path.is_file()}  # fmt: skip
    assert made == {name: data for name, data in here.items() if not name.startswith("_gtmask/")}


@pytest.mark.parametrize(
    ("text", "attribute", "values"),
    [
        (r"attribute:a\=b=c=d", "a=b", ("c=d",)),
        (r"attribute: a =1\,2,3", "a", ("1,2", "3")),
        (r"attribute:\==x", "=", ("x",)),
    ],
)
def test_equal_signs_and_commas_within_names_and_values(
    text: str, attribute: str, values: tuple[str, ...]
) -> None:
    found = parse_where(text)
    assert (found.attribute, found.values) == (attribute, values)
    assert parse_where(found.text.removeprefix("--where ")) == found
