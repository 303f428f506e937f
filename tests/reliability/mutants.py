"""Mutation testing: ``python -m tests.reliability.mutants [--count N | --all] [--write] [AREA ...]``.

A mutant is a module of ours with one small fault that an operator of cosmic-ray makes: a comparison that is
off by one, a condition turned round, a number one higher. The tests must fail with it; where they do not, it
has survived, and either a test is missing or the fault is none. Each mutant has a process of its own, which
is forked from one that has imported all libraries, and runs the tests that reach the changed line, quickest
first, until one fails. No file is changed: the process imports the mutant in place of the module.

Kernels are not mutated: they are compiled, and each has a twin in the tests. Nor are texts, annotations and
decorators. ``--write`` keeps the figures for the page on reliability, with the reason for each survivor,
which is written by hand.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
FOUND = Path(__file__).with_name("mutants.json")
#: What is mutated, and the tests that are there for it.
AREAS = {
    "run/commit.py": (["run/commit.py"], ["tests/run/test_commit.py"]),
    "png": (["png/*.py"], ["tests/png"]),
    "raster": (["raster/*.py"], ["tests/raster"]),
    "groundtruth": (["groundtruth/*.py"], ["tests/groundtruth"]),
}
#: Writes machine code: as kernels are.
MADE = {"png/simd.py"}
#: Operators of cosmic-ray, of which those are left out that a test fails with wherever one of these does.
OPERATORS = [
    *(f"ReplaceComparisonOperator_{pair}" for pair in (
        "Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Lt_GtE", "LtE_Gt", "Gt_LtE", "GtE_Lt", "Eq_NotEq",
        "NotEq_Eq", "Is_IsNot", "IsNot_Is",
    )),
    *(f"ReplaceBinaryOperator_{pair}" for pair in (
        "Add_Sub", "Sub_Add", "Mul_Add", "Div_Mul", "FloorDiv_Mul", "Mod_Mul", "RShift_LShift",
        "LShift_RShift", "BitOr_BitAnd", "BitAnd_BitOr", "BitXor_BitOr",
    )),
    *(f"ReplaceUnaryOperator_{pair}" for pair in ("Delete_Not", "USub_UAdd", "Delete_Invert")),
    "AddNot", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd",
    "ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ExceptionReplacer", "NumberReplacer",
    "ZeroIterationForLoop",
]  # fmt: skip
#: Further ones: a statement that only calls something is left out, and what is added replaces what is there.
OPERATORS += ["LeaveOutCall", "ReplaceAddedTo"]
#: What most tests import before anything of ours.
LIBRARIES = (
    "numba",
    "hypothesis",
    "PIL.Image",
    "png",
    "deflate",
    "orjson",
    "cv2",
    "imagecodecs",
    "rich",
    "typer",
)
#: Seconds beyond ten times what the tests take without a fault, after which a mutant hangs.
PATIENCE = 20.0


@dataclass(frozen=True)
class Mutant:
    """One fault: where it is, and the module's source with it."""

    file: str
    line: int
    operator: str
    occurrence: int

    def source(self) -> str | None:
        """Return the module with this fault; None where that is no Python."""
        from cosmic_ray.mutating import mutate_code  # noqa: PLC0415 - of the extra "mutants"

        mutated = mutate_code(
            (SRC / "gtmask" / self.file).read_text(), operator(self.operator), self.occurrence
        )
        try:
            compile(mutated, self.file, "exec")
        except SyntaxError:
            return None
        return str(mutated)

    def change(self) -> tuple[str, str]:
        """Return the lines that differ, before and after."""
        before = (SRC / "gtmask" / self.file).read_text().splitlines()
        after = (self.source() or "").splitlines()
        rows = [row for row in difflib.ndiff(before, after) if row[:2] in {"- ", "+ "}]
        parts = ("\n".join(row[2:].strip() for row in rows if row[0] == mark) for mark in "-+")
        return next(parts), next(parts)


