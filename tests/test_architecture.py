"""The floors of docs/architecture.md: imports point down, and the command line pulls in nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "gtmask"
FLOORS = [
    {"cli"},
    {"run", "report"},
    {"formats", "images", "groundtruth"},
    {"storage", "raster", "png"},
    {"model", "findings", "errors", "jit", "kernels", "loops", "machine", "spawn", "stamps", "_version"},
]
#: Sideways imports that are meant.
SIDEWAYS = {
    ("report", "run"),  # the demo and the previews show what runs make
    ("groundtruth", "images"),  # validation probes images
}
HEIGHT = {name: len(FLOORS) - index for index, floor in enumerate(FLOORS) for name in floor}


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("gtmask"):
            rest = node.module.split(".")[1:]
            found |= {rest[0]} if rest else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("gtmask.")}
    return found & HEIGHT.keys()


@pytest.mark.parametrize("path", sorted(SRC.glob("*/**/*.py")), ids=lambda path: str(path.relative_to(SRC)))
def test_imports_point_down(path: Path) -> None:
    home = path.relative_to(SRC).parts[0]
    for target in imports(path) - {home}:
        assert HEIGHT[target] < HEIGHT[home] or (home, target) in SIDEWAYS, f"{home} imports {target}"


def test_every_module_says_what_it_decides() -> None:
    for path in SRC.rglob("*.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), path


def test_what_conversions_find_is_declared_in_one_place() -> None:
    """``gtmask finish`` tells of findings without importing the reader that made them."""
    declaring = {path for path in SRC.rglob("*.py") if "\ndeclare(" in path.read_text()}
    assert declaring == {SRC / "findings.py", SRC / "groundtruth" / "rules.py"}


@pytest.mark.parametrize("arguments", [["--help"], ["convert", "--help"], ["formats"]])
def test_light_commands_import_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys; from gtmask.cli import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print(sorted({'numba', 'numpy', 'botocore', 'aioboto3', 'PIL', 'orjson'} & set(sys.modules)),"
        " file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip().endswith("[]"), done.stderr
