"""``gtmask warmup``."""

from __future__ import annotations

from typing import Annotated

import typer

from gtmask.cli import options


def warmup(
    every: Annotated[
        bool,
        typer.Option(
            "--all",
            metavar="",
            help="Also what only validate, --fill source, --stroke and Label Studio's brush need.",
        ),
    ] = False,
    quiet: options.Quiet = False,
) -> None:
    """Compile the code that paints and packs masks ahead of time, for container images and job scripts.

    Without it the first run on a machine does so, which takes some seconds. What is compiled serves everybody
    who can read it, on processors of the same kind: a container's image can bring it along. It lies beside
    gtmask, or in the folder that NUMBA_CACHE_DIR names.
    """
    import time

    import gtmask
    from gtmask.cli.console import console, plain

    start = time.perf_counter()
    ready = gtmask.warmup(every=every)
    if not quiet:
        console().print(plain(f"{ready} kernels are ready, after {time.perf_counter() - start:.1f} s."))
