"""Other ways to run chunks: a real Dask cluster, shards of an array job, and their environment."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import gtmask
from gtmask.errors import GtmaskError, UsageError
from gtmask.run import finish
from gtmask.run.executors import Pool
from gtmask.run.shards import Shard, parse_shard
from gtmask.run.survey import held_reader
from support import coco_data

if TYPE_CHECKING:
    from pathlib import Path

COMMON: dict[str, Any] = {
    "creation_date": "2024-01-01T00:00:00.000000",
    "mask_uri": "s3://b/masks",
    "chunk_size": 3,
}


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.filterwarnings("ignore")
def test_dask_workers_write_the_same_bytes(tmp_path: Path) -> None:
    from distributed import LocalCluster  # noqa: PLC0415 - slow to import

    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(20)])
    images = tmp_path / "images"
    gtmask.convert(export, tmp_path / "local", images=images, workers=1, **COMMON)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", processes=True
    ) as cluster:
        address = cluster.scheduler_address.removeprefix("tcp://")
        gtmask.convert(export, tmp_path / "dask", images=images, executor=f"dask://{address}", **COMMON)
    assert tree(tmp_path / "local") == tree(tmp_path / "dask")


def test_no_scheduler_is_one_sentence(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, ["a.jpg"])
    with pytest.raises(UsageError, match="No Dask scheduler answers"):
        gtmask.convert(export, tmp_path / "out", images=tmp_path / "images", executor="dask://127.0.0.1:1")


def test_shards_together_equal_one_run(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(20)])
    images = tmp_path / "images"
    gtmask.convert(export, tmp_path / "whole", images=images, workers=1, **COMMON)
    for index in (2, 0, 1):
        assert not (tmp_path / "shared" / "labeling-qa.manifest").exists()
        gtmask.convert(export, tmp_path / "shared", images=images, workers=1, shard=f"{index}/3", **COMMON)
    finish(tmp_path / "shared")
    assert tree(tmp_path / "whole") == tree(tmp_path / "shared")


def test_finish_names_what_is_missing(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(10)])
    gtmask.convert(export, tmp_path / "out", images=tmp_path / "images", workers=1, shard="1/2", **COMMON)
    with pytest.raises(GtmaskError, match=r"2 of 4 chunks are not done yet \(0, 2\)"):
        finish(tmp_path / "out")
    with pytest.raises(UsageError, match="no run in"):
        finish(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("environment", "shard"),
    [
        ({"AWS_BATCH_JOB_ARRAY_INDEX": "3", "AWS_BATCH_JOB_ARRAY_SIZE": "8"}, Shard(3, 8)),
        ({"SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_TASK_COUNT": "4"}, Shard(2, 4)),
        (
            {"SLURM_ARRAY_TASK_ID": "5", "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_STEP": "2",
             "SLURM_ARRAY_TASK_COUNT": "4"},
            Shard(2, 4),
        ),
    ],
)  # fmt: skip
def test_array_jobs_tell_the_shard(environment: dict[str, str], shard: Shard) -> None:
    assert parse_shard("auto", environment) == shard


@pytest.mark.parametrize("text", ["", "3", "3/3", "a/b", "-1/4", "1/0", "auto"])
def test_wrong_shards_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_shard(text, {})


def double(number: int) -> int:
    if number == 7:
        raise GtmaskError("seven")
    return 2 * number


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order_and_errors_stop(workers: int) -> None:
    pool = Pool(workers=workers)
    assert list(pool.map(double, ((n,) for n in range(5)))) == [0, 2, 4, 6, 8]
    with pytest.raises(GtmaskError, match="seven"):
        list(pool.map(double, ((n,) for n in range(20))))
    pool.close()


def test_the_tasks_of_one_thread_share_the_reader_and_what_it_opened() -> None:
    one, other = pickle.dumps(["a reader"]), pickle.dumps(["another"])
    mine = held_reader(one)
    assert held_reader(bytes(bytearray(one))) is mine
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(held_reader, one).result() is not mine
    assert held_reader(other) == ["another"]
    assert held_reader(one) is not mine
