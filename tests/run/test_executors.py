"""Other ways to run chunks: a real Dask cluster, shards of an array job, and their environment."""

from __future__ import annotations

import itertools
import os
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import orjson
import pytest

import gtmask
from gtmask import finish
from gtmask.errors import GtmaskError, StorageError, UsageError
from gtmask.images import known_heads
from gtmask.progress import Silent
from gtmask.run.settings import Shard, parse_shard
from gtmask.run.survey import kept_reader
from gtmask.run.worker import warm_up
from gtmask.workers import Pool, cluster, pool
from gtmask.workers import tasks as task_times
from tests.support import coco_data
from tests.support.commands import tree, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

COMMON: dict[str, Any] = {
    "creation_date": "2024-01-01T00:00:00.000000",
    "mask_uri": "s3://b/masks",
    "chunk_size": 3,
}


@pytest.fixture(scope="module")
def dask() -> Iterator[str]:
    """Run a real Dask cluster; return its address as ``--executor`` takes it."""
    from distributed import LocalCluster  # noqa: PLC0415 - slow to import

    with LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", processes=True
    ) as cluster:
        yield f"dask://{cluster.scheduler_address.removeprefix('tcp://')}"


@pytest.mark.filterwarnings("ignore")
def test_dask_workers_write_the_same_bytes(
    tmp_path: Path, dask: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(20)])
    images = tmp_path / "images"
    gtmask.convert(export, tmp_path / "local", images=images, workers=1, **COMMON)
    # The workers work in another folder.
    monkeypatch.chdir(tmp_path)
    gtmask.convert("export.json", "dask", images="images", executor=dask, **COMMON)
    assert tree(tmp_path / "local") == tree(tmp_path / "dask")


