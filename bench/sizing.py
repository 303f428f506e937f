"""How many machines a job on S3 needs: ``python -m bench.sizing [--write]`` makes docs/howto/sizing.md.

What a core does and which requests a mask takes is measured on a real S3 server. What many machines do
together is simulated: each process sends its requests through the very class that paces and repeats them in a
run (:class:`gtmask.storage.retry.Requests`), on an event loop whose clock jumps to the next event, and S3
answers as many requests per second as it documents for a prefix, the others with 503. The simulation is
compared with one and two real processes behind a server that is as slow and as strict.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import selectors
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Template

from bench.harness import ROOT, in_own_process
from gtmask.errors import GtmaskError, NotFoundError, ThrottledError
from gtmask.loops import side_by_side
from gtmask.run.chunk_size import Load, fitting_size
from gtmask.run.journal_s3 import ObjectJournal
from gtmask.storage.base import S3Settings
from gtmask.storage.retry import Requests

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

PAGE = ROOT / "docs" / "howto" / "sizing.md"
BUCKET = "sizing"
NODES = (1, 2, 5, 10, 20, 50, 100, 200)
#: Requests per second and prefix (S3's performance guidelines), and dollars per request (its price list).
PUTS, GETS = 3500.0, 5500.0
PUT_PRICE, GET_PRICE = 0.005 / 1000, 0.0004 / 1000
#: Images of a chunk, as a run works it out for a million scenes of 640x480 with 8 shapes each.
CHUNK = fitting_size(Load(10**6, 8e6, 640 * 480 * 1e6, gets=True, puts=True))

#: Images of the runs that the simulation is compared with.
COMPARED = 600


@dataclass(frozen=True)
class Job:
    """Machines at work on one job, and the server that they share."""

    cpu: float  # seconds of a core per image
    latency: float  # seconds per request
    nodes: int = 1
    cores: int = 8
    concurrency: int = 32
    puts: float = PUTS
    gets: float = GETS
    chunk: int = CHUNK
    seconds: float = 40.0  # simulated, the first half of which is not counted


@dataclass(frozen=True)
class Outcome:
    """What the machines got done together, per second."""

    images: float
    throttled: float
    given_up: int

    @property
    def share(self) -> float:
        """The share of all requests that were answered by 503."""
        return self.throttled / max(self.throttled + 2 * self.images, 1e-9)


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock is moved on to the next event instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__(_Jumping(self))
        self.now = 0.0

    def time(self) -> float:
        """Return the simulated time."""
        return self.now


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        self._loop.now += timeout or 0.0
        return super().select(0)


class Bucket:
    """Answers up to ``rate`` requests per second, evened out over one second."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate, self._left, self._at = rate, rate, now

    def takes(self, now: float) -> bool:
        """Take a request, or none while there is no room for it."""
        self._left = min(self._left + (now - self._at) * self._rate, self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def simulate(job: Job) -> Outcome:
    """Return what the machines of a job get done per second."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(_simulate(job))


class _State:
    """Where a run's state is, as its journals see it."""

    def __init__(self, requests: Requests, request: Callable[[str], Any]) -> None:
        self._requests = requests
        self._request = request
        self._objects: dict[str, bytes] = {}

    async def put(self, key: str, data: bytes) -> None:
        await self._requests.send(self._request("put"), 60.0, "write")
        self._objects[key] = data

    async def delete(self, key: str) -> None:
        await self._requests.send(self._request("put"), 60.0, "remove")
        self._objects.pop(key, None)

    async def get(self, key: str) -> bytes:
        await self._requests.send(self._request("get"), 60.0, "read")
        if key not in self._objects:
            raise NotFoundError(key)
        return self._objects[key]

    async def is_mine(self) -> None:
        """Look whether the output is still this run's."""
        await self._requests.send(self._request("get"), 60.0, "read")


async def _simulate(job: Job) -> Outcome:
    loop = asyncio.get_running_loop()
    servers = {"put": Bucket(job.puts, loop.time()), "get": Bucket(job.gets, loop.time())}
    counts: Counter[str] = Counter()
    half = job.seconds / 2

    def request(verb: str) -> Callable[[], Coroutine[Any, Any, None]]:
        async def attempt() -> None:
            await asyncio.sleep(job.latency)
            if not servers[verb].takes(loop.time()):
                counts["throttled"] += loop.time() > half
                raise ThrottledError("503")

        return attempt

    async def image(name: str, requests: Requests, core: asyncio.Lock, journal: ObjectJournal) -> None:
        try:
            await requests.send(request("get"), 60.0, "read")
            async with core:
                await asyncio.sleep(job.cpu)
            await journal.note(name)
            await requests.send(request("put"), 60.0, "write")
        except GtmaskError:
            counts["given up"] += 1
        else:
            counts["images"] += loop.time() > half

    async def process(begin: float) -> None:
        """Do two chunks at a time, of each as many images as requests may be in flight."""
        await asyncio.sleep(begin)
        requests, core = Requests(job.concurrency, S3Settings().attempts), asyncio.Lock()
        state: Any = _State(requests, request)

        async def chunk(number: int) -> None:
            limit = asyncio.Semaphore(job.concurrency)

            async def one(name: str, journal: ObjectJournal) -> None:
                async with limit:
                    await image(name, requests, core, journal)

            async with ObjectJournal(state, number, "run", state.is_mine) as journal:
                journal.announce(map(str, range(job.chunk)))
                await asyncio.gather(*(one(f"{number}", journal) for number in range(job.chunk)))
            await state.put("part", b"")
            await state.is_mine()
            await state.put("commit", b"")

        await side_by_side(chunk, range(sys.maxsize), 2)

    with suppress(TimeoutError):
        async with asyncio.timeout(job.seconds), asyncio.TaskGroup() as group:
            for number in range(job.nodes * job.cores):
                # Machines do not start at the same moment.
                group.create_task(process(number / (job.nodes * job.cores)))
    return Outcome(counts["images"] / half, counts["throttled"] / half, counts["given up"])


class StrictServer:
    """A rule for the proxy before a real server: requests take their time, and beyond a rate get a 503."""

    def __init__(self, job: Job) -> None:
        now = time.monotonic()
        self._job = job
        self._buckets = {"PUT": Bucket(job.puts, now), "GET": Bucket(job.gets, now)}
        self._lock = threading.Lock()
        self.at: list[float] = []

    def judge(self, method: str, path: str, attempt: int) -> str | None:  # noqa: ARG002 - a rule's form
        """Say what becomes of a request."""
        time.sleep(self._job.latency)
        bucket = self._buckets["GET" if method == "GET" else "PUT"]
        with self._lock:
            now = time.monotonic()
            if not bucket.takes(now):
                return "503 SlowDown"
            if "/masks/" in path and method == "PUT":
                self.at.append(now)
        return None

    def rate(self) -> float:
        """Return masks per second, start and end left out."""
        middle = sorted(self.at)[len(self.at) // 4 : -len(self.at) // 8]
        return (len(middle) - 1) / (middle[-1] - middle[0])


def real(server: Any, job: Job, count: int, out: str) -> float:
    """Run as many real processes as the job has machines; return masks per second."""
    from tests.support.fault_proxy import FaultProxy  # noqa: PLC0415 - of the tests

    with FaultProxy(server.port) as proxy:
        rule = StrictServer(job)
        proxy.rule = rule.judge
        commands = [
            [
                sys.executable, "-m", "gtmask", "convert", f"s3://{BUCKET}/export.json", "--workers", "1",
                "--images", f"s3://{BUCKET}/images", "--out", f"s3://{BUCKET}/{out}", "--quiet",
                "--shard", f"{number}/{job.nodes}", "--concurrency", str(job.concurrency),
                "--chunk-size", str(job.chunk), "--limit", str(count), "--endpoint-url", proxy.endpoint,
            ]
            for number in range(job.nodes)
        ]  # fmt: skip
        running = [subprocess.Popen(command) for command in commands]
        if any(process.wait() for process in running):
            sys.exit(f"a process of {out} failed: no figure counts")
    masks = sum(key.endswith(".png") for key in server.objects(BUCKET, f"{out}/masks/"))
    if masks != count:
        sys.exit(f"{out} has {masks} of {count} masks: no figure counts")
    return rule.rate()


def measure(images: int) -> str:
    """Measure and simulate; return the page."""
    from tests.support.s3_server import start_server, stop_server  # noqa: PLC0415 - brings boto3

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = start_server(folder / "s3")
        stack.callback(stop_server, server)
        os.environ.update(server.environment())
        fill(server, folder, images)
        needs = {
            client: in_own_process("bench.sizing", "needs_of", client, images).value
            for client in ("aioboto3", "obstore")
        }
        cpu = {client: found["cpu"] for client, found in needs.items()}
        slow = Job(
            cpu["aioboto3"], 0.05, cores=1, concurrency=8, puts=40.0, gets=60.0, seconds=40.0, chunk=50
        )
        compared = []
        for nodes in (1, 2):
            job = replace(slow, nodes=nodes)
            found = real(server, job, COMPARED, f"real-{nodes}")
            compared.append((nodes, found, simulate(job).images))
    usual = Job(cpu["aioboto3"], 0.1, seconds=12.0)
    many = [(nodes, simulate(replace(usual, nodes=nodes))) for nodes in NODES]
    template = Template(Path(__file__).with_name("sizing.md.jinja").read_text(encoding="utf-8"))
    text: str = template.render(
        cpu=cpu,
        requests=needs["aioboto3"],
        put_price=PUT_PRICE,
        get_price=GET_PRICE,
        million=1e6 * (needs["aioboto3"]["PUT"] * PUT_PRICE + needs["aioboto3"]["GET"] * GET_PRICE),
        usual=usual,
        slow=slow,
        many=many,
        first=next((count for count, found in many if found.share > 0.05), None),
        compared=compared,
    )
    return text


def fill(server: Any, folder: Path, images: int) -> None:
    """Put a made export and its images into the bucket."""
    from gtmask.report.scenes import write_data_set  # noqa: PLC0415 - brings NumPy

    server.make_bucket(BUCKET)
    export = write_data_set(folder / "data", images, turned=False)
    server.put(BUCKET, {"export.json": export.read_bytes()})
    found = (folder / "data" / "images").iterdir()
    server.put(BUCKET, {f"images/{path.name}": path.read_bytes() for path in found})


def needs_of(client: str, images: int) -> dict[str, float]:
    """Return CPU seconds and requests per image of a whole run on S3, a smaller one before left out."""
    import gtmask  # noqa: PLC0415 - only in a process of its own

    def convert(out: str, limit: int) -> dict[str, float]:
        start = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            gtmask.convert(
                f"s3://{BUCKET}/export.json", f"s3://{BUCKET}/{out}", images=f"s3://{BUCKET}/images",
                workers=1, limit=limit, chunk_size=CHUNK, stats=f"{folder}/stats.json",
                s3=S3Settings(client=client),
            )  # fmt: skip
            sent = json.loads(Path(folder, "stats.json").read_bytes())["s3"]["requests"]
        spent = time.process_time() - start
        return {"cpu": spent, "GET": sent["read"], "PUT": sent["write"] + sent["list"]}

    convert(f"warm-{client}", CHUNK)
    small = convert(f"small-{client}", CHUNK)
    whole = convert(f"whole-{client}", images)
    return {name: (whole[name] - small[name]) / (images - CHUNK) for name in whole}


def main() -> None:
    """Read the command line, measure, and print the page or write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=4 * CHUNK)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    options = parser.parse_args()
    text = measure(options.images)
    if options.write:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
