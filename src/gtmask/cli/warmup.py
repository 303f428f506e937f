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
            help="Also those of validate, --fill source, strokes, and Label Studio's brush.",
        ),
    ] = False,
    quiet: options.Quiet = False,
) -> None:
    """Compile and cache the kernels that runs call, for images and job start scripts.

    The cache serves the user who made it, on CPUs of the same kind. In an image, run this as the user that
    jobs run as; NUMBA_CACHE_DIR names another folder for it, which that user must be able to write.
    """
    import time

    from gtmask import kernels
    from gtmask.cli.console import console, plain

    start = time.perf_counter()
    usual = kernels.KERNEL_MODULES + kernels.READER_MODULES
    ready = kernels.compile_kernels(kernels.ALL_MODULES if every else usual)
    if not quiet:
        console().print(plain(f"{ready} kernels are ready, after {time.perf_counter() - start:.1f} s."))
