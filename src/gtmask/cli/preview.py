"""``gtmask preview``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gtmask import S3Settings
from gtmask.cli import options
from gtmask.cli.talk import Talk

if TYPE_CHECKING:
    from rich.console import Console

    from gtmask import Preview


@options.one_by_one
def preview(
    *,
    manifest: options.Manifest,
    out: Annotated[str, typer.Option("--out", metavar="F.html", help="The HTML page to write.")],
    count: Annotated[
        int, typer.Option("--count", metavar="N", help="How many images to show, evenly spread.")
    ] = 24,
    partial: options.Partial = False,
    images: options.Images = None,
    masks: options.Masks = None,
    s3: S3Settings,
    talk: Talk,
) -> None:
    """Write an HTML page of images with their masks on top, in the colours that workers will see."""
    with talk.following(manifest):
        import gtmask

        made = gtmask.preview(manifest, out, count=count, partial=partial, images=images, masks=masks, s3=s3)
    talk.show(made, _render)
    raise typer.Exit(3 if made.troubles else 0)


def _render(made: Preview, screen: Console) -> None:
    from gtmask.cli.console import say

    for trouble in filter(None, (made.unfinished, *made.troubles)):
        say(screen, trouble)
    say(screen, f"{made.shown:,} overlays in {made.path}")
