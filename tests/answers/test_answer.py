"""The way back, compared with the truth of a made world, pixel by pixel and by class name."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.ndimage
from PIL import Image
from pycocotools.coco import COCO

import gtmask
from gtmask.answers.instances import outlines
from gtmask.errors import GtmaskError, ManifestError, RunConflictError, StrictError, UsageError
from tests.answers.world import AFTER, BEFORE, JOB_IDS, REASON, RUN_IDS, World, classes_toml, make_world, png
from tests.support.commands import kill_tree, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.s3_server import S3Server

WORLD = make_world()
NAMES = {number: name for name, number in RUN_IDS.items()}


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """Return a folder with the world's buckets as folders."""
    for bucket, objects in WORLD.objects.items():
        for key, data in objects.items():
            path = tmp_path / "world" / bucket / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    (tmp_path / "classes.toml").write_text(classes_toml())
    return tmp_path / "world"


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def run(mirror: Path, out: Path, **options: Any) -> gtmask.Answer:
    chosen = gtmask.AnswerOptions(**options)
    return gtmask.answer(
        [str(mirror / "answer/part-1"), str(mirror / "answer/part-2")], out, masks=str(mirror),
        images=str(mirror),
        classes=mirror.parent / "classes.toml", options=chosen, workers=1,
    )  # fmt: skip


def check_masks(world: World, folder: Path, wanted: set[str]) -> None:
    assert {f"{p.relative_to(folder).with_suffix('')}.jpg" for p in folder.rglob("*.png")} == wanted
    for key in wanted:
        mask = np.asarray(Image.open(folder / f"{key[:-4]}.png"))
        truth = world.truth.get(key, world.old[key])
        assert np.array_equal(np.vectorize(NAMES.get)(mask), truth), key


