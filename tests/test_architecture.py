"""The floors of docs/architecture.md: imports point down and in no circle, light commands are light."""

from __future__ import annotations

import ast
import pydoc
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from gtmask.formats import FORMATS
from tests.support.import_graph import import_graph, imported, module_name

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "gtmask"
GRAPH = import_graph(SRC)
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
SECTION = PAGE.split("\n## Floors\n")[1].split("\n## ")[0]


def floor_name(module: str) -> str:
    """Return the name that the drawing of floors has for a module: its first folder, or its own."""
    return module.split(".")[1] if "." in module else "__init__"


NAMES = {floor_name(module) for module in GRAPH}


def read_floors() -> list[list[str]]:
    """Return the names on each line of the drawing, from the roof down, without the words that follow."""
    floors = []
    for line in SECTION.split("```")[1].splitlines():
        names = []
        for word in [] if line.startswith(" ") else re.split(r",?\s+", line):
            if word not in NAMES:
                break
            names.append(word)
        if names:
            floors.append(names)
    return floors


def read_exceptions() -> set[tuple[str, str]]:
    """Return the (from, to) pairs of the table of arrows that are meant."""
    rows = re.findall(r"^\| `(\w+)` \| (`\w+`(?:, `\w+`)*) \|", SECTION, re.MULTILINE)
    return {(home, target) for home, targets in rows for target in re.findall(r"\w+", targets)}


LAZY = "gtmask.formats.format"
FLOORS = read_floors()
EXCEPTIONS = read_exceptions()
HEIGHT = {name: -line for line, floor in enumerate(FLOORS) for name in floor}


def arrows(module: str) -> set[tuple[str, str]]:
    """Return what a module's imports draw, as (from, to) of floor names; its own folder aside."""
    home = floor_name(module)
    return {(home, floor_name(target)) for target in GRAPH[module]} - {(home, home)}


def test_the_drawing_shows_each_module_and_folder_once() -> None:
    drawn = [name for floor in FLOORS for name in floor]
    assert sorted(drawn) == sorted(NAMES)


@pytest.mark.parametrize("module", sorted(GRAPH))
def test_imports_point_down(module: str) -> None:
    wrong = {(home, target) for home, target in arrows(module) if HEIGHT[target] >= HEIGHT[home]}
    assert wrong <= EXCEPTIONS, f"{module} may not import these by the floors of docs/architecture.md"


def test_each_exception_is_needed() -> None:
    drawn = set().union(*map(arrows, GRAPH))
    assert {(home, target) for home, target in drawn if HEIGHT[target] >= HEIGHT[home]} == EXCEPTIONS


def test_no_imports_go_in_a_circle() -> None:
    """Imports for type checkers count too: what needs each other to be understood belongs together."""
    # The names of formats' modules are put together only when one is opened.
    files = (SRC / "formats").rglob("*.py")
    named = {module_name(path, SRC) for path in files if "\ndef sniff(" in path.read_text()}
    assert len(named) >= len(FORMATS)
    try:
        TopologicalSorter(GRAPH | {LAZY: GRAPH[LAZY] | named}).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


@pytest.mark.parametrize(
    ("source", "name", "targets"),
    [
        ("import p", "p.a.b", {"p"}),
        ("from p import __version__", "p.a.b", {"p"}),
        ("import p.c, os", "p.a.b", {"p.c"}),
        ("import p.a.d as d", "p.a.b", {"p.a.d"}),
        ("from p import c", "p.a.b", {"p.c"}),
        ("from p.a import d, e", "p.a.b", {"p.a.d", "p.a"}),
        ("from p.c import thing", "p.a.b", {"p.c"}),
        ("from . import d", "p.a.b", {"p.a.d"}),
        ("from .d import x", "p.a", {"p.a.d"}),
        ("from ..c import x", "p.a.b", {"p.c"}),
        ("from .. import c", "p.a.b", {"p.c"}),
        ("def f():\n    from p.c import x", "p.a.b", {"p.c"}),
        ("if TYPE_CHECKING:\n    from p.c import x", "p.a.b", {"p.c"}),
        ("HOMES = {'x': 'p.c'}", "p.a.b", {"p.c"}),
        ("import q.c\nfrom p.a.b import x", "p.a.b", set()),
    ],
)
def test_every_form_of_import_is_seen(source: str, name: str, targets: set[str]) -> None:
    known = {"p", "p.a", "p.a.b", "p.a.d", "p.c"}
    assert imported(source, name, known, is_package=name == "p.a") == targets


def test_the_folders_of_tests_mirror_those_of_the_source() -> None:
    """What tests the benchmarks aside, and the helpers, and what holds for all formats from end to end."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        folder = path.parent.relative_to(ROOT / "tests")
        assert (SRC / folder).is_dir() or folder in {
            Path(name) for name in ("bench", "reliability", "scripts", "silence")
        }, path


def test_every_module_says_what_it_decides() -> None:
    for path in SRC.rglob("*.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), path


def test_what_docstrings_refer_to_is_there() -> None:
    named = {
        (path.name, name)
        for path in SRC.rglob("*.py")
        for name in re.findall(r":[a-z]+:`~?(gtmask\.[\w.]+)`", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 100
    assert not {(file, name) for file, name in named if pydoc.locate(name) is None}


def test_every_finding_code_is_known_at_once() -> None:
    """``gtmask finish`` tells of findings without importing the reader that made them; scripts do, too."""
    declaring = {path for path in SRC.rglob("*.py") if "\ndeclare(" in path.read_text()}
    assert declaring == {SRC / "findings" / "contract.py", SRC / "findings" / "conversion.py"}
    program = "import gtmask.findings; print(*sorted(gtmask.findings.CODES))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    tables = "".join(path.read_text() for path in declaring)
    declared = set(re.findall(r'^    \("([a-z-]+)", ', tables, re.MULTILINE))
    assert set(done.stdout.split()) == declared
    assert {"shape-unknown-label", "mask-palette"} <= declared


#: What no command needs before it runs: to show help, nothing is read, and no event loop is started.
HEAVY = (
    "numba", "numpy", "botocore", "aioboto3", "obstore", "PIL", "orjson", "asyncio", "ssl",
    "gtmask.formats.export", "gtmask.storage.local", "gtmask.run.run", "gtmask.kernels",
)  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["formats"], *([name, "--help"] for name in ("convert", "answer", "job"))],
)
def test_light_commands_import_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys; from gtmask.cli import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        f"print(sorted({set(HEAVY)} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip().endswith("[]"), done.stderr
