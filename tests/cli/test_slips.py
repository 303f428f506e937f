"""Nothing is destroyed by a slip: outputs that would hit inputs or files of others, and what is said then."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import gtmask
from gtmask.errors import GtmaskError, NotFoundError, UsageError
from gtmask.run.places import Interrupted
from gtmask.run.settings import ExecutionOptions
from gtmask.storage import S3Settings
from tests.support import coco_data
from tests.support.commands import gtmask as command

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.s3_server import S3Server

URIS = {"image_uri": "s3://data/images", "mask_uri": "s3://data/out/masks"}
GOOD = {
    "role": "arn:aws:iam::123456789012:role/GroundTruth",
    "workteam": "arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/team",
    "output": "s3://data/answers",
}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Convert three images once."""
    coco_data.write(tmp_path, ["a.jpg", "b.jpg", "c.jpg"])
    gtmask.convert(tmp_path / "export.json", tmp_path / "out", images=tmp_path / "images", workers=1, **URIS)
    return tmp_path


def refused(call: Callable[[], object], kind: type[GtmaskError] = UsageError) -> str:
    with pytest.raises(kind) as told:
        call()
    return str(told.value)


# --- what is there, and was not written by this command -------------------------------------------------


def writers(made: Path) -> dict[str, tuple[Path, Callable[..., Any], str]]:
    """Return of each command that writes: a file that it would write, its call, and what it says."""
    manifest = made / "out" / "labeling-qa.manifest"
    copies: dict[str, Any] = {"images": str(made / "images"), "masks": str(made / "out" / "masks")}
    end = "exists, and gtmask did not write it: choose another, or replace it with --overwrite."
    run_end = (
        "that no gtmask run wrote: choose another --out, or --overwrite to let files of the same names be "
        "replaced."
    )
    new = made / "new"

    def convert(**more: Any) -> Any:
        images = made / "images"
        return gtmask.convert(made / "export.json", new, images=images, workers=1, **more)

    def pilot(**more: Any) -> Any:
        return gtmask.pilot(manifest, new, count=3, copy_masks=True, workers=1, **copies, **more)

    def job(**more: Any) -> Any:
        return gtmask.job(manifest, new, **GOOD, **more)

    found: dict[str, tuple[Path, Callable[..., Any], str]] = {}
    for name in ("labeling-qa.manifest", "rejects.jsonl", "classes.toml"):
        found[f"convert {name}"] = new / name, convert, f"{new} holds a file {name} {run_end}"
    found["convert masks"] = new / "masks" / "a.png", convert, f"{new} holds masks {run_end}"
    first = gtmask.pilot(manifest, made / "look", count=3, workers=1, **copies).chosen[0]
    copy = new / "masks" / f"01-{Path(first.source_ref).stem}.png"
    for name, path in (("pilot.manifest", new / "pilot.manifest"), ("masks", copy)):
        found[f"pilot {name}"] = path, pilot, f"--out {path} {end}"
    for name in ("labels.json", "template.liquid.html", "labeling-qa-adjustment.manifest"):
        found[f"job {name}"] = new / name, job, f"--out {new / name} {end}"
    page = made / "page.html"
    found["preview"] = page, lambda **m: gtmask.preview(manifest, page, **copies, **m), f"--out {page} {end}"
    rows = made / "all.jsonl"
    found["validate"] = (
        rows,
        lambda **m: gtmask.validate(manifest, findings=rows, workers=1, level="quick", **m),
        f"--findings {rows} {end}",
    )
    toml = made / "map.toml"
    found["classes"] = (
        toml, lambda **m: gtmask.classes(made / "export.json", toml, workers=1, **m), f"--out {toml} {end}"
    )  # fmt: skip
    demo = made / "demo" / "preview.html"
    found["demo"] = demo, lambda **m: gtmask.demo(demo.parent, images=1, **m), f"DIR {demo} {end}"
    return found


