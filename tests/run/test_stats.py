"""``--stats``: what a start took, against what was really done and asked."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import gtmask
from gtmask.errors import StrictError, UsageError
from gtmask.run.stats import STAGES, Sampler
from gtmask.storage import S3Settings, retry, traffic
from tests.support import coco_data
from tests.support.commands import tree

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fault_proxy import FaultProxy
    from tests.support.s3_server import S3Server

NAMES = [f"{number}.jpg" for number in range(6)]
COMMON: dict[str, Any] = {
    "creation_date": "2024-01-01T00:00:00.000000",
    "chunk_size": 2,
    "mask_uri": "s3://b/m",
}


@pytest.mark.slow
@pytest.mark.usefixtures("processes_alone")
@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_told_adds_up_and_changes_no_byte(tmp_path: Path, workers: int) -> None:
    export = coco_data.write(tmp_path, NAMES)
    given: dict[str, Any] = {**COMMON, "images": tmp_path / "images", "workers": workers}
    gtmask.convert(export, tmp_path / "plain", **given)
    file = tmp_path / "stats.json"
    summary = gtmask.convert(export, tmp_path / "out", stats=str(file), **given)
    assert tree(tmp_path / "out") == tree(tmp_path / "plain")
    told = json.loads(file.read_text())
    assert (told["complete"], told["images"], told["masks"], told["rejects"]) == (True, 6, 6, 0)
    assert told["mask_bytes"] == summary.tally.mask_bytes
    assert list(told["stages"]) == ["start", "survey", "convert", "assemble"]
    assert told["seconds"] == pytest.approx(sum(one["seconds"] for one in told["stages"].values()), abs=0.01)
    assert told["images_per_second"] == pytest.approx(6 / told["stages"]["convert"]["seconds"], rel=0.05)
    assert set(told["work"]) <= set(STAGES)
    # This process, and each that did a chunk; one of two may have done all of them.
    assert len(told["processes"]) in ({1} if workers == 1 else {2, 3})
    assert all(one["peak_memory_bytes"] > 20e6 for one in told["processes"])
    assert told["cpu_seconds"] == pytest.approx(
        sum(one["cpu_seconds"] for one in told["processes"]), abs=0.01
    )
    assert not any(told["s3"]["requests"].values())


@pytest.mark.parametrize("client", ["aioboto3", "obstore"])
def test_requests_are_those_that_the_server_got(
    tmp_path: Path,
    s3_server: S3Server,
    fault_proxy: FaultProxy,
    bucket: str,
    client: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retry, "_FIRST_PAUSE", 0.02)
    export = coco_data.write(tmp_path, NAMES)
    s3_server.put(bucket, {f"i/{name}": (tmp_path / "images" / name).read_bytes() for name in NAMES})
    fault_proxy.rule = lambda method, path, attempt: (
        "503 SlowDown" if "masks/" in path and attempt == 1 else None
    )
    settings, file = S3Settings(client=client, endpoint_url=fault_proxy.endpoint), tmp_path / "stats.json"
    gtmask.convert(
        export, f"s3://{bucket}/out", images=f"s3://{bucket}/i", workers=1, stats=str(file), s3=settings,
        **COMMON,
    )  # fmt: skip
    told = json.loads(file.read_text())["s3"]
    got = Counter[str]()
    for (verb, _), times in fault_proxy.seen.items():
        got[verb] += times
    sent = told["requests"]
    assert sent["read"] + sent["list"] == got["GET"]
    assert sent["write"] == got["PUT"]
    assert sent["delete"] == got["DELETE"] + got["POST"]  # obstore deletes by POST
    assert told["throttled"] == told["retries"] == len(NAMES)
    written = sum(len(data) for data in s3_server.objects(bucket, "out/masks/").values())
    assert told["bytes_written"] > written
    assert told["bytes_read"] > 0
    assert told["seconds_per_request"] > 0


def test_a_start_that_is_stopped_tells_what_it_took(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, NAMES)
    (tmp_path / "images" / NAMES[3]).unlink()
    with pytest.raises(StrictError):
        gtmask.convert(
            export, tmp_path / "out", images=tmp_path / "images", strict=True, workers=1,
            stats=str(tmp_path / "stats.json"), **COMMON,
        )  # fmt: skip
    told = json.loads((tmp_path / "stats.json").read_text())
    assert told["complete"] is False
    assert told["images"] < len(NAMES)
    # Nobody measures any more.
    assert traffic.counts is None
    assert "gtmask-stats" not in {thread.name for thread in threading.enumerate()}


def test_its_own_file_is_replaced_and_no_other(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, NAMES)
    file = tmp_path / "stats.json"
    given: dict[str, Any] = {"images": tmp_path / "images", "stats": str(file), "workers": 1}
    for _ in range(2):
        gtmask.convert(export, tmp_path / "out", **given)
    file.write_text('{"mine": 1}')
    for overwrite in (False, True):
        with pytest.raises(
            UsageError, match=r"stats\.json exists, and gtmask did not write it: .* or remove it\."
        ):
            gtmask.convert(export, tmp_path / "out", overwrite=overwrite, **given)
    assert file.read_text() == '{"mine": 1}'


def test_a_file_inside_the_export_is_refused(tmp_path: Path) -> None:
    """The next start would read it, or find the export changed."""
    (tmp_path / "export").mkdir()
    coco_data.write(tmp_path / "export", NAMES)
    with pytest.raises(UsageError, match=r"--stats .* lies inside the export .*: choose another place"):
        gtmask.convert(tmp_path / "export", tmp_path / "out", stats=str(tmp_path / "export" / "s.json"))


@pytest.mark.parametrize(
    "name",
    ["a.manifest", "a.manifest.partial", "rejects.jsonl", "classes.toml", "masks/a.png", "_gtmask/run.json"],
)
def test_a_file_that_the_run_writes_itself_is_refused(tmp_path: Path, name: str) -> None:
    export, out = coco_data.write(tmp_path, NAMES), tmp_path / "out"
    given: dict[str, Any] = {"images": tmp_path / "images", "label_attribute": "a-ref", "workers": 1}
    with pytest.raises(UsageError, match=r"--stats .* is where the run writes .*: choose another place"):
        gtmask.convert(export, out, stats=str(out / name), **given)
    assert not out.exists()


def test_time_is_booked_under_what_a_thread_does() -> None:
    mask = np.random.default_rng(1).integers(0, 9, (300, 300)).astype(np.uint8)
    deadline = time.monotonic() + 60
    with Sampler() as sampler:
        booked: dict[str, float] = {}
        while booked.get("encode", 0.0) < 0.05 and time.monotonic() < deadline:
            gtmask.encode_png(mask)
            for stage, (seconds, _) in sampler.take()["work"].items():
                booked[stage] = booked.get(stage, 0.0) + seconds
    traffic.stop()
    assert booked["encode"] >= 0.05
    # What is taken from the sampler is its traffic, too.
    assert set(booked) <= {"encode", "idle", "other", "store"}
