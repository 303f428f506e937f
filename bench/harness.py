"""How candidates are timed against each other, so that nobody can object to the figures.

- A time counts only after the candidate's output was found right: :func:`race` calls ``check`` first.
- Candidates take turns within one run, on one pinned CPU, warm; the median of several rounds is kept.
- Peak memory is that of a process of its own, :func:`in_own_process`.
- Tables are generated from results, never typed; rows that we lose are marked and stay in.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import gc
import importlib
import json
import math
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
#: Python keeps what it compiled of its sources, as it does unless told otherwise.
KEPT_BYTECODE = {"PYTHONDONTWRITEBYTECODE": ""}


@dataclass(frozen=True)
class Measure:
    """What one candidate needed: seconds per call (median), bytes it wrote, peak memory in bytes."""

    seconds: float
    bytes: int | None = None
    peak: int | None = None


@dataclass(frozen=True)
class Row:
    """One scene and what each candidate, by name, needed for it; None for one that cannot do it."""

    scene: str
    measures: Mapping[str, Measure | None]


@dataclass(frozen=True)
class Goal:
    """What was aimed at, the figure that was measured, and whether that is enough."""

    text: str
    figure: str
    reached: bool


@dataclass(frozen=True)
class Table:
    """Rows of scenes; ``ours`` names the candidate that the others are compared with."""

    title: str
    about: str
    ours: str
    rows: Sequence[Row]
    goals: Sequence[Goal] = ()


@contextlib.contextmanager
def pinned() -> Iterator[None]:
    """Keep this process on one CPU, the last of those it may use, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def race(
    candidates: Mapping[str, Callable[[], Any]],
    check: Callable[[str, Any], None],
    *,
    prepare: Callable[[], None] | None = None,
    rounds: int = 9,
    least_seconds: float = 0.01,
) -> dict[str, float]:
    """Time candidates side by side and return the median seconds per call of each.

    Parameters
    ----------
    candidates
        Functions without arguments, by name.
    check
        Called with the name and the result of each candidate before any is timed; raises if it is wrong.
    prepare
        Called before every call and not timed: to clear what the last call has left behind.
    rounds
        How often each candidate has its turn.
    least_seconds
        A turn calls a candidate as often as it takes to fill this time.
    """
    calls = {}
    for name, candidate in candidates.items():
        if prepare:
            prepare()
        check(name, candidate())
        once = _turn(candidate, prepare, 1)
        calls[name] = max(1, min(1000, math.ceil(least_seconds / max(once, 1e-7))))
    times: dict[str, list[float]] = {name: [] for name in candidates}
    collecting = gc.isenabled()
    gc.disable()
    try:
        with pinned():
            for _ in range(rounds):
                for name, candidate in candidates.items():
                    times[name].append(_turn(candidate, prepare, calls[name]))
    finally:
        if collecting:
            gc.enable()
    return {name: statistics.median(values) for name, values in times.items()}


def _turn(candidate: Callable[[], Any], prepare: Callable[[], None] | None, calls: int) -> float:
    """Return the seconds per call of one turn."""
    if prepare is None:
        start = time.perf_counter()
        for _ in range(calls):
            candidate()
        return (time.perf_counter() - start) / calls
    spent = 0.0
    for _ in range(calls):
        prepare()
        start = time.perf_counter()
        candidate()
        spent += time.perf_counter() - start
    return spent / calls


@dataclass(frozen=True)
class OwnProcess:
    """What a function called in a process of its own returned, needed and reached."""

    value: Any
    seconds: float
    whole: float
    peak: int


def as_table(data: dict[str, Any]) -> Table:
    """Return a table from the plain values that ``dataclasses.asdict`` makes of it."""
    rows = [
        Row(
            row["scene"],
            {name: Measure(**found) if found else None for name, found in row["measures"].items()},
        )
        for row in data["rows"]
    ]
    return Table(data["title"], data["about"], data["ours"], rows, [Goal(**goal) for goal in data["goals"]])


def in_own_process(
    module: str, function: str, *arguments: Any, timeout: float = 600, one_cpu: bool = True
) -> OwnProcess:
    """Call ``module.function(*arguments)`` in a fresh process, and measure it.

    Arguments and result must be JSON. ``seconds`` covers the call alone, ``whole`` the process from its
    start to its end, ``peak`` is the high-water mark of its resident memory, in bytes.
    """
    request = json.dumps([module, function, arguments])
    with pinned() if one_cpu else contextlib.nullcontext():  # a child inherits the CPU
        start = time.perf_counter()
        finished = subprocess.run(
            [sys.executable, "-m", "bench.harness", request],
            cwd=ROOT, env={**os.environ, **KEPT_BYTECODE},
            stdout=subprocess.PIPE, timeout=timeout, check=True,
        )  # fmt: skip
        whole = time.perf_counter() - start
    return OwnProcess(**json.loads(finished.stdout.splitlines()[-1]), whole=whole)


