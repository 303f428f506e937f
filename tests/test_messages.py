"""Every message of an error is one sentence: it begins with a capital or a name, and ends in a full stop.

The source is read, so that messages count that no test raises. What stands in braces is not known there: a
message may begin with it (a path, an option) and may end in it only where that is the sentence of another.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gtmask import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

SRC = Path(errors.__file__).parent
NAMES = {name for name, kind in vars(errors).items() if inspect.isclass(kind)}
#: Endings in braces that are whole sentences of others: what makes them is held by tests of its own.
SENTENCES = {"describe_problem", "str", "foreign", "none_found"}


def name_of(node: ast.AST) -> str:
    """Return the last name of what is called."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def texts_of(node: ast.expr, function: ast.AST, module: dict[str, ast.AST]) -> Iterator[ast.expr]:
    """Yield what may become a message: through names, choices, and functions that are called for it."""
    if isinstance(node, ast.IfExp):
        yield from texts_of(node.body, function, module)
        yield from texts_of(node.orelse, function, module)
    elif isinstance(node, ast.Await):
        yield from texts_of(node.value, function, module)
    elif isinstance(node, ast.Name):
        values = [
            step.value
            for step in ast.walk(function)
            if isinstance(step, ast.Assign) and any(name_of(target) == node.id for target in step.targets)
        ]
        assert values, f"nobody can tell what {node.id} is"
        for value in values:
            yield from texts_of(value, function, module)
    elif isinstance(node, ast.Call) and name_of(node.func) in module.keys() - SENTENCES:
        for step in ast.walk(module[name_of(node.func)]):
            if isinstance(step, ast.Return) and step.value is not None:
                yield from texts_of(step.value, module[name_of(node.func)], module)
    else:
        yield node


def pieces(node: ast.expr) -> list[str | ast.expr]:
    """Return a message's literal pieces and the expressions between them."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.JoinedStr):
        return [
            part.value if isinstance(part, ast.FormattedValue) else str(getattr(part, "value", ""))
            for part in node.values
        ]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return pieces(node.left) + pieces(node.right)
    return [node]


def is_sentence(parts: list[str | ast.expr]) -> bool:
    """Say whether a message begins and ends as it should."""
    first, last = parts[0], parts[-1]
    if isinstance(last, str):
        ends = last.endswith((".", "?"))
    else:
        ends = isinstance(last, ast.Call) and name_of(last.func) in SENTENCES
    begins = not isinstance(first, str) or first[0].isupper() or first.startswith(("--", '"', "'"))
    return begins and ends


def functions(tree: ast.AST) -> dict[str, ast.AST]:
    """Return the functions of a module by their names."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name: node for node in ast.walk(tree) if isinstance(node, kinds)}


def imported(tree: ast.AST) -> set[str]:
    """Return the names that a module imports from others."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name for node in found for alias in node.names}


def messages() -> Iterator[tuple[str, ast.expr, str]]:
    """Yield place and text of each error's message."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SRC.rglob("*.py"))}
    # What a module imports from another one is looked up there.
    everywhere = {name: node for tree in trees.values() for name, node in functions(tree).items()}
    for path, tree in trees.items():
        module = {name: everywhere[name] for name in imported(tree) & everywhere.keys()} | functions(tree)
        inside: dict[ast.AST, ast.AST] = dict.fromkeys(ast.walk(tree), tree)
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                inside |= dict.fromkeys(ast.walk(function), function)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and name_of(node.func) in NAMES and node.args:
                for text in texts_of(node.args[0], inside[node], module):
                    yield f"{path.relative_to(SRC)}:{node.lineno}", text, ast.unparse(text)


FOUND = list(messages())


def test_the_messages_are_found() -> None:
    assert len(FOUND) > 150


@pytest.mark.parametrize(("place", "text", "written"), FOUND, ids=[place for place, _, _ in FOUND])
def test_each_message_is_a_sentence(place: str, text: ast.expr, written: str) -> None:
    assert is_sentence(pieces(text)), f"{place}: {written}"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("'Cannot read it.'", True),
        ("'cannot read it.'", False),
        ("'Cannot read it'", False),
        ("f'{path} is empty.'", True),
        ("f'{path} is empty: {error}'", False),
        ("f'--out {path} is a file: choose another.'", True),
        ("'Give ' + name + '.'", True),
        ("str(error)", True),
        ("error.args[0]", False),
    ],
)
def test_what_a_sentence_is(written: str, expected: bool) -> None:
    assert is_sentence(pieces(ast.parse(written, mode="eval").body)) is expected
