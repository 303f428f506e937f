"""Values that are read without Typer are read as Typer reads them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from gtmask.cli.group import Commands
from gtmask.cli.values import _UNREAD, _plain

TYPED = (
    *(None, True, False, "", "word", " 7 ", "0", "7", "007", "-1", "1_000", "1e3", "999999999", "9999999999"),
    *(7, 0.5, (), ("one", "two"), ["one"]),
)


@pytest.mark.parametrize("name", ["convert", "warmup", "validate"])
def test_plain_values_are_what_typer_makes_of_them(name: str) -> None:
    command = Commands()[name]
    context = command.context_class(command)
    read = 0
    for parameter in command.get_params(context):
        for value in (*TYPED, parameter.get_default(context)):
            found = _plain(parameter, value)
            if found is _UNREAD or type(value) is bool:  # which Typer takes as they are
                continue
            expected = parameter.get_runtime_param().coerce(value, param=parameter, ctx=context)
            assert (found, type(found)) == (expected, type(expected)), f"{parameter.name}: {value!r}"
            read += 1
    assert read > len(TYPED)


def test_a_usual_command_does_without_pydantic(tmp_path: Any) -> None:
    code = (
        "import sys; from gtmask.cli import app\n"
        "try: app(['convert', 'no-such-export', '--out', sys.argv[1], '--workers', '2', '--quiet'])\n"
        "except Exception as error: print(type(error).__name__, 'pydantic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out")], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["NotFoundError", "False"], done.stderr
