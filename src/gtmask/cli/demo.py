"""``gtmask demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gtmask.cli import options


def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the demo is made.")] = Path("demo"),
    images: Annotated[int, typer.Option(metavar="N", help="How many scenes.")] = 24,
    quiet: options.Quiet = False,
) -> None:
    """Make a small data set and run the whole way on it; no account needed."""
    from gtmask.cli.console import Bar, console, plain, table
    from gtmask.cli.summary import render
    from gtmask.report.demo import run_demo

    with Bar(quiet=quiet) as bar:
        result = run_demo(folder, images=images, progress=bar)
    if quiet:
        return
    screen = console()
    render(result.summary, screen)
    report = result.report
    told = ", ".join(f"{code} {count}" for code, count in report.codes.items())
    screen.print(
        plain(f"validate --deep: {report.count('error')} errors, {report.count('warning')} warnings ({told})")
    )
    shown = table("where to look", "file", "what it is")
    for path, meaning in result.files:
        shown.add_row(plain(path), plain(meaning))
    screen.print(shown)
