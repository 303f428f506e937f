"""What mutation testing found is told whole, and where it looks is where it says."""

from __future__ import annotations

import ast
import json

import pytest

from tests.reliability.mutant_sources import PACKAGE, left_out, statement
from tests.reliability.mutants import AREAS, FOUND


def test_each_survivor_has_a_reason_and_the_figures_add_up() -> None:
    found = json.loads(FOUND.read_text())
    assert found["areas"].keys() == AREAS.keys()
    assert all(row["why"] for row in found["survivors"])
    for figures in found["areas"].values():
        assert (
            figures["killed"] + figures["hung"] + figures["survived"]
            == figures["tried"]
            <= figures["mutants"]
        )
    assert sum(figures["survived"] for figures in found["areas"].values()) == len(found["survivors"])


@pytest.mark.parametrize("file", ["png/counts.py", "raster/arguments.py", "groundtruth/confusion_matrix.py"])
def test_kernels_are_left_out_and_what_calls_them_is_not(file: str) -> None:
    parts = left_out(file)
    for node in ast.parse((PACKAGE / file).read_text()).body:
        if isinstance(node, ast.FunctionDef):
            compiled = any("kernel" in ast.unparse(each) for each in node.decorator_list)
            last = node.body[-1]
            place = (last.lineno, last.col_offset)
            assert any(start <= place < end for start, end in parts) == compiled


def test_a_line_stands_for_its_statement() -> None:
    file = "png/header.py"
    lines = (PACKAGE / file).read_text().splitlines()
    begin = next(number for number, line in enumerate(lines, 1) if line.startswith("    if compression or"))
    assert statement(file, begin) == (begin, begin)
    first, last = statement(file, begin + 2)
    assert lines[first - 1].lstrip().startswith("raise PngError(")
    assert lines[last - 1].strip() == ")"