@dataclass
class Reached:
    """What the tests reach without any fault: the tests of each line, and the seconds that each takes."""

    tests: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def of(self, mutant: Mutant) -> list[str]:
        """Return the tests to run with a mutant, quickest first: all where it acts at the import or once."""
        lines = self.tests.get(mutant.file, {})
        first, last = statement(mutant.file, mutant.line)
        chosen = {name for line in range(first, last + 1) for name in lines.get(str(line), ())}
        if "" in chosen or is_cached(mutant.file, mutant.line):
            chosen = set(self.seconds)
        return sorted(chosen, key=self.seconds.__getitem__)


class LeaveOutCall:
    """Leaves out a statement that only calls something: what it is there for goes unseen."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """Yield where this changes a node of parso's tree."""
        if node.type == "simple_stmt" and node.children[0].type in {"atom_expr", "await"}:
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Return the changed node."""
        import parso  # noqa: PLC0415 - comes with cosmic-ray

        call = node.children[0]
        node.children[0] = parso.python.tree.Name("pass", call.start_pos, call.get_first_leaf().prefix)
        return node


class ReplaceAddedTo:
    """Replaces ``+=`` and ``|=`` by ``=``: what was there before is lost."""

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """Yield where this changes a node of parso's tree."""
        if node.type == "operator" and node.value in {"+=", "|=", "-="}:
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Return the changed node."""
        node.value = "="
        return node


@cache
def operator(name: str) -> Any:
    """Return an operator of cosmic-ray by its name."""
    from cosmic_ray.plugins import get_operator  # noqa: PLC0415 - as above

    own = {each.__name__: each for each in (LeaveOutCall, ReplaceAddedTo)}
    return own[name]() if name in own else get_operator(f"core/{name}")()


@cache
def tree(file: str) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse((SRC / "gtmask" / file).read_text())


def statement(file: str, line: int) -> tuple[int, int]:
    """Return the lines of the innermost statement at a line; of one with a body, its head."""
    found = (line, line)
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            end = body[0].lineno - 1 if body else node.end_lineno or node.lineno
            start, end = node.lineno, max(end, node.lineno)
            if start <= line <= end and end - start <= max(
                found[1] - found[0], 1 << 20 * (found == (line, line))
            ):
                found = (start, end)
    return found


def is_cached(file: str, line: int) -> bool:
    """Tell whether a line is in a function whose results are kept: only the first call reaches it."""
    return any(
        isinstance(node, ast.FunctionDef)
        and node.lineno <= line <= (node.end_lineno or 0)
        and any("cache" in ast.unparse(each) for each in node.decorator_list)
        for node in ast.walk(tree(file))
    )


def left_out(file: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return where nothing is mutated: kernels, texts, annotations, decorators, and imports for types."""
    nodes: list[ast.AST] = []
    compiled = False
    for node in ast.walk(tree(file)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            nodes += node.decorator_list
            nodes += [node.returns] if node.returns else []
            if any(
                "kernel" in ast.unparse(each) or "intrinsic" in ast.unparse(each)
                for each in node.decorator_list
            ):
                compiled = True
                nodes.append(node)
        elif isinstance(node, ast.ClassDef):
            nodes += node.decorator_list
        elif isinstance(node, (ast.arg, ast.AnnAssign)) and node.annotation:
            nodes.append(node.annotation)
        elif isinstance(node, (ast.JoinedStr, ast.Import, ast.ImportFrom)) or (
            isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        ):
            nodes.append(node)
    if compiled:  # code in the cache would not see another constant
        nodes += [node for node in tree(file).body if not isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    return [
        ((node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0))
        for node in nodes
        if isinstance(node, (ast.stmt, ast.expr))
    ]


def mutants_of(file: str) -> Iterator[Mutant]:
    """Yield all mutants of a module."""
    from cosmic_ray.ast import ast_nodes, get_ast  # noqa: PLC0415 - as above

    parsed = list(ast_nodes(get_ast((SRC / "gtmask" / file).read_text())))
    without = left_out(file)
    for name in OPERATORS:
        places = (place for node in parsed for place in operator(name).mutation_positions(node))
        for occurrence, (start, _) in enumerate(places):
            if not any(begin <= start < end for begin, end in without):
                yield Mutant(file, start[0], name, occurrence)


class Swapped(importlib.machinery.SourceFileLoader):
    """Loads another source in place of a file's."""

    swapped = b""

    def path_stats(self, path: Any) -> Any:
        raise OSError  # no bytecode is read or kept

    def get_data(self, path: Any) -> bytes:
        return self.swapped


class Finder(importlib.abc.MetaPathFinder):
    """Finds one module, with another source."""

    def __init__(self, file: str, source: str) -> None:
        parts = ("gtmask", *Path(file).with_suffix("").parts)
        self.is_package = parts[-1] == "__init__"
        self.name = ".".join(parts[:-1] if self.is_package else parts)
        self.loader = Swapped(self.name, str(SRC / "gtmask" / file))
        self.loader.swapped = source.encode()

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        """Return the module's spec, for the import system."""
        if name != self.name:
            return None
        folder = [str(Path(self.loader.path).parent)] if self.is_package else None
        return importlib.util.spec_from_file_location(
            name, self.loader.path, loader=self.loader, submodule_search_locations=folder
        )


class Chosen:
    """Runs some tests in the order given."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.places = {name: place for place, name in enumerate(tests)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Drop the others."""
        items[:] = sorted(
            (item for item in items if item.nodeid in self.places), key=lambda item: self.places[item.nodeid]
        )


class Tracing:
    """Notes for each line the tests that reach it."""

    def __init__(self, covering: Any) -> None:
        self.covering = covering
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Trace a test under its name."""
        self.covering.switch_context(item.nodeid)
        start = time.monotonic()
        yield
        self.seconds[item.nodeid] = time.monotonic() - start
        self.covering.switch_context("")


def run_pytest(tests: Iterable[str], plugins: list[object]) -> int:
    """Run tests in this process until one fails; return pytest's exit code."""
    quiet = [
        "-x",
        "-q",
        "-n0",
        "-p",
        "no:cacheprovider",
        "--hypothesis-seed=0",
        "-o",
        "addopts=",
        "-m",
        "not slow",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
    ]
    return int(pytest.main([*quiet, "--import-mode=importlib", "--timeout=600", *tests], plugins=plugins))


def trace(area: str, kept: Path) -> int:
    """Run an area's tests, and keep what they reach in a file."""
    import coverage  # noqa: PLC0415 - traces from here on

    covering = coverage.Coverage(data_file=None, config_file=False, source=[str(SRC)])
    covering.start()
    tracing = Tracing(covering)
    code = run_pytest(AREAS[area][1], [tracing])
    covering.stop()
    data = covering.get_data()
    tests: dict[str, dict[int, list[str]]] = {}
    for path in data.measured_files():
        file = str(Path(path).relative_to(SRC / "gtmask"))
        tests[file] = {line: sorted(names) for line, names in data.contexts_by_lineno(path).items()}
    kept.write_text(json.dumps({"tests": tests, "seconds": tracing.seconds}))
    return code


def forked(work: Callable[[], int], said: Path) -> int:
    """Do some work in a process of its own, and return its id; what it says goes into a file."""
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.setsid()
        out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def try_all(
    mutants: Sequence[Mutant], reached: Reached, folder: Path, jobs: int, told: Callable[[Mutant, str], None]
) -> None:
    """Run the tests with each mutant, and tell what became of it: killed, hung, survived or unreached."""
    waiting = list(reversed(mutants))
    running: dict[int, tuple[Mutant, float]] = {}

    def begin(mutant: Mutant) -> None:
        tests = reached.of(mutant)
        source = mutant.source()
        if source is None:
            told(mutant, "no Python")
        elif not tests:
            told(mutant, "unreached")
        else:
            files = list(dict.fromkeys(name.partition("::")[0] for name in tests))

            def work() -> int:
                sys.meta_path.insert(0, Finder(mutant.file, source))
                return run_pytest(files, [Chosen(tests)])

            limit = PATIENCE + 10 * sum(map(reached.seconds.__getitem__, tests))
            said = folder / f"{mutant.file.replace('/', '-')}-{mutant.operator}-{mutant.occurrence}.txt"
            running[forked(work, said)] = (mutant, time.monotonic() + limit)

    def end(pid: int, what: str) -> None:
        mutant, _ = running.pop(pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # what the tests started, too
        told(mutant, what)

    while waiting or running:
        while waiting and len(running) < jobs:
            begin(waiting.pop())
        for pid, (_, deadline) in list(running.items()):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                end(pid, "survived" if status == 0 else "killed")
            elif time.monotonic() > deadline:
                os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                end(pid, "hung")
        time.sleep(0.02)


def reasons() -> dict[tuple[str, str, str], str]:
    """Return why mutants are no faults, as written by hand, by file and change."""
    if not FOUND.exists():
        return {}
    found = json.loads(FOUND.read_text())
    return {(row["file"], row["before"], row["after"]): row["why"] for row in found["survivors"]}


def try_area(
    area: str, options: argparse.Namespace, folder: Path
) -> tuple[dict[str, int], list[dict[str, str]]]:
    """Try an area's mutants; return the figures, and the survivors with the reasons that are known."""
    kept = folder / "reached.json"
    _, status = os.waitpid(forked(lambda: trace(area, kept), folder / "traced.txt"), 0)
    if status:
        raise SystemExit(
            f"{(folder / 'traced.txt').read_text()}\nThe tests of {area} fail without any mutant."
        )
    reached = Reached(**json.loads(kept.read_text()))
    package = SRC / "gtmask"
    files = sorted(
        {str(path.relative_to(package)) for each in AREAS[area][0] for path in package.glob(each)} - MADE
    )
    mutants = [mutant for file in files for mutant in mutants_of(file) if options.file in file]
    every = len(mutants)
    if not options.all and options.count < every:
        mutants = sorted(random.Random(options.seed).sample(mutants, options.count), key=mutants.index)
    found: dict[str, list[Mutant]] = defaultdict(list)

    def told(mutant: Mutant, what: str) -> None:
        found[what].append(mutant)
        if what in {"survived", "unreached"}:
            before, after = mutant.change()
            why = known.get((mutant.file, before, after), "")
            print(
                f"{mutant.file}:{mutant.line}: {what}: {before}  ->  {after}  {why and 'as explained'}",
                flush=True,
            )

    known = reasons()
    try_all(mutants, reached, folder, options.jobs, told)
    alive = found["survived"] + found["unreached"]
    figures = {"mutants": every, "tried": len(mutants) - len(found["no Python"])}
    figures |= {"killed": len(found["killed"]), "hung": len(found["hung"]), "survived": len(alive)}
    rows = []
    for mutant in sorted(alive, key=lambda each: (each.file, each.line)):
        before, after = mutant.change()
        why = known.get((mutant.file, before, after), "")
        rows.append({"file": mutant.file, "before": before, "after": after, "why": why})
    return figures, rows


def main() -> int:
    """Read the command line and try mutants; return 1 where one survives without a known reason."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("areas", nargs="*", metavar="AREA", help=", ".join(AREAS))
    parser.add_argument("--count", type=int, default=50, help="mutants of each area, drawn by chance")
    parser.add_argument("--all", action="store_true", help="all mutants")
    parser.add_argument("--seed", type=int, default=0, help="of the chance")
    parser.add_argument("--file", default="", help="only files with this in their path")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--write", action="store_true", help=f"keep the figures in {FOUND.name}")
    options = parser.parse_args()
    for library in LIBRARIES:
        importlib.import_module(library)
    os.chdir(ROOT)
    figures, survivors = {}, []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = f"{folder}/hypothesis"
        for area in options.areas or AREAS:
            figures[area], rows = try_area(area, options, Path(folder))
            survivors += rows
            print(f"{area}: {figures[area]}", flush=True)
    if options.write:
        sample = "all" if options.all else options.count
        kept = {"seed": options.seed, "sample": sample, "areas": figures, "survivors": survivors}
        FOUND.write_text(json.dumps(kept, indent=1) + "\n")
    return int(any(not row["why"] for row in survivors))


if __name__ == "__main__":
    sys.exit(main())
