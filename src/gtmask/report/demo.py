"""The demo: a small data set, and every step of the way on it, without an account."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gtmask.errors import UsageError
from gtmask.groundtruth.pilot_manifest import pilot
from gtmask.groundtruth.validation import validate
from gtmask.manifest.unfinished import STATE
from gtmask.report.overlays import preview
from gtmask.report.scenes import write_data_set
from gtmask.run.command import convert
from gtmask.storage.outputs import foreign
from gtmask.storage.usable import check_folder

if TYPE_CHECKING:
    from os import PathLike

    from gtmask.groundtruth.report import Report
    from gtmask.progress import Progress
    from gtmask.run.summary import Summary


@dataclass(slots=True)
class Demo:
    """What the demo made: the conversion's summary, the validation's report, and files with what they are."""

    summary: Summary
    report: Report
    files: list[tuple[str, str]]

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        files = [{"path": path, "meaning": meaning} for path, meaning in self.files]
        return {"summary": self.summary.to_json(), "report": self.report.to_json(), "files": files}


def demo(
    folder: str | PathLike[str] = "demo",
    *,
    images: int = 24,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Demo:
    """Make a data set in ``folder``, convert, validate and preview it, and choose a pilot.

    A second demo in the same folder starts anew.

    Parameters
    ----------
    folder
        Gets ``data/`` (images and a COCO export), ``out/`` (masks and manifest), ``pilot/`` and the page
        ``preview.html``.
    images
        Number of scenes.
    overwrite
        Replace files of these names that no demo wrote.
    progress
        Hears how the conversion gets on.

    Returns
    -------
    Demo
        What was made, and where.

    Raises
    ------
    UsageError
        For less than one scene, a folder that is a file, or files there that no demo wrote.

    Examples
    --------
    >>> import gtmask
    >>> made = gtmask.demo("demo", images=2)
    >>> made.summary.tally.masks, sorted(made.report.codes)
    (2, ['reference-local', 'source-turned'])
    """
    if images < 1:
        raise UsageError(f"--images {images} must be at least 1.")
    check_folder(os.fspath(folder), "DIR")
    folder = Path(folder)
    _claim(folder, overwrite=overwrite)
    export = write_data_set(folder / "data", images)
    out = folder / "out"
    summary = convert(
        export, out, images=folder / "data" / "images", png="palette", overwrite=True, progress=progress
    )
    manifest = str(summary.manifest)
    report = validate(manifest, level="deep", workers=1)
    page = preview(manifest, folder / "preview.html", count=images, overwrite=overwrite)
    chosen = pilot(manifest, folder / "pilot", workers=1, overwrite=overwrite)
    files = [
        (page.path, "the masks on their pictures: open it in a browser"),
        (str(folder / "data" / "images"), "the pictures"),
        (str(export), "their labels, as a COCO export"),
        (str(out / "masks"), "the masks; --png palette, so that an image viewer shows the class colours"),
        (str(out / manifest.rpartition("/")[2]), "the manifest: one line per picture"),
        (str(out / "classes.toml"), "the class map: edit it and give it back with --classes"),
        (chosen.manifest, f"the micro-batch: {len(chosen.chosen)} pictures that show every class"),
    ]
    return Demo(summary, report, files)


def _claim(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder with files of the demo's names that no demo wrote; mark the others as a demo's."""
    mark = folder / f"{STATE}demo.json"
    if not (overwrite or mark.exists()):
        for name in ("data", "out", "pilot", "preview.html"):
            if (folder / name).exists():
                raise UsageError(foreign(f"DIR {folder / name}"))
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text("{}\n")
    except OSError as error:
        raise UsageError(f"DIR {folder} cannot be written: {error.strerror}.") from error