@pytest.mark.filterwarnings("ignore")
def test_dask_workers_know_heads_that_were_read_before(
    tmp_path: Path, dask: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known lies in the output for them, and goes with the run."""
    monkeypatch.setattr(known_heads, "SETTLED", 0)
    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(20)])
    given: dict[str, Any] = {
        "images": tmp_path / "images", "probe_cache": str(tmp_path / "heads"), **COMMON
    }  # fmt: skip
    gtmask.convert(export, tmp_path / "local", workers=1, **given)
    summary = gtmask.convert(export, tmp_path / "dask", executor=dask, **given)
    assert summary.heads == (20, 0)
    assert tree(tmp_path / "local") == tree(tmp_path / "dask")


@pytest.mark.filterwarnings("ignore")
def test_dask_workers_choose_among_the_images_of_several_exports(tmp_path: Path, dask: str) -> None:
    first = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(6)], seed=1)
    parts = [first.rename(tmp_path / "first.json"), coco_data.write(tmp_path, ["x.jpg", "y.jpg"], seed=2)]
    only = tmp_path / "wanted.txt"
    only.write_text("[1-5].jpg\nx.jpg\n")
    options = COMMON | {"images": tmp_path / "images", "only": str(only), "where": ["label=Car,Road"]}
    local = gtmask.convert(parts, tmp_path / "local", workers=1, **options)
    gtmask.convert(parts, tmp_path / "dask", executor=dask, **options)
    assert 0 < local.tally.masks < 7
    assert tree(tmp_path / "local") == tree(tmp_path / "dask")


@pytest.mark.filterwarnings("ignore")
def test_what_stops_a_dask_worker_is_told_as_anywhere(tmp_path: Path, dask: str) -> None:
    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(20)])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "masks").write_bytes(b"in the way")
    with pytest.raises(StorageError, match="a part of the path is a file"):
        gtmask.convert(export, tmp_path / "out", images=tmp_path / "images", executor=dask, **COMMON)


def where(_: int) -> int:
    return os.getpid()


@pytest.mark.parametrize(
    ("tasks", "seconds", "asked", "elsewhere"),
    [
        pytest.param(20, 0.01, None, 0, id="little to do"),
        pytest.param(20, 0.01, pool.MOST_WITH_THIS + 1, 20, id="asked for"),
        pytest.param(1, 0.01, 2, 0, id="asked for in vain"),
    ],
)
def test_processes_start_where_they_save_more_than_they_cost(
    monkeypatch: pytest.MonkeyPatch, tasks: int, seconds: float, asked: int | None, elsewhere: int
) -> None:
    ticks = itertools.count(0, seconds)
    monkeypatch.setattr(task_times, "perf_counter", lambda: next(ticks))
    monkeypatch.setattr(pool, "cores", lambda: 2)
    with Pool(asked) as workers:
        found = list(workers.map(where, ((number,) for number in range(tasks)), tasks))
    assert len(found) == tasks
    assert sum(process != os.getpid() for process in found) == elsewhere


@pytest.mark.parametrize("prepared", [False, True])
def test_this_process_works_alone_until_others_have_started(
    monkeypatch: pytest.MonkeyPatch, prepared: bool
) -> None:
    ticks = itertools.count(0, 1.0)
    monkeypatch.setattr(task_times, "perf_counter", lambda: next(ticks))
    monkeypatch.setattr(pool, "cores", lambda: 2)
    found: list[int] = []
    deadline = time.monotonic() + 60

    def numbers() -> Iterator[tuple[int]]:
        for number in itertools.count():
            if any(process != os.getpid() for process in found) or time.monotonic() > deadline:
                return
            yield (number,)

    with Pool() as workers:
        if prepared:
            workers.prepare(warm_up)
        for process in workers.map(where, numbers(), 1000):
            found.append(process)
    assert len(set(found)) == 2
    assert prepared or found[:2] == [os.getpid()] * 2


def leave(number: int) -> int:
    os._exit(number)


@pytest.mark.filterwarnings("ignore")
def test_dask_workers_that_die_are_told(dask: str) -> None:
    with Pool(executor=dask) as workers, pytest.raises(GtmaskError, match="Dask could not do a task"):
        list(workers.map(leave, ((n,) for n in range(3))))


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_whose_workers_come_later_is_waited_for_and_can_be_left(tmp_path: Path) -> None:
    from distributed import LocalCluster  # noqa: PLC0415 - slow to import

    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(20)])
    with LocalCluster(
        n_workers=0, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", processes=True
    ) as cluster:
        address = f"dask://{cluster.scheduler_address.removeprefix('tcp://')}"
        run = [sys.executable, "-m", "gtmask", "convert", str(export), "--out", str(tmp_path / "out"),
               "--images", str(tmp_path / "images"), "--executor", address, "--chunk-size", "3"]  # fmt: skip
        for stopped in (True, False):
            with (tmp_path / "said").open("wb") as said:
                process = subprocess.Popen(run, stderr=said, stdout=subprocess.DEVNULL)
            wait_for(lambda: b"waiting for Dask" in (tmp_path / "said").read_bytes())
            assert process.poll() is None
            if stopped:
                process.terminate()
            else:
                cluster.scale(2)
            assert process.wait(60) == (1 if stopped else 0)
            assert (b"gtmask: The run was stopped" in (tmp_path / "said").read_bytes()) is stopped
    assert len(list((tmp_path / "out" / "masks").iterdir())) == 20


@pytest.mark.filterwarnings("ignore")
def test_tasks_in_flight_follow_the_workers_of_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import LocalCluster  # noqa: PLC0415 - slow to import

    with LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", processes=True
    ) as dask:
        address = dask.scheduler_address.removeprefix("tcp://")
        with Pool(executor=f"dask://{address}") as workers:
            workers.wait_for_workers(warm_up, Silent())
            assert workers.ahead == 3
            dask.scale(3)
            dask.wait_for_workers(3)
            monkeypatch.setattr(cluster, "LOOK", 0.0)
            # How many workers there are is heard of while tasks come back.
            deadline = time.monotonic() + 60
            while workers.ahead != 7 and time.monotonic() < deadline:
                assert len(list(workers.map(where, ((number,) for number in range(20))))) == 20
            assert workers.ahead == 7


@pytest.mark.filterwarnings("ignore")
def test_workers_that_are_all_gone_are_waited_for_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import LocalCluster  # noqa: PLC0415 - slow to import

    monkeypatch.setattr(cluster, "LOOK", 0.1)
    heard: list[str] = []
    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            host="127.0.0.1",
            protocol="tcp://",
            dashboard_address="127.0.0.1:0",
            processes=False,
        ) as dask,
        gtmask.hearing_notices(heard.append),
    ):
        executor = dask.scheduler_address.replace("tcp://", "dask://")
        with Pool(executor=executor) as patient:
            results = patient.map(where, ((number,) for number in range(40)))
            next(results)
            dask.scale(0)
            wait_for(lambda: not dask.scheduler.workers)
            with ThreadPoolExecutor(1) as beside:
                rest = beside.submit(list, results)
                wait_for(lambda: bool(heard))
                dask.scale(1)
                assert len(rest.result(60)) == 39
        assert "has no workers: they are waited for up to 600 s (--worker-timeout)" in heard[0]
        dask.scale(0)
        wait_for(lambda: not dask.scheduler.workers)
        with (
            Pool(executor=executor, patience=0.2) as hasty,
            pytest.raises(GtmaskError, match=r"has had no workers for 0\.2 s: start some"),
        ):
            list(hasty.map(where, ((number,) for number in range(3))))


def test_no_scheduler_is_one_sentence(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, ["a.jpg"])
    with pytest.raises(UsageError, match="No Dask scheduler answers"):
        gtmask.convert(export, tmp_path / "out", images=tmp_path / "images", executor="dask://127.0.0.1:1")


def test_a_script_needs_no_main_guard(tmp_path: Path) -> None:
    coco_data.write(tmp_path, [f"{number}.jpg" for number in range(8)])
    script = tmp_path / "script.py"
    script.write_text(
        "import gtmask\n"
        "print('begun')\n"
        "made = gtmask.convert('export.json', 'out', images='images', workers=2, chunk_size=2)\n"
        "told = gtmask.validate(made.manifest, workers=2)\n"
        "print(made.tally.masks, told.masks, __file__, __spec__)\n"
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == ["begun", f"8 8 {script} None"]


def test_shards_together_equal_one_run(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(20)])
    images = tmp_path / "images"
    gtmask.convert(export, tmp_path / "whole", images=images, workers=1, **COMMON)
    for index in (2, 0, 1):
        assert not (tmp_path / "shared" / "labeling-qa.manifest").exists()
        gtmask.convert(export, tmp_path / "shared", images=images, workers=1, shard=f"{index}/3", **COMMON)
    assert tree(tmp_path / "whole") == tree(tmp_path / "shared")
    finish(tmp_path / "shared")
    assert tree(tmp_path / "whole") == tree(tmp_path / "shared")


def test_of_shards_at_once_the_last_to_end_writes_the_manifest(tmp_path: Path) -> None:
    """Both begin before the other has committed anything; one of them sees that it was the last."""
    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(20)])
    other_is_done = threading.Event()
    given: dict[str, Any] = {"images": tmp_path / "images", "workers": 1, **COMMON}

    class Waiting(Silent):
        def stage(self, name: str, total: int | None) -> None:
            if name == "convert":
                other = gtmask.convert(export, tmp_path / "out", shard="1/2", **given)
                assert other.manifest is None
                other_is_done.set()

    summary = gtmask.convert(export, tmp_path / "out", shard="0/2", progress=Waiting(), **given)
    assert other_is_done.is_set()
    assert summary.manifest is not None
    assert summary.tally.masks == 20


def test_retrying_a_shard_leaves_the_chunks_of_others_alone(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(4)])
    given: dict[str, Any] = {"images": tmp_path / "images", "workers": 1, **COMMON, "chunk_size": 1}
    names = [tmp_path / "images" / f"{number}.jpg" for number in range(4)]
    for name in names[1:]:
        name.unlink()
    for index in (0, 1):
        gtmask.convert(export, tmp_path / "out", shard=f"{index}/2", **given)
    done = tree(tmp_path / "out" / "_gtmask" / "parts")
    summary = gtmask.convert(export, tmp_path / "out", shard="0/2", retry_rejects=True, **given)
    assert 2 <= summary.resumed < 4, "of two chunks that are its own, those with rejects are done again"
    assert tree(tmp_path / "out" / "_gtmask" / "parts") == done


def test_finish_names_what_is_missing(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(10)])
    gtmask.convert(export, tmp_path / "out", images=tmp_path / "images", workers=1, shard="1/2", **COMMON)
    said = r"2 of 4 chunks are not done yet \(0, 2\); missing of --shard 0/2 \(not begun\): run"
    with pytest.raises(GtmaskError, match=said):
        finish(tmp_path / "out")
    # Of a run that was cut in two ways nobody can say whose they are.
    gtmask.convert(export, tmp_path / "out", images=tmp_path / "images", workers=1, shard="1/3", **COMMON)
    with pytest.raises(GtmaskError, match=r"\(0, 2\): run `gtmask convert` with the same options again"):
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
        (
            {"SLURM_ARRAY_TASK_ID": "8", "SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_MAX": "15",
             "SLURM_ARRAY_TASK_STEP": "4", "SLURM_ARRAY_TASK_COUNT": "4"},
            Shard(2, 4),
        ),
        # An indexed job of Kubernetes whose pods run a job of Batch, or the like: the first that is known.
        ({"AWS_BATCH_JOB_ARRAY_INDEX": "3", "AWS_BATCH_JOB_ARRAY_SIZE": "8", "JOB_COMPLETION_INDEX": "1"},
         Shard(3, 8)),
    ],
)  # fmt: skip
def test_array_jobs_tell_the_shard(environment: dict[str, str], shard: Shard) -> None:
    assert parse_shard("auto", environment) == shard


@pytest.mark.parametrize(
    "environment",
    [
        {"JOB_COMPLETION_INDEX": "3"},
        {"AWS_BATCH_JOB_ARRAY_INDEX": "3"},
        {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "4"},
    ],
)
def test_the_number_of_tasks_may_be_given(environment: dict[str, str]) -> None:
    assert parse_shard("auto/8", environment) == Shard(3, 8)


def test_a_pod_that_cannot_know_how_many_there_are_is_told_what_to_give() -> None:
    with pytest.raises(UsageError, match="such as --shard auto/8"):
        parse_shard("auto", {"JOB_COMPLETION_INDEX": "3"})
    with pytest.raises(UsageError, match="I from 0 to N - 1"):
        parse_shard("auto/3", {"JOB_COMPLETION_INDEX": "3"})


@pytest.mark.parametrize(
    "text", ["", "3", "3/3", "a/b", "-1/4", "1/0", "auto", "auto/", "auto/0", "auto/x", "auto/4"]
)
def test_wrong_shards_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_shard(text, {})


@pytest.mark.parametrize("task", ["1", "3", "4"])
def test_all_tasks_of_an_uneven_array_are_refused(task: str) -> None:
    environment = {"SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_MAX": "4",
                   "SLURM_ARRAY_TASK_STEP": "1", "SLURM_ARRAY_TASK_COUNT": "3"}  # fmt: skip
    with pytest.raises(UsageError, match="evenly spaced"):
        parse_shard("auto", environment)


def double(number: int) -> int:
    if number == 7:
        raise GtmaskError("seven")
    return 2 * number


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order_and_errors_stop(workers: int) -> None:
    with Pool(workers) as made:
        assert list(made.map(double, ((n,) for n in range(5)))) == [0, 2, 4, 6, 8]
        with pytest.raises(GtmaskError, match="seven"):
            list(made.map(double, ((n,) for n in range(20))))


def test_the_tasks_of_one_thread_share_the_reader_and_what_it_opened() -> None:
    one, other = pickle.dumps(["a reader"]), pickle.dumps(["another"])
    mine: Any = kept_reader(one)
    assert kept_reader(bytes(bytearray(one))) is mine
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(kept_reader, one).result() is not mine
    another: Any = kept_reader(other)
    assert another == ["another"]
    assert kept_reader(one) is not mine


def test_a_scheduler_that_is_killed_is_one_sentence(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, [f"{number}.jpg" for number in range(300)])
    address = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    processes = [
        subprocess.Popen(
            [*dask, "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(address)],
            stderr=subprocess.DEVNULL,
        )
    ]
    try:
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(address)]
        worker += ["--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        worker += ["--local-directory", str(tmp_path)]
        processes.append(subprocess.Popen(worker, stderr=subprocess.DEVNULL))
        wait_for(lambda: address.exists() and address.stat().st_size > 0)
        uri = orjson.loads(address.read_bytes())["address"].removeprefix("tcp://")
        out = tmp_path / "out"
        run = subprocess.Popen(
            [sys.executable, "-m", "gtmask", "convert", str(export), "--out", str(out), "--images",
             str(tmp_path / "images"), "--executor", f"dask://{uri}", "--chunk-size", "1", "--quiet"],
            stderr=subprocess.PIPE,
        )  # fmt: skip
        processes.append(run)
        wait_for(lambda: len(list(out.glob("_gtmask/parts/*.json"))) > 5)
        processes[0].kill()
        _, said = run.communicate(timeout=120)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    sentence = said.decode()
    assert run.returncode == 1, sentence
    assert "Traceback" not in sentence
    assert sentence.startswith("gtmask: The Dask scheduler at 127.0.0.1:"), sentence
    assert sentence.count("\n") == 1, sentence
