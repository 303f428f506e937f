"""The demo: a small data set, and every step of the way on it, without an account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gtmask.report.scenes import write_data_set
from gtmask.run import convert

if TYPE_CHECKING:
    from pathlib import Path

    from gtmask.run import Summary
    from gtmask.run.progress import Progress


@dataclass(slots=True)
class Demo:
    """What the demo made: the conversion's summary, and files with what they are."""

    summary: Summary
    files: list[tuple[str, str]]


def run_demo(folder: Path, *, images: int = 24, progress: Progress | None = None) -> Demo:
    """Make a data set in ``folder`` and convert it there; a second demo in the same folder starts anew.

    Parameters
    ----------
    folder
        Gets ``data/`` (images and a COCO export) and ``out/`` (masks and manifest).
    images
        Number of scenes.
    progress
        Hears how the conversion gets on.
    """
    export = write_data_set(folder / "data", images)
    out = folder / "out"
    summary = convert(
        export,
        out,
        images=folder / "data" / "images",
        png="palette",
        overwrite=True,
        progress=progress,
    )
    files = [
        (str(folder / "data" / "images"), "the pictures"),
        (str(export), "their labels, as a COCO export"),
        (
            str(out / "masks"),
            "one mask per picture; --png palette, so that an image viewer shows the class colours",
        ),
        (str(summary.manifest), "the manifest: one line per picture"),
        (str(out / "classes.toml"), "the class map: edit it and give it back with --classes"),
    ]
    return Demo(summary, files)
