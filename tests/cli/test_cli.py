"""The command line as a user meets it: exit codes, what goes to stdout and stderr, every command once."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from rich.text import Text
from typer.testing import CliRunner

from gtmask.cli import app
from gtmask.groundtruth import submission
from gtmask.manifest.contract import CORS_RULE
from tests.support import coco_data
from tests.support.commands import gtmask

ROLE = "arn:aws:iam::123456789012:role/GroundTruth"
TEAM = "arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/team"
SQUARE = [[1, 1], [8, 1], [8, 8], [1, 8]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Convert a small export once; most commands begin where that ends."""
    folder = tmp_path_factory.mktemp("cli")
    coco_data.write(folder, [f"{number}.jpg" for number in range(6)])
    uris = ["--image-uri", "s3://data/images", "--mask-uri", "s3://data/out/masks"]
    done = gtmask(
        "convert", folder / "export.json", "--out", folder / "out", "--images", folder / "images", *uris
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "", "convert talks to stderr only"
    assert "6 masks made" in done.stderr
    assert re.search(r"assemble .* 6/6 ", done.stderr), "a stage that is done says so"
    return folder


def test_convert_json_is_one_document_on_stdout(made: Path, tmp_path: Path) -> None:
    done = gtmask(
        "convert", made / "export.json", "--out", tmp_path / "out", "--images", made / "images", "--json"
    )
    summary = orjson.loads(done.stdout)
    assert done.stderr == ""
    assert (summary["masks"], summary["rejects"], summary["complete"]) == (6, 0, True)
    assert summary["classes"] == {"1": "Car", "2": "Road", "3": "Person"}


def test_rejects_give_exit_code_3_and_wrong_usage_2(made: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    (images / "0.jpg").write_bytes((made / "images" / "0.jpg").read_bytes())
    done = gtmask("convert", made / "export.json", "--out", tmp_path / "out", "--images", images)
    assert done.returncode == 3
    assert "image-missing" in done.stderr
    assert "--retry-rejects" in done.stderr
    assert len((tmp_path / "out" / "rejects.jsonl").read_bytes().splitlines()) == 5
    assert gtmask("convert", made / "export.json").returncode == 2
    assert gtmask("demo", tmp_path / "demo", "--images", 0).returncode == 2
    assert not (tmp_path / "demo").exists()
    for wrong in (["--fill", "magic"], ["--confidence", "2"], ["--shard", "4/2"], ["--label-attribute", "x"],
                  ["--workers", "0"], ["--executor", "ray"], ["--creation-date", "today"]):  # fmt: skip
        done = gtmask("convert", made / "export.json", "--out", tmp_path / "other", *wrong)
        assert done.returncode == 2, wrong
        assert done.stderr.startswith("gtmask: "), wrong
        assert done.stderr.count("\n") == 1, done.stderr
        assert not (tmp_path / "other").exists()


def test_a_document_that_no_reader_takes_ends_with_3(made: Path, tmp_path: Path) -> None:
    """Everything that was read is converted, and something in the folder was not."""
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "a.json").write_bytes((made / "export.json").read_bytes())
    common = ("convert", tmp_path / "export", "--images", made / "images", "--workers", 1, "--json", "--out")
    done = gtmask(*common, tmp_path / "whole")
    assert (done.returncode, orjson.loads(done.stdout)["rejects"]) == (0, 0)
    (tmp_path / "export" / "unread.json").write_text('{"x": [1, 2, 3]}')
    done = gtmask(*common, tmp_path / "out")
    summary = orjson.loads(done.stdout)
    assert (done.returncode, summary["rejects"], summary["complete"]) == (3, 0, True)
    assert [item["code"] for item in summary["export_findings"]] == ["file-unrecognised"]
    assert "unread.json" in summary["export_findings"][0]["detail"]


def test_finish_tells_of_findings_that_only_one_format_has(tmp_path: Path) -> None:
    box = {"id": 2, "type": "bbox", "label_id": 0, "group": 1, "bbox": [1, 1, 8, 8]}
    polygon = {"id": 1, "type": "polygon", "label_id": 0, "group": 1, "points": [1, 1, 9, 1, 9, 9]}
    export = {
        "dm_format_version": "1.0",
        "categories": {"label": {"labels": [{"name": "car"}]}},
        "items": [{"id": "a", "image": {"path": "a.jpg", "size": [20, 30]}, "annotations": [polygon, box]}],
    }
    (tmp_path / "train.json").write_bytes(orjson.dumps(export))
    options = ["--out", tmp_path / "out", "--size", "annotation", "--shard", "0/1", "--quiet"]
    assert gtmask("convert", tmp_path / "train.json", *options).returncode == 0
    done = gtmask("finish", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "box-grouped" in done.stderr


def test_the_next_command_can_be_pasted_although_a_folder_has_a_blank(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "my masks"
    done = gtmask("convert", made / "export.json", "--out", out, "--images", made / "images", "--limit", 1)
    assert f"gtmask validate '{out}/labeling-qa.manifest'" in done.stderr


def test_a_stage_of_unknown_length_ends_as_done(tmp_path: Path) -> None:
    box = {"name": "rect", "x": 1, "y": 1, "width": 3, "height": 3}
    image = {"filename": "a.jpg", "size": 1, "file_attributes": {},
             "regions": [{"shape_attributes": box, "region_attributes": {"class": "car"}}]}  # fmt: skip
    (tmp_path / "via.json").write_bytes(orjson.dumps({"a.jpg1": image}))
    assert re.search(r"inspect .* 1/1 ", gtmask("inspect", tmp_path / "via.json").stderr)


def test_narrow_screens_cut_no_code_and_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    name = "n" * 80 + ".jpg"
    image = {"id": 1, "file_name": name, "width": 9, "height": 9}
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "keypoints": [1, 1, 2], "segmentation": []}
    document = {"images": [image], "annotations": [annotation], "categories": [{"id": 1, "name": "car"}]}
    (tmp_path / "export.json").write_bytes(orjson.dumps(document))
    done = gtmask("convert", tmp_path / "export.json", "--out", tmp_path / "out")
    assert "\nshape-no-geometry " in done.stderr
    assert done.stderr.count("n" * 5) > 1
    assert "…" not in done.stderr
    unread = next(line for line in done.stderr.splitlines() if line.startswith("images-unread: "))
    assert "none of the first 1 images" in unread
    assert "Give --images" in unread


def test_inspect(made: Path) -> None:
    seen = orjson.loads(gtmask("inspect", made / "export.json", "--json").stdout)
    document = orjson.loads((made / "export.json").read_bytes())
    names = {category["id"]: category["name"] for category in document["categories"]}
    labels: dict[str, int] = {}
    for annotation in document["annotations"]:
        name = names[annotation["category_id"]]
        labels[name] = labels.get(name, 0) + 1
    assert seen["images"] == 6
    assert seen["shapes"] == len(document["annotations"])
    assert seen["labels"] == labels
    assert seen["findings"].keys() <= {"shape-cut"}  # cars stand at the edges of the demo's scenes
    assert "COCO" in seen["format"]
    told = gtmask("inspect", made / "export.json")
    assert "6 images" in told.stdout
    assert told.returncode == 0


def test_inspect_tells_shapes_without_a_label(tmp_path: Path) -> None:
    square = {"exterior": [[1, 1], [5, 1], [5, 5]], "interior": []}
    objects = [{"classTitle": name, "geometryType": "polygon", "points": square} for name in ("a", "", None)]
    export = {"size": {"width": 8, "height": 8}, "tags": [], "objects": objects}
    (tmp_path / "a.jpg.json").write_bytes(orjson.dumps(export))
    seen = orjson.loads(gtmask("inspect", tmp_path / "a.jpg.json", "--json").stdout)
    assert (seen["labels"], seen["findings"]) == ({"a": 1}, {"shape-no-label": 2})


def test_classes_are_written_edited_and_used(made: Path, tmp_path: Path) -> None:
    done = gtmask("classes", made / "export.json", "--out", tmp_path / "classes.toml", "--quiet")
    assert done.returncode == 0
    assert gtmask("classes", made / "export.json", "--out", tmp_path / "classes.toml").returncode == 2
    text = (tmp_path / "classes.toml").read_text()
    assert gtmask("classes", made / "export.json", "--quiet").stdout == text
    (tmp_path / "classes.toml").write_text(text.replace('name = "Car"', 'name = "Vehicle"\nlabels = ["Car"]'))
    done = gtmask(
        "convert", made / "export.json", "--out", tmp_path / "out", "--images", made / "images", "--classes",
        tmp_path / "classes.toml", "--json",
    )  # fmt: skip
    assert orjson.loads(done.stdout)["classes"]["1"] == "Vehicle"


def test_validate_pilot_preview_and_job(made: Path, tmp_path: Path) -> None:
    manifest = made / "out" / "labeling-qa.manifest"
    local = ["--images", made / "images", "--masks", made / "out" / "masks"]
    done = gtmask("validate", manifest, "--deep", "--strict", "--json", *local)
    report = orjson.loads(done.stdout)
    assert (done.returncode, report["ok"], report["decoded"]) == (0, True, 6), report["findings"]
    done = gtmask("pilot", manifest, "--out", tmp_path / "pilot", "--count", 3, *local)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "pilot" / "pilot.manifest").read_bytes().splitlines()) == 3
    assert "Car, Road, Person" in done.stderr
    assert f"next      gtmask job {tmp_path}/pilot/pilot.manifest" in done.stderr
    done = gtmask("preview", manifest, "--out", tmp_path / "look.html", *local)
    assert done.returncode == 0, done.stderr
    done = gtmask("preview", manifest, "--out", "gs://data/look.html", *local)
    assert (done.returncode, done.stderr.count("gtmask: ")) == (2, 1)
    assert done.stderr.splitlines()[-1].startswith("gtmask: ")
    page = (tmp_path / "look.html").read_text()
    assert page.count("<article ") == 6
    arn = ["--role", ROLE, "--workteam", TEAM, "--output", "s3://data/answer"]
    done = gtmask("job", manifest, "--dry-run", *arn)
    assert done.returncode == 0, done.stderr
    request = orjson.loads(done.stdout)["requests"][0]
    assert request["LabelAttributeName"].endswith("-ref")
    done = gtmask("job", manifest, "--out", tmp_path / "job", "--role", "me", *arn[2:])
    assert done.returncode == 2
    assert not (tmp_path / "job").exists()
    done = gtmask("job", manifest, "--out", tmp_path / "my job", *arn)
    assert done.returncode == 0, done.stderr
    assert (
        f"aws s3 cp --recursive '{tmp_path}/my job' s3://data/answer/_gtmask/labeling-qa-adjustment"
        in done.stderr
    )
    assert f"'file://{tmp_path}/my job/labeling-qa-adjustment.request.json'" in done.stderr


