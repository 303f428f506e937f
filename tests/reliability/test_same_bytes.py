"""The same bytes whatever the machine is set to: hash seed, locale, time zone, folder, workers, cut order."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import gtmask
from gtmask.workers.pool import MOST_WITH_THIS
from tests.support import coco_data

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = [
    "--mask-uri", "s3://b/m", "--image-uri", "s3://b/i", "--creation-date", "2024-01-01T00:00:00.000000",
    "--chunk-size", "7", "--png", "palette", "--overlap", "area", "--quiet",
]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an export, its images and, in ``whole``, what the library makes of it."""
    folder = tmp_path_factory.mktemp("data")
    names = [f"{number}.jpg" for number in range(38)] + ["Straße.jpg", "İstanbul.jpg", "日本.jpg"]
    coco_data.write(folder, names)
    assert convert(folder, folder / "whole", {}, ["--workers", "1"]) == ""
    return folder


def convert(data: Path, out: Path, environment: dict[str, str], options: list[str]) -> str:
    """Run the command in the folder of its output; return what it says."""
    out.mkdir()
    command = [sys.executable, "-m", "gtmask", "convert", str(data / "export.json"), "--out", str(out)]
    # Where coverage is measured, it would write into the folder that is compared.
    usual = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        [*command, "--images", str(data / "images"), *OPTIONS, *options],
        env={**usual, **environment},
        cwd=out,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "_gtmask/starts" not in str(path)
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "options"),
    [
        ({"PYTHONHASHSEED": "1", "LC_ALL": "tr_TR.UTF-8", "TZ": "Pacific/Chatham"}, ["--workers", "1"]),
        (
            {"PYTHONHASHSEED": "2", "LC_ALL": "C", "TZ": "America/St_Johns"},
            # So many that all of them are processes.
            ["--workers", str(MOST_WITH_THIS + 1)],
        ),
    ],
    ids=["Turkish, one worker", "plain C, many workers"],
)
def test_settings_of_the_machine_change_no_byte(
    data: Path, tmp_path: Path, environment: dict[str, str], options: list[str]
) -> None:
    convert(data, tmp_path / "out", environment, options)
    assert files(tmp_path / "out") == files(data / "whole")


def test_the_order_in_which_chunks_are_made_changes_no_byte(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for shard in ("2/3", "0/3", "1/3"):
        convert_shard(data, out, shard)
    assert files(out) == files(data / "whole")


def convert_shard(data: Path, out: Path, shard: str) -> None:
    gtmask.convert(
        data / "export.json",
        out,
        images=data / "images",
        mask_uri="s3://b/m",
        image_uri="s3://b/i",
        creation_date="2024-01-01T00:00:00.000000",
        chunk_size=7,
        png="palette",
        overlap="area",
        shard=shard,
        workers=1,
    )
