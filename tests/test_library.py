"""The library's face: every exported name has a home and a description, and takes exported types only."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import subprocess
import sys
import types
import typing
from pathlib import Path

import pytest

import gtmask

SRC = Path(gtmask.__file__).parent
MODULES = {name for name in gtmask.__all__ if isinstance(getattr(gtmask, name), types.ModuleType)}
NAMES = sorted(set(gtmask.__all__) - MODULES - {"__version__"})
THINGS = {name: getattr(gtmask, name) for name in NAMES}
FUNCTIONS = [name for name, thing in THINGS.items() if inspect.isfunction(thing)]
CLASSES = [name for name, thing in THINGS.items() if inspect.isclass(thing)]
CALLABLES = sorted({*FUNCTIONS, *CLASSES})


def namespace(module: str) -> dict[str, object]:
    """Return the names of a module, with those that it imports for type checkers alone."""
    found = dict(vars(importlib.import_module(module)))
    for node in ast.walk(ast.parse(Path(sys.modules[module].__file__ or "").read_text("utf-8"))):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            exec(compile(ast.Module(node.body, []), module, "exec"), found)
    return found


def hints_of(thing: typing.Any) -> dict[str, typing.Any]:
    """Return the evaluated annotations of a function or of a class's public fields, inherited ones too."""
    if inspect.isclass(thing):
        hints: dict[str, typing.Any] = {}
        for base in reversed(thing.__mro__[:-1]):
            if base.__module__.startswith("gtmask"):
                own = inspect.get_annotations(base)
                hints |= {name: evaluate(text, base.__module__) for name, text in own.items()}
        return {name: hint for name, hint in hints.items() if not name.startswith("_")}
    return {name: evaluate(text, thing.__module__) for name, text in inspect.get_annotations(thing).items()}


def evaluate(annotation: typing.Any, module: str) -> typing.Any:
    return eval(annotation, namespace(module)) if isinstance(annotation, str) else annotation


def own_types(hint: typing.Any) -> set[str]:
    """Return the names of gtmask's own types in an annotation."""
    found = {name for part in typing.get_args(hint) if not isinstance(part, str) for name in own_types(part)}
    if inspect.isclass(hint) and hint.__module__.startswith("gtmask"):
        found.add(hint.__name__)
    return found


def public_methods(kind: type) -> list[types.FunctionType]:
    return [
        method for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_") and method.__module__.startswith("gtmask")
    ]  # fmt: skip


def test_the_list_for_checkers_is_the_list_for_programs() -> None:
    """Editors see the imports under TYPE_CHECKING, programs the table of homes."""
    tree = ast.parse((SRC / "__init__.py").read_text("utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {}
    for node in ast.walk(guarded):
        if isinstance(node, ast.ImportFrom):
            seen |= {alias.asname: node.module for alias in node.names}
    assert seen == gtmask._HOMES | dict.fromkeys(MODULES, "gtmask")


@pytest.mark.parametrize("name", CALLABLES)
def test_a_name_is_the_same_at_home(name: str) -> None:
    thing = getattr(gtmask, name)
    assert (thing.__module__, thing.__name__) == (gtmask._HOMES[name], name)


@pytest.mark.parametrize("name", CALLABLES)
def test_every_name_is_described(name: str) -> None:
    thing = getattr(gtmask, name)
    assert inspect.getdoc(thing)
    for method in public_methods(thing) if inspect.isclass(thing) else []:
        assert inspect.getdoc(method), f"{name}.{method.__name__}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_is_described(name: str) -> None:
    function = getattr(gtmask, name)
    section = (inspect.getdoc(function) or "").partition("Parameters\n----------\n")[2]
    heads = re.findall(r"^(?! )(.+)$", section.partition("\n\n")[0], re.MULTILINE)
    described = {word.strip("* ") for head in heads for word in head.split(",")}
    assert described == set(inspect.signature(function).parameters)


@pytest.mark.parametrize("name", CALLABLES)
def test_every_type_that_is_given_or_returned_is_exported(name: str) -> None:
    thing = getattr(gtmask, name)
    hints = list(hints_of(thing).values())
    if inspect.isclass(thing):
        hints += [hint for method in public_methods(thing) for hint in hints_of(method).values()]
    needed = set().union(*map(own_types, hints), set())
    assert needed <= set(gtmask.__all__), f"{name} speaks of types that no caller can name"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_s3_is_given_in_one_way(name: str) -> None:
    parameters = inspect.signature(getattr(gtmask, name)).parameters
    assert not {"s3_client", "endpoint_url", "profile", "concurrency"} & set(parameters)
    if "s3" in parameters:
        assert parameters["s3"].default is None
        assert typing.get_args(hints_of(getattr(gtmask, name))["s3"]) == (gtmask.S3Settings, type(None))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_progress_is_told_in_one_way(name: str) -> None:
    hints = hints_of(getattr(gtmask, name))
    if "progress" in hints:
        assert typing.get_args(hints["progress"]) == (gtmask.Progress, type(None))


def test_settings_and_reading_options_have_the_same_defaults() -> None:
    reading = {item.name: item.default for item in dataclasses.fields(gtmask.ReadOptions)}
    settings = {item.name: item.default for item in dataclasses.fields(gtmask.Settings)}
    execution = {item.name: item.default for item in dataclasses.fields(gtmask.ExecutionOptions)}
    # Where the images are is no setting of a run, but an argument of its own.
    assert reading.pop("images") is inspect.signature(gtmask.convert).parameters["images"].default is None
    assert reading.items() <= (settings | execution).items()


def test_every_error_is_in_the_module_of_errors() -> None:
    for path in SRC.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and node.name.endswith("Error") and path.name != "errors.py":
                assert node.name.startswith("_"), f"{path.relative_to(SRC)}: {node.name}"


def test_importing_the_library_costs_nothing() -> None:
    program = "import sys; before = set(sys.modules); import gtmask; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {name for name in done.stdout.split() if name.startswith("gtmask")} == {
        "gtmask",
        "gtmask._version",
    }
    assert not {"numpy", "numba", "asyncio"} & set(done.stdout.split())


def test_read_opens_before_it_yields(tmp_path: Path) -> None:
    with pytest.raises(gtmask.errors.NotFoundError):
        gtmask.read(tmp_path / "no.json")
