"""Crashes: kill -9 of the whole process tree at random moments, then the same command again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import orjson
import psutil
import pytest

import gtmask
from gtmask.errors import GtmaskError, NoPlaceError, RunConflictError, StorageError
from gtmask.progress import Silent
from gtmask.storage.local import LocalStorage
from tests.support import coco_data
from tests.support.commands import alive_after, kill_tree, tree, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from gtmask import Summary

OPTIONS = [
    "--creation-date",
    "2024-01-01T00:00:00.000000",
    "--mask-uri",
    "s3://b/masks",
    "--chunk-size",
    "5",
    "--quiet",
]


def command(tmp_path: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "gtmask", "convert", str(tmp_path / "export.json"), "--out", str(out),
            "--images", str(tmp_path / "images"), "--workers", "2", *OPTIONS]  # fmt: skip


def started(run: list[str], at_ctrl_c: signal.Handlers = signal.SIG_DFL) -> subprocess.Popen[bytes]:
    """Start a run in a session of its own, with Ctrl-C heard, whatever started the tests."""
    return subprocess.Popen(
        run,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, at_ctrl_c),  # noqa: PLW1509 - touches nothing else
    )


def committed(out: Path) -> dict[str, int]:
    """Return the commit records with their modification times: a redone chunk has a new one."""
    return {path.name: path.stat().st_mtime_ns for path in (out / "_gtmask" / "parts").glob("*.json")}


def kill_after(out: Path, commits: int, delay: float, process: subprocess.Popen[bytes]) -> bool:
    """Kill the tree some seconds after it committed that many chunks more; tell whether it still ran."""
    goal = len(committed(out)) + commits
    wait_for(lambda: len(committed(out)) >= goal or process.poll() is not None)
    time.sleep(delay)
    running = process.poll() is None
    if running:
        kill_tree(process)
    return running


@pytest.mark.slow
def test_kill_at_random_moments_and_go_on(tmp_path: Path) -> None:
    coco_data.write(tmp_path, [f"img_{number:04d}.jpg" for number in range(1000)])
    whole = tmp_path / "whole"
    subprocess.run(command(tmp_path, whole), check=True)
    expected = tree(whole)
    rng = random.Random(11)
    out = tmp_path / "killed"
    # Some kills come while the run starts, before it commits anything; the others are counted in commits
    # and not in seconds, so that a busy machine kills no earlier than an idle one.
    commits = [0, 0, *(rng.randint(1, 20) for _ in range(4))]
    rng.shuffle(commits)
    kills, resumed = 0, 0
    while kills < len(commits):
        before = committed(out)
        process = subprocess.Popen(command(tmp_path, out))
        killed = kill_after(
            out, commits[kills], rng.uniform(0, 0.5 if commits[kills] == 0 else 0.05), process
        )
        after = committed(out)
        assert before.items() <= after.items(), "a committed chunk was done again"
        if killed:
            kills += 1
            resumed += 0 < len(before) < len(after)
        else:
            # This start finished everything: begin the next one from nothing.
            assert process.returncode == 0
            assert tree(out) == expected
            out = tmp_path / f"killed-after-{kills}-{rng.random()}"
    before = committed(out)
    subprocess.run(command(tmp_path, out), check=True)
    assert before.items() <= committed(out).items()
    assert tree(out) == expected
    assert resumed >= 2, "too few of the killed starts went on from the one before"


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tmp_path: Path) -> None:
    coco_data.write(tmp_path, [f"img_{number:04d}.jpg" for number in range(1500)])
    out = tmp_path / "out"
    process = started(command(tmp_path, out))
    wait_for(lambda: len(committed(out)) >= 3)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"Run the same command again to go on" in said
    assert b"Traceback" not in said
    assert 0 < len(committed(out)) < 300
    subprocess.run(command(tmp_path, out), check=True)
    assert len(committed(out)) == 300


def test_a_second_ctrl_c_does_not_wait_for_the_chunk(tmp_path: Path) -> None:
    coco_data.write(tmp_path, [f"img_{number:04d}.jpg" for number in range(1500)])
    masks = tmp_path / "out" / "masks"
    one = [*command(tmp_path, tmp_path / "out"), "--workers", "1", "--chunk-size", "1500"]
    process = started(one)
    wait_for(masks.is_dir)
    process.send_signal(signal.SIGINT)
    # The first is heard while the chunk goes on; two that nobody has heard yet would be one.
    begun = len(list(masks.iterdir()))
    wait_for(lambda: len(list(masks.iterdir())) > begun + 100)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.startswith(b"gtmask: The run was stopped;")
    assert b"Traceback" not in said
    assert not committed(tmp_path / "out")
    assert len(list(masks.iterdir())) < 1500


@pytest.mark.slow
@pytest.mark.parametrize("background", [None, "left alone", "pressed"])
def test_sigterm_stops_as_ctrl_c_does(tmp_path: Path, background: str | None) -> None:
    """Also where a script has started it with `&`, and Ctrl-C was pressed for something else."""
    coco_data.write(tmp_path, [f"img_{number:04d}.jpg" for number in range(1500)])
    out = tmp_path / "out"
    process = started(command(tmp_path, out), signal.SIG_IGN if background else signal.SIG_DFL)
    wait_for(lambda: len(committed(out)) >= 3)
    if background == "pressed":
        before = len(committed(out))
        os.killpg(process.pid, signal.SIGINT)
        wait_for(lambda: len(committed(out)) >= before + 20)
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.decode() == (
        "gtmask: The run was stopped; what was committed is kept. Run the same command again to go on.\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "grace"), [(1, "0.01"), (2, "0"), (1, "100")])
def test_grace_bounds_how_long_a_chunk_goes_on(tmp_path: Path, workers: int, grace: str) -> None:
    coco_data.write(tmp_path, [f"img_{number:04d}.jpg" for number in range(3000)])
    masks = tmp_path / "out" / "masks"
    chosen = ["--workers", str(workers), "--chunk-size", str(3000 // workers), "--grace", grace]
    process = started([*command(tmp_path, tmp_path / "out"), *chosen])
    wait_for(lambda: masks.is_dir() or process.poll() is not None)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    assert said.startswith(b"gtmask: The run was stopped;")
    assert b"Traceback" not in said
    assert len(committed(tmp_path / "out")) == (grace == "100")


def small(tmp_path: Path) -> Path:
    return coco_data.write(tmp_path, ["a.jpg", "b.jpg", "c.jpg"])


def convert(tmp_path: Path, **options: object) -> Summary:
    chosen = {"images": tmp_path / "images", "workers": 1, "chunk_size": 1, **options}
    return gtmask.convert(tmp_path / "export.json", tmp_path / "out", **chosen)


def test_a_second_start_does_nothing_and_keeps_the_date(tmp_path: Path) -> None:
    small(tmp_path)
    convert(tmp_path)
    before = tree(tmp_path / "out")
    summary = convert(tmp_path)
    assert summary.resumed == 3
    assert tree(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"fill": "center"}, "--fill was opencv and is center"),
        ({"label_attribute": "other-ref"}, "--label-attribute"),
        ({"confidence": 0.5}, "--confidence"),
        ({"creation_date": "2020-01-01T00:00:00.000000"}, "--creation-date"),
        ({"mask_uri": "s3://elsewhere"}, "mask prefix"),
        ({"chunk_size": 2}, "--chunk-size"),
        ({"limit": 2}, "--limit was not given and is 2"),
    ],
)
def test_changed_settings_are_refused(tmp_path: Path, change: dict[str, object], word: str) -> None:
    small(tmp_path)
    convert(tmp_path)
    before = tree(tmp_path / "out")
    with pytest.raises(RunConflictError, match=word):
        convert(tmp_path, **change)
    assert tree(tmp_path / "out") == before


def test_a_changed_export_is_refused(tmp_path: Path) -> None:
    export = small(tmp_path)
    convert(tmp_path)
    document = orjson.loads(export.read_bytes())
    document["annotations"][0]["category_id"] = 3 if document["annotations"][0]["category_id"] != 3 else 7
    export.write_bytes(orjson.dumps(document))
    with pytest.raises(RunConflictError, match="content"):
        convert(tmp_path)


def test_a_changed_class_map_is_refused(tmp_path: Path) -> None:
    small(tmp_path)
    convert(tmp_path)
    text = (tmp_path / "out" / "classes.toml").read_text()
    other = tmp_path / "mine.toml"
    other.write_text(text)
    convert(tmp_path, classes=other)
    other.write_text(text.replace('"Car"', '"Automobile"', 1))
    with pytest.raises(RunConflictError, match="class map"):
        convert(tmp_path, classes=other)


def test_overwrite_removes_the_earlier_run_and_nothing_else(tmp_path: Path) -> None:
    small(tmp_path)
    convert(tmp_path)
    foreign = tmp_path / "out" / "masks" / "foreign.png"
    foreign.write_bytes(b"not ours")
    coco_data.write(tmp_path, ["b.jpg"])
    summary = convert(tmp_path, overwrite=True, label_attribute="second-ref")
    assert summary.tally.masks == 1
    left = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    (part,) = (tmp_path / "out" / "_gtmask" / "parts").glob("000000-*.jsonl")
    assert left == {"b.png", "foreign.png", "second.manifest", "rejects.jsonl", "classes.toml", "run.json",
                    "000000.json", part.name}  # fmt: skip


def test_an_overwrite_that_broke_off_leaves_no_chunk_done_without_its_masks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(tmp_path)
    convert(tmp_path)
    expected = tree(tmp_path / "out")
    real_delete, left = LocalStorage.delete, iter(range(6))

    async def delete(self: LocalStorage, key: str) -> None:
        if next(left, None) is None:
            raise StorageError("the power is gone")
        await real_delete(self, key)

    # The manifest, three commit records, a mask and its part file are gone; then the removal breaks off.
    monkeypatch.setattr(LocalStorage, "delete", delete)
    with pytest.raises(StorageError):
        convert(tmp_path, overwrite=True)
    monkeypatch.undo()
    assert len(list((tmp_path / "out" / "masks").iterdir())) == 2
    convert(tmp_path)
    assert tree(tmp_path / "out") == expected


def test_who_starts_anew_is_told_to_go_on_without_overwrite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(tmp_path)

    async def put(self: LocalStorage, key: str, data: bytes, content_type: str = "") -> None:
        if key.startswith("masks/"):
            raise StorageError("the disk is full")

    monkeypatch.setattr(LocalStorage, "put", put)
    with pytest.raises(StorageError, match=r"the disk is full\. Leave --overwrite out then"):
        convert(tmp_path, overwrite=True)


def test_the_class_map_is_written_though_the_start_that_froze_it_was_killed(tmp_path: Path) -> None:
    small(tmp_path)
    convert(tmp_path)
    expected = tree(tmp_path / "out")
    for left_out in ("classes.toml", "labeling-qa.manifest", "_gtmask/parts/000001.json"):
        (tmp_path / "out" / left_out).unlink()
    convert(tmp_path)
    assert tree(tmp_path / "out") == expected


def test_an_empty_commit_record_is_none(tmp_path: Path) -> None:
    small(tmp_path)
    convert(tmp_path)
    expected = tree(tmp_path / "out")
    (tmp_path / "out" / "_gtmask" / "parts" / "000001.json").write_bytes(b"")
    assert convert(tmp_path).resumed == 2
    assert tree(tmp_path / "out") == expected


@pytest.mark.parametrize("data", [b'{"chunk": 1', b"{}"])
def test_a_damaged_commit_record_is_told(tmp_path: Path, data: bytes) -> None:
    small(tmp_path)
    convert(tmp_path)
    (tmp_path / "out" / "_gtmask" / "parts" / "000001.json").write_bytes(data)
    for options in ({}, {"update": True}, {"retry_rejects": True}):
        with pytest.raises(GtmaskError, match=r"000001\.json is damaged: delete it and run again"):
            convert(tmp_path, **options)
    with pytest.raises(GtmaskError, match=r"000001\.json is damaged"):
        gtmask.status(tmp_path / "out")


def test_another_version_is_refused(tmp_path: Path) -> None:
    small(tmp_path)
    convert(tmp_path)
    frozen = tmp_path / "out" / "_gtmask" / "run.json"
    frozen.write_text(frozen.read_text().replace(f'"version": "{gtmask.__version__}"', '"version": "0.0.0"'))
    with pytest.raises(RunConflictError, match=r"gtmask's version was 0\.0\.0 and is"):
        convert(tmp_path)


def test_retry_rejects_redoes_only_chunks_with_rejects(tmp_path: Path) -> None:
    small(tmp_path)
    missing = tmp_path / "images" / "b.jpg"
    data = missing.read_bytes()
    missing.unlink()
    assert convert(tmp_path).exit_code == 3
    before = committed(tmp_path / "out")
    missing.write_bytes(data)
    assert convert(tmp_path).exit_code == 3
    summary = convert(tmp_path, retry_rejects=True)
    assert summary.exit_code == 0
    after = committed(tmp_path / "out")
    assert sum(before[name] != after[name] for name in before) == 1
    assert (tmp_path / "out" / "rejects.jsonl").read_bytes() == b""
    assert len((tmp_path / "out" / "labeling-qa.manifest").read_bytes().splitlines()) == 3


@pytest.mark.slow
def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    coco_data.write(tmp_path, [f"img_{number:04d}.jpg" for number in range(1500)])
    process = subprocess.Popen(command(tmp_path, tmp_path / "out"))
    deadline = time.monotonic() + 60
    while len(committed(tmp_path / "out")) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.kill()
    process.wait()
    assert not alive_after(20, children)


def test_what_a_start_left_that_was_killed_while_it_froze_the_plan_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The plan has its final name before its first one is taken away: a start killed between leaves both.
    coco_data.write(tmp_path, [f"{number}.jpg" for number in range(3)])
    with monkeypatch.context() as killed:
        killed.setattr("gtmask.storage.local._take_away", lambda staged, descriptor: None)
        convert(tmp_path, shard="0/2", chunk_size=2)
    assert len(list((tmp_path / "out").rglob(".gtmask-staged-*"))) == 1
    assert convert(tmp_path, shard="1/2", chunk_size=2).complete
    assert not list((tmp_path / "out").rglob(".gtmask-staged-*"))


def test_a_folder_of_images_that_vanishes_stops_the_run(tmp_path: Path) -> None:
    """As a disk does that is taken away: none of its images is missing by itself."""
    coco_data.write(tmp_path, [f"{number}.jpg" for number in range(6)])
    images, away = tmp_path / "images", tmp_path / "away"

    class Taker(Silent):
        def stage(self, name: str, total: int | None) -> None:
            if name == "convert":
                images.rename(away)

    with pytest.raises(NoPlaceError, match=r"images, the folder of the images, is gone"):
        gtmask.convert(tmp_path / "export.json", tmp_path / "out", workers=1, images=images, progress=Taker())
    away.rename(images)
    summary = gtmask.convert(tmp_path / "export.json", tmp_path / "out", workers=1, images=images)
    assert (summary.tally.masks, summary.tally.rejects) == (6, 0)
