"""What an answer tells of images that it does not have, and of pixels whose class nobody knows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import gtmask
from gtmask.cli import app
from gtmask.errors import GtmaskError, RunConflictError
from tests.support import coco_data

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def answered(tmp_path: Path, change: Callable[[dict[str, Any], Path], None]) -> Path:
    """Convert four images, and return the output manifest of a job that answered three of them, changed."""
    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(4)])
    gtmask.convert(export, tmp_path / "run", images=tmp_path / "images", workers=1)
    path = tmp_path / "output.manifest"
    with path.open("w") as written:
        for number, line in enumerate((tmp_path / "run/labeling-qa.manifest").read_text().splitlines()[1:]):
            values = json.loads(line)
            values["new-ref"] = str(tmp_path / f"{number}.png")
            told = values["labeling-qa-ref-metadata"]
            values["new-ref-metadata"] = {
                **told,
                "adjustment-status": "adjusted",
                "job-name": "labeling-job/x",
            }
            change(values, tmp_path)
            print(json.dumps(values), file=written)
    return path


def same(values: dict[str, Any], _: Path) -> None:
    values["new-ref"] = values["labeling-qa-ref"]


def off_by_one(values: dict[str, Any], _: Path) -> None:
    """Write the mask in colours that are nearly those of the map."""
    mask = np.asarray(Image.open(values["labeling-qa-ref"]))
    colors = {int(k): v["hex-color"] for k, v in values["new-ref-metadata"]["internal-color-map"].items()}
    table = np.zeros((256, 3), np.uint8)
    for number, color in colors.items():
        table[number] = list(bytes.fromhex(color[1:]))
    table[1:] ^= 1
    Image.fromarray(table[mask]).save(values["new-ref"])


def renamed(values: dict[str, Any], folder: Path) -> None:
    same(values, folder)
    values["new-ref-metadata"] = json.loads(json.dumps(values["new-ref-metadata"]))
    for number, entry in values["new-ref-metadata"]["internal-color-map"].items():
        if number != "0":
            entry["class-name"] += " of another job"


def test_a_mask_that_was_fetched_since_is_read_the_next_time(tmp_path: Path) -> None:
    manifest = answered(tmp_path, off_by_one)
    late = tmp_path / "1.png"
    data = late.read_bytes()
    late.unlink()

    def again() -> gtmask.Answer:
        return gtmask.answer([manifest], tmp_path / "out", run=str(tmp_path / "run"), workers=1)

    assert again().tally.rejects == 1
    late.write_bytes(data)
    done = again()
    assert (done.tally.rejects, done.answered) == (0, 3)
    manifest.write_text("\n".join(manifest.read_text().splitlines()[:2]))
    with pytest.raises(RunConflictError, match=r"is of an answer with other manifests: use the same again"):
        again()


@pytest.mark.parametrize(
    ("change", "code"),
    [(same, ""), (off_by_one, "bitmap-value-unknown"), (renamed, "shape-unknown-label")],
)
def test_masks_that_lose_classes_end_with_3(
    tmp_path: Path, change: Callable[[dict[str, Any], Path], None], code: str
) -> None:
    manifest = answered(tmp_path, change)
    result = gtmask.answer([manifest], tmp_path / "out", run=str(tmp_path / "run"), workers=1)
    assert (result.exit_code, result.records, result.objects) == (3 if code else 0, 4, 3)
    assert (code in result.tally.findings) if code else not result.tally.findings


def test_masks_of_an_answer_that_are_gone_are_made_again(tmp_path: Path) -> None:
    manifest, out = answered(tmp_path, same), tmp_path / "out"

    def again() -> gtmask.Answer:
        options = gtmask.AnswerOptions(chunk_size=1)
        return gtmask.answer([manifest], out, run=str(tmp_path / "run"), options=options, workers=1)

    first = again()
    masks = {path: path.read_bytes() for path in (out / "masks").rglob("*.png")}
    gone = min(masks)
    gone.unlink()
    with pytest.raises(GtmaskError, match=rf", 1 can no longer be found.*{gone.name}: run the same command"):
        again()
    assert again().tally == first.tally
    assert {path: path.read_bytes() for path in (out / "masks").rglob("*.png")} == masks


def without_color_map(values: dict[str, Any], folder: Path) -> None:
    same(values, folder)
    values["new-ref-metadata"] = {**values["new-ref-metadata"]}
    del values["new-ref-metadata"]["internal-color-map"]


def test_a_mask_whose_values_nobody_names_is_no_answer(tmp_path: Path) -> None:
    manifest = answered(tmp_path, without_color_map)
    result = gtmask.answer([manifest], tmp_path / "out", run=str(tmp_path / "run"), workers=1)
    assert (result.exit_code, result.answered, result.again) == (3, 0, 3)
    reasons = [finding for found in result.tally.examples.values() for finding in found]
    assert reasons
    assert all("new-ref has no internal-color-map" in reason for reason in reasons)


def test_images_of_the_run_that_no_manifest_has_are_told(tmp_path: Path) -> None:
    manifest = answered(tmp_path, same)
    command = ["answer", str(manifest), "--run", str(tmp_path / "run"), "--out", str(tmp_path / "out")]
    shown = CliRunner().invoke(app, [*command, "--workers", "1", "--progress", "none"])
    assert shown.exit_code == 0
    assert "run     1 of its 4 images are in none of these manifests" in shown.output
