"""How the tests are run with a mutant: in a process that is forked for it, and that imports it as the module.

No file is changed. The tests that reach the changed line are run, quickest first, until one fails; which
these are is traced once, without any fault.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.reliability.mutant_sources import PACKAGE, is_cached, statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tests.reliability.mutant_sources import Mutant

#: What most tests import before anything of ours.
LIBRARIES = ("numba", "hypothesis", "PIL.Image", "png", "deflate", "orjson", "cv2", "imagecodecs", "typer")
#: What the tests of one mutant take at most: the quickest are taken.
MOST_SECONDS = 20.0
#: Seconds beyond ten times what the tests take without a fault, after which a mutant hangs.
PATIENCE = 20.0


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
        quickest = sorted(chosen, key=self.seconds.__getitem__)
        spent = accumulate(map(self.seconds.__getitem__, quickest))
        return [name for name, seconds in zip(quickest, spent, strict=True) if seconds <= MOST_SECONDS]


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
        self.loader = Swapped(self.name, str(PACKAGE / file))
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


def trace(tests: list[str], kept: Path) -> int:
    """Run some tests, and keep what they reach in a file."""
    import coverage  # noqa: PLC0415 - traces from here on

    covering = coverage.Coverage(data_file=None, config_file=False, source=[str(PACKAGE)])
    covering.start()
    tracing = Tracing(covering)
    code = run_pytest(tests, [tracing])
    covering.stop()
    data = covering.get_data()
    reached: dict[str, dict[int, list[str]]] = {}
    for path in data.measured_files():
        file = str(Path(path).relative_to(PACKAGE))
        reached[file] = {line: sorted(names) for line, names in data.contexts_by_lineno(path).items()}
    kept.write_text(json.dumps({"tests": reached, "seconds": tracing.seconds}))
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
