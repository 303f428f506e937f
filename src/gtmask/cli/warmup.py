"""``gtmask warmup``."""

from __future__ import annotations

from typing import Annotated

import typer

import gtmask
from gtmask.cli import options
from gtmask.cli.console import print_json
from gtmask.cli.talk import Talk


@options.one_by_one
def warmup(
    *,
    every: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Also compile what only validate, --fill source, --stroke and Label Studio's brush need.",
        ),
    ] = False,
    talk: Talk,
) -> None:
    """Compile the code that paints and encodes masks ahead of time, for container images and job scripts.

    Without it the first run on a machine does so, which takes some seconds. The compiled code is kept beside
    gtmask, or in the folder that the variable NUMBA_CACHE_DIR names, and serves every user who can read it, on
    processors of the same kind: a container image can bring it along.
    """
    with talk.following():
        ready = gtmask.warmup(every=every)
    if talk.json:
        print_json({"kernels": ready, "seconds": round(talk.seconds, 1)})
    talk.say(f"{ready} kernels are ready, after {talk.seconds:.1f} s.")
