"""The command line calls exported names of the library only, and with the library's defaults."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer.main

import gtmask
from gtmask.cli import app

if TYPE_CHECKING:
    from collections.abc import Callable

CLI = Path(gtmask.__file__).parent / "cli"
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
PUBLIC_MODULES = {"gtmask.errors", "gtmask.findings", "gtmask.formats", "gtmask.raster"}
#: How the process is set up, and what the system says when it stops it: no library does that to its callers.
PROCESS = {"gtmask.light", "gtmask.storage.local_errors"}
#: What only the command line has: how it shows results, asks, and names a file that it writes itself.
OWN = {
    "help", "quiet", "json", "progress", "log_file", "verbose",
    "quick", "deep",  # two levels as two flags
    "submit", "wait", "fix_cors", "yes", "dry_run",  # calls of the library in a row
    "tag",  # "KEY=VALUE" for pairs
}  # fmt: skip
#: What an option is called in the library where it is called otherwise.
RENAMED = {"s3_client": "client", "keyword": "keywords"}


@pytest.mark.parametrize("path", sorted(CLI.glob("*.py")), ids=lambda path: path.name)
def test_the_command_line_uses_exported_names_only(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "gtmask":
            assert node.attr in gtmask.__all__, f"gtmask.{node.attr}"
        elif isinstance(node, ast.Import):
            taken = {alias.name for alias in node.names if alias.name.startswith("gtmask")}
            assert taken <= {"gtmask"} | PUBLIC_MODULES, taken
        elif isinstance(node, ast.ImportFrom) and node.module == "gtmask":
            assert {alias.name for alias in node.names} <= {*gtmask.__all__, "cli"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gtmask"):
            assert node.module in PUBLIC_MODULES | PROCESS or node.module.startswith("gtmask.cli"), (
                node.module
            )


def called(name: str) -> list[Callable[..., Any]]:
    """Return the functions of the library that a command calls."""
    several: dict[str, list[Callable[..., Any]]] = {
        "job": [gtmask.job, gtmask.submit_job],
        "formats": [],
        "config": [],
    }
    return several[name] if name in several else [getattr(gtmask, name)]


def defaults(name: str) -> dict[str, Any]:
    """Return the defaults that the library has for what a command takes."""
    kinds: dict[str, list[Any]] = {
        "convert": [gtmask.Settings, gtmask.ExecutionOptions],
        "job": [gtmask.JobSettings],
        "answer": [gtmask.AnswerOptions],
        "prepare": [gtmask.PrepareOptions],
    }
    found: dict[str, Any] = {}
    for kind in [*kinds.get(name, []), gtmask.ReadOptions, gtmask.S3Settings]:
        found |= {item.name: item.default for item in dataclasses.fields(kind)}
    for function in called(name):
        parameters = inspect.signature(function).parameters.values()
        found |= {p.name: p.default for p in parameters if p.kind is not p.VAR_KEYWORD}
    return found


CASES = [
    pytest.param(name, option, id=f"{name} {option.opts[0]}")
    for name, command in COMMANDS.items() if name not in {"formats", "config"}
    for option in command.params if option.name not in OWN or (name, option.name) == ("convert", "dry_run")
]  # fmt: skip


@pytest.mark.parametrize(("name", "option"), CASES)
def test_an_option_has_the_default_of_the_library(name: str, option: Any) -> None:
    wanted = defaults(name)[RENAMED.get(option.name, option.name)]
    if option.required:
        assert wanted in (inspect.Parameter.empty, dataclasses.MISSING) or option.name == "out"
    else:
        given = option.default
        given = str(given) if isinstance(given, Path) else given
        assert (tuple(given) if isinstance(given, list) else given) == wanted


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_that_means_something_is_there(name: str) -> None:
    """What reaches S3 says how; what calls the library with workers says how many; results can be JSON."""
    have = {flag for option in COMMANDS[name].params for flag in option.opts}
    taken = {parameter for function in called(name) for parameter in inspect.signature(function).parameters}
    if "s3" in taken:
        assert have >= {"--s3-client", "--endpoint-url", "--profile", "--region", "--concurrency"}
    if "workers" in taken:
        assert "--workers" in have
    assert "--json" in have
    if name not in {"formats", "config"}:  # a list on stdout, and nothing to wait for
        assert have >= {"--quiet", "--progress", "--log-file", "--verbose"}
