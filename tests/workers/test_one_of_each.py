"""Pools, event loops and processes are made in one place each; everything else asks for them there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "gtmask"
#: What makes a pool, a loop or a process, and the modules that may name it.
HOMES = {
    "ThreadPoolExecutor": {"workers/pool.py", "loops.py"},
    "ProcessPoolExecutor": {"workers/pool.py"},
    "InterpreterPoolExecutor": set(),
    "Client": {"workers/cluster.py"},
    "new_event_loop": {"loops.py", "workers/kept.py", "storage/blocking.py"},
    "Runner": {"loops.py"},
    "run_until_complete": {"workers/kept.py"},
    "to_thread": {"storage/local.py", "report/painting.py", "report/tiles.py"},
    "get_context": set(),
    "SpawnContext": {"spawn.py"},
    "Process": {"spawn.py"},
    "fork": set(),
    "Popen": {"kernels.py"},
    "Thread": {"spawn.py", "workers/pool.py", "storage/blocking.py", "cli/reporters.py", "run/stats.py"},
}
#: What is called ``asyncio.run`` or ``subprocess.run``: the name alone says too little.
CALLS = {("asyncio", "run"), ("subprocess", "run"), ("uvloop", "run")}


def names(tree: ast.AST) -> set[str]:
    """Return every name, attribute and imported name of a module but those that it uses as types only."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
            if isinstance(node.value, ast.Name) and (node.value.id, node.attr) in CALLS:
                found.add(f"{node.value.id}.{node.attr}")
        elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("gtmask"):
            found |= {alias.name for alias in node.names}
    return found


USED = {str(path.relative_to(SRC)): names(ast.parse(path.read_text("utf-8"))) for path in SRC.rglob("*.py")}


@pytest.mark.parametrize("name", sorted(HOMES.keys()))
def test_what_makes_workers_and_loops_has_one_home(name: str) -> None:
    assert {module for module, used in USED.items() if name in used} <= HOMES[name]


def test_nobody_imports_another_pool_or_runs_a_loop_of_his_own() -> None:
    for module, used in USED.items():
        assert not used & {f"{owner}.{name}" for owner, name in CALLS}, module
    for path in SRC.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and any(alias.name == "Pool" for alias in node.names):
                assert node.module in {"gtmask.workers", "gtmask.workers.pool"}, path


def test_the_names_are_looked_for_at_all() -> None:
    assert names(ast.parse("from asyncio import Runner\nx.Thread()\nasyncio.run(y)")) >= {
        "Runner", "Thread", "asyncio.run",
    }  # fmt: skip
