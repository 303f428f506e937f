"""``gtmask`` as a user starts it, for a process of its own: nothing is imported before it."""

from __future__ import annotations

import sys
from pathlib import Path


def command(*arguments: str) -> int:
    """Run a command; return its exit code."""
    from gtmask.__main__ import main  # noqa: PLC0415 - the command's own start

    sys.argv = ["gtmask", *arguments, "--quiet"]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def convert(export: str, images: str, out: str, workers: int | None) -> int:
    """Convert; return the number of masks."""
    chosen = [] if workers is None else ["--workers", str(workers)]
    code = command("convert", export, "--images", images, "--out", out, *chosen)
    if code:
        raise SystemExit(code)
    return sum(1 for _ in Path(out, "masks").glob("*.png"))
