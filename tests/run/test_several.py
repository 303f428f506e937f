"""Several exports in one run: the union of what each would give, told by the names of the exports."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

import gtmask
from gtmask.cli import app
from gtmask.errors import (
    DamagedExportError,
    GtmaskError,
    NotFoundError,
    RunConflictError,
    UnknownFormatError,
    UsageError,
)
from gtmask.formats import open_reader
from gtmask.formats.base import ReadOptions
from gtmask.formats.several import _of, short_names
from gtmask.run import survey
from gtmask.run.listed_versions import JoinedVersions, ListedVersions
from gtmask.storage import S3Settings
from gtmask.storage.base import Entry
from tests.support import coco_data

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.s3_server import S3Server

OPTIONS: dict[str, Any] = {"creation_date": "2024-01-01T00:00:00.000000", "chunk_size": 3, "workers": 1,
                           "mask_uri": "s3://b/masks", "image_uri": "s3://b/images"}  # fmt: skip
NAMES = [f"{number % 3}/{number:02d}.jpg" for number in range(11)]
SQUARE = [[1, 1], [15, 1], [15, 9], [1, 9]]
RUN = CliRunner()


def outcome(out: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    return {name: data for name, data in found.items() if not name.startswith("_gtmask")}


def halves(folder: Path, seed: int = 0) -> tuple[Path, list[Path]]:
    """Write a COCO export with images, and two that together are it."""
    whole = coco_data.write(folder, NAMES, seed)
    document = json.loads(whole.read_text())
    cut = len(NAMES) // 2
    found = []
    for name, images in (("first", document["images"][:cut]), ("second", document["images"][cut:])):
        ids = {image["id"] for image in images}
        mine = [one for one in document["annotations"] if one["image_id"] in ids]
        path = folder / f"{name}.json"
        path.write_text(json.dumps(document | {"images": images, "annotations": mine}))
        found.append(path)
    return whole, found


def as_cvat(folder: Path, names: list[str], label: str = "Car") -> Path:
    points = ";".join(f"{x},{y}" for x, y in SQUARE)
    found = "".join(
        f'<image id="{number}" name="{name}" width="30" height="20">'
        f'<polygon label="{label}" occluded="0" points="{points}"/></image>'
        for number, name in enumerate(names)
    )
    meta = (
        "<meta><task><labels><label><name>Road</name></label><label><name>Car</name></label></labels></task>"
    )
    path = folder / "cvat" / "annotations.xml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"<annotations><version>1.1</version>{meta}</meta>{found}</annotations>")
    return path


def as_labelme(folder: Path, names: list[str], label: str = "Tree") -> Path:
    annotations = folder / "labelme"
    annotations.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        shapes = [{"label": label, "shape_type": "polygon", "points": SQUARE, "flags": {}}]
        document = {"version": "5.0.1", "flags": {}, "shapes": shapes, "imagePath": f"../images/{name}",
                    "imageData": None, "imageHeight": 20, "imageWidth": 30}  # fmt: skip
        (annotations / f"task{number}.json").write_text(json.dumps(document))
    return annotations


def images(folder: Path, names: list[str]) -> Path:
    for name in names:
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(coco_data.jpeg(30, 20))
    return folder / "images"


def told(summary: gtmask.Summary) -> dict[str, str]:
    return {item.code: item.detail for item in summary.findings}


def rejects(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "rejects.jsonl").read_text().splitlines()]


def test_two_halves_are_the_whole(tmp_path: Path) -> None:
    whole, parts = halves(tmp_path)
    common = OPTIONS | {"images": tmp_path / "images"}
    one = gtmask.convert(whole, tmp_path / "whole", **common)
    two = gtmask.convert(parts, tmp_path / "union", **common)
    assert outcome(tmp_path / "union") == outcome(tmp_path / "whole")
    assert one.title == two.title
    assert one.tally.to_json() | {"examples": 0} == two.tally.to_json() | {"examples": 0}
    for shard in ("0/2", "1/2"):
        gtmask.convert(parts, tmp_path / "shards", shard=shard, **common)
    assert outcome(tmp_path / "shards") == outcome(tmp_path / "whole")


def test_one_export_in_a_list_is_the_export(tmp_path: Path) -> None:
    whole, _ = halves(tmp_path)
    common = OPTIONS | {"images": tmp_path / "images"}
    gtmask.convert(str(whole), tmp_path / "out", **common)
    assert gtmask.convert([whole], tmp_path / "out", **common).resumed == 4
    frozen = json.loads((tmp_path / "out" / "_gtmask" / "run.json").read_text())
    assert frozen["rule"] == {"strip": "", "drop": 0, "name_only": False, "upload": False}


def test_exports_of_two_tools_find_their_images_each_in_its_way(tmp_path: Path) -> None:
    """CVAT says images/a.jpg, COCO the bare name, labelme a path from its own folder."""
    folder = images(tmp_path, ["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
    cvat = as_cvat(tmp_path, ["deep/er/a.jpg", "deep/er/b.jpg"])
    labelme = as_labelme(tmp_path, ["c.jpg", "d.jpg"])
    summary = gtmask.convert([cvat, labelme], tmp_path / "out", images=folder, **OPTIONS)
    assert (summary.tally.masks, summary.tally.rejects, summary.exit_code) == (4, 0, 0)
    assert summary.title == "CVAT XML for images and labelme"
    assert [(entry.id, entry.name) for entry in summary.classes.classes] == [
        (1, "Road"), (2, "Car"), (3, "Tree")]  # fmt: skip
    single = gtmask.convert(labelme, tmp_path / "one", images=folder, **OPTIONS)
    assert single.tally.masks == 2
    made = gtmask.decode_png((tmp_path / "out/masks/c.png").read_bytes())
    alone = gtmask.decode_png((tmp_path / "one/masks/c.png").read_bytes())
    assert ((made == 3) == (alone == 1)).all()
    assert (made > 0).any()
    seen = gtmask.inspect([cvat, labelme], images=str(folder), workers=1)
    assert (seen.images, seen.labels, seen.sampled.looked_at) == (4, {"Car": 2, "Tree": 2}, 4)
    frozen = json.loads((tmp_path / "out" / "_gtmask" / "run.json").read_text())["rule"]
    assert len({tuple(rule.values()) for rule in frozen["rules"]}) == 2


def test_the_order_of_exports_decides_class_ids(tmp_path: Path) -> None:
    folder = images(tmp_path, ["a.jpg", "b.jpg"])
    first = coco(tmp_path / "1.json", ["a.jpg"], ["Car", "Tree"])
    second = coco(tmp_path / "2.json", ["b.jpg"], ["Sky", "Car"])
    for order, wanted in (
        ([first, second], ["Car", "Tree", "Sky"]),
        ([second, first], ["Sky", "Car", "Tree"]),
    ):
        made = gtmask.classes(order, workers=1)
        assert [entry.name for entry in made.classes.classes] == wanted
        summary = gtmask.convert(order, tmp_path / wanted[0], images=folder, **OPTIONS)
        assert [entry.name for entry in summary.classes.classes] == wanted
    assert not {"label-duplicate", "label-id-shared"} & {*told(summary), *summary.tally.findings}


def coco(path: Path, names: list[str], labels: list[str], label: int = 1, **more: Any) -> Path:
    """Write a COCO export whose images of 30 x 20 have a square of one of the labels each."""
    flat = [value for point in SQUARE for value in point]
    document = {
        "images": [{"id": number, "file_name": name, "width": 30, "height": 20}
                   for number, name in enumerate(names, 1)],
        "annotations": [{"id": number, "image_id": number, "category_id": label, "iscrowd": 0,
                         "segmentation": [flat]} for number in range(1, len(names) + 1)],
        "categories": [{"id": number, "name": name} for number, name in enumerate(labels, 1)],
    } | more  # fmt: skip
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("sized", ["header", "annotation"])
def test_images_of_several_exports_are_told_and_the_first_export_has_them(sized: str, tmp_path: Path) -> None:
    folder = images(tmp_path, ["a.jpg", "b.jpg", "c.jpg"])
    one = coco(tmp_path / "one.json", ["a.jpg", "b.jpg"], ["Car"])
    two = as_labelme(tmp_path, ["b.jpg", "c.jpg"])
    if sized == "annotation":
        two = coco(tmp_path / "two.json", ["b.jpg", "c.jpg"], ["Tree"])
    name = two.name
    summary = gtmask.convert([one, two], tmp_path / "out", images=folder, size=sized, **OPTIONS)
    assert (summary.tally.masks, summary.tally.rejects, summary.exit_code) == (3, 1, 3)
    assert told(summary)["images-shared"] == f"one.json and {name} have 1 image in common"
    (lost,) = rejects(tmp_path / "out")
    assert [found["code"] for found in lost["findings"]] == ["image-duplicate"]
    assert lost["where"].startswith(name)
    assert gtmask.decode_png((tmp_path / "out/masks/b.png").read_bytes())[5, 5] == 1, "Car"
    back = gtmask.convert([two, one], tmp_path / "back", images=folder, size=sized, **OPTIONS)
    assert told(back)["images-shared"] == f"{name} and one.json have 1 image in common"


def test_names_that_one_export_cannot_tell_apart_stay_ambiguous(tmp_path: Path) -> None:
    """x/a.jpg and y/a.jpg of the second export both lead to a.jpg: the first export's is not in doubt."""
    folder = images(tmp_path, ["a.jpg", "z.jpg"])
    one = coco(tmp_path / "one.json", ["a.jpg"], ["Car"])
    two = coco(tmp_path / "two.json", ["x/a.jpg", "y/a.jpg", "x/z.jpg"], ["Car"])
    summary = gtmask.convert([one, two], tmp_path / "out", images=folder, **OPTIONS)
    assert summary.tally.masks == 2
    codes = [[found["code"] for found in one["findings"]] for one in rejects(tmp_path / "out")]
    assert codes == [["image-ambiguous"], ["image-ambiguous"]]
    assert "images-shared" not in told(summary)