def test_everything_that_was_answered_comes_back_by_name(mirror: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(mirror, out)
    assert result.exit_code == 3
    assert (result.before, result.after) == (BEFORE, AFTER)
    assert result.statuses["failed"] == len(WORLD.failed)
    assert result.statuses["unanswered"] == len(WORLD.unanswered)
    assert result.failures == {REASON: len(WORLD.failed)}
    assert result.tally.findings == {
        "answer-failed": len(WORLD.failed),
        "answer-missing": len(WORLD.unanswered),
    }
    check_masks(WORLD, out / "masks", set(WORLD.truth))
    lines = rows(out / "answer.manifest")
    assert {line["source-ref"] for line in lines} == {f"s3://team/images/{key}" for key in WORLD.truth}
    assert all(set(line) == {"source-ref", AFTER, f"{AFTER}-metadata"} for line in lines)
    again = rows(out / "again.manifest")
    assert [line["source-ref"][17:] for line in again] == [*WORLD.unanswered, *WORLD.failed]
    assert all(set(line) == {"source-ref", BEFORE, f"{BEFORE}-metadata"} for line in again)


def test_changes_are_those_of_the_masks(mirror: Path, tmp_path: Path) -> None:
    result = run(mirror, tmp_path / "out")
    changes = {row["image"][17:]: row for row in rows(tmp_path / "out/changes.jsonl")}
    assert changes.keys() == WORLD.old.keys()
    for key, new in WORLD.truth.items():
        old, row = WORLD.old[key], changes[key]
        assert row["changed"] == int((old != new).sum())
        for name in {*old.flat, *new.flat} - {"BACKGROUND"}:
            both = int(((old == name) & (new == name)).sum())
            assert row["classes"][name]["gained"] == int((new == name).sum()) - both
            assert row["classes"][name]["lost"] == int((old == name).sum()) - both
            assert row["classes"][name]["iou"] == round(both / int(((old == name) | (new == name)).sum()), 6)
        if row["changed"]:
            y, x = np.nonzero(old != new)
            assert row["box"] == [x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1]
    counts = [row["changed"] for row in result.changes]
    assert counts == sorted(counts, reverse=True)
    assert result.changed == sum((WORLD.old[key] != new).any() for key, new in WORLD.truth.items())
    assert {changes[key]["reason"] for key in WORLD.failed} == {REASON}


def test_old_masks_are_kept_on_request(mirror: Path, tmp_path: Path) -> None:
    run(mirror, tmp_path / "out", unreviewed="keep", failed="keep", png="palette")
    check_masks(WORLD, tmp_path / "out/masks", set(WORLD.old))
    assert len(rows(tmp_path / "out/again.manifest")) == len(WORLD.unanswered)
    with pytest.raises(StrictError, match="objects were not answered"):
        run(mirror, tmp_path / "other", unreviewed="stop")
    assert not (tmp_path / "other").exists()


def test_coco_paints_the_same_masks(mirror: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(mirror, out, coco="rle")
    coco = COCO(out / "answer.coco.json")
    assert len(coco.imgs) == len(WORLD.truth)
    for image in coco.imgs.values():
        painted = np.zeros((image["height"], image["width"]), np.uint8)
        for annotation in coco.imgToAnns[image["id"]]:
            mask = coco.annToMask(annotation)
            assert mask.sum() == annotation["area"]
            painted[mask != 0] = annotation["category_id"]
        own = np.asarray(Image.open(out / "masks" / f"{image['file_name'][:-4]}.png"))
        assert np.array_equal(painted, own)
    seen = gtmask.inspect(out / "answer.coco.json")
    assert seen.images == len(WORLD.truth)


def test_polygons_tell_the_pixels_that_they_paint_otherwise(mirror: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(mirror, out, coco="polygon")
    coco = COCO(out / "answer.coco.json")
    told = dict.fromkeys(WORLD.truth, 0)
    for line in rows(out / "changes.jsonl"):
        told[line["image"][17:]] = line.get("polygon_pixels", 0)
    assert sum(count > 0 for count in told.values()) == result.tally.findings["polygon-differs"] > 0
    for image in coco.imgs.values():
        own = np.asarray(Image.open(out / "masks" / f"{image['file_name'][:-4]}.png"))
        differing = 0
        for annotation in coco.imgToAnns[image["id"]]:
            areas, _ = scipy.ndimage.label(own == annotation["category_id"], np.ones((3, 3)))
            x, y, width, height = map(int, annotation["bbox"])
            # The area whose box and size these are; a stray pixel of the same class may lie within its box.
            (area,) = (
                areas == number
                for number in range(1, areas.max() + 1)
                if (areas == number).sum() == annotation["area"]
                and scipy.ndimage.find_objects(areas)[number - 1]
                == (slice(y, y + height), slice(x, x + width))
            )
            differing += int(((coco.annToMask(annotation) != 0) != area).sum())
        assert differing == told[image["file_name"]]


@pytest.mark.parametrize("seed", range(20))
def test_outlines_are_the_parts_of_the_area_without_their_holes(seed: int) -> None:
    inside = np.random.default_rng(seed).random((7, 9)) < 0.6
    area = 0.0
    for ring in outlines(inside, 0, 0):
        points = np.array(ring).reshape(-1, 2)
        x, y = points.T
        area += float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    parts, count = scipy.ndimage.label(inside)
    filled = (scipy.ndimage.binary_fill_holes(parts == part, np.ones((3, 3))) for part in range(1, count + 1))
    assert area == sum(int(part.sum()) for part in filled)


def test_the_layout_has_every_image_beside_its_mask(mirror: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in ("out", "same"):
        gtmask.answer(
            [str(mirror / "answer" / part) for part in ("part-1", "part-2")], tmp_path / name,
            masks=str(mirror), images=str(mirror), workers=1,
            options=gtmask.AnswerOptions(layout="sagemaker", split=0.5, seed=1),
        )  # fmt: skip
    found = files(out)
    images = [name for name in found if name.endswith(".jpg")]
    assert len(images) == len(WORLD.truth)
    for name in images:
        channel, _, stem = name.partition("/")
        key = stem.replace("~1", "/").replace("~0", "~")
        assert found[name] == WORLD.objects["team"][f"images/{key}"]
        assert found[f"{channel}_annotation/{stem[:-4]}.png"] == found[f"masks/{key[:-4]}.png"]
    assert {name.partition("/")[0] for name in images} == {"train", "validation"}
    label_map = json.loads(found["label_map/train_label_map.json"])["map"]
    assert sorted(label_map.values(), key=int) == [str(i) for i in range(len(label_map))]
    assert {
        name: data for name, data in files(tmp_path / "same").items() if "/" in name and "_gtmask" not in name
    } == {name: data for name, data in found.items() if "/" in name and "_gtmask" not in name}


def test_a_mirror_and_copies_give_the_same(mirror: Path, tmp_path: Path) -> None:
    run(mirror, tmp_path / "out", mask_uri="s3://b/masks")
    merged = mirror.parent / "elsewhere.manifest"
    parts = [WORLD.objects["answer"][f"part-{i}/manifests/output/output.manifest"] for i in (1, 2)]
    merged.write_bytes(b"".join(parts))
    (mirror / "merged.manifest").write_bytes(b"".join(parts))
    options = gtmask.AnswerOptions(mask_uri="s3://b/masks")
    classes = mirror.parent / "classes.toml"
    same: dict[str, Any] = {"images": str(mirror), "classes": classes, "options": options, "workers": 1}
    gtmask.answer([merged], tmp_path / "b", masks=str(mirror), **same)
    gtmask.answer([mirror / "merged.manifest"], tmp_path / "c", **same)
    outputs = [
        {name: data for name, data in files(tmp_path / name).items() if name.startswith(("masks", "a", "c"))}
        for name in ("out", "b", "c")
    ]
    assert outputs[0] == outputs[1] == outputs[2]


def test_a_part_of_the_masks_is_told(mirror: Path, tmp_path: Path) -> None:
    for path in (mirror / "answer/part-2/annotations").rglob("*.png"):
        path.unlink()
    result = run(mirror, tmp_path / "out")
    lost = [key for key in WORLD.truth if int(key[5:7]) >= 7]
    assert result.tally.findings["mask-missing"] == result.tally.rejects == len(lost)
    assert len(rows(tmp_path / "out/rejects.jsonl")) == len(lost)
    assert result.exit_code == 3


def test_a_mask_of_another_size_is_rejected(mirror: Path, tmp_path: Path) -> None:
    key = next(iter(WORLD.truth))
    (path,) = (mirror / "answer/part-1").rglob(f"{int(key[5:7])}_2026-01-02T00:00:00.000000.png")
    path.write_bytes(png(WORLD.truth[key][:-1], JOB_IDS, palette=True))
    result = run(mirror, tmp_path / "out")
    assert (result.tally.findings["answer-size"], result.tally.rejects) == (1, 1)
    assert result.tally.examples["answer-size"][0].endswith("40x30, and 40x29 after the job")
    assert not (tmp_path / f"out/masks/{key[:-4]}.png").exists()
    assert key not in {line["source-ref"][17:] for line in rows(tmp_path / "out/answer.manifest")}


def test_objects_that_were_verified_as_bad_are_asked_again_on_request(mirror: Path, tmp_path: Path) -> None:
    bad = []
    for part in ("part-1", "part-2"):
        path = mirror / "answer" / part / "manifests/output/output.manifest"
        lines = []
        for number, line in enumerate(rows(path)):
            verdict = "bad" if number == 0 else "good"
            bad += [line["source-ref"][17:]] * (verdict == "bad")
            line["check"] = number
            line["check-metadata"] = {"class-name": verdict, "type": "groundtruth/label-verification"}
            lines.append(json.dumps(line))
        path.write_text("\n".join(lines))
    result = run(mirror, tmp_path / "out", again_verified="bad")
    again = [line["source-ref"][17:] for line in rows(tmp_path / "out/again.manifest")]
    assert again == [*WORLD.unanswered, *sorted([*WORLD.failed, *bad], key=lambda key: key[5:])]
    assert result.again == len(again)
    check_masks(WORLD, tmp_path / "out/masks", set(WORLD.truth))
    assert run(mirror, tmp_path / "other").again == len(again) - len(bad)


def test_the_page_shows_what_changed_most(mirror: Path, tmp_path: Path) -> None:
    options = gtmask.AnswerOptions()
    parts = [str(mirror / "answer" / part) for part in ("part-1", "part-2")]
    for _ in range(2):
        result = gtmask.answer(
            parts, tmp_path / "out", masks=str(mirror), images=str(mirror), workers=1, options=options
        )
        page = (tmp_path / "out/report.html").read_text()
        assert f"{result.changed} of {result.compared} compared images changed" in page
        assert result.changes[0]["image"].rpartition("/")[2] in page
        assert (result.page_trouble, result.files[-1]) == ("", f"{tmp_path}/out/report.html")


def test_values_and_names_without_a_class_are_counted(mirror: Path, tmp_path: Path) -> None:
    text = classes_toml()
    (mirror.parent / "classes.toml").write_text(text[: text.index("[[class]]\nid = 200")])
    result = run(mirror, tmp_path / "out")
    with_tree = sum((new == "tree").any() for new in WORLD.truth.values())
    assert result.tally.findings["shape-unknown-label"] >= with_tree


def test_the_last_answer_of_an_image_counts(mirror: Path, tmp_path: Path) -> None:
    path = mirror / "answer/part-1/manifests/output/output.manifest"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines) + lines[0])
    second = json.loads(lines[0])
    second[f"{AFTER}-metadata"]["creation-date"] = "2026-02-01T00:00:00.000000"
    second[AFTER] = json.loads(lines[1])[AFTER]
    path.write_bytes(json.dumps(second).encode() + b"\n" + b"".join(lines))
    result = run(mirror, tmp_path / "out")
    assert result.objects == len(WORLD.old)
    mask = np.asarray(Image.open(tmp_path / "out/masks/set0/00.png"))
    assert np.array_equal(np.vectorize(NAMES.get)(mask), WORLD.truth["set1/01.jpg"])


@pytest.mark.parametrize("dated", [True, False])
def test_answers_of_one_moment_that_differ_are_told(mirror: Path, tmp_path: Path, dated: bool) -> None:
    path = mirror / "answer/part-1/manifests/output/output.manifest"
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    other = json.loads(json.dumps(lines[0]))
    other[AFTER] = lines[1][AFTER]
    for line in (lines[0], other):
        if not dated:
            del line[f"{AFTER}-metadata"]["creation-date"]
    # The same answer once more, a copy of a line, is no other one.
    path.write_text("".join(json.dumps(line) + "\n" for line in [*lines, lines[1], other]))
    result = run(mirror, tmp_path / "out")
    assert result.tally.findings["answer-tied"] == 1
    mask = np.asarray(Image.open(tmp_path / "out/masks/set0/00.png"))
    assert np.array_equal(np.vectorize(NAMES.get)(mask), WORLD.truth["set0/00.jpg"])


def test_what_is_no_answer_is_refused(mirror: Path, tmp_path: Path) -> None:
    wrong = mirror / "wrong.manifest"
    for content, error, words in (
        (b'{"source-ref": "s3://b/a.jpg", "x": 3, "x-metadata": {"type": "groundtruth/text-classification"}}',
         ManifestError, "is no answer of a segmentation job"),
        ((b'{"source-ref": "s3://b/a.jpg", "x-ref": {"annotations": []}, "x-ref-metadata": '
         b'{"type": "groundtruth/object-detection", "job-name": "labeling-job/x"}}'),
         ManifestError, "is no answer of a segmentation job"),
        (b'{"source-ref": "s3://b/a.jpg"}\n{"source-', ManifestError, "line 2"),
        (b'[1, 2]', ManifestError, "line 1: line-not-json"),
        (b'{"images": [], "annotations": [], "categories": []}', ManifestError, "line 1: source-key-missing"),
        ((b'{"source-ref": "s3://team/a.jpg", "x-ref": "s3://team/a.png", "x-ref-metadata": '
         b'{"type": "groundtruth/semantic-segmentation", "job-name": "labeling-qa"}}'),
         ManifestError, "is no answer of a segmentation job"),
    ):  # fmt: skip
        wrong.write_bytes(content)
        with pytest.raises(error, match=words):
            gtmask.answer([wrong], tmp_path / "out")
    with pytest.raises(UsageError, match="No output manifest is given"):
        gtmask.answer([], tmp_path / "out")
    run(mirror, tmp_path / "out")
    with pytest.raises(RunConflictError, match="with other options"):
        run(mirror, tmp_path / "out", png="palette")


@pytest.mark.slow
def test_kills_cost_nothing(mirror: Path, tmp_path: Path) -> None:
    run(mirror, tmp_path / "whole", coco="rle", chunk_size=1, mask_uri="s3://b/m")
    out = tmp_path / "killed"
    command = [
        sys.executable, "-m", "gtmask", "answer",
        str(mirror / "answer/part-1"), str(mirror / "answer/part-2"), "--out", str(out),
        "--masks", str(mirror), "--images", str(mirror), "--classes", str(mirror.parent / "classes.toml"),
        "--coco", "rle", "--chunk-size", "1", "--mask-uri", "s3://b/m", "--workers", "1", "--quiet",
    ]  # fmt: skip
    for wanted in (1, 2, 5, 9):
        process = subprocess.Popen(command)
        parts = out / "_gtmask/parts"
        wait_for(lambda: len(list(parts.glob("*.json"))) >= wanted or process.poll() is not None)  # noqa: B023
        kill_tree(process)
    assert subprocess.run(command, check=False).returncode == 3
    ours, theirs = files(out), files(tmp_path / "whole")
    assert ours == theirs


def test_in_s3_the_same_comes_out(s3_server: S3Server, mirror: Path, tmp_path: Path) -> None:
    for bucket, objects in WORLD.objects.items():
        s3_server.make_bucket(bucket)
        s3_server.put(bucket, objects)
    s3 = gtmask.S3Settings(endpoint_url=s3_server.endpoint)
    options = gtmask.AnswerOptions(mask_uri="s3://b/m", coco="rle")
    result = gtmask.answer(
        ["s3://answer/part-1/", "s3://answer/part-2/manifests/output/output.manifest"], "s3://answer/back",
        classes=mirror.parent / "classes.toml", options=options, s3=s3, workers=1,
    )  # fmt: skip
    assert (result.exit_code, result.page_trouble) == (3, "")
    run(mirror, tmp_path / "out", mask_uri="s3://b/m", coco="rle")
    local = {name: data for name, data in files(tmp_path / "out").items() if not name.startswith("_gtmask")}
    remote = s3_server.objects("answer", "back/")
    assert {
        name.removeprefix("back/"): data for name, data in remote.items() if "_gtmask" not in name
    } == local
    assert "report.html" in local
    again = gtmask.answer(
        ["s3://answer/part-1/", "s3://answer/part-2/manifests/output/output.manifest"], "s3://answer/back",
        classes=mirror.parent / "classes.toml", options=options, s3=s3, workers=1,
    )  # fmt: skip
    assert again.to_json() == result.to_json()


def test_the_real_answer_of_2022_comes_back(samples: Path, tmp_path: Path) -> None:
    (manifest,) = (samples / "sagemaker_gt").glob("aws-samples*/output.manifest")
    (line,) = rows(manifest)
    for sort in (False, True):
        folder = tmp_path / str(sort)
        folder.mkdir()
        (folder / "output.manifest").write_text(json.dumps(line, sort_keys=sort))
        name = line["S10-label3-ref"].rpartition("/")[2]
        (folder / name).write_bytes((manifest.parent / "mask.png").read_bytes())
        result = gtmask.answer([folder / "output.manifest"], folder / "out", images=str(folder), workers=1)
        assert (result.answered, result.after, result.exit_code) == (1, "S10-label3-ref", 0)
        made = np.asarray(Image.open(folder / "out/masks/s10.png"))
        assert np.array_equal(made, np.asarray(Image.open(manifest.parent / "mask.png")))
        assert len(np.unique(made)) == 4


def test_the_real_answers_come_back(samples: Path, tmp_path: Path) -> None:
    (manifest,) = (samples / "sagemaker_gt").glob("superannotate*/**/output.manifest")
    lines = rows(manifest)
    for number, keys in enumerate((False, True)):
        content = "\n".join(json.dumps(line, sort_keys=keys) for line in lines)
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "output.manifest").write_text(content)
        for path in manifest.parent.glob("*.png"):
            (folder / path.name).write_bytes(path.read_bytes())
        pictures = str(manifest.parent)
        result = gtmask.answer([folder / "output.manifest"], folder / "out", images=pictures, workers=1)
        assert (result.answered, result.tally.rejects) == (len(lines), 0)
        for line in lines:
            source = manifest.parent / line["attribute-name-ref"].rpartition("/")[2].replace(":", "_")
            stem = line["source-ref"].rpartition("/")[2][:-4]
            made = np.asarray(Image.open(folder / f"out/masks/{stem}.png"))
            assert np.array_equal(made, np.asarray(Image.open(source)))
    assert issubclass(ManifestError, GtmaskError)


def write_answer(folder: Path, names: list[str]) -> Path:
    """Write the manifest of a job of which image number i got i + 1 pixels of the one class."""
    colors = {"0": {"class-name": "BACKGROUND", "hex-color": "#ffffff"},
              "1": {"class-name": "car", "hex-color": "#2ca02c"}}  # fmt: skip
    lines = []
    for number, name in enumerate(names):
        mask = np.zeros((8, 8), np.uint8)
        mask[0, : number + 1] = 1
        (folder / f"{number}.png").write_bytes(gtmask.encode_png(mask, palette=["#ffffff", "#2ca02c"]))
        old = {"internal-color-map": colors, "type": "groundtruth/semantic-segmentation", "job-name": "first"}
        old |= {"human-annotated": "yes", "creation-date": "2026-01-01T00:00:00"}
        new = old | {"creation-date": "2026-02-01T00:00:00", "adjustment-status": "adjusted"}
        line: dict[str, Any] = {"source-ref": str(folder / "images" / name)}
        for attribute, metadata in (("qa-ref", old), ("new-ref", new)):
            line |= {attribute: str(folder / f"{number}.png"), f"{attribute}-metadata": metadata}
        lines.append(line)
    manifest = folder / "output.manifest"
    manifest.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return manifest


@pytest.mark.parametrize(
    "names",
    [
        ["a.jpg", "a.png", "a.jpg.jpg"],
        ["a.jpg.png", "b.png", "a.png", "a.jpg", "a.jpg.png.webp"],
        ["b/a.jpg", "c/a.jpg", "b/a.png"],
        ["\u00e9.jpg", "e\u0301.png"],
    ],
    ids=["the third meets a longer name", "a chain", "folders", "spellings of Unicode"],
)
def test_no_two_images_of_an_answer_share_a_mask(tmp_path: Path, names: list[str]) -> None:
    manifest = write_answer(tmp_path, names)
    answer = gtmask.answer(manifest, tmp_path / "out", workers=1)
    assert answer.tally.findings["key-collision"] >= 2
    found = {}
    for line in rows(tmp_path / "out" / "answer.manifest"):
        mask = np.asarray(Image.open(line["new-ref"]))
        found[line["source-ref"].split("/images/")[1]] = int((mask == 1).sum())
    assert found == {name: number + 1 for number, name in enumerate(names)}
    masks = (tmp_path / "out" / "masks").rglob("*.png")
    assert len({unicodedata.normalize("NFC", str(path)) for path in masks}) == len(names)
