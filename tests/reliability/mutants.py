"""Mutation testing: ``python -m tests.reliability.mutants [--count N | --all] [--write] [AREA ...]``.

A mutant is a module of ours with one small fault: a comparison that is off by one, a condition turned round,
a call left out. The tests must fail with it; where they do not, it has survived, and either a test is missing
or the fault is none. ``--write`` keeps the figures for the page on reliability, with the reason for each
survivor, which is written by hand; ``--again`` tries those once more that have survived without a reason.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.reliability.mutant_runs import LIBRARIES, Reached, forked, trace, try_all
from tests.reliability.mutant_sources import COMPILED, PACKAGE, mutants_of
from tests.reliability.page import MEASURED, keep

if TYPE_CHECKING:
    from tests.reliability.mutant_sources import Mutant

FOUND = MEASURED / "mutants.json"
#: What is mutated, and the tests that are there for it.
AREAS = {
    "run/commit.py": (["run/commit.py"], ["tests/run/test_commit.py"]),
    "png": (["png/*.py"], ["tests/png"]),
    "raster": (["raster/*.py"], ["tests/raster"]),
    "groundtruth": (["groundtruth/*.py"], ["tests/groundtruth"]),
}


def read() -> dict[str, Any]:
    """Return what is kept: the figures of each area, and the survivors."""
    found = json.loads(FOUND.read_text()) if FOUND.exists() else {"areas": {}, "survivors": []}
    return {name: found[name] for name in ("areas", "survivors")}


def reach(area: str, tests: list[str], folder: Path) -> Reached:
    """Return what some tests of an area reach, traced in a process of its own."""
    kept, said = folder / "reached.json", folder / "traced.txt"
    _, status = os.waitpid(forked(lambda: trace(tests, kept), said), 0)
    if status:
        raise SystemExit(f"{said.read_text()}\nThe tests of {area} fail without any mutant.")
    return Reached(**json.loads(kept.read_text()))


def choose(area: str, options: argparse.Namespace, before: list[dict[str, str]]) -> tuple[list[Mutant], int]:
    """Return the mutants of an area to try, and how many there are."""
    places = {path.relative_to(PACKAGE) for pattern in AREAS[area][0] for path in PACKAGE.glob(pattern)}
    every = [
        mutant for file in sorted(map(str, places)) if file not in COMPILED for mutant in mutants_of(file)
    ]
    if options.again:
        open_ = {(row["file"], row["before"], row["after"]) for row in before if not row["why"]}
        texts = {(file, text.partition("\n")[0]) for file, text, _ in open_}
        likely = (mutant for mutant in every if (mutant.file, mutant.text()) in texts)
        return [mutant for mutant in likely if (mutant.file, *mutant.change()) in open_], len(every)
    chosen = [mutant for mutant in every if options.file in mutant.file]
    if not options.all and options.count < len(chosen):
        chosen = sorted(random.Random(options.seed).sample(chosen, options.count), key=chosen.index)
    return chosen, len(every)


def try_area(
    area: str, options: argparse.Namespace, folder: Path, before: list[dict[str, str]]
) -> tuple[dict[str, int], list[dict[str, str]]]:
    """Try an area's mutants; return the figures, and the survivors with the reasons that are known."""
    mutants, every = choose(area, options, before)
    reasons = {(row["file"], row["before"], row["after"]): row["why"] for row in before}
    found: defaultdict[str, int] = defaultdict(int)
    rows: list[dict[str, str]] = []

    def told(mutant: Mutant, what: str) -> None:
        found[what] += 1
        if what in {"survived", "unreached"}:
            old, new = mutant.change()
            why = reasons.get((mutant.file, old, new), "")
            rows.append({"file": mutant.file, "before": old, "after": new, "why": why})
            print(f"{mutant.file}:{mutant.line}: {what}\n  {old}\n  {new}\n  {why}", flush=True)

    try_all(mutants, reach(area, options.tests or AREAS[area][1], folder), folder, options.jobs, told)
    figures = {"mutants": every, "tried": len(mutants) - found["no Python"]}
    figures |= {"killed": found["killed"], "hung": found["hung"], "survived": len(rows)}
    return figures, sorted(rows, key=lambda row: (row["file"], row["before"], row["after"]))


def merge(kept: dict[str, Any], area: str, figures: dict[str, int], rows: list[dict[str, str]]) -> None:
    """Put what became of an area's survivors, tried again, in the place of what there was."""
    before = kept["areas"][area]
    gone = figures["tried"] - figures["survived"]
    before["killed"] += figures["killed"]
    before["hung"] += figures["hung"]
    before["survived"] -= gone
    stays = [row for row in kept["survivors"] if row["why"] or not in_area(area, row["file"])]
    kept["survivors"] = sorted(stays + rows, key=lambda row: (row["file"], row["before"], row["after"]))


def in_area(area: str, file: str) -> bool:
    """Tell whether a module is one of an area."""
    return any(Path(file).match(pattern) for pattern in AREAS[area][0])


def main() -> int:
    """Read the command line and try mutants; return 1 where one survives without a known reason."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("areas", nargs="*", metavar="AREA", help=", ".join(AREAS))
    parser.add_argument("--count", type=int, default=50, help="mutants of each area, drawn by chance")
    parser.add_argument("--all", action="store_true", help="all mutants")
    parser.add_argument("--again", action="store_true", help="those that have survived without a reason")
    parser.add_argument("--seed", type=int, default=0, help="of the chance")
    parser.add_argument("--file", default="", help="only files with this in their path")
    parser.add_argument("--tests", action="append", metavar="PATH", help="only these tests, e.g. new ones")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--write", action="store_true", help=f"keep the figures in {FOUND.name}")
    options = parser.parse_args()
    for library in LIBRARIES:
        importlib.import_module(library)
    os.chdir(PACKAGE.parents[1])
    unknown = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = f"{folder}/hypothesis"
        for area in options.areas or AREAS:
            figures, rows = try_area(area, options, Path(folder), read()["survivors"])
            unknown += sum(not row["why"] for row in rows)
            print(f"{area}: {figures}", flush=True)
            kept = read()  # others may have written meanwhile
            if options.again:
                merge(kept, area, figures, rows)
            else:
                kept["areas"][area] = figures
                others = [row for row in kept["survivors"] if not in_area(area, row["file"])]
                kept["survivors"] = sorted(others + rows, key=lambda row: (row["file"], row["before"]))
            if options.write:
                keep("mutants", "make mutants MUTANTS='--count 250 --write'", kept)
    return int(unknown > 0)


if __name__ == "__main__":
    sys.exit(main())