NAMES = [
    "convert labeling-qa.manifest", "convert rejects.jsonl", "convert classes.toml", "convert masks",
    "pilot pilot.manifest", "pilot masks", "job labels.json", "job template.liquid.html",
    "job labeling-qa-adjustment.manifest", "preview", "validate", "classes", "demo",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_others_is_replaced_only_when_asked_to(made: Path, name: str) -> None:
    path, call, sentence = writers(made)[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"somebody's work\n")
    assert refused(call) == sentence
    assert path.read_bytes() == b"somebody's work\n"
    call(overwrite=True)
    assert not path.exists() or path.read_bytes() != b"somebody's work\n"
    if name != "classes":
        call()  # its own is replaced unasked


def test_every_writing_command_is_tried(made: Path) -> None:
    assert list(writers(made)) == NAMES


@pytest.mark.parametrize("name", ["pilot pilot.manifest", "job template.liquid.html"])
def test_what_was_edited_since_is_not_replaced(made: Path, name: str) -> None:
    path, call, sentence = writers(made)[name]
    call()
    path.write_bytes(path.read_bytes() + b"<!-- my own words -->\n")
    assert refused(call) == sentence
    assert path.read_bytes().endswith(b"words -->\n")


def test_classes_looks_at_its_output_before_it_reads(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text('{"images": [')
    (tmp_path / "map.toml").write_text("somebody's work\n")
    assert refused(lambda: gtmask.classes(tmp_path / "broken.json", tmp_path / "map.toml")) == (
        f"--out {tmp_path / 'map.toml'} exists, and gtmask did not write it: choose another, or replace it "
        "with --overwrite."
    )


# --- what is read --------------------------------------------------------------------------------------


def test_a_class_map_is_not_replaced_by_the_one_that_a_run_writes(made: Path) -> None:
    kept = made / "new" / "classes.toml"
    gtmask.classes(made / "export.json", kept, workers=1)
    edited = kept.read_bytes() + b"# my own words\n"
    kept.write_bytes(edited)

    def convert(**more: Any) -> Any:
        return gtmask.convert(
            made / "export.json", made / "new", images=made / "images", classes=kept, workers=1, **more
        )

    assert refused(lambda: convert(overwrite=True)) == (
        f"--out {made / 'new'} would overwrite the class map {kept}: choose another."
    )
    assert kept.read_bytes() == edited


def test_no_output_takes_the_place_of_what_is_read(made: Path) -> None:
    export, manifest = made / "export.json", made / "out" / "labeling-qa.manifest"
    before = {path: path.read_bytes() for path in (export, manifest)}
    told = f"{manifest} would overwrite the manifest {manifest}: choose another."
    for overwrite in (False, True):
        asked = {"overwrite": overwrite}
        assert refused(functools.partial(gtmask.classes, export, export, **asked)) == (
            f"--out {export} would overwrite the export {export}: choose another."
        )
        assert refused(functools.partial(gtmask.preview, manifest, manifest, **asked)) == f"--out {told}"
        assert refused(functools.partial(gtmask.validate, manifest, findings=manifest, **asked)) == (
            f"--findings {told}"
        )
    assert {path: path.read_bytes() for path in before} == before


def test_an_answer_never_hits_a_run_or_what_others_wrote(made: Path) -> None:
    manifest = made / "out" / "labeling-qa.manifest"
    assert refused(lambda: gtmask.answer([manifest], made / "out", run=str(made / "out"))) == (
        f"--out {made / 'out'} holds a run of `gtmask convert`, whose masks would be overwritten: choose "
        "another."
    )
    new = made / "new"
    (new / "masks").mkdir(parents=True)
    (new / "masks" / "a.png").write_bytes(b"somebody's")
    assert refused(lambda: gtmask.answer([manifest], new)) == (
        f"{new} holds masks that no gtmask answer wrote: choose another --out, or --overwrite to let files "
        "of the same names be replaced."
    )
    assert refused(lambda: gtmask.answer([manifest], new, masks=str(new / "masks"), overwrite=True)) == (
        f"--out {new} would overwrite the masks in {new / 'masks'}: choose another."
    )


# --- outputs and images --------------------------------------------------------------------------------


def test_outputs_inside_or_above_the_images_are_refused_with_a_place(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, ["a.jpg"])
    images = tmp_path / "images"

    def convert(out: Path) -> Any:
        return gtmask.convert(export, out, images=images, workers=1)

    place = tmp_path / "images-masks"
    for out in (images, tmp_path):
        assert refused(functools.partial(convert, out)) == (
            f"--out {out} is above the images in {images}, so masks and images would lie in one folder: take "
            f"{place}, for example."
        )
    assert refused(lambda: convert(images / "masks")) == (
        f"--out {images / 'masks'} lies inside the images in {images}, so masks would be taken for images: "
        f"take {place}, for example."
    )
    assert not place.exists()
    assert convert(place).exit_code == 0, "what is proposed works"


def test_no_bucket_is_proposed_that_may_be_nobodys(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, ["a.jpg"])
    told = refused(lambda: gtmask.convert(export, "s3://photos/run1", images="s3://photos", workers=1))
    assert told == (
        "--out s3://photos/run1 lies inside the images in s3://photos, so masks would be taken for images: "
        "take another bucket, or name with --images the folder of this one that has the images."
    )


def test_the_proposed_place_is_not_inside_the_export(tmp_path: Path) -> None:
    (tmp_path / "set" / "images").mkdir(parents=True)
    coco_data.write(tmp_path / "set", ["a.jpg"])

    def convert(out: Path) -> Any:
        return gtmask.convert(tmp_path / "set", out, images=tmp_path / "set" / "images", workers=1)

    place = tmp_path / "set-masks"
    assert refused(lambda: convert(tmp_path / "set" / "out")) == (
        f"--out {tmp_path / 'set' / 'out'} lies inside the export {tmp_path / 'set'}, so its files would be "
        f"read as annotations on the next start: take {place}, for example."
    )
    assert convert(place).exit_code == 0


# --- the manifest of a folder --------------------------------------------------------------------------


def test_commands_find_the_manifest_in_a_folder(made: Path) -> None:
    copies: dict[str, Any] = {"images": str(made / "images"), "masks": str(made / "out" / "masks")}
    out = made / "out"
    assert gtmask.validate(out, workers=1, **copies).manifest == f"{out}/labeling-qa.manifest"
    assert gtmask.validate(f"{out}/", workers=1, **copies).lines == 3
    gtmask.pilot(out, made / "pilot", count=2, workers=1, **copies)
    assert gtmask.validate(made / "pilot", workers=1, **copies).lines == 2
    assert gtmask.preview(out, made / "page.html", **copies).shown == 3
    plan = gtmask.job(out, made / "job", **GOOD)
    assert plan.settings.name == "labeling-qa-adjustment"
    assert gtmask.validate(made / "job", workers=1, level="quick").lines == 3
    assert refused(lambda: gtmask.validate(made / "images"), NotFoundError) == (
        f"{made / 'images'} is a folder without a manifest: name the manifest."
    )
    (made / "pilot" / "other.manifest").write_bytes(b"{}\n")
    assert refused(lambda: gtmask.validate(made / "pilot")) == (
        f"{made / 'pilot'} has several manifests, other.manifest, pilot.manifest: name one of them."
    )


def test_pages_findings_and_class_maps_can_lie_in_s3(made: Path, s3_server: S3Server, bucket: str) -> None:
    s3 = S3Settings(endpoint_url=s3_server.endpoint)
    copies: dict[str, Any] = {"images": str(made / "images"), "masks": str(made / "out" / "masks")}
    files = {path.name: path.read_bytes() for path in (made / "out").glob("*.manifest")}
    s3_server.put(bucket, {f"out/{name}": data for name, data in files.items()})
    place = f"s3://{bucket}/out"
    for _ in range(2):
        gtmask.preview(place, f"{place}/report.html", s3=s3, **copies)
        gtmask.validate(f"{place}/", findings=f"{place}/all.jsonl", s3=s3, workers=1, **copies)
    gtmask.classes(made / "export.json", f"{place}/map.toml", s3=s3, workers=1)
    assert refused(lambda: gtmask.classes(made / "export.json", f"{place}/map.toml", s3=s3)) == (
        f"--out {place}/map.toml exists, and gtmask did not write it: choose another, or replace it with "
        "--overwrite."
    )
    objects = s3_server.objects(bucket, "out/")
    assert b"<html" in objects["report.html"]
    assert {"labeling-qa.manifest", "report.html", "all.jsonl", "map.toml"} == set(objects)


# --- what is said --------------------------------------------------------------------------------------


def test_the_next_line_names_the_upload_and_what_works_before_it(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, ["a.jpg", "b.jpg"])
    out, images = tmp_path / "out", tmp_path / "images"
    uris = ("--image-uri", "s3://data/images", "--mask-uri", "s3://data/masks")
    done = command("convert", export, "--out", out, "--images", images, *uris, "--workers", 1)
    manifest = out / "labeling-qa.manifest"
    assert done.stderr.splitlines()[-4:] == [
        f"next      aws s3 cp --recursive {images} s3://data/images",
        f"          aws s3 cp --recursive {out}/masks s3://data/masks",
        f"then      gtmask validate {manifest}",
        f"or now    gtmask validate {manifest} --images {images} --masks {out}/masks",
    ]
    assert command("validate", out, "--images", images, "--masks", out / "masks").returncode == 0


def test_an_update_says_what_it_makes_keeps_and_drops(made: Path) -> None:
    export, out, images = made / "export.json", made / "run", made / "images"
    gtmask.convert(export, out, images=images, workers=1)
    run = ("convert", export, "--out", out, "--images", images, "--workers", 1, "--update")
    document = json.loads(export.read_text())
    document["images"] = document["images"][1:]
    document["annotations"][-1]["segmentation"] = [[1, 1, 20, 1, 20, 20]]
    export.write_text(json.dumps(document))
    title, gone = "COCO instances: 1 mask", "dropped   1 mask of images that the manifest names no more:"
    for options, verb, ending in (
        (("--dry-run",), "would be made", "kept without --prune"),
        (("--dry-run", "--prune"), "would be made", "would be removed"),
        (("--prune",), "made", "removed"),
    ):
        told = command(*run, *options).stderr.splitlines()
        assert f"{title} {verb}, 1 kept as they are, 0 records rejected." in told
        assert f"{gone} {ending}" in told


def test_ctrl_c_during_the_survey_says_that_nothing_was_written(tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    coco_data.write(tmp_path, ["a.jpg"])
    script.write_text(
        "import signal, sys\n"
        # Ignored where the tests run behind another command.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from gtmask.run import run\n"
        # Heard, whatever started the tests.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def stopped(*args): signal.raise_signal(signal.SIGINT)\n"
        "run.decide = stopped\n"
        "from gtmask.cli import main\n"
        "main()\n"
    )
    command = [
        sys.executable,
        str(script),
        "convert",
        str(tmp_path / "export.json"),
        "--out",
        str(tmp_path / "out"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, f"gtmask: {Interrupted().sentence}")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "freezing", "converting"),
    [
        (
            {},
            "The run was stopped before its first mask: run the same command again.",
            "The run was stopped; what was committed is kept. Run the same command again to go on.",
        ),
        (
            {"overwrite": True},
            (
                "The run was stopped before its first mask, and may have removed files of the earlier run: "
                "run the same command again, with --overwrite."
            ),
            (
                "The run was stopped; what was committed is kept. Run the same command again, without "
                "--overwrite, to go on."
            ),
        ),
        ({"dry_run": True}, "", "The run was stopped; it was a dry run, of which nothing is kept."),
    ],
)
def test_what_ctrl_c_says_depends_on_how_far_the_run_is(
    options: dict[str, bool], freezing: str, converting: str
) -> None:
    told, execution = Interrupted(), ExecutionOptions(**options)
    assert told.sentence == (
        "The run was stopped while it looked at the export, before it wrote anything; what earlier starts "
        "wrote is as it was. Run the same command again."
    )
    if freezing:
        told.before_freezing(execution)
        assert told.sentence == freezing
    told.before_converting(execution)
    assert told.sentence == converting
