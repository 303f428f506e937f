"""``gtmask convert`` as a user starts it, for a process of its own: nothing is imported before it."""

from __future__ import annotations

import sys
from pathlib import Path


def convert(export: str, images: str, out: str, workers: int | None) -> int:
    """Run the command; return the number of masks."""
    from gtmask.cli import main  # noqa: PLC0415 - the command's own start

    sys.argv = ["gtmask", "convert", export, "--images", images, "--out", out, "--quiet"]
    sys.argv += [] if workers is None else ["--workers", str(workers)]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
    return sum(1 for _ in Path(out, "masks").glob("*.png"))
