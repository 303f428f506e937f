"""``gtmask demo``."""

from __future__ import annotations

from typing import Annotated

import typer

from gtmask.cli import options


def demo(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Folder for the demo.")] = "demo",
    images: Annotated[int, typer.Option(metavar="N", help="How many images to draw.")] = 24,
    quiet: options.Quiet = False,
) -> None:
    """Draw a small data set, then convert, validate, preview and pilot it; needs no AWS account."""
    import gtmask
    from gtmask.cli.console import Bar, console, plain, table
    from gtmask.cli.summary import render

    with Bar(quiet=quiet) as bar:
        result = gtmask.demo(folder, images=images, progress=bar)
    if quiet:
        return
    screen = console()
    render(result.summary, screen)
    report = result.report
    codes = ", ".join(f"{code} {count}" for code, count in report.codes.items())
    screen.print(
        plain(
            f"validate --deep: {report.count('error')} errors, {report.count('warning')} warnings ({codes})"
        )
    )
    shown = table("where to look", "file", "what it is")
    for path, meaning in result.files:
        shown.add_row(plain(path), plain(meaning))
    screen.print(shown)