def test_without_a_folder_of_images_each_export_has_its_own(tmp_path: Path) -> None:
    """Images of one name in two folders are two images, and their masks lie in these folders, too."""
    for name, label in (("day", "Car"), ("night", "Tree")):
        coco(tmp_path / name / "export.json", ["a.jpg"], [label])
        (tmp_path / name / "a.jpg").write_bytes(coco_data.jpeg(30, 20))
    summary = gtmask.convert(
        [tmp_path / "day/export.json", tmp_path / "night/export.json"],
        tmp_path / "out",
        creation_date=OPTIONS["creation_date"],
        workers=1,
    )
    assert (summary.tally.masks, summary.exit_code) == (2, 0)
    assert (tmp_path / "out/masks/night/a.png").exists()
    (line, _) = (tmp_path / "out/labeling-qa.manifest").read_text().splitlines()
    assert json.loads(line)["source-ref"] == f"{tmp_path}/day/a.jpg"


def test_what_is_told_names_its_export(tmp_path: Path) -> None:
    folder = images(tmp_path, ["a.jpg", "b.jpg"])
    one = coco(tmp_path / "x" / "export.json", ["a.jpg"], ["Car", "Car"])
    two = coco(tmp_path / "y" / "export.json", ["b.jpg", "lost.jpg"], ["Car"])
    summary = gtmask.convert([one, two], tmp_path / "out", images=folder, **OPTIONS)
    assert told(summary)["label-duplicate"].startswith("x/export.json: ")
    (lost,) = rejects(tmp_path / "out")
    assert lost["where"] == "y/export.json: export.json, image 2"
    assert lost["findings"][0]["code"] == "image-missing"


