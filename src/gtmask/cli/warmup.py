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

    The cache serves everybody who can read it, on CPUs of the same kind: what a container's image brings is
    used as it is. It lies beside gtmask, or where NUMBA_CACHE_DIR says.
    """
    import time

    from gtmask import kernels
    from gtmask.cli.console import console, plain

    start = time.perf_counter()
    usual = kernels.KERNEL_MODULES + kernels.READER_MODULES
    ready = kernels.compile_kernels(kernels.ALL_MODULES if every else usual)
    if not quiet:
        console().print(plain(f"{ready} kernels are ready, after {time.perf_counter() - start:.1f} s."))