def test_validate_finds_the_failure_this_project_exists_for(made: Path, tmp_path: Path) -> None:
    line = (made / "out" / "labeling-qa.manifest").read_bytes().splitlines()[0]
    broken = tmp_path / "broken.manifest"
    broken.write_bytes(line.replace(b'.png"', b'.json"') + b"\n")
    done = gtmask("validate", broken, "--quick")
    assert done.returncode == 3
    assert "json" in done.stdout


def test_adding_a_cors_rule_needs_consent(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[Any] = []
    monkeypatch.setattr(submission, "buckets_without_cors", lambda plan, **options: ["data"])
    monkeypatch.setattr(submission, "fix_cors", lambda buckets, **options: added.append(buckets))
    manifest = str(made / "out" / "labeling-qa.manifest")
    command = [
        "job",
        manifest,
        "--role",
        ROLE,
        "--workteam",
        TEAM,
        "--output",
        "s3://a-bucket/x",
        "--fix-cors",
    ]
    runner = CliRunner()
    done = runner.invoke(app, command, input="n\n")
    assert (done.exit_code, added) == (0, [])
    assert "cors  not added" in done.stderr
    shown = done.stderr.partition("added to data: ")[2].partition("\n")[0]
    assert orjson.loads(shown) == [CORS_RULE]
    done = runner.invoke(app, command, input="")
    assert "give --yes" in str(done.exception)
    assert added == []
    assert runner.invoke(app, [*command, "--yes"]).exit_code == 0
    assert added == [["data"]]


@pytest.mark.parametrize("order", [["--version", "--verbose"], ["--verbose", "--version"]])
def test_the_version_tells_what_a_report_needs(order: list[str]) -> None:
    command = [sys.executable, "-m", "gtmask", *order]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = dict(line.split(None, 1) for line in done.stdout.splitlines())
    assert {"gtmask", "Python", "system", "processor", "numba", "numpy", "pillow", "aioboto3"} <= told.keys()
    assert re.search(r"\d+ of \d+ modules are compiled", told["kernels"])
    # Names of tests' own packages are nobody's business.
    assert "pytest" not in told
    assert gtmask("--version").stdout.count("\n") == 1


def test_what_labels_and_names_hold_does_not_act_on_a_terminal(tmp_path: Path) -> None:
    """Neither escape sequences nor line breaks nor marks that turn the direction of text around."""
    label = "a\u202eb\nc\u2028d\x1b[31m\x9b\u2066\u061c"
    coco_data.write(tmp_path, ["x.jpg"])
    export = tmp_path / "export.json"
    document = orjson.loads(export.read_bytes())
    document["images"][0]["file_name"] = f"{label}.jpg"
    for category in document["categories"]:
        category["name"] = f"{label}{category['id']}"
    export.write_bytes(orjson.dumps(document))
    acting = set(label) - set("\nabcd[31m")
    images = tmp_path / "images"
    for command in (
        ("inspect", export),
        ("classes", export, "--out", tmp_path / "classes.toml"),
        ("convert", export, "--images", images, "--out", tmp_path / "out"),
    ):
        done = gtmask(*command)
        said = done.stdout + done.stderr
        assert not set(said) & acting, command[0]
        assert command[0] == "classes" or "a\\u202eb" in said
        assert command[0] != "inspect" or "a\\u202eb\\nc\\u2028d\\x1b[31m\\x9b" in said


def test_every_line_with_a_finding_can_be_found(made: Path, tmp_path: Path) -> None:
    lines = (made / "out" / "labeling-qa.manifest").read_bytes()
    broken = tmp_path / "broken.manifest"
    broken.write_bytes(lines.replace(b'.png"', b'\\u001b[31m.json"'))
    done = gtmask("validate", broken, "--quick")
    assert "--findings FILE" in done.stdout
    assert "\\x1b[31m.json" in done.stdout
    assert "\x1b" not in done.stdout
    done = gtmask(
        "job", broken, "--dry-run", "--role", ROLE, "--workteam", TEAM, "--output", "s3://data/answer"
    )
    assert "\\x1b[31m.json): " in done.stderr
    assert "\x1b" not in done.stderr
    assert done.returncode == 2
    done = gtmask("validate", broken, "--quick", "--findings", tmp_path / "all.jsonl")
    assert f"all findings  {tmp_path}/all.jsonl" in done.stdout
    rows = [orjson.loads(line) for line in (tmp_path / "all.jsonl").read_bytes().splitlines()]
    assert [row["line"] for row in rows if row["code"] == "mask-is-json"] == [1, 2, 3, 4, 5, 6]


def test_formats_lists_every_reader() -> None:
    rows = orjson.loads(gtmask("formats", "--json").stdout)
    assert {"coco", "labelme", "label_studio", "cvat", "yolo"} <= {
        row["name"].replace("-", "_") for row in rows
    }
    assert all(row["reads"] and row["limits"] for row in rows)


def test_demo_runs_the_whole_way(tmp_path: Path) -> None:
    done = gtmask("demo", tmp_path / "demo", "--images", 6)
    assert done.returncode == 0, done.stderr
    assert "0 errors" in done.stderr
    for made_file in (
        "preview.html",
        "out/labeling-qa.manifest",
        "pilot/pilot.manifest",
        "out/masks/scene_005.png",
    ):
        assert (tmp_path / "demo" / made_file).is_file()


@pytest.mark.parametrize("command", [[], ["convert"], ["answer"], ["formats"]])
def test_help_names_no_types_of_python(command: list[str]) -> None:
    # A flag with <bool> looks as if it took a value.
    shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200"}).output
    assert "--help" in shown
    assert not re.search(r"<(bool|str|int|float|list.*)>", shown)


def test_every_command_and_option_has_help() -> None:
    import typer.main  # noqa: PLC0415 - only here

    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        assert command.help, name
        for option in command.params:
            assert option.help or option.metavar, (name, option.name)
            if option.help:
                shown = Text.from_markup(option.help).plain
                assert shown == option.help, f"{name} --{option.name}: what stands in brackets is not shown"


@pytest.mark.slow
@pytest.mark.parametrize("closed", [(0,), (1, 2), (0, 1, 2)])
def test_closed_standard_streams_do_no_harm(tmp_path: Path, closed: tuple[int, ...]) -> None:
    coco_data.write(tmp_path, ["a.jpg", "b.jpg"])
    shut = " ".join(f"{number}>&-" for number in closed)
    line = f'exec "$@" {shut}'
    command = ["sh", "-c", line, "sh", sys.executable, "-m", "gtmask", "convert", tmp_path / "export.json",
               "--images", tmp_path / "images", "--workers", "2", "--chunk-size", "1", "--out"]  # fmt: skip
    for out, code in ((tmp_path / "out", 0), (tmp_path / "export.json", 2)):
        done = subprocess.run([*command, out], check=False, capture_output=True)
        assert done.returncode == code
    assert len((tmp_path / "out" / "labeling-qa.manifest").read_bytes().splitlines()) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", ["inspect --json", "inspect", "classes", "formats"])
def test_a_stdout_that_takes_nothing_ends_with_one_sentence(made: Path, command: str) -> None:
    name, *options = command.split()
    source = [] if name == "formats" else [made / "export.json"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gtmask", name, *map(str, source), *options],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "the disk is full" in done.stderr.splitlines()[-1]


def test_a_closed_stdout_is_no_error(made: Path) -> None:
    line = (
        f"{shlex.quote(sys.executable)} -m gtmask inspect {shlex.quote(str(made / 'export.json'))} --json >&-"
    )
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_any_locale_gets_its_answer_and_a_class_map_is_always_utf8(made: Path, tmp_path: Path) -> None:
    document = orjson.loads((made / "export.json").read_bytes())
    document["categories"][0]["name"] = "Café…"
    source = tmp_path / "export.json"
    source.write_bytes(orjson.dumps(document))

    def said(encoding: str, *arguments: object) -> bytes:
        command = [sys.executable, "-m", "gtmask", *map(str, arguments)]
        environment = os.environ | {"PYTHONIOENCODING": encoding}
        done = subprocess.run(command, capture_output=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert b"Caf\\xe9\\u2026" in said("ascii", "inspect", source)
    assert 'name = "Café…"'.encode() in said("latin-1", "classes", source, "--quiet")
    assert b"bdd" in said("ascii", "formats").lower()


def test_file_names_that_are_no_utf8_are_told_and_stop_nothing(tmp_path: Path) -> None:
    shapes = [{"label": "car", "points": points, "shape_type": "polygon"} for points in ([[1, 1]], SQUARE)]
    record = {
        "version": "5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": "a.jpg",
        "imageHeight": 9,
        "imageWidth": 9,
    }
    source = tmp_path / "export"
    source.mkdir()
    try:
        (source / os.fsdecode(b"caf\xe9.json")).write_bytes(orjson.dumps(record))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (source / "b.json").write_bytes(
        orjson.dumps(record | {"imagePath": "b"}).replace(b'"b"', rb'"b\udce9.jpg"')
    )
    seen = orjson.loads(gtmask("inspect", source, "--json").stdout)
    assert seen["examples"]["shape-few-points"][1] == r"a.jpg (caf\udce9.json): car: 1 points"
    done = gtmask("convert", source, "--out", tmp_path / "out", "--json")
    assert orjson.loads(done.stdout)["masks"] == 2, done.stderr
    labels = tmp_path / "yolo" / "labels"
    labels.mkdir(parents=True)
    (labels / os.fsdecode(b"caf\xe9.txt")).write_text("0 0.1 0.1 0.9 0.1 0.9 0.9\n")
    done = gtmask("convert", tmp_path / "yolo", "--out", tmp_path / "none", "--quiet")
    assert done.returncode == 3, done.stderr
    rejected = orjson.loads((tmp_path / "none" / "rejects.jsonl").read_bytes())
    assert rejected["image"] == r"images/caf\udce9.jpg"
    done = gtmask("convert", source, "--out", tmp_path / os.fsdecode(b"\xe9"), "--quiet")
    assert done.returncode == 2
    assert "--mask-uri" in done.stderr


OR_LEAVE = "is empty: give a value, or leave the option out."
JOB = ["job", "m", "--role", "r", "--workteam", "w", "--output", "o"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["validate", ""], "MANIFEST is empty: give a value."),
        (["validate", "m", "--findings", ""], f"--findings {OR_LEAVE}"),
        (["preview", "m", "--out", " "], "--out is empty: give a value."),
        (["classes", "e", "--out", ""], f"--out {OR_LEAVE}"),
        (["convert", "e", "--out", "o", "--profile", ""], f"--profile {OR_LEAVE}"),
        (["answer", "a", "--out", "o", "--job", ""], f"--job {OR_LEAVE}"),
        (["demo", ""], "DIR is empty: give a value."),
        ([*JOB, "--name", ""], f"--name {OR_LEAVE}"),
        ([*JOB, "--out", "j", "--workers", "0"], "--workers 0 must be at least 1."),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_first(arguments: list[str], sentence: str) -> None:
    done = gtmask(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"gtmask: {sentence}\n")
