"""Kills, faults and restarts without end, each followed by a comparison of every byte: what `make soak` runs.

Everything is real: commands are processes that are killed with all their workers, the S3 server checks
signatures, and a proxy breaks its answers. What is reported was counted here; `--write` keeps it for the page
docs/reliability.md.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from tests.answers.world import classes_toml, make_world
from tests.reliability.page import PAGE, keep
from tests.support import coco_data
from tests.support.commands import kill_tree
from tests.support.fault_proxy import FaultProxy
from tests.support.s3_server import S3Server, restart_server, start_server, stop_server

if TYPE_CHECKING:
    from collections.abc import Callable

#: Starts of a run that stops because the server is gone.
MOST_STARTS = 10
#: Answers that come at once.
QUICK = ("500 InternalError", "503 SlowDown", "reset", "truncate")
COMMON = [
    "--creation-date",
    "2024-01-01T00:00:00.000000",
    "--mask-uri",
    "s3://b/m",
    "--image-uri",
    "s3://b/i",
]
COMMON += ["--quiet"]
BUCKET = "soak"


@dataclass
class Place:
    """Where the runs work: a folder, a server, and the proxy before it, with what its rule did."""

    folder: Path
    server: S3Server
    proxy: FaultProxy
    faults: Counter[str] = field(default_factory=Counter)
    compared: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def environment(self) -> dict[str, str]:
        """Return an environment whose S3 is the proxy."""
        return {**self.server.environment(), "AWS_ENDPOINT_URL_S3": self.proxy.endpoint}

    def break_requests(self, share: float, kinds: tuple[str, ...], seed: int) -> None:
        """Break this share of all requests from now on, each in one of these ways."""
        chance = random.Random(seed)

        def rule(method: str, path: str, attempt: int) -> str | None:
            with self.lock:
                if chance.random() >= share:
                    return None
                kind = chance.choice(kinds)
                self.faults[kind] += 1
                return kind

        self.proxy.rule = rule

    def tree(self, out: str) -> dict[str, bytes]:
        """Return all files of an output, by path below it."""
        if out.startswith("s3://"):
            return self.server.objects(BUCKET, out.removeprefix(f"s3://{BUCKET}/") + "/")
        root = Path(out)
        return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}

    def compare(self, out: str, expected: dict[str, bytes]) -> None:
        """Stop where an output is not what it must be, byte by byte."""
        made = self.tree(out)
        wrong = sorted(name for name in made.keys() | expected.keys() if made.get(name) != expected.get(name))
        if wrong:
            raise SystemExit(f"{out} differs in {len(wrong)} files: {', '.join(wrong[:5])}")
        with self.lock:
            self.compared += sum(map(len, made.values()))


def gtmask(*arguments: object) -> list[str]:
    """Return a command line of gtmask."""
    return [sys.executable, "-m", "gtmask", *map(str, arguments)]


def run(command: list[str], place: Place) -> float:
    """Run a command to its end, which must be a good one; return the seconds it took."""
    start = time.monotonic()
    done = subprocess.run(command, env=place.environment(), capture_output=True, text=True, check=False)
    if done.returncode not in {0, 3}:
        raise SystemExit(f"{' '.join(command)}\nended with {done.returncode}: {done.stderr[-2000:]}")
    return time.monotonic() - start


def kill_until_done(command: list[str], place: Place, longest: float, chance: random.Random) -> int:
    """Start a command until it ends by itself, killing it at random moments; return how often it was killed.

    One start in six is left alone, so that slow machines get to the end, too.
    """
    kills = 0
    while True:
        process = subprocess.Popen(
            command, env=place.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        patience = None if chance.random() < 1 / 6 else chance.uniform(0, longest)
        try:
            _, said = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            kill_tree(process)
            kills += 1
            continue
        if process.returncode not in {0, 3}:
            raise SystemExit(f"{' '.join(command)}\nended with {process.returncode}: {said.decode()[-2000:]}")
        return kills


@dataclass
class Story:
    """A command, or several in turn, that can be killed anywhere: what it writes, and what that must be."""

    name: str
    commands: Callable[[str], list[list[str]]]
    is_remote: bool
    expected: dict[str, bytes] = field(default_factory=dict)
    seconds: float = 0.0
    kills: int = 0
    histories: int = 0

    def out(self, place: Place) -> str:
        """Return a place that nothing was written to yet."""
        name = f"{self.name.replace(' ', '-')}-{self.histories}"
        return f"s3://{BUCKET}/{name}" if self.is_remote else str(place.folder / name)

    def begin(self, place: Place) -> None:
        """Find out what is right, and how long it takes; without any fault."""
        out = self.out(place) + "-whole"
        self.seconds = sum(run(command, place) for command in self.commands(out))
        self.expected = place.tree(out)

    def once(self, place: Place, chance: random.Random) -> None:
        """Kill it again and again until it is done, and compare."""
        out = self.out(place)
        for command in self.commands(out):
            self.kills += kill_until_done(command, place, self.seconds, chance)
        place.compare(out, self.expected)
        self.histories += 1
        if not self.is_remote:
            shutil.rmtree(out)


def stories(place: Place, images: int) -> list[Story]:
    """Return what is killed: convert here and in S3, shards with finish, and answer."""
    data = place.folder / "data"
    data.mkdir()
    export = coco_data.write(data, [f"{number:05d}.jpg" for number in range(images)])
    given = [export, "--images", data / "images", "--chunk-size", "5", *COMMON]
    # Processes to be killed along take twice as long to start: one of the stories has them.
    alone = [*given, "--workers", "1"]
    world = place.folder / "world"
    for bucket, objects in make_world(60).objects.items():
        for key, content in objects.items():
            (world / bucket / key).parent.mkdir(parents=True, exist_ok=True)
            (world / bucket / key).write_bytes(content)
    (place.folder / "classes.toml").write_text(classes_toml())
    answered = [
        "answer",
        world / "answer" / "part-1",
        world / "answer" / "part-2",
        "--masks",
        world,
        "--images",
        world,
    ]
    answered += ["--classes", place.folder / "classes.toml", "--workers", "1", "--quiet"]
    answered += ["--mask-uri", "s3://b/m"]

    def shared(out: str) -> list[list[str]]:
        parts = [gtmask("convert", *alone, "--out", out, "--shard", f"{index}/2") for index in range(2)]
        return [*parts, gtmask("finish", out, "--quiet")]

    return [
        Story(
            "convert",
            lambda out: [gtmask("convert", *given, "--workers", "2", "--out", out)],
            is_remote=False,
        ),
        Story("convert to S3", lambda out: [gtmask("convert", *alone, "--out", out)], is_remote=True),
        Story("shards and finish", shared, is_remote=False),
        Story("answer", lambda out: [gtmask(*answered, "--out", out)], is_remote=False),
    ]


def kills(place: Place, options: argparse.Namespace) -> dict[str, Any]:
    """Kill each command its share of times, two of them at a time; 3 % of the requests to S3 are broken."""
    told = stories(place, 60)
    for story in told:
        story.begin(place)
    place.break_requests(0.03, QUICK, options.seed)
    share, end = -(-options.kills // len(told)), time.monotonic() + 60 * options.minutes

    def tell(story: Story) -> None:
        chance = random.Random(f"{options.seed} {story.name}")
        while story.kills < share and time.monotonic() < end:
            story.once(place, chance)
            print(f"{story.name}: {story.kills} kills", file=sys.stderr, flush=True)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(tell, told))
    counted = [{"name": story.name, "kills": story.kills, "histories": story.histories} for story in told]
    return {"stories": counted}


def faults(place: Place, options: argparse.Namespace) -> dict[str, Any]:
    """Convert with images and output in S3, without faults, with 10 % of them, and with some that hang."""
    data = place.folder / "remote"
    data.mkdir()
    export = coco_data.write(data, [f"{number:05d}.jpg" for number in range(options.images)], seed=5)
    client = place.server.client()
    for path in sorted((data / "images").iterdir()):
        client.put_object(Bucket=BUCKET, Key=f"images/{path.name}", Body=path.read_bytes())
    client.close()

    def once(name: str, share: float, kinds: tuple[str, ...]) -> dict[str, Any]:
        place.break_requests(share, kinds, options.seed)
        before = sum(place.faults.values())
        out = f"s3://{BUCKET}/faults-{name}"
        command = gtmask("convert", export, "--images", f"s3://{BUCKET}/images", "--out", out, *COMMON)
        seconds = run([*command, "--workers", "2"], place)
        place.break_requests(0.0, QUICK, options.seed)
        return {"what": name, "seconds": seconds, "faults": sum(place.faults.values()) - before, "out": out}

    rows = [once("none", 0.0, QUICK), once("at-once", 0.1, QUICK), once("hanging", 0.01, ("hang",))]
    expected = place.tree(rows[0]["out"])
    for row in rows[1:]:
        place.compare(row["out"], expected)
    return {"images": options.images, "rows": rows}


def watch(command: list[str], place: Place, meanwhile: Callable[[], None]) -> list[list[dict[str, float]]]:
    """Run a command, and again where it says so; ``meanwhile`` runs beside it. Return what each start took.

    A server that is gone for longer than all attempts at a request last stops a run, which then goes on.
    """
    beside = threading.Thread(target=meanwhile)
    beside.start()
    starts: list[list[dict[str, float]]] = []
    again = True
    while again:
        if len(starts) == MOST_STARTS:
            raise SystemExit(f"{' '.join(command)}\nwas not done after {MOST_STARTS} starts")
        seen, again = watch_once(command, place)
        starts.append(seen)
    beside.join()
    return starts


def watch_once(command: list[str], place: Place) -> tuple[list[dict[str, float]], bool]:
    """Run a command and look at its main process twice a second; say whether it is to be run again."""
    process = subprocess.Popen(
        command, env=place.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    seen: list[dict[str, float]] = []
    begin = time.monotonic()
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            memory, files, threads = watched.memory_info().rss, watched.num_fds(), watched.num_threads()
        except psutil.Error:
            break
        seen.append({"s": time.monotonic() - begin, "rss": memory, "fds": files, "threads": threads})
        time.sleep(0.5)
    _, said = process.communicate()
    again = process.returncode == 1 and b"run again later to go on" in said
    if process.returncode not in {0, 3} and not again:
        raise SystemExit(f"{' '.join(command)}\nended with {process.returncode}: {said.decode()[-2000:]}")
    return seen, again


def long_run(place: Place, options: argparse.Namespace) -> dict[str, Any]:
    """Convert many images to S3 with 3 % of faults, while the server is killed and started again."""
    data = place.folder / "long"
    data.mkdir()
    export = coco_data.write(data, [f"{number:06d}.jpg" for number in range(options.images)], seed=9)
    given = [export, "--images", data / "images", "--workers", "1", "--chunk-size", "128", *COMMON]
    whole = str(place.folder / "long-whole")
    seconds = run(gtmask("convert", *given, "--out", whole), place)
    place.break_requests(0.03, QUICK, options.seed)

    def restart() -> None:
        for _ in range(options.restarts):
            time.sleep(max(2.0, seconds / (options.restarts + 1)))
            restart_server(place.server)

    out = f"s3://{BUCKET}/long"
    starts = watch(gtmask("convert", *given, "--out", out), place, restart)
    place.break_requests(0.0, QUICK, options.seed)
    place.compare(out, place.tree(whole))
    seen = max(starts, key=len)
    taken = {name: quarters(seen, name) for name in ("rss", "fds", "threads")}
    return {"images": options.images, "restarts": options.restarts, "starts": len(starts), **taken}


def quarters(seen: list[dict[str, float]], name: str) -> list[float]:
    """Return the greatest value in each quarter of a run."""
    size = max(1, -(-len(seen) // 4))
    return [max(look[name] for look in seen[start : start + size]) for start in range(0, len(seen), size)]


def soak(part: str, options: argparse.Namespace) -> dict[str, Any]:
    """Do one of the parts with a server of its own, and return what was counted."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = start_server(folder / "s3")
        try:
            server.make_bucket(BUCKET)
            with FaultProxy(server.port) as proxy:
                place = Place(folder, server, proxy)
                # Nothing that is timed compiles.
                run(gtmask("warmup"), place)
                found = PARTS[part](place, options)
        finally:
            stop_server(server)
    return {**found, "faults": dict(place.faults), "compared": place.compared}


PARTS: dict[str, Callable[[Place, argparse.Namespace], dict[str, Any]]] = {
    "kills": kills,
    "faults": faults,
    "long": long_run,
}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to do (all)")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=math.inf, help="for which commands are killed")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--restarts", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help=f"keep the counts, and write {PAGE.name}")
    return parser.parse_args(arguments)


def main() -> None:
    """Do what the command line says, and print what was counted or keep it."""
    options = parse()
    for part in options.parts:
        found = soak(part, options)
        sizes = f"--kills {options.kills}" if part == "kills" else f"--images {options.images}"
        sizes += f" --restarts {options.restarts}" if part == "long" else ""
        if options.write:
            keep(part, f"make soak SOAK='--parts {part} {sizes} --seed {options.seed}'", found)
        print(json.dumps({part: found}, indent=1), flush=True)


if __name__ == "__main__":
    main()
