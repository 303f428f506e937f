"""What the system may refuse on the way: room, file numbers, open files, file sizes, memory, threads.

Each time the run stops with one sentence and 1, and the same command ends it later with the same bytes.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from gtmask import cli
from gtmask.errors import GtmaskError
from tests.support import coco_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

IMAGES = 120
OPTIONS = [
    "--mask-uri", "s3://b/m", "--image-uri", "s3://b/i", "--creation-date", "2024-01-01T00:00:00.000000",
    "--chunk-size", "8", "--workers", "1", "--quiet",
]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an export, its images and, in ``whole``, what becomes of it undisturbed."""
    folder = tmp_path_factory.mktemp("data")
    coco_data.write(folder, [f"{number}.jpg" for number in range(IMAGES)])
    assert convert(folder, folder / "whole").returncode == 0
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Return how a file system of some size is mounted, or given another size."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options: str) -> Path:
        again = ["-o", f"remount,{options}"] if place.is_mount() else ["-t", "tmpfs", "-o", options]
        if shutil.which("mount") is None:
            pytest.skip("there is no mount command")
        done = subprocess.run(["mount", *again, "none", str(place)], capture_output=True, check=False)
        if done.returncode:
            pytest.skip("mounting a file system takes rights that this user does not have")
        return place

    yield mount
    if place.is_mount():
        subprocess.run(["umount", str(place)], check=True)


def convert(
    data: Path, out: Path, before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gtmask", "convert", str(data / "export.json"), "--out", str(out)]
    return subprocess.run(
        [*command, "--images", str(data / "images"), *OPTIONS],
        # Where coverage is measured, it would write beside what is written here, and meet the limits itself.
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
        preexec_fn=before,
        capture_output=True,
        text=True,
        check=False,
    )


def assert_stopped(done: subprocess.CompletedProcess[str], reason: str) -> None:
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("gtmask: "), done.stderr
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def assert_goes_on(data: Path, out: Path) -> None:
    done = convert(data, out)
    assert done.returncode == 0, done.stderr
    ours, theirs = (
        {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (out, data / "whole")
    )
    assert ours == theirs


@pytest.mark.slow
@pytest.mark.parametrize("options", ["size=12k", "size=120k", "nr_inodes=60"])
def test_a_disk_without_room_or_file_numbers(
    data: Path, small_disk: Callable[[str], Path], options: str
) -> None:
    out = small_disk(options) / "out"
    assert_stopped(convert(data, out), "the disk is full: make room.")
    small_disk("size=50m,nr_inodes=10000")
    assert_goes_on(data, out)


@pytest.mark.parametrize(
    ("limit", "amount", "reason"),
    [
        (resource.RLIMIT_NOFILE, 12, "too many files are open: lower --concurrency or raise `ulimit -n`"),
        (resource.RLIMIT_FSIZE, 1024, "files may not be as large as that here: raise `ulimit -f`"),
    ],
    ids=["open files", "file size"],
)
def test_a_limit_of_the_process(data: Path, tmp_path: Path, limit: int, amount: int, reason: str) -> None:
    out = tmp_path / "out"
    assert_stopped(convert(data, out, lambda: resource.setrlimit(limit, (amount, amount))), reason)
    assert_goes_on(data, out)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "There is not enough memory"),
        (RuntimeError("can't start new thread"), "The system lets no more threads start"),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "too many files are open: lower --concurrency"),
    ],
    ids=["memory", "threads", "open files"],
)
def test_what_no_floor_has_a_sentence_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, sentence: str
) -> None:
    def refused() -> None:
        raise error

    monkeypatch.setattr(cli, "app", refused)
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == GtmaskError.exit_code
    said = capsys.readouterr().err
    assert said.startswith("gtmask: ")
    assert sentence in said
    assert said.count("\n") == 1


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(RuntimeError, match="something else"):
        cli.main()
