"""The command line as a user meets it: exit codes, what goes to stdout and stderr, every command once."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import orjson
import pytest

from gtmask.cli import app
from support import coco_data

if TYPE_CHECKING:
    from pathlib import Path

ROLE = "arn:aws:iam::123456789012:role/GroundTruth"
TEAM = "arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/team"


def gtmask(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gtmask", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


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
    assert len((tmp_path / "out" / "rejects.jsonl").read_bytes().splitlines()) == 5
    assert gtmask("convert", made / "export.json").returncode == 2
    for wrong in (["--fill", "magic"], ["--confidence", "2"], ["--shard", "4/2"], ["--label-attribute", "x"],
                  ["--workers", "0"], ["--executor", "ray"], ["--creation-date", "today"]):  # fmt: skip
        done = gtmask("convert", made / "export.json", "--out", tmp_path / "other", *wrong)
        assert done.returncode == 2, wrong
        assert done.stderr.startswith("gtmask: "), wrong
        assert done.stderr.count("\n") == 1, done.stderr
        assert not (tmp_path / "other").exists()


def test_the_next_command_can_be_pasted_although_a_folder_has_a_blank(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "my masks"
    done = gtmask("convert", made / "export.json", "--out", out, "--images", made / "images", "--limit", 1)
    assert f"gtmask validate '{out}/labeling-qa.manifest'" in done.stderr


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
    assert seen["findings"] == {}
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
    done = gtmask("preview", manifest, "--out", tmp_path / "look.html", *local)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "look.html").read_text().count("<figure>") == 6
    arn = ["--role", ROLE, "--workteam", TEAM, "--output", "s3://data/answer"]
    done = gtmask("job", manifest, "--dry-run", *arn)
    assert done.returncode == 0, done.stderr
    request = orjson.loads(done.stdout)["requests"][0]
    assert request["LabelAttributeName"].endswith("-ref")
    done = gtmask("job", manifest, "--out", tmp_path / "job", "--role", "me", *arn[2:])
    assert done.returncode == 2
    assert not (tmp_path / "job").exists()


def test_validate_finds_the_failure_this_project_exists_for(made: Path, tmp_path: Path) -> None:
    line = (made / "out" / "labeling-qa.manifest").read_bytes().splitlines()[0]
    broken = tmp_path / "broken.manifest"
    broken.write_bytes(line.replace(b'.png"', b'.json"') + b"\n")
    done = gtmask("validate", broken, "--quick")
    assert done.returncode == 3
    assert "json" in done.stdout


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


def test_every_command_and_option_has_help() -> None:
    import typer.main  # noqa: PLC0415 - only here

    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        assert command.help, name
        for option in command.params:
            assert option.help or option.metavar, (name, option.name)


def test_finish_knows_what_readers_found(tmp_path: Path) -> None:
    ring = {"type": "polygon", "points": [1, 1, 5, 1, 5, 5], "label_id": 0, "group": 1}
    box = {"type": "bbox", "bbox": [1, 1, 5, 5], "label_id": 0, "group": 1}
    items = [{"id": "a", "image": {"path": "a.jpg", "size": [10, 20]}, "annotations": [ring, box]}]
    categories = {"label": {"labels": [{"name": "a"}]}}
    (tmp_path / "a.json").write_bytes(
        orjson.dumps({"dm_format_version": "1.0", "categories": categories, "items": items})
    )
    out = tmp_path / "out"
    assert gtmask("convert", tmp_path / "a.json", "--out", out, "--shard", "0/1").returncode == 0
    done = gtmask("finish", out)
    assert done.returncode == 0, done.stderr
    assert "box-grouped" in done.stderr
