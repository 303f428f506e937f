"""Processes that are asked for start before all else; whatever fails then leaves none of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psutil
import pytest

import gtmask
from gtmask.errors import GtmaskError
from gtmask.run import command
from gtmask.run import run as whole_run
from gtmask.workers import Pool
from tests.support import coco_data

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list in which stands what happened: processes started, exports opened, workers ended."""
    happened: list[str] = []

    def note(owner: Any, name: str, what: str) -> None:
        before = getattr(owner, name)

        def noted(*given: Any, **more: Any) -> Any:
            happened.append(what)
            return before(*given, **more)

        monkeypatch.setattr(owner, name, noted)

    note(Pool, "_start", "started")
    note(Pool, "close", "ended")
    note(whole_run, "open_exports", "opened")
    monkeypatch.setattr(command, "LARGE_FILE", 2000)
    monkeypatch.setattr(command, "MANY_FILES", 4)
    return happened


@pytest.mark.parametrize(
    ("images", "workers", "expected"),
    [
        pytest.param(8, 2, ["started", "opened", "ended"], id="asked for"),
        pytest.param(1, 2, ["opened", "ended"], id="asked for, a small export"),
        pytest.param(8, None, ["opened", "ended"], id="not asked for"),
        pytest.param(8, 1, ["opened", "ended"], id="one"),
    ],
)
def test_processes_start_before_a_large_export_is_opened(
    tmp_path: Path, told: list[str], images: int, workers: int | None, expected: list[str]
) -> None:
    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(images)])
    assert (export.stat().st_size >= 2000) is (images > 1)
    summary = gtmask.convert(export, tmp_path / "out", images=tmp_path / "images", workers=workers)
    assert summary.tally.masks == images
    assert told == expected


@pytest.mark.parametrize(("files", "is_large"), [(5, True), (4, False)])
def test_a_folder_of_many_files_is_large(tmp_path: Path, told: list[str], files: int, is_large: bool) -> None:
    for number in range(files):
        (tmp_path / "deep" / str(number % 2)).mkdir(parents=True, exist_ok=True)
        (tmp_path / "deep" / str(number % 2) / f"{number}.json").touch()
    assert command._is_large(str(tmp_path)) is is_large
    assert told == []


@pytest.mark.parametrize("name", ["missing.json", "*.json", "s3://bucket/key"])
def test_what_is_no_file_here_is_not_large(tmp_path: Path, name: str) -> None:
    assert not command._is_large(name if "://" in name else str(tmp_path / name))


def test_an_export_that_cannot_be_opened_leaves_no_process(
    tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor are processes waited for that still import: they would for ever."""
    export = tmp_path / "export.json"
    export.write_text("[" + "1," * 2000 + "1]")
    (tmp_path / "images").mkdir()
    monkeypatch.setattr(command, "_load_worker", _wait_for_ever)
    before = set(psutil.Process().children())
    with pytest.raises(GtmaskError):
        gtmask.convert(export, tmp_path / "out", images=tmp_path / "images", workers=2)
    assert told == ["started", "opened", "ended"]
    left = set(psutil.Process().children()) - before
    assert [process for process in left if "resource_tracker" not in " ".join(process.cmdline())] == []


def _wait_for_ever() -> None:
    threading.Event().wait()
