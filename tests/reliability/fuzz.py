"""Fuzz, guided by coverage: ``python -m tests.reliability.fuzz [--seconds N] [--write] [TARGET ...]``.

Each target runs in a process of its own by atheris, which is libFuzzer for Python, from the seeds of
:mod:`tests.reliability.fuzz_targets`. Where atheris is not installed, changes are drawn by chance. An input
that crashes is kept in ``build/crashes`` and printed; ``--write`` keeps how many inputs were tried, for the
page on reliability.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.reliability.page import keep

ROOT = Path(__file__).resolve().parents[2]
CRASHES = ROOT / "build" / "crashes"
#: The longest input; an export that the tests make is shorter.
LONGEST = 8192


def by_coverage(name: str, seconds: int, corpus: Path) -> None:
    """Fuzz in this process, which ends with it; bytecode is instrumented where it is imported."""
    import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore] # noqa: PLC0415 - not everywhere

    from gtmask.kernels import ALL_MODULES  # noqa: PLC0415 - before it is instrumented

    loaded = [module for module in sys.modules if module.startswith("gtmask")]
    for module in loaded:
        del sys.modules[module]
    with atheris.instrument_imports(include=["gtmask"], exclude=list(ALL_MODULES)):
        from tests.reliability.fuzz_targets import targets  # noqa: PLC0415 - instrumented
    target = targets()[name]
    for number, seed in enumerate(target.seeds):
        (corpus / str(number)).write_bytes(seed)
    limits = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-timeout=60", "-rss_limit_mb=4096"]
    atheris.Setup(
        [sys.argv[0], *limits, "-print_final_stats=1", f"-artifact_prefix={CRASHES}/{name}-", str(corpus)],
        target.run,
    )
    atheris.Fuzz()


def by_chance(name: str, seconds: float, seed: int) -> int:
    """Try changed seeds for so long; return how many, or raise what one of them raised."""
    from tests.reliability.fuzz_targets import targets  # noqa: PLC0415 - only here

    target = targets()[name]
    chance = random.Random(seed)
    end, tried = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        data = changed(chance.choice(target.seeds), chance)
        try:
            target.run(data)
        except BaseException:
            CRASHES.mkdir(parents=True, exist_ok=True)
            (CRASHES / f"{name}-by-chance").write_bytes(data)
            raise
        tried += 1
    return tried


def changed(seed: bytes, chance: random.Random) -> bytes:
    """Return bytes with a few places overwritten, cut out, doubled or exchanged for others of theirs."""
    data = bytearray(seed)
    for _ in range(chance.randint(1, 4)):
        at, count = chance.randrange(len(data) + 1), chance.randint(1, 12)
        kind = chance.randrange(4)
        if kind == 0:
            data[at : at + 1] = bytes((chance.randrange(256),))
        elif kind == 1:
            del data[at : at + count]
        else:
            start = chance.randrange(len(data) + 1)
            data[at : at + (count if kind == 2 else 0)] = data[start : start + count]
        if not data:
            break
    return bytes(data)


def fuzz(name: str, seconds: int) -> tuple[int, str]:
    """Fuzz one target in a process of its own; return how many inputs were tried, and a crash or ""."""
    CRASHES.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.reliability.fuzz", "--seconds", str(seconds), "--here", name],
        cwd=ROOT, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    tried = re.search(r"(?:number_of_executed_units: *|tried )(\d+)", said)
    return int(tried[1]) if tried else 0, said if done.returncode else ""


def main() -> int:
    """Read the command line and fuzz; return 1 where something crashed."""
    from tests.reliability.fuzz_targets import targets  # noqa: PLC0415 - not in the processes that instrument it

    every = targets()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="TARGET", help=", ".join(every))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--write", action="store_true", help="keep the counts for the page on reliability")
    options = parser.parse_args()
    counts: dict[str, int] = {}
    crashes: list[str] = []
    for name in options.names or every:
        counts[name], crash = fuzz(name, options.seconds)
        print(f"{name}: {counts[name]:,} inputs, {'CRASHED' if crash else 'nothing'}", flush=True)
        if crash:
            crashes.append(name)
            print(crash[-4000:], flush=True)
    if options.write:
        guided = importlib.util.find_spec("atheris") is not None
        command = f"make fuzz FUZZ='--seconds {options.seconds}'"
        keep("fuzzed", command, {"guided": guided, "inputs": counts, "crashes": crashes})
    return int(bool(crashes))


def here(arguments: list[str]) -> int:
    """Fuzz in this process: ``--seconds N --here TARGET``."""
    seconds, name = int(arguments[1]), arguments[3]
    if importlib.util.find_spec("atheris") is None:
        print(f"tried {by_chance(name, seconds, time.time_ns())}")
    else:
        with tempfile.TemporaryDirectory() as corpus:
            by_coverage(name, seconds, Path(corpus))
    return 0


if __name__ == "__main__":
    sys.exit(here(sys.argv[1:]) if "--here" in sys.argv else main())
