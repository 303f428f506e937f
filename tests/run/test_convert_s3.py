"""A conversion against a real S3 server: images, export and output in S3, and what goes wrong there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

import gtmask
from gtmask import errors, finish
from gtmask.errors import AccessError, NotFoundError
from gtmask.run.watch import Watches
from gtmask.run.worker import Worker
from gtmask.storage import S3Settings
from tests.support import coco_data
from tests.support.commands import tree

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gtmask.run.job import Chunk
    from gtmask.run.outcomes import Drawing, Outcome
    from tests.support.fault_proxy import FaultProxy
    from tests.support.s3_server import S3Server

NAMES = ["a.jpg", "b b.jpg", "day#1/c+d.jpg", "day%201/ü.jpg", "e.jpg"]
DATE = "2024-01-01T00:00:00.000000"


@pytest.fixture
def made(tmp_path: Path, s3_server: S3Server, bucket: str) -> tuple[Path, str]:
    """Make an export with images, here and in a bucket."""
    export = coco_data.write(tmp_path, NAMES, seed=3)
    objects = {f"data/images/{name}": (tmp_path / "images" / name).read_bytes() for name in NAMES}
    s3_server.put(bucket, objects | {"data/export.json": export.read_bytes()})
    return export, bucket


def without_states(files: dict[str, bytes]) -> dict[str, Any]:
    """Return files, commit records as values without the states of their records."""
    records = {name: json.loads(data) for name, data in files.items() if name.endswith(".json")}
    return files | {name: record | {"states": 0} for name, record in records.items()}


@pytest.mark.parametrize("client", ["aioboto3", "obstore"])
def test_every_byte_equals_the_local_run(
    made: tuple[Path, str], tmp_path: Path, s3_server: S3Server, client: str
) -> None:
    export, bucket = made
    common: dict[str, Any] = {"creation_date": DATE, "chunk_size": 2, "workers": 1}
    uris = {"image_uri": f"s3://{bucket}/data/images", "mask_uri": f"s3://{bucket}/out/masks"}
    gtmask.convert(export, tmp_path / "out", images=tmp_path / "images", **uris, **common)
    summary = gtmask.convert(
        f"s3://{bucket}/data/export.json",
        f"s3://{bucket}/out",
        images=f"s3://{bucket}/data/images",
        s3=S3Settings(client=client, endpoint_url=s3_server.endpoint),
        **common,
    )
    assert summary.manifest == f"s3://{bucket}/out/labeling-qa.manifest"
    remote = s3_server.objects(bucket, "out/")
    local = tree(tmp_path / "out")
    # The frozen plan tells the URI options, which only the local run was given.
    plan_keys = [key for key in local if key.endswith("run.json")]
    for key in plan_keys:
        assert remote.pop(key)
        del local[key]
    # Images in S3 have other versions than files.
    assert without_states(local) == without_states(remote)
    head = s3_server.client().head_object(Bucket=bucket, Key="out/masks/b b.png")
    assert head["ContentType"] == "image/png"
    head = s3_server.client().head_object(Bucket=bucket, Key="out/labeling-qa.manifest")
    assert head["ContentType"] == "application/x-ndjson"


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("away", ["images", "out"])
def test_images_or_masks_alone_may_be_in_s3(
    made: tuple[Path, str], tmp_path: Path, s3_server: S3Server, away: str, workers: int
) -> None:
    export, bucket = made
    uris = {"image_uri": f"s3://{bucket}/data/images", "mask_uri": f"s3://{bucket}/out/masks"}
    here = {"images": str(tmp_path / "images"), "out": str(tmp_path / "out")}
    gtmask.convert(export, here["out"], images=here["images"], **uris, creation_date=DATE, workers=1)
    places = {**here, "out": str(tmp_path / "again")}
    places[away] = f"s3://{bucket}/{'data/' * (away == 'images')}{away}"
    settings = S3Settings(endpoint_url=s3_server.endpoint)
    gtmask.convert(
        export, places["out"], images=places["images"], s3=settings, **uris,
        creation_date=DATE, workers=workers, chunk_size=2,
    )  # fmt: skip
    found = s3_server.objects(bucket, "out/") if away == "out" else tree(tmp_path / "again")
    made_here = tree(tmp_path / "out")
    kept = {name for name in made_here if not name.startswith("_gtmask")}
    assert {name: made_here[name] for name in kept} == {
        name: data for name, data in found.items() if not name.startswith("_gtmask")
    }


def test_resume_in_s3(made: tuple[Path, str], s3_server: S3Server) -> None:
    _, bucket = made
    arguments = {"images": f"s3://{bucket}/data/images", "chunk_size": 1,
                 "s3": S3Settings(endpoint_url=s3_server.endpoint),
                 "workers": 1, "creation_date": DATE}  # fmt: skip
    source, out = f"s3://{bucket}/data/export.json", f"s3://{bucket}/out"
    gtmask.convert(source, out, **arguments)
    whole = s3_server.objects(bucket, "out/")
    client = s3_server.client()
    for key in ("out/_gtmask/parts/000003.json", "out/labeling-qa.manifest"):
        client.delete_object(Bucket=bucket, Key=key)
    summary = gtmask.convert(source, out, **arguments)
    assert summary.resumed == 4
    assert s3_server.objects(bucket, "out/") == whole


@pytest.mark.parametrize("client", ["aioboto3", "obstore"])
def test_masks_that_are_lost_in_s3_are_told_by_who_writes_the_manifest(
    made: tuple[Path, str], s3_server: S3Server, client: str
) -> None:
    _, bucket = made
    arguments: dict[str, Any] = {
        "images": f"s3://{bucket}/data/images", "chunk_size": 1, "workers": 1, "creation_date": DATE,
        "s3": S3Settings(client=client, endpoint_url=s3_server.endpoint),
    }  # fmt: skip
    source, out = f"s3://{bucket}/data/export.json", f"s3://{bucket}/out"
    gtmask.convert(source, out, **arguments)
    whole = s3_server.objects(bucket, "out/masks/")
    boto = s3_server.client()
    boto.delete_object(Bucket=bucket, Key="out/labeling-qa.manifest")
    boto.delete_object(Bucket=bucket, Key="out/masks/a.png")
    starts = [
        lambda: finish(out, s3=arguments["s3"]),
        lambda: gtmask.convert(source, out, **arguments),
        lambda: gtmask.convert(source, out, shard="0/2", **arguments),
    ]
    for start in starts:
        with pytest.raises(errors.GtmaskError, match=r"1 can no longer be found.*/out/masks/a\.png"):
            start()
        assert not s3_server.objects(bucket, "out/labeling-qa.manifest")
    gtmask.convert(source, out, update=True, **arguments)
    assert s3_server.objects(bucket, "out/masks/") == whole
    assert [start().tally.masks for start in starts] == [len(whole)] * 3


def test_shards_and_finish(made: tuple[Path, str], s3_server: S3Server) -> None:
    _, bucket = made
    arguments: dict[str, Any] = {
        "images": f"s3://{bucket}/data/images", "chunk_size": 1,
        "s3": S3Settings(endpoint_url=s3_server.endpoint),
        "workers": 1, "creation_date": DATE,
    }  # fmt: skip
    source = f"s3://{bucket}/data/export.json"
    gtmask.convert(source, f"s3://{bucket}/whole", mask_uri="s3://m", **arguments)
    out = f"s3://{bucket}/shared"
    first = gtmask.convert(source, out, shard="0/2", mask_uri="s3://m", **arguments)
    assert not first.complete
    with pytest.raises(errors.GtmaskError, match="2 of 5 chunks are not done"):
        finish(out, s3=S3Settings(endpoint_url=s3_server.endpoint))
    second = gtmask.convert(source, out, shard="1/2", mask_uri="s3://m", **arguments)
    assert second.complete
    finished = finish(out, s3=S3Settings(endpoint_url=s3_server.endpoint))
    assert finished.uploads == second.uploads == [], "images are where they were read"
    whole, shared = s3_server.objects(bucket, "whole/"), s3_server.objects(bucket, "shared/")
    assert shared == whole


def test_missing_bucket(made: tuple[Path, str], s3_server: S3Server) -> None:
    export, bucket = made
    with pytest.raises(NotFoundError, match="no-such-bucket"):
        gtmask.convert(
            export, "s3://no-such-bucket/out", images=f"s3://{bucket}/data/images",
            s3=S3Settings(endpoint_url=s3_server.endpoint), workers=1,
        )  # fmt: skip
    with pytest.raises(NotFoundError, match="no-such-bucket"):
        gtmask.convert(
            export, f"s3://{bucket}/out", images="s3://no-such-bucket/images",
            s3=S3Settings(endpoint_url=s3_server.endpoint), workers=1,
        )  # fmt: skip
    assert not s3_server.objects(bucket, "out/")


def test_wrong_key_is_one_sentence_and_exit_code_2(
    made: tuple[Path, str], s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bucket = made
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(AccessError):
        gtmask.convert(
            f"s3://{bucket}/data/export.json",
            f"s3://{bucket}/out",
            s3=S3Settings(endpoint_url=s3_server.endpoint),
        )
    done = subprocess.run(
        [sys.executable, "-m", "gtmask", "convert", f"s3://{bucket}/data/export.json", "--out",
         f"s3://{bucket}/out", "--endpoint-url", s3_server.endpoint],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("gtmask: ")
    assert done.stderr.count("gtmask: ") == 1


def test_missing_image_is_a_reject(made: tuple[Path, str], s3_server: S3Server) -> None:
    _, bucket = made
    s3_server.client().delete_object(Bucket=bucket, Key="data/images/e.jpg")
    summary = gtmask.convert(
        f"s3://{bucket}/data/export.json", f"s3://{bucket}/out", images=f"s3://{bucket}/data/images",
        s3=S3Settings(endpoint_url=s3_server.endpoint), workers=1,
    )  # fmt: skip
    assert (summary.exit_code, summary.tally.masks, summary.tally.rejects) == (3, 4, 1)
    assert b"image-missing" in s3_server.objects(bucket, "out/")["rejects.jsonl"]


def test_chunks_that_are_worked_on_together_are_made_anew_together(
    tmp_path: Path, s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one of them finds doubtful about the export, the other has read, too."""
    names = [f"{number:02}.jpg" for number in range(12)]
    export = coco_data.write(tmp_path, names)
    looks: list[bool] = []
    made: Counter[int] = Counter()
    check, convert_record = Watches.check, Worker.convert_record

    def doubting(self: Watches, touched: Mapping[str, int]) -> bool:
        looks.append(check(self, touched))
        return len(looks) > 1

    async def counting(self: Worker, chunk: Chunk, position: int, journal: Any) -> Drawing | Outcome:
        made[chunk.number] += 1
        return await convert_record(self, chunk, position, journal)

    monkeypatch.setattr(Watches, "check", doubting)
    monkeypatch.setattr(Worker, "convert_record", counting)
    settings = S3Settings(endpoint_url=s3_server.endpoint)
    gtmask.convert(
        export, f"s3://{bucket}/out", images=tmp_path / "images", chunk_size=1, workers=1, s3=settings
    )
    assert made == {0: 2, 1: 2} | dict.fromkeys(range(2, 12), 1)


