"""What a mutant is: one small fault in a module, made by an operator of cosmic-ray, and where none is made.

Kernels are left out: they are compiled, and each has a twin in the tests. So are texts, annotations,
decorators and imports.
"""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "gtmask"
#: Writes machine code: as kernels are.
COMPILED = {"simd.py"}
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

        try:
            mutated = mutate_code((PACKAGE / self.file).read_text(), operator(self.operator), self.occurrence)
            compile(mutated, self.file, "exec")
        except (SyntaxError, AttributeError):  # the latter where an exception has a dotted name
            return None
        return str(mutated)

    def text(self) -> str:
        """Return the line that it is on, as it is without the fault."""
        return (PACKAGE / self.file).read_text().splitlines()[self.line - 1].strip()

    def change(self) -> tuple[str, str]:
        """Return the lines that differ, before and after."""
        before = (PACKAGE / self.file).read_text().splitlines()
        after = (self.source() or "").splitlines()
        rows = [row for row in difflib.ndiff(before, after) if row[:2] in {"- ", "+ "}]
        parts = ("\n".join(row[2:].strip() for row in rows if row[0] == mark) for mark in "-+")
        return next(parts), next(parts)


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
    return ast.parse((PACKAGE / file).read_text())


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
        elif isinstance(node, ast.keyword) and node.arg == "strict":
            nodes.append(node.value)  # says what is so, and changes nothing
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

    parsed = list(ast_nodes(get_ast((PACKAGE / file).read_text())))
    without = left_out(file)
    for name in OPERATORS:
        places = (place for node in parsed for place in operator(name).mutation_positions(node))
        for occurrence, (start, _) in enumerate(places):
            if not any(begin <= start < end for begin, end in without):
                yield Mutant(file, start[0], name, occurrence)
