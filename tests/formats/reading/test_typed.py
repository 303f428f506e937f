"""Typed getters: absent and empty are fine, another type is always told; and readers use nothing else."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gtmask.formats.reading import typed
from gtmask.formats.reading.build import RecordBuilder
from gtmask.formats.reading.malformed import type_name
from gtmask.formats.reading.typed import Reporter

if TYPE_CHECKING:
    from collections.abc import Callable

FORMATS = Path(typed.__file__).parents[1]
#: What finds bytes and names, and looks into no parsed document; XML's attributes are text by nature.
OTHERS = {
    "archive.py", "base.py", "detect.py", "export.py", "format.py", "keys.py", "locate.py",
    "multi_document.py", "registry.py", "text.py", "__init__.py",
}  # fmt: skip
READERS = sorted(
    path
    for path in FORMATS.rglob("*.py")
    if path.relative_to(FORMATS).parts[0] not in {"jsonstream", "reading", *OTHERS}
)
GETTERS: dict[Callable[..., Any], tuple[Any, list[Any], list[Any]]] = {
    # getter: (what absent gives, values that are fine, values of another type)
    Reporter.get_text: ("", ["", "a", 3, 0.5], [True, [], {}, ["a"], {"a": 1}]),
    Reporter.get_object: ({}, [{}, {"a": 1}], ["", "a", 0, 1.5, True, False, [], [1]]),
    Reporter.get_list: ([], [[], [1]], ["", "a", 0, 1.5, True, False, {}, {"a": 1}]),
    Reporter.get_objects: ([], [[], [{}], [{"a": 1}]], ["", 0, False, {}, {"a": 1}]),
    Reporter.get_number: (0.0, [0, 1, -2.5], ["", "1", True, False, [], {}]),
    Reporter.get_whole: (None, [0, -7, 3.0], ["", "3", 2.5, True, False, [], {}]),
    Reporter.get_flag: (False, [True, False, 0, 1, 1.0], ["", "true", 2, 0.5, [], {}]),
}


@pytest.mark.parametrize("getter", GETTERS, ids=lambda getter: getter.__name__)
def test_absent_and_empty_are_fine_and_another_type_is_told(getter: Callable[..., Any]):
    absent, fine, others = GETTERS[getter]
    builder = RecordBuilder("a.jpg")
    assert getter(builder, {}, "key") == getter(builder, {"key": None}, "key") == absent
    for value in fine:
        assert getter(builder, {"key": value}, "key") in (value, str(value))
    assert not builder.findings
    for value in others:
        told = RecordBuilder("a.jpg")
        assert getter(told, {"key": value}, "key") == absent
        (finding,) = told.findings
        assert (finding.code, finding.level) == ("value-type", "loss")
        assert "'key'" in finding.detail
        assert type_name(value) in finding.detail


def test_whatever_is_no_object_in_a_list_of_objects_is_told_one_by_one():
    builder = RecordBuilder("a.jpg")
    assert builder.get_objects({"rows": [{"a": 1}, 5, {}, "x"]}, "rows") == [{"a": 1}, {}]
    assert [finding.detail for finding in builder.findings] == [
        "'rows[1]' is a number, not an object", "'rows[3]' is text, not an object",
    ]  # fmt: skip


def test_a_finding_names_the_element_and_the_tools_own_id():
    builder = RecordBuilder("a.jpg")
    items = [{"name": "a"}, {"name": [1], "id": 17}]

    def add(item: dict[str, Any]) -> None:
        builder.polygon(builder.get_text(item, "name"), [0, 0, 4, 0, 4, 4])

    builder.each(items, add, "annotation")
    (finding,) = builder.findings
    assert finding.detail == "'name' of annotation 1 (id 17) is a list, not text"


def swallowing(tree: ast.AST) -> list[str]:
    """Return the places where a reader looks into a document by other means than the typed getters."""
    found = []
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef) or function.name == "sniff":
            continue
        for node in ast.walk(function):
            by_name = (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "get"
                and bool(node.args)
                and isinstance(node.args[0], ast.Constant)
            )
            # `value if isinstance(value, dict) else {}`: a wrong type becomes nothing.
            emptied = (
                isinstance(node, ast.IfExp) and _is_type_of(node.test, node.body) and _is_empty(node.orelse)
            )
            if by_name or emptied:
                found.append(f"line {node.lineno}: {ast.unparse(node)}")  # type: ignore[attr-defined]
    return found


def _is_type_of(test: ast.expr, value: ast.expr) -> bool:
    """Say whether a test asks for the type of this very value."""
    return (
        isinstance(test, ast.Call)
        and isinstance(test.func, ast.Name)
        and test.func.id == "isinstance"
        and ast.dump(test.args[0]) == ast.dump(value)
    )


def _is_empty(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value in (None, "")
    return (isinstance(node, ast.List) and not node.elts) or (isinstance(node, ast.Dict) and not node.keys)


@pytest.mark.parametrize("path", READERS, ids=lambda path: str(path.relative_to(FORMATS)))
def test_readers_look_into_documents_through_the_getters_alone(path: Path):
    found = swallowing(ast.parse(path.read_text()))
    if path.parent.name == "cvat":
        # Elements of XML: all their attributes are text.
        xml = ("attribute", "element.get", "child.get", "before.get", "after.get")
        found = [place for place in found if not any(name in place for name in xml)]
    assert not found


@pytest.mark.parametrize("code", [
    "def f(a):\n return a.get('x')", "def f(a):\n b = a if isinstance(a, dict) else {}",
    "def f(a):\n return a if isinstance(a, list) else []",
])  # fmt: skip
def test_the_test_above_can_fail(code: str):
    assert swallowing(ast.parse(code))