def peak_memory() -> int:
    """Return the most resident memory this process has had so far, in bytes (Linux: VmHWM)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no VmHWM")


def geometric_mean(values: Sequence[float]) -> float:
    """Return the geometric mean of positive numbers."""
    return math.exp(math.fsum(map(math.log, values)) / len(values))


def ratios(table: Table, peer: str) -> list[float]:
    """Return, for every row that has both, how many times faster than ``peer`` ours is."""
    pairs = [(row.measures.get(table.ours), row.measures.get(peer)) for row in table.rows]
    return [theirs.seconds / ours.seconds for ours, theirs in pairs if ours and theirs]


def markdown(table: Table) -> str:
    """Return the table as Markdown: times, how many times faster ours is, bytes and peaks where measured."""
    names = list(dict.fromkeys(name for row in table.rows for name in row.measures))
    names.sort(key=lambda name: name != table.ours)
    peers = names[1:]
    header = ["scene", *names, *(f"faster than {peer}" for peer in peers)]
    sized = [name for name in names if _any(table, name, "bytes")]
    peaked = [name for name in names if _any(table, name, "peak")]
    header += [f"bytes, {name}" for name in sized] + [f"peak, {name}" for name in peaked]
    lines = [f"## {table.title}", "", table.about, "", _line(header), _line(["---"] * len(header))]
    lines += [_line(_cells(table, row, names, sized, peaked)) for row in table.rows]
    if peers and len(table.rows) > 1:
        means = [_ratio(geometric_mean(ratios(table, peer) or [math.nan])) for peer in peers]
        blank = [""] * (len(header) - 1 - len(names) - len(peers))
        lines.append(_line(["geometric mean", *[""] * len(names), *means, *blank]))
    if table.goals:
        lines += ["", _line(["goal", "measured", "reached"]), _line(["---"] * 3)]
        lines += [_line([g.text, g.figure, "yes" if g.reached else "**no**"]) for g in table.goals]
    return "\n".join(lines) + "\n"


def _cells(
    table: Table, row: Row, names: Sequence[str], sized: Sequence[str], peaked: Sequence[str]
) -> list[str]:
    """Return the cells of one row."""
    measured = {name: row.measures.get(name) for name in names}
    ours = measured[table.ours]
    cells = [row.scene, *(format_seconds(m.seconds) if m else "-" for m in measured.values())]
    for name in names[1:]:
        theirs = measured[name]
        cells.append(_ratio(theirs.seconds / ours.seconds) if ours and theirs else "-")
    for names_of, field in ((sized, "bytes"), (peaked, "peak")):
        values = [getattr(measured[name], field, None) for name in names_of]
        cells += [format_bytes(value) if value is not None else "-" for value in values]
    return cells


def _any(table: Table, name: str, field: str) -> bool:
    return any(getattr(row.measures.get(name), field, None) is not None for row in table.rows)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _ratio(value: float) -> str:
    return f"{value:.2f}x" if value >= 1 else f"**{value:.2f}x (we lose)**"


def format_seconds(seconds: float) -> str:
    """Return a time with three digits and a fitting unit."""
    for limit, unit, factor in ((1e-3, "us", 1e6), (1.0, "ms", 1e3)):
        if seconds < limit:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"


def format_bytes(count: int) -> str:
    """Return a number of bytes with a fitting unit (1 MB = 1,000,000 bytes)."""
    for limit, unit, factor in ((10_000, "B", 1), (10_000_000, "kB", 1e3), (10_000_000_000, "MB", 1e6)):
        if count < limit:
            return f"{count / factor:,.0f} {unit}"
    return f"{count / 1e9:.1f} GB"


def alone(run: Callable[[bool], list[Table]]) -> int:
    """Run one benchmark from the command line: ``python -m bench.NAME [--quick] [--json FILE]``."""
    parser = argparse.ArgumentParser(description=run.__doc__)
    parser.add_argument("--quick", action="store_true", help="smoke run: few scenes, few rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results as JSON")
    options = parser.parse_args()
    tables = run(options.quick)
    print("\n".join(markdown(table) for table in tables))
    if options.json:
        options.json.write_text(json.dumps([dataclasses.asdict(table) for table in tables], indent=1))
    return 0


def _serve(request: str) -> None:
    """Do what :func:`in_own_process` asks for, and print the answer as the last line."""
    module, function, arguments = json.loads(request)
    call = getattr(importlib.import_module(module), function)
    start = time.perf_counter()
    value = call(*arguments)
    seconds = time.perf_counter() - start
    print(json.dumps({"value": value, "seconds": seconds, "peak": peak_memory()}))


if __name__ == "__main__":
    _serve(sys.argv[1])
