"""The export is cut, edited or replaced while convert reads it: no chunk is of other bytes than the plan."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

import gtmask
from gtmask.errors import GtmaskError
from gtmask.formats.export import take_read
from gtmask.formats.jsonstream import Document
from gtmask.formats.locate import open_export
from gtmask.progress import Silent
from gtmask.run.plan import fingerprint
from gtmask.run.watch import Watch, look
from gtmask.storage.base import S3Settings
from tests.support import coco_data
from tests.support.commands import tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COUNT = 120


class Meddler(Silent):
    """Does something to the export once some records are converted."""

    def __init__(self, meddle: Callable[[], Any]) -> None:
        self.meddle: Callable[[], Any] | None = meddle
        self.converting = False

    def stage(self, name: str, total: int | None) -> None:
        self.converting = name == "convert"

    def advance(self, count: int, rejected: int = 0) -> None:
        if self.converting and self.meddle is not None:
            self.meddle()
            self.meddle = None


def coco(folder: Path) -> tuple[Path, Path]:
    export = coco_data.write(folder, [f"{number:03d}.jpg" for number in range(COUNT)])
    return export, export


def labelme(folder: Path) -> tuple[Path, Path]:
    """Return a folder of many files, and the last one."""
    (folder / "export").mkdir()
    for number in range(COUNT):
        (folder / "images").mkdir(exist_ok=True)
        (folder / "images" / f"{number:03d}.jpg").write_bytes(coco_data.jpeg(40, 30))
        shape = {"label": "x", "shape_type": "polygon", "points": [[2, 2], [12, 2], [12, 12]]}
        document = {"imagePath": f"{number:03d}.jpg", "imageWidth": 40, "imageHeight": 30, "imageData": None,
                    "version": "5.5.0", "flags": {}, "shapes": [shape]}  # fmt: skip
        (folder / "export" / f"{number:03d}.json").write_text(json.dumps(document))
    return folder / "export", folder / "export" / f"{COUNT - 1:03d}.json"


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def edit(path: Path) -> None:
    """Write other numbers in place, and set the times back."""
    status = path.stat()
    path.write_bytes(path.read_bytes().replace(b"2", b"3"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace(path: Path) -> None:
    """Give the name to another file with an older time."""
    other = path.with_name("other")
    other.write_bytes(path.read_bytes().replace(b"2", b"3"))
    os.utime(other, ns=(1, 1))
    other.replace(path)


def run(
    folder: Path, source: Path, out: str, progress: Silent | None = None, workers: int = 1
) -> gtmask.Summary:
    return gtmask.convert(
        source,
        folder / out,
        images=folder / "images",
        chunk_size=4,
        workers=workers,
        creation_date="2024-01-01T00:00:00.000000",
        mask_uri="s3://b/m",
        progress=progress,
    )


@pytest.mark.parametrize("meddle", [cut, edit, replace])
@pytest.mark.parametrize("make", [coco, labelme])
def test_a_changed_export_stops_the_run_and_leaves_nothing_wrong(
    tmp_path: Path, make: Callable[[Path], tuple[Path, Path]], meddle: Callable[[Path], None]
) -> None:
    source, victim = make(tmp_path)
    before, times = victim.read_bytes(), victim.stat().st_mtime_ns
    with pytest.raises(GtmaskError) as caught:
        run(tmp_path, source, "out", Meddler(lambda: meddle(victim)))
    assert caught.value.exit_code == 1
    assert not list((tmp_path / "out").glob("*.manifest"))
    # Brought back to what it was, the run goes on, and no chunk of it is of other bytes.
    victim.write_bytes(before)
    os.utime(victim, ns=(times, times))
    run(tmp_path, source, "out")
    run(tmp_path, source, "whole")
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_what_changes_no_byte_does_not_stop_it(tmp_path: Path) -> None:
    source, victim = coco(tmp_path)
    summary = run(tmp_path, source, "out", Meddler(lambda: victim.chmod(0o600)))
    assert (summary.tally.masks, summary.exit_code) == (COUNT, 0)


def test_of_many_files_nobody_knows_the_bytes_and_the_next_start_goes_on(tmp_path: Path) -> None:
    source, victim = labelme(tmp_path)
    with pytest.raises(GtmaskError, match="run again to go on"):
        run(tmp_path, source, "out", Meddler(lambda: victim.chmod(0o600)))
    assert run(tmp_path, source, "out").tally.masks == COUNT


@pytest.mark.usefixtures("processes_alone")
def test_workers_watch_too(tmp_path: Path) -> None:
    source, victim = coco(tmp_path)
    with pytest.raises(GtmaskError, match="was changed while it was converted"):
        run(tmp_path, source, "out", Meddler(lambda: edit(victim)), workers=2)


def test_what_was_read_while_the_export_was_another_is_read_again(tmp_path: Path) -> None:
    """Written and brought back between two looks: the bytes are the same again, what was read may not be."""
    source, victim = coco(tmp_path)
    export = open_export(str(source), S3Settings())
    watch = Watch.begin(str(source), S3Settings(), export)
    watch.digest = fingerprint(export)
    assert watch.check({})
    before = victim.read_bytes()
    time.sleep(0.05)  # a file system's clock ticks slowly
    edit(victim)
    victim.write_bytes(before)
    assert not watch.check({})
    assert watch.check({})


def test_a_file_that_lost_bytes_before_its_time_changed_is_seen(tmp_path: Path) -> None:
    """Of a file that is cut the bytes go first, the time changes after: in between only its size tells."""
    source, victim = coco(tmp_path)
    export = open_export(str(source), S3Settings())
    watch = Watch.begin(str(source), S3Settings(), export)
    watch.digest = fingerprint(export)
    size = victim.stat().st_size
    cut(victim)
    watch.files = tuple((path, (look(path)[0], size if path == str(victim) else old[1]))
                        for path, old in watch.files)  # fmt: skip
    with pytest.raises(GtmaskError, match="was changed while it was converted"):
        watch.check({})


def test_a_file_that_was_changed_by_a_clock_that_was_set_back_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, victim = coco(tmp_path)
    export = open_export(str(source), S3Settings())
    watch = Watch.begin(str(source), S3Settings(), export)
    watch.digest = fingerprint(export)
    data = victim.read_bytes()
    victim.write_bytes(data[:-1] + b" ")
    then = watch.latest - 3_600_000_000_000
    monkeypatch.setattr("gtmask.run.watch.look", lambda path: (then, look(path)[1]))
    with pytest.raises(GtmaskError, match="was changed while it was converted"):
        watch.check({})
    victim.write_bytes(data)
    assert not watch.check({})
    assert watch.check({})


def test_a_file_of_many_that_was_read_while_it_was_cut_is_seen(tmp_path: Path) -> None:
    """Lines of numbers are whole wherever they end, and no lines at all are an image without shapes."""
    source, victim = labelme(tmp_path)
    export = open_export(str(source), S3Settings())
    watch = Watch.begin(str(source), S3Settings(), export)
    take_read()
    data = export.read(victim.name)
    assert watch.check(take_read())
    os.truncate(victim, 0)
    assert export.read(victim.name) == b""
    read = take_read()
    assert read == {str(victim): 0}
    victim.write_bytes(data)
    watch.latest = victim.stat().st_ctime_ns
    with pytest.raises(GtmaskError, match="was changed while it was converted"):
        watch.check(read)


def test_documents_of_which_parts_are_read_are_watched_too(tmp_path: Path) -> None:
    source, victim = labelme(tmp_path)
    document = Document(open_export(str(source), S3Settings()), victim.name)
    take_read()
    document.read(0, 5)
    assert take_read() == {str(victim): victim.stat().st_size}
