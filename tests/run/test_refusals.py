"""Starts that are refused before anything is written: the next start then finds nothing half-made."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

import gtmask
from gtmask import errors
from gtmask.errors import UsageError
from gtmask.groundtruth.classes import class_map_from_labels
from gtmask.run.places import RunRequest, absolute_location, default_images
from gtmask.run.plan import freeze, load_plan
from gtmask.run.settings import ExecutionOptions, Settings
from gtmask.storage import open_storage
from tests.support import coco_data

if TYPE_CHECKING:
    from pathlib import Path

    from gtmask.class_map import ClassMap


def export(tmp_path: Path, **changes: Any) -> Path:
    path = coco_data.write(tmp_path, ["a.jpg"])
    path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | changes))
    return path


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("creation_date", "2024-13-41T25:61:61.000000"),
        ("s3_client", "boto9"),
        ("image_uri", "photos"),
        ("mask_uri", "s3://"),
        ("mask_uri", "http://host/masks"),
        ("images", "~no-such-user-here/images"),
        ("job_name", ""),
        ("images", ""),
        ("images", "gs://bucket/images"),
    ],
)
def test_bad_values_are_refused_before_anything_is_written(tmp_path: Path, option: str, value: str) -> None:
    given: dict[str, Any] = {"images": tmp_path / "images", option: value}
    with pytest.raises(errors.UsageError):
        gtmask.convert(export(tmp_path), tmp_path / "out", workers=1, **given)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("rows", [True, False])
def test_a_class_map_that_knows_no_label_is_told_and_refused_by_strict(tmp_path: Path, rows: bool) -> None:
    source, shown = export(tmp_path), "Car, Road, Person"
    if rows:  # an export without a list of labels
        shape = {"label": "auto", "shape_type": "polygon", "points": [[1, 1], [9, 1], [9, 9]]}
        document = {"imagePath": "a.jpg", "imageHeight": 30, "imageWidth": 40, "shapes": [shape]}
        source, shown = tmp_path / "labelme", "auto"
        source.mkdir()
        (source / "a.json").write_bytes(orjson.dumps(document))
    out = tmp_path / "out"

    def convert(class_map: ClassMap, **options: Any) -> Any:
        return gtmask.convert(
            source, out, images=tmp_path / "images", classes=class_map, workers=1, **options
        )

    foreign = class_map_from_labels(["CAR", "x", "y", "z", "v", "w"])
    with pytest.raises(errors.StrictError, match="classes-foreign"):
        convert(foreign, strict=True)
    assert not out.exists()
    (told,) = convert(foreign).findings
    assert told.code == "classes-foreign"
    assert f"has CAR, x, y, z and 2 more, and the export has {shown}: all" in told.detail
    ignoring = replace(class_map_from_labels(["x"]), ignore=frozenset(["Car", "auto"]))
    assert not convert(ignoring, overwrite=True).findings


CVAT = (
    b'<annotations><version>1.1</version><image name="a.jpg" width="40" height="30"><polygon label="a" '
    b'points="1,1;9,1;9,9"><attribute name="kind">b</attribute></polygon></image></annotations>'
)


def test_a_class_attribute_that_no_shape_has_is_refused_or_ends_with_3(tmp_path: Path) -> None:
    export(tmp_path)
    (tmp_path / "annotations.xml").write_bytes(CVAT)

    def convert(attribute: str, **more: Any) -> Any:
        return gtmask.convert(
            tmp_path / "annotations.xml", tmp_path / attribute, images=tmp_path / "images",
            class_attribute=attribute, workers=1, **more,
        )  # fmt: skip

    with pytest.raises(UsageError, match=r"None of the 1 shapes .* 'nothing' that --class-attribute"):
        convert("nothing")
    done = convert("nothing", classes=class_map_from_labels(["a", "b"]))
    assert (done.exit_code, done.pixels[1], done.pixels[2]) == (3, 0, 0)
    assert {"class-attribute-missing", "shape-no-label"} <= done.tally.findings.keys()
    done = convert("kind", classes=class_map_from_labels(["a", "b"]))
    assert (done.exit_code, done.pixels[1]) == (0, 0)
    assert done.pixels[2] > 0


@pytest.mark.parametrize("out", ["", " ", "gs://bucket/out", "file:///out", "s3:/bucket/out"])
def test_an_output_that_is_nowhere_is_refused(
    tmp_path: Path, out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = export(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    with pytest.raises(errors.UsageError, match=r"^--out (is empty|.* is neither)"):
        gtmask.convert(source, out, images=tmp_path / "images", workers=1)
    with pytest.raises(errors.UsageError, match=r"is empty|is neither"):
        open_storage(out)
    assert not list(empty.iterdir())


def test_an_archive_is_no_folder_of_images(tmp_path: Path) -> None:
    source = export(tmp_path)
    packed = tmp_path / "zipped" / "export.zip"
    packed.parent.mkdir()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(source, "export.json")
        archive.write(tmp_path / "images" / "a.jpg", "images/a.jpg")
    with pytest.raises(errors.UsageError, match="unpack it, and name the folder"):
        gtmask.convert(packed, tmp_path / "out", images=packed, workers=1)
    summary = gtmask.convert(packed, tmp_path / "out", workers=1)
    assert "those in an archive are not looked at" in summary.findings[0].detail


def test_what_differs_is_told_in_words(tmp_path: Path) -> None:
    source, out = export(tmp_path), tmp_path / "out"
    gtmask.convert(source, out, images=tmp_path / "images", workers=1, limit=1)
    with pytest.raises(errors.RunConflictError) as told:
        gtmask.convert(source, out, images=tmp_path / "images", workers=1, count_covered=True)
    assert "--limit was 1 and is not given" in str(told.value)
    assert "--count-covered was not given and is given" in str(told.value)


def test_a_wrong_format_is_suspected_where_no_label_is_found(tmp_path: Path) -> None:
    with pytest.raises(errors.UsageError, match="--format labelme, which may be the wrong one"):
        gtmask.convert(export(tmp_path), tmp_path / "out", images=tmp_path / "images", format="labelme")


def test_strict_stops_at_what_an_earlier_start_without_it_has_lost(tmp_path: Path) -> None:
    lost = {"id": 9, "image_id": 1, "category_id": 7, "segmentation": [[1, 1, 2, 2]]}
    source, out = export(tmp_path, annotations=[lost]), tmp_path / "out"
    summary = gtmask.convert(source, out, images=tmp_path / "images", workers=1)
    assert summary.tally.findings["shape-few-points"] == 1
    for _ in range(2):
        with pytest.raises(errors.StrictError, match="shape-few-points x 1, counted by an earlier start"):
            gtmask.convert(source, out, images=tmp_path / "images", workers=1, strict=True)
    assert gtmask.convert(source, out, images=tmp_path / "images", workers=1).complete


def test_rasterize_refuses_what_is_no_rule(tmp_path: Path) -> None:
    record = next(gtmask.read(export(tmp_path)))
    classes = class_map_from_labels(["Car", "Road", "Person"])
    assert gtmask.rasterize(record, classes, fill="coco").any()
    for wrong in ({"fill": "cv2"}, {"overlap": "z"}, {"crowd": "skip"}):
        with pytest.raises(errors.UsageError, match="is none of"):
            gtmask.rasterize(record, classes, **wrong)


def test_public_modules_are_there_after_import_gtmask_and_all_names_are_listed() -> None:
    code = "import gtmask; gtmask.raster.fill_polygons, gtmask.errors.UsageError; print(*dir(gtmask))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"convert", "inspect", "read", "rasterize", "encode_png", "raster"} <= set(done.stdout.split())


def test_an_export_without_labels_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    source = export(tmp_path, annotations=[], categories=[])
    with pytest.raises(errors.UsageError, match="names no label"):
        gtmask.convert(source, tmp_path / "out", images=tmp_path / "images", workers=1)
    assert not (tmp_path / "out").exists()


def test_a_class_map_too_long_for_the_manifest_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    names = [{"id": i, "name": f"{i:03d}" * 80} for i in range(1, 100)]
    with pytest.raises(errors.ClassMapError, match="20,000"):
        gtmask.convert(
            export(tmp_path, categories=names), tmp_path / "out", images=tmp_path / "images", workers=1
        )
    assert not (tmp_path / "out").exists()


def test_strict_stops_at_what_the_export_as_a_whole_loses(tmp_path: Path) -> None:
    source = export(tmp_path)
    document = orjson.loads(source.read_bytes())
    document["annotations"].append({**document["annotations"][0], "id": 999, "image_id": 12345})
    source.write_bytes(orjson.dumps(document))
    given: dict[str, Any] = {"images": tmp_path / "images", "workers": 1}
    with pytest.raises(errors.StrictError, match="annotation-orphan"):
        gtmask.convert(source, tmp_path / "out", strict=True, **given)
    assert not (tmp_path / "out").exists()
    gtmask.convert(source, tmp_path / "out", **given)
    with pytest.raises(errors.StrictError, match="annotation-orphan"):
        gtmask.convert(source, tmp_path / "out", strict=True, **given)


def refuse(source: str, out: str) -> None:
    RunRequest((source,), out, "elsewhere", Settings(), ExecutionOptions()).refuse_overlap()


def test_an_output_that_the_next_start_would_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    data, link = str(tmp_path / "data"), str(tmp_path / "link")
    for source, out in [
        (data, f"{data}/out"),
        (link, f"{data}/out"),
        (data, f"{link}/out"),
        (f"{data}/**/*.json", f"{data}/out"),
        ("s3://bucket/data", "s3://bucket/data/out"),
        ("s3://bucket/data/", "s3://bucket/data/out"),
    ]:
        with pytest.raises(errors.UsageError, match="inside the export"):
            refuse(source, out)
    refuse(f"{data}/*.json", f"{data}/out")
    refuse("s3://bucket/data/export.json", "s3://bucket/data/out")


def test_the_folder_of_an_export_in_s3_is_the_prefix_itself_unless_it_names_a_file() -> None:
    assert default_images("s3://bucket/data/labels") == "s3://bucket/data/labels"
    assert default_images("s3://bucket/data/labels/") == "s3://bucket/data/labels"
    assert default_images("s3://bucket/data/export.json") == "s3://bucket/data"
    assert default_images("s3://bucket/data/data.yaml") == "s3://bucket/data"
    assert default_images("s3://bucket/data/*/x.json") == "s3://bucket/data"
    assert default_images("s3://bucket") == "s3://bucket"


def test_shards_do_not_remove_each_others_work(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, ["a.jpg"])
    with pytest.raises(UsageError, match="--overwrite with --shard"):
        gtmask.convert(export, tmp_path / "out", overwrite=True, shard="0/2")


@pytest.mark.parametrize(
    ("option", "title"), [("source", "SOURCE"), ("out", "--out"), ("images", "--images")]
)
def test_an_empty_location_is_refused(
    tmp_path: Path, option: str, title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    coco_data.write(tmp_path, ["a.jpg"])
    with pytest.raises(UsageError, match=f"^{title} is empty"):
        gtmask.convert(**{"source": "export.json", "out": "out", "images": "images", option: ""})


def test_a_tilde_is_the_home_folder_for_masks_and_references_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coco_data.write(tmp_path, ["a.jpg"])
    monkeypatch.setenv("HOME", str(tmp_path))
    gtmask.convert("~/export.json", "~/out", images="~/images", workers=1)
    line = orjson.loads((tmp_path / "out" / "labeling-qa.manifest").read_bytes())
    assert line["labeling-qa-ref"] == str(tmp_path / "out" / "masks" / "a.png")
    assert (tmp_path / "out" / "masks" / "a.png").is_file()


def test_slashes_at_the_end_make_no_difference() -> None:
    assert (
        absolute_location("s3://b/run//", "--out") == absolute_location("S3://b/run", "--out") == "s3://b/run"
    )
    assert absolute_location("s3://b/", "--out") == "s3://b"
    assert absolute_location("/data/run//", "--out") == "/data/run"


def test_masks_made_without_any_image_are_told_as_such(tmp_path: Path) -> None:
    source = export(tmp_path)
    summary = gtmask.convert(source, tmp_path / "out", workers=1)
    assert [finding.code for finding in summary.findings] == ["images-unread"]
    assert summary.findings[0].detail.endswith(str(tmp_path))
    with_images = gtmask.convert(source, tmp_path / "other", images=tmp_path / "images", workers=1)
    assert not with_images.findings


def test_of_two_starts_at_once_the_one_with_other_settings_is_refused(tmp_path: Path) -> None:
    gtmask.convert(export(tmp_path), tmp_path / "out", images=tmp_path / "images", workers=1)

    async def second(other: dict[str, Any], **changes: str) -> None:
        async with open_storage(str(tmp_path / "out")) as out:
            first = await load_plan(out)
            assert first is not None
            await freeze(out, replace(first, settings=first.settings | changes, **other))

    asyncio.run(second({}, creation_date="2031-01-01T00:00:00.000000"))
    with pytest.raises(errors.RunConflictError, match="--png was gray and is palette"):
        asyncio.run(second({}, png="palette"))
    for found in ({"fingerprint": "another"}, {"long_keys": [0]}, {"records": 2}):
        with pytest.raises(errors.RunConflictError, match=f"found other {next(iter(found))}"):
            asyncio.run(second(found))


@pytest.mark.parametrize("mask_uri", [None, "s3://bucket/masks"])
def test_an_output_that_was_copied_is_not_finished_with_the_masks_of_the_other(
    tmp_path: Path, mask_uri: str | None
) -> None:
    out, copy, link = (tmp_path / name for name in ("out", "copy", "link"))
    for shard in ("0/2", "1/2"):
        gtmask.convert(
            export(tmp_path), out, images=tmp_path / "images", workers=1, shard=shard, mask_uri=mask_uri
        )
    shutil.copytree(out, copy)
    link.symlink_to(out)
    manifest = gtmask.finish(link).manifest
    assert manifest == f"{link}/labeling-qa.manifest"
    if mask_uri is None:
        with pytest.raises(UsageError, match=r"was made as .*/out, and its manifest would name"):
            gtmask.finish(copy)
    else:
        gtmask.finish(copy)
        assert (copy / "labeling-qa.manifest").read_bytes() == (out / "labeling-qa.manifest").read_bytes()