@pytest.mark.parametrize("client", ["aioboto3", "obstore"])
def test_a_bucket_of_images_that_vanishes_stops_the_run(
    made: tuple[Path, str], s3_server: S3Server, fault_proxy: FaultProxy, client: str
) -> None:
    """None of its images is missing by itself, and once it is back the run goes on."""
    _, bucket = made
    arguments: dict[str, Any] = {
        "images": f"s3://{bucket}/data/images", "chunk_size": 1, "workers": 1,
        "s3": S3Settings(client=client, endpoint_url=fault_proxy.endpoint),
    }  # fmt: skip
    source, out = f"s3://{bucket}/data/export.json", f"s3://{bucket}/out"
    gone: list[str] = []

    def rule(method: str, path: str, attempt: int) -> str | None:
        if method == "PUT" and path.endswith("/_gtmask/run.json"):
            gone.append(path)
        return "404 NoSuchBucket" if gone and method == "GET" and "/data/images/" in path else None

    fault_proxy.rule = rule
    with pytest.raises(NotFoundError, match="there is no bucket"):
        gtmask.convert(source, out, **arguments)
    fault_proxy.rule = lambda method, path, attempt: None
    summary = gtmask.convert(source, out, **arguments)
    assert (summary.exit_code, summary.tally.rejects) == (0, 0)
