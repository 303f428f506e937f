"""Half a run is never taken for a whole one: whoever reads a manifest of ours asks the run's state."""

from __future__ import annotations

import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

import gtmask
from gtmask.errors import ManifestError
from tests.run.test_resume import command, committed
from tests.support import coco_data
from tests.support.commands import kill_tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.s3_server import S3Server

ARN = "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/x"
IMAGES = 400
NAME = "labeling-qa.manifest"


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kill a run after a few chunks; return the folder with its output in ``out``."""
    folder = tmp_path_factory.mktemp("stopped")
    coco_data.write(folder, [f"img_{number:04d}.jpg" for number in range(IMAGES)])
    process = subprocess.Popen(command(folder, folder / "out"))
    deadline = time.monotonic() + 120
    while len(committed(folder / "out")) < 8 and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    kill_tree(process)
    assert 0 < len(committed(folder / "out")) < IMAGES // 5
    return folder


def inspected(manifest: str, _folder: Path, **options: bool) -> Any:
    seen = gtmask.inspect(manifest, options=gtmask.ReadOptions(**options), workers=1)
    return seen.findings["manifest-partial"]


def converted(manifest: str, folder: Path, **options: bool) -> Any:
    out = folder / "again"
    summary = gtmask.convert(manifest, out, size="annotation", masks=str(folder / "out" / "masks"), workers=1,
                             dry_run=True, **options)  # fmt: skip
    return [finding for finding in summary.findings if finding.code == "manifest-partial"]


READERS: dict[str, Callable[..., Any]] = {
    "validate": lambda manifest, _folder, **options: (
        gtmask.validate(manifest, level="quick", workers=1, **options).codes["run-unfinished"]
    ),
    "pilot": lambda manifest, folder, **options: (
        gtmask.pilot(manifest, folder / "pilot", masks=str(folder / "out" / "masks"), workers=1, **options)
    ).unfinished,
    "job": lambda manifest, _folder, **options: (
        gtmask.job(manifest, None, role="arn:aws:iam::123456789012:role/r", workteam=ARN, output="s3://bucket/out",
                   **options)
    ).unfinished,
    "preview": lambda manifest, folder, **options: (
        gtmask.preview(manifest, folder / "p.html", masks=str(folder / "out" / "masks"), **options)
    ).unfinished,
    "inspect": inspected,
    "convert": converted,
}  # fmt: skip


@pytest.mark.slow
def test_the_growing_manifest_has_a_name_of_its_own(stopped: Path) -> None:
    assert not (stopped / "out" / NAME).exists()
    lines = (stopped / "out" / f"{NAME}.partial").read_bytes()
    assert lines.endswith(b"\n")


@pytest.mark.parametrize("name", [NAME, f"{NAME}.partial"])
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_refuses_it(stopped: Path, reader: str, name: str) -> None:
    manifest = stopped / "out" / name
    if reader in {"inspect", "convert"} and not manifest.exists():
        manifest = stopped / "out" / f"{NAME}.partial"
    with pytest.raises(ManifestError, match=r"not finished: [\d,]+ of 80 chunks are done, for 400 images"):
        READERS[reader](str(manifest), stopped)


@pytest.mark.parametrize("reader", ["validate", "inspect", "preview", "pilot"])
def test_with_partial_it_is_taken_and_told(stopped: Path, reader: str) -> None:
    name = f"{NAME}.partial" if reader == "inspect" else NAME
    assert READERS[reader](str(stopped / "out" / name), stopped, partial=True)


@pytest.mark.parametrize("reader", ["validate", "inspect"])
def test_a_manifest_of_another_name_beside_a_run_is_none_of_its_own(stopped: Path, reader: str) -> None:
    other = stopped / "out" / "other.manifest"
    other.write_bytes((stopped / "out" / f"{NAME}.partial").read_bytes())
    assert not READERS["inspect"](str(other), stopped)
    assert "run-unfinished" not in gtmask.validate(other, level="quick", workers=1).codes
    other.unlink()


def test_a_run_is_whole_for_what_it_was_asked(tmp_path: Path) -> None:
    """With --limit, and after its chunks were done again; while they are missing it is not."""
    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(9)])
    options: dict[str, Any] = {"images": tmp_path / "images", "chunk_size": 2, "workers": 1}
    summary = gtmask.convert(export, tmp_path / "out", limit=7, **options)
    assert summary.manifest == str(tmp_path / "out" / NAME)
    assert [path.name for path in (tmp_path / "out").glob("*.manifest*")] == [NAME]
    assert gtmask.validate(summary.manifest, level="quick", workers=1).lines == 7
    (tmp_path / "out" / "_gtmask" / "parts" / "000002.json").unlink()
    with pytest.raises(ManifestError, match="3 of 4 chunks are done"):
        gtmask.validate(summary.manifest, level="quick", workers=1)
    gtmask.convert(export, tmp_path / "out", limit=7, **options)
    assert gtmask.validate(summary.manifest, level="quick", workers=1).lines == 7


def test_shards_make_no_manifest_before_they_are_finished(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(9)])
    options: dict[str, Any] = {"images": tmp_path / "images", "chunk_size": 2, "workers": 1}
    gtmask.convert(export, tmp_path / "out", shard="0/2", **options)
    with pytest.raises(ManifestError, match="gtmask finish"):
        gtmask.validate(tmp_path / "out" / NAME, level="quick", workers=1)
    gtmask.convert(export, tmp_path / "out", shard="1/2", **options)
    gtmask.finish(tmp_path / "out")
    assert gtmask.validate(tmp_path / "out" / NAME, level="quick", workers=1).lines == 9


@pytest.mark.parametrize("folder", ["out", "out/masks"])
def test_masks_of_half_a_run_are_no_export_either(tmp_path: Path, folder: str) -> None:
    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(9)])
    options: dict[str, Any] = {"images": tmp_path / "images", "chunk_size": 2, "workers": 1}
    gtmask.convert(export, tmp_path / "out", shard="0/2", **options)
    with pytest.raises(ManifestError, match="3 of 5 chunks are done"):
        gtmask.convert(tmp_path / folder, tmp_path / "no", **options)
    half = gtmask.convert(tmp_path / folder, tmp_path / "half", partial=True, **options)
    assert (half.tally.masks, half.exit_code) == (5, 3)
    assert "manifest-partial" in [item.code for item in half.findings]
    gtmask.convert(export, tmp_path / "out", shard="1/2", **options)
    whole = gtmask.convert(tmp_path / folder, tmp_path / "whole", **options)
    assert (whole.tally.masks, whole.exit_code) == (9, 0)


def test_masks_of_half_a_run_in_a_folder_below_are_no_export_either(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path / "a", [f"{number}.jpg" for number in range(9)])
    options: dict[str, Any] = {"images": tmp_path / "a/images", "chunk_size": 2, "workers": 1}
    gtmask.convert(export, tmp_path / "b/out", shard="0/2", **options)
    with pytest.raises(ManifestError, match="3 of 5 chunks are done"):
        gtmask.inspect(tmp_path / "b", workers=1)


@pytest.mark.parametrize("name", ["copy", "copy.zip"])
def test_a_growing_manifest_tells_of_half_a_run_without_its_state(
    stopped: Path, tmp_path: Path, name: str
) -> None:
    shutil.copytree(stopped / "out", tmp_path / "copy", ignore=shutil.ignore_patterns("_gtmask"))
    shutil.make_archive(str(tmp_path / "copy"), "zip", tmp_path / "copy")
    with pytest.raises(ManifestError, match=r"qa\.manifest\.partial is the manifest of a run"):
        gtmask.inspect(tmp_path / name, workers=1)
    seen = gtmask.inspect(tmp_path / name, options=gtmask.ReadOptions(partial=True), workers=1)
    assert seen.findings["manifest-partial"] == 1


def test_an_answer_is_no_manifest_that_grows(stopped: Path, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="is not finished, and no job has answered it"):
        gtmask.answer([str(stopped / "out" / f"{NAME}.partial")], tmp_path / "answer", workers=1)


def test_a_run_in_s3_is_asked_for_its_state_too(tmp_path: Path, s3_server: S3Server, bucket: str) -> None:
    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(5)])
    s3 = gtmask.S3Settings(endpoint_url=s3_server.endpoint)
    options: dict[str, Any] = {"images": tmp_path / "images", "chunk_size": 2, "workers": 1, "s3": s3}
    summary = gtmask.convert(export, f"s3://{bucket}/out", **options)
    assert gtmask.validate(f"s3://{bucket}/out/{NAME}", level="quick", workers=1, s3=s3).lines == 5
    s3_server.client().delete_object(Bucket=bucket, Key="out/_gtmask/parts/000001.json")
    for source in (f"s3://{bucket}/out/{NAME}", f"s3://{bucket}/out"):
        with pytest.raises(ManifestError, match="2 of 3 chunks are done"):
            gtmask.inspect(source, s3=s3, workers=1)
    with pytest.raises(ManifestError, match="2 of 3 chunks are done"):
        gtmask.validate(f"s3://{bucket}/out/{NAME}", level="quick", workers=1, s3=s3)
    assert summary.tally.masks == 5


@pytest.mark.parametrize("remote", [False, True])
def test_a_runs_own_folder_is_no_part_of_an_export(
    tmp_path: Path, request: pytest.FixtureRequest, remote: bool
) -> None:
    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(5)])
    gtmask.convert(export, tmp_path / "out", images=tmp_path / "images", workers=1)
    source, s3 = str(tmp_path / "out"), None
    if remote:
        server, bucket = request.getfixturevalue("s3_server"), request.getfixturevalue("bucket")
        files = {str(p.relative_to(tmp_path)): p for p in (tmp_path / "out").rglob("*") if p.is_file()}
        server.put(bucket, {name: path.read_bytes() for name, path in files.items()})
        source, s3 = f"s3://{bucket}/out", gtmask.S3Settings(endpoint_url=server.endpoint)
    seen = gtmask.inspect(source, s3=s3, workers=1)
    assert (seen.images, seen.unusable) == (5, 0)
