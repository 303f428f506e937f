"""What goes to files and pipes is what Rich would write there, without Rich."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from gtmask.cli import console
from gtmask.cli.console import Page, Rows, Words, plain, rich_console, say, tell, wide_console

if TYPE_CHECKING:
    import pytest

#: Blanks, markup, signs that take the width of two, or that Rich would replace, and one that combines with
#: the letter before it: alone it takes no width, and Rich leaves out a column of such texts.
SIGNS = st.sampled_from([*"a b[]:/\\\t\n\x1b#é漢字ｱ한😀e", "e\u0301"])
TEXT = st.lists(SIGNS, max_size=12).map("".join) | st.sampled_from(
    ["[bold]x[/]", ":smile:", "a  ", "", "0x1f", "s3://b/k"]
)


def printed(made: Any, shown: list[Any]) -> str:
    stream = io.StringIO()
    screen = made(stream)
    for each in shown:
        screen.print(each)
    tell(screen, shown[0])
    say(screen, shown[0])
    return stream.getvalue()


@given(
    title=TEXT,
    names=st.lists(TEXT, min_size=1, max_size=4),
    cells=st.lists(TEXT, max_size=16),
    data=st.data(),
)
def test_a_page_has_what_rich_would_write(title: str, names: list[str], cells: list[str], data: Any):
    columns = [data.draw(st.sampled_from(["", ">"])) + str(plain(name)) for name in names]
    shown = Rows(str(plain(title)), *columns, header=data.draw(st.booleans()))
    for start in range(0, len(cells) - len(names) + 1, len(names)):
        shown.add_row(*map(plain, cells[start : start + len(names)]))
    words = Words((str(plain(title)), "bold red"), (" x ", ""), (str(plain(names[0])), ""))
    if str(shown):
        assert printed(Page, [words, shown]) == printed(rich_console, [words, shown])


def test_variables_that_ask_for_colours_are_heeded(monkeypatch: pytest.MonkeyPatch):
    for name in console.COLORING:
        monkeypatch.delenv(name, raising=False)
    assert isinstance(wide_console(io.StringIO()), Page)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[31m" in printed(wide_console, [Words(("error", "red"))])


def test_what_is_written_to_a_pipe_needs_no_rich():
    code = "import sys; from gtmask.cli import app\ntry: app(['formats', 'coco'])\nexcept SystemExit: pass\n"
    code += "print('rich.console' in sys.modules)"
    environment = {name: value for name, value in os.environ.items() if name not in console.COLORING}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("COCO instances (--format coco)\n")
    assert done.stdout.endswith("\nFalse\n")
