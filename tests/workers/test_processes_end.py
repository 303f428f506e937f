"""Whatever command started worker processes: when it is killed, none of its family is left."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from itertools import cycle, islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import psutil
import pytest

import gtmask
from tests.support import coco_data
from tests.support.commands import alive_after, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.fault_proxy import FaultProxy

pytestmark = pytest.mark.slow

#: Lines and records that keep three workers busy until they are killed.
MANY = 50_000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write an export, a long manifest, and one that a finished adjustment job could have written."""
    folder = tmp_path_factory.mktemp("data")
    coco_data.write(folder, [f"{number:02}.jpg" for number in range(8)])
    made = gtmask.convert(folder / "export.json", folder / "out", images=folder / "images", workers=1)
    assert made.manifest is not None
    lines = [orjson.loads(line) for line in Path(made.manifest).read_bytes().splitlines()]
    (folder / "long.manifest").write_bytes(_repeated(lines))
    sent = [dict(line) for line in lines]
    for line in lines:
        metadata = {**line["labeling-qa-ref-metadata"], "adjustment-status": "unadjusted"}
        line |= {"again-ref": line["labeling-qa-ref"], "again-ref-metadata": metadata}
    (folder / "answer.manifest").write_bytes(_repeated(lines))
    answered = [line | {"source-ref": f"s3://team/{number:05}.jpg"} for number, line in _cycled(lines)]
    (folder / "images.manifest").write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in answered))
    for line in sent:
        line |= {key: f"s3://team/{Path(line[key]).name}" for key in ("source-ref", "labeling-qa-ref")}
    (folder / "job.manifest").write_bytes(_repeated(sent))
    many = [f"{number:05}.jpg" for number in range(3000)]
    (folder / "many.json").write_bytes(orjson.dumps(coco_data.make_document(many)))
    return folder


def _cycled(lines: Sequence[dict[str, object]]) -> Iterator[tuple[int, dict[str, object]]]:
    return enumerate(islice(cycle(lines), 3000))


def _repeated(lines: Sequence[object]) -> bytes:
    once = b"".join(orjson.dumps(line) + b"\n" for line in lines)
    return once * (MANY // len(lines))


def wait_for_family(process: subprocess.Popen[bytes], count: int, busy: float = 0.0) -> None:
    """Wait until a process has started so many, of which two have used so many seconds of a processor."""

    def there() -> bool:
        assert process.poll() is None, "it was done before it could be killed"
        family = psutil.Process(process.pid).children(recursive=True)
        return len(family) >= count and sum(map(_is_busy, family, repeat(busy))) >= 2

    wait_for(there)


def _is_busy(process: psutil.Process, seconds: float) -> bool:
    try:
        return process.cpu_times().user >= seconds
    except psutil.NoSuchProcess:
        return False


def kill(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Kill a process; return which of its family run two seconds later, were there no other tests beside."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    busy = psutil.getloadavg()[0] / (os.cpu_count() or 1)
    alive = alive_after(2 * max(2, busy), family)
    for left in alive:
        left.kill()
    return alive


COMMANDS = (
    ["convert", "many.json", "--out", "{out}", "--images", "images", "--size", "annotation",
     "--chunk-size", "1"],
    ["validate", "long.manifest"],
    ["validate", "long.manifest", "--deep"],
    ["pilot", "long.manifest", "--out", "{out}"],
    ["inspect", "answer.manifest"],
    ["classes", "long.manifest", "--out", "{out}/classes.toml"],
    ["job", "job.manifest", "--submit", "--role", "arn:aws:iam::123456789012:role/GroundTruth",
     "--workteam", "arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/street",
     "--output", "s3://team/answers", "--images", "images", "--masks", "out/masks"],
    ["answer", "images.manifest", "--out", "{out}", "--chunk-size", "1"],
)  # fmt: skip
#: Seconds of a processor after which a worker is past its imports.
AT_WORK = 0.8


@pytest.mark.parametrize(
    ("arguments", "busy"),
    # All commands start their workers alike.
    [(COMMANDS[0], 0.0), (COMMANDS[2], 0.0), *((arguments, AT_WORK) for arguments in COMMANDS)],
    ids=lambda given: (
        " ".join(given[:3:2]) if isinstance(given, list) else ["starting", "at work"][given > 0]
    ),
)
def test_no_worker_outlives_its_command(
    data: Path, tmp_path: Path, arguments: list[str], busy: float
) -> None:
    command = [word.format(out=tmp_path) for word in arguments]
    process = subprocess.Popen(
        [sys.executable, "-m", "gtmask", *command, "--workers", "3", "--quiet"],
        cwd=data,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    # Two workers beside the command itself, and multiprocessing's resource tracker.
    wait_for_family(process, 3, busy)
    assert kill(process) == []


def test_no_process_outlives_finish(data: Path, bucket: str, fault_proxy: FaultProxy) -> None:
    out = f"s3://{bucket}/run"
    s3 = gtmask.S3Settings(endpoint_url=fault_proxy.endpoint)
    for shard in ("0/2", "1/2"):
        gtmask.convert(data / "export.json", out, images=data / "images", workers=1, shard=shard, s3=s3)
    fault_proxy.seen.clear()
    # Then it waits where it reads what the chunks left behind.
    fault_proxy.rule = lambda method, path, attempt: "hang" if method == "GET" and ".jsonl" in path else None
    process = subprocess.Popen(
        [sys.executable, "-m", "gtmask", "finish", out, "--endpoint-url", fault_proxy.endpoint, "--quiet"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: process.poll() is not None or any(".jsonl" in path for _, path in [*fault_proxy.seen]))
    assert process.poll() is None, "it was done before it could be killed"
    assert kill(process) == []


@pytest.mark.parametrize("busy", [0.0, 1.0], ids=["starting", "at work"])
def test_no_compiling_helper_outlives_its_command(tmp_path: Path, busy: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "gtmask", "warmup"],
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for_family(process, 2, busy)
    assert kill(process) == []
    shutil.rmtree(tmp_path)
