"""``gtmask warmup``."""

from __future__ import annotations

from gtmask.cli import options


def warmup(quiet: options.Quiet = False) -> None:
    """Compile and cache all kernels, for images and job start scripts."""
    import time

    from gtmask import jit
    from gtmask.cli.console import console, plain

    start = time.perf_counter()
    ready = jit.compile_kernels()
    if not quiet:
        console().print(plain(f"{ready} kernels are ready, after {time.perf_counter() - start:.1f} s."))
