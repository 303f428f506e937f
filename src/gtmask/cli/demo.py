"""``gtmask demo``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

import gtmask
from gtmask.cli import options
from gtmask.cli.console import Rows, Screen, plain, tell
from gtmask.cli.talk import Talk

if TYPE_CHECKING:
    from gtmask import Demo


@options.one_by_one
def demo(
    *,
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Folder for the demo.")] = "demo",
    images: Annotated[int, typer.Option(metavar="N", help="How many images to draw.")] = 24,
    overwrite: options.Overwrite = False,
    talk: Talk,
) -> None:
    """Draw a small data set, then convert, validate, preview and pilot it; needs no AWS account."""
    with talk.following(folder) as progress:
        result = gtmask.demo(folder, images=images, overwrite=overwrite, progress=progress)
    talk.show(result, partial(_render, talk=talk))


def _render(result: Demo, screen: Screen, *, talk: Talk) -> None:
    from gtmask.cli.summary import render

    render(result.summary, screen, talk=talk)
    report = result.report
    codes = ", ".join(f"{code} {count}" for code, count in report.codes.items())
    tell(
        screen,
        f"validate --deep: {report.count('error')} errors, {report.count('warning')} warnings ({codes})",
    )
    shown = Rows("where to look", "file", "what it is")
    for path, meaning in result.files:
        shown.add_row(plain(path), plain(meaning))
    screen.print(shown)