def test_options_count_where_a_format_knows_them(tmp_path: Path) -> None:
    folder = images(tmp_path, ["a.jpg", "b.jpg"])
    cvat, labelme = as_cvat(tmp_path, ["a.jpg"]), as_labelme(tmp_path, ["b.jpg"])
    summary = gtmask.convert([cvat, labelme], tmp_path / "out", images=folder, interpolate=True, **OPTIONS)
    assert told(summary)["option-partial"] == "--interpolate counts for annotations.xml only"
    with pytest.raises(
        UsageError, match="no effect on the formats of these exports, cvat, labelme: leave it"
    ):
        gtmask.convert([cvat, labelme], tmp_path / "no", images=folder, annotator="me", **OPTIONS)
    with pytest.raises(GtmaskError, match=r"^labelme: task0"):
        gtmask.convert([cvat, labelme], tmp_path / "no", images=folder, format="cvat", **OPTIONS)


def test_choices_are_made_among_the_images_of_all(tmp_path: Path) -> None:
    folder = images(tmp_path, ["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
    cvat, labelme = as_cvat(tmp_path, ["a.jpg", "b.jpg"]), as_labelme(tmp_path, ["c.jpg", "d.jpg"])
    only = tmp_path / "wanted.txt"
    only.write_text("b.jpg\nc.jpg\nd.jpg\n")
    (folder / "a.jpg").unlink()
    (folder / "d.jpg").unlink()
    common = OPTIONS | {"images": folder, "only": str(only), "where": ["label=Car,Tree"]}
    summary = gtmask.convert([cvat, labelme], tmp_path / "out", **common)
    assert (summary.tally.masks, summary.tally.rejects) == (2, 1)
    assert told(summary)["images-left-out"].startswith("1 of 4 images, by --only, --where ")
    seen = gtmask.inspect([cvat, labelme], options=ReadOptions(where=("label=Car",)), workers=1)
    assert seen.examples["images-left-out"][0].endswith("; no image of labelme is chosen")
    page = gtmask.preview(
        [cvat, labelme], tmp_path / "page.html", images=str(folder), workers=1, image=["b.jpg"]
    )
    assert page.shown == 1
    assert "annotations.xml and" in (tmp_path / "page.html").read_text()


def test_an_update_after_a_change_in_one_ends_as_a_new_run(tmp_path: Path) -> None:
    _, parts = halves(tmp_path)
    common = OPTIONS | {"images": tmp_path / "images"}
    gtmask.convert(parts, tmp_path / "out", **common)
    document = json.loads(parts[1].read_text())
    document["annotations"] = document["annotations"][1:]
    gone = document["images"].pop()
    parts[1].write_text(json.dumps(document))
    with pytest.raises(RunConflictError, match="the export's content"):
        gtmask.convert(parts, tmp_path / "out", **common)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/masks").rglob("*.png")}
    updated = gtmask.convert(parts, tmp_path / "out", update=True, prune=True, **common)
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/masks").rglob("*.png")}
    assert sum(before[path] != time for path, time in after.items()) <= 1
    fresh = gtmask.convert(parts, tmp_path / "fresh", **common)
    assert outcome(tmp_path / "out") == outcome(tmp_path / "fresh")
    assert updated.tally == fresh.tally
    assert not (tmp_path / "out/masks" / gone["file_name"]).with_suffix(".png").exists()


@pytest.mark.parametrize("changed", [0, 1])
@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("together", [False, True])
def test_a_file_that_changes_meanwhile_stops_the_run_and_is_named(
    changed: int, many: bool, together: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of few files all are looked at, of many those that were read, also where they lie in one folder."""
    names = [f"{number:03d}.jpg" for number in range(70 if many else 4)]
    folder = images(tmp_path, ["a.jpg", "b.jpg", *names])
    labelme = as_labelme(tmp_path, names)
    one = coco(labelme / "one.coco" if together else tmp_path / "one.json", ["a.jpg", "b.jpg"], ["Car"])
    sources = [one, labelme / "*.json" if together else labelme]
    target = [one, labelme / "task2.json"][changed]
    real = survey.batches

    def change(*given: Any) -> Any:
        for batch in real(*given):
            if change.armed:  # type: ignore[attr-defined]
                change.armed = False  # type: ignore[attr-defined]
                target.write_text(target.read_text() + " ")
            yield batch

    change.armed = True  # type: ignore[attr-defined]
    monkeypatch.setattr("gtmask.run.chunks.batches", change)
    with pytest.raises(GtmaskError, match=f"{re.escape(str(sources[changed]))} was changed while it was"):
        gtmask.convert(sources, tmp_path / "out", images=folder, **OPTIONS)


def test_an_error_names_the_export_that_it_is_about(tmp_path: Path) -> None:
    folder = images(tmp_path, ["a.jpg"])
    good, bad = coco(tmp_path / "good.json", ["a.jpg"], ["Car"]), tmp_path / "x" / "bad.json"
    bad.parent.mkdir()
    common = OPTIONS | {"images": folder}
    with pytest.raises(NotFoundError, match=str(bad)):
        gtmask.convert([good, bad], tmp_path / "out", **common)
    bad.write_text("[1, 2]")
    with pytest.raises(UnknownFormatError, match=str(bad)):
        gtmask.convert([good, bad], tmp_path / "out", **common)
    bad.write_text(good.read_text()[:-40])
    with pytest.raises(DamagedExportError, match=r"bad\.json"):
        gtmask.convert([good, bad], tmp_path / "out", **common)
    assert not (tmp_path / "out").exists()
    coco(bad, ["never.jpg"], ["Car"])
    with pytest.raises(
        UsageError, match=rf"The image never\.jpg of {bad} is not in {folder}: check --images, or"
    ):
        gtmask.convert([good, bad], tmp_path / "out", **common)
    for sources, sentence in (
        ([good, good], "is named twice"),
        ([good, f"{good.parent}/x/../{good.name}"], "is named twice"),
        ([], "No export is named"),
    ):
        with pytest.raises(UsageError, match=sentence):
            gtmask.convert(sources, tmp_path / "out", **common)
    with pytest.raises(UsageError, match="lies inside the export"):
        gtmask.convert([good, bad.parent], bad.parent / "out", **common)


def test_records_are_read_one_export_after_the_other(tmp_path: Path) -> None:
    folder = tmp_path
    cvat, labelme = as_cvat(folder, ["a.jpg"]), as_labelme(folder, ["b.jpg"])
    records = list(gtmask.read([labelme, cvat]))
    assert [(record.source, record.where) for record in records] == [
        (0, "labelme: task0.json"),
        (1, "annotations.xml, image 'a.jpg'"),
    ]
    reader = open_reader([cvat, labelme], options=ReadOptions())
    assert reader.labels is None, "labelme lists none"
    assert reader.names_of(next(islice(reader.units(), 1))) is None, "labelme's units do not tell"


def test_etags_of_objects_of_one_name_are_those_of_their_export() -> None:
    def listed(folder: str, etag: str) -> ListedVersions:
        return ListedVersions([Entry("a/x.json", 1, etag), Entry("y.json", 1, etag)], f"s3://b/{folder}/")

    joined = JoinedVersions([listed("one", "1" * 32), None, listed("two", "2" * 32)])
    units = ((0, ("a/x.json", 3)), (1, ("y.json",)), (2, ("a/x.json", "z.json")), (2, "y.json"))
    assert joined.of_unit(units) == {
        "s3://b/one/a/x.json": "1" * 32, "s3://b/two/a/x.json": "2" * 32, "s3://b/two/y.json": "2" * 32,
    }  # fmt: skip


def test_names_of_exports_are_the_shortest_that_differ() -> None:
    assert short_names(["/a/b.json", "/c/d.zip"]) == ("b.json", "d.zip")
    assert short_names(["/a/b/x.json", "/a/c/x.json", "s3://k/y/"]) == ("b/x.json", "c/x.json", "k/y")


def test_commands_take_several_exports(tmp_path: Path) -> None:
    folder = images(tmp_path, ["a.jpg", "b.jpg"])
    sources = [str(as_cvat(tmp_path, ["a.jpg"])), str(as_labelme(tmp_path, ["b.jpg"]))]
    done = RUN.invoke(app, ["convert", *sources, "--images", str(folder), "--out", str(tmp_path / "out")])
    assert (done.exit_code, "2 masks made" in done.output) == (0, True), done.output
    for command in ("inspect", "classes"):
        done = RUN.invoke(app, [command, *sources, "--json", "--workers", "1"])
        assert (done.exit_code, json.loads(done.stdout)["labels"]) == (0, {"Car": 1, "Tree": 1}), done.output
    page = tmp_path / "page.html"
    done = RUN.invoke(app, ["preview", *sources, "--images", str(folder), "--out", str(page)])
    assert (done.exit_code, page.exists()) == (0, True), done.output


@pytest.mark.slow
@pytest.mark.parametrize("many", [False, True])
def test_a_pair_in_s3_is_a_pair_here(tmp_path: Path, s3_server: S3Server, bucket: str, many: bool) -> None:
    """Beyond 64 objects an export's ETags come from its listing: objects of one name are two, too."""
    count = 66 if many else 2
    names = [f"{number}.jpg" for number in range(2 * count)]
    wanted = [names[0], names[1], names[-2], names[-1]]
    folder, only = images(tmp_path, wanted), tmp_path / "wanted.txt"
    only.write_text("\n".join(wanted))
    one = as_labelme(tmp_path, names[:count], "Car").rename(tmp_path / "one")
    two = as_labelme(tmp_path, names[count:]).rename(tmp_path / "two")
    files = [path for part in (one, two, folder) for path in part.rglob("*") if path.is_file()]
    s3_server.put(bucket, {str(path.relative_to(tmp_path)): path.read_bytes() for path in files})
    s3 = S3Settings(endpoint_url=s3_server.endpoint)
    common = OPTIONS | {"image_uri": f"s3://{bucket}/images", "mask_uri": f"s3://{bucket}/out/masks",
                        "only": str(only)}  # fmt: skip
    gtmask.convert([one, two], tmp_path / "out", images=folder, **common)
    summary = gtmask.convert(
        [f"s3://{bucket}/one/", f"s3://{bucket}/two/"], f"s3://{bucket}/out", images=f"s3://{bucket}/images",
        s3=s3, **common,
    )  # fmt: skip
    assert (summary.tally.masks, summary.tally.rejects) == (4, 0)
    found = s3_server.objects(bucket, "out/")
    made = {key.removeprefix("out/"): data for key, data in found.items() if "_gtmask/" not in key}
    assert made == outcome(tmp_path / "out")
    with pytest.raises(UsageError, match="lie in no folder together: say with --images"):
        gtmask.convert([one, f"s3://{bucket}/two"], tmp_path / "mixed", s3=s3, **OPTIONS)


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        ("b.json", "b: b.json"),
        ("b", "b"),
        ("b, image 1", "b, image 1"),
        ("b: x", "b: x"),
        ("", ""),
        ("c", "b: c"),
    ],
)
def test_what_begins_like_an_export_is_told_with_it(detail: str, told: str) -> None:
    assert _of("b", detail) == told
