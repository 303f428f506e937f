"""Examples that people copy: docstrings, and every block of Python in the README and docs/."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re
from pathlib import Path

import pytest

import gtmask
from tests.support import coco_data

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src"
#: The blocks of the tutorial build on each other: tests/scripts/test_site.py runs them in order.
PAGES = [
    ROOT / "README.md",
    *(path for path in sorted((ROOT / "docs").rglob("*.md")) if path.name != "tutorial.md"),
]
BLOCK = re.compile(r"^```(?:python|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [
    pytest.param(
        page, page.read_text("utf-8")[: found.start(1)].count("\n"), found[1], id=f"{page.name}-{number}"
    )
    for page in PAGES
    for number, found in enumerate(BLOCK.finditer(page.read_text("utf-8")), 1)
]
MODULES = [
    ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(SRC.rglob("*.py"))
    if ">>> " in path.read_text("utf-8")
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder with what the examples name: ``export.json`` and ``images``."""
    coco_data.write(tmp_path, [f"{number}.jpg" for number in range(6)])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_are_examples() -> None:
    assert MODULES
    assert any(page.values[0] == PAGES[0] for page in BLOCKS)


def test_each_public_function_has_one() -> None:
    """But for those that ask AWS: what they do is paid for."""
    public = [getattr(gtmask, name) for name in gtmask.__all__]
    public += [getattr(gtmask.raster, name) for name in gtmask.raster.__all__]
    functions = [thing for thing in public if inspect.isfunction(inspect.unwrap(thing))]
    without = {thing.__name__ for thing in functions if ">>> " not in (inspect.getdoc(thing) or "")}
    assert len(functions) > 30
    assert without == {"submit_job", "wait_for_jobs", "buckets_without_cors", "fix_cors"}


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings(module: str, folder: Path) -> None:
    ran = doctest.testmod(importlib.import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert ran.attempted
    assert not ran.failed


@pytest.mark.parametrize(("page", "line", "source"), BLOCKS)
def test_blocks_of_python_in_the_pages(page: Path, line: int, source: str, folder: Path) -> None:
    names: dict[str, object] = {"__name__": "example"}
    if ">>> " in source:
        example = doctest.DocTestParser().get_doctest(source, names, page.name, str(page), line)
        assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example).failed == 0
    else:
        tree = ast.increment_lineno(ast.parse(source), line)
        exec(compile(tree, str(page), "exec"), names)
