"""``gtmask preview``."""

from __future__ import annotations

from typing import Annotated

import typer

from gtmask import S3Settings
from gtmask.cli import options


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
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Write an HTML page of images with their masks on top, in the colours that workers will see."""
    import gtmask
    from gtmask.cli.console import console, print_json, say

    made = gtmask.preview(manifest, out, count=count, partial=partial, images=images, masks=masks, s3=s3)
    if as_json:
        print_json(made.to_json())
    else:
        screen = console()
        for trouble in filter(None, (made.unfinished, *made.troubles)):
            say(screen, trouble)
        if not quiet:
            say(screen, f"{made.shown:,} overlays in {made.path}")
    raise typer.Exit(3 if made.troubles else 0)
