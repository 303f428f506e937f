"""``gtmask preview``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gtmask.cli import options


def preview(
    manifest: Annotated[
        str, typer.Argument(metavar="MANIFEST", help="Augmented manifest: path or s3:// URI.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="F.html", help="The page to write.")],
    count: Annotated[
        int, typer.Option("--count", metavar="N", help="Images, evenly spread over the manifest.")
    ] = 24,
    images: options.Images = None,
    masks: options.Masks = None,
    endpoint_url: options.Endpoint = None,
    profile: options.Profile = None,
    region: options.Region = None,
    quiet: options.Quiet = False,
) -> None:
    """Write a page of overlays to look at, in the colours of the worker UI."""
    import gtmask
    from gtmask.cli.console import console, plain
    from gtmask.storage.base import S3Settings

    s3 = S3Settings(endpoint_url=endpoint_url, profile=profile, region=region)
    made = gtmask.preview(manifest, out, count=count, images=images, masks=masks, s3=s3)
    screen = console()
    for trouble in made.troubles:
        screen.print(plain(trouble), soft_wrap=True)
    if not quiet:
        screen.print(plain(f"{made.shown:,} overlays in {made.path}"), soft_wrap=True)
    raise typer.Exit(3 if made.troubles else 0)
