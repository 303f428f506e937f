"""Where things are: the export's own folder, what stands before keys in the manifest, what must not meet."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gtmask.errors import UsageError
from gtmask.run.commit import MASKS
from gtmask.run.progress import Progress, Silent
from gtmask.storage import is_s3

if TYPE_CHECKING:
    from gtmask.run.settings import Means, Settings


@dataclass(frozen=True, slots=True)
class Start:
    """One start of a run: from where to where, and how. ``images`` None means the export's own folder."""

    source: str
    out: str
    images_option: str | None
    settings: Settings
    means: Means
    progress: Progress = field(default_factory=Silent)

    @property
    def images(self) -> str:
        """Where images are read."""
        return self.images_option if self.images_option is not None else default_images(self.source)

    def prefixes(self) -> dict[str, str]:
        """Return what stands before image keys and mask keys in the manifest, by the plan's names."""
        image = self.settings.image_uri or absolute(self.images)
        mask = self.settings.mask_uri or f"{absolute(self.out)}/{MASKS}"
        return {"image_prefix": image.rstrip("/") + "/", "mask_prefix": mask.rstrip("/") + "/"}

    def refuse_overlap(self) -> None:
        """Refuse an output that the next start would read as part of the export, or that hits the images.

        Raises
        ------
        UsageError
            With the folder to change.
        """
        target = absolute(self.out)
        source_is_folder = not is_s3(self.source) and Path(self.source).is_dir()
        if source_is_folder and _inside(target, absolute(self.source)):
            raise UsageError(
                f"--out {self.out} lies inside the export {self.source}, so its files would be read as "
                "annotations on the next start: choose a folder beside it."
            )
        if _inside(absolute(self.images), f"{target}/{MASKS}".rstrip("/")):
            raise UsageError(
                f"--out {self.out} would put masks among the images in {self.images}: choose another folder."
            )


def default_images(source: str) -> str:
    """Return the export's own folder: where images are looked for without ``--images``."""
    if is_s3(source):
        bucket, _, key = source.removeprefix("s3://").partition("/")
        folder = key if key.endswith("/") or not key else key.rpartition("/")[0]
        while any(char in folder for char in "*?["):
            folder = folder.rpartition("/")[0]
        return f"s3://{bucket}/{folder}".rstrip("/")
    path = Path(source).expanduser()
    while any(char in str(path) for char in "*?[") and not path.exists():
        path = path.parent
    return str(path if path.is_dir() else path.parent)


def absolute(location: str) -> str:
    """Return a location without trailing slash, a local one as an absolute path."""
    return location.rstrip("/") if is_s3(location) else str(Path(location).expanduser().absolute())


def _inside(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith(outer + "/")
