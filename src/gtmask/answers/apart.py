"""An answer's output must hit nothing that it reads, and nothing of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtmask.answers.assemble import AGAIN, CHANGES, COCO
from gtmask.answers.plan import MANIFEST, PLAN_FILE
from gtmask.errors import UsageError
from gtmask.images.present import exists
from gtmask.manifest.unfinished import RUN_FILE
from gtmask.run.commit import MASKS
from gtmask.run.overwrite import occupied, what_is_there
from gtmask.run.places import is_inside, real
from gtmask.storage import open_storage, split_location
from gtmask.storage.usable import check_folder, check_overwrite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gtmask.answers.originals import Originals
    from gtmask.groundtruth.manifest_file import ManifestReader
    from gtmask.storage.base import S3Settings


def refuse_meeting(out: str, sources: Sequence[ManifestReader], masks: str | None) -> None:
    """Refuse an output whose files would take the place of the manifests or copies of masks that are read.

    Raises UsageError with the folder to change.
    """
    check_folder(out)
    for source in sources:
        for name in (MANIFEST, AGAIN):
            check_overwrite(out, "--out", f"{out.rstrip('/')}/{name}", source.location)
    target = f"{real(out)}/{MASKS}".rstrip("/")
    if masks is not None and (is_inside(real(masks), target) or is_inside(target, real(masks))):
        raise UsageError(f"--out {out} would overwrite the masks in {masks}: choose another.")


def refuse_images(out: str, originals: Originals) -> None:
    """Refuse an output in the folder of images that were prepared, or in that of their copies.

    Raises UsageError with the folder to change.
    """
    for images in (originals.prefix, split_location(originals.location)[0]):
        if real(out) == real(images.rstrip("/")):
            raise UsageError(f"--out {out} is the folder of the images: choose another.")


async def refuse_occupied(out: str, s3: S3Settings, *, overwrite: bool) -> None:
    """Refuse an output that holds a conversion, or files of an answer's names that no answer wrote.

    Raises UsageError with what is there.
    """
    async with open_storage(out, s3) as storage:
        if await exists(storage, RUN_FILE):
            raise UsageError(
                f"--out {out} holds a run of `gtmask convert`, whose masks would be overwritten: choose "
                "another."
            )
        if overwrite or await exists(storage, PLAN_FILE):
            return
        if there := await what_is_there(storage, (MANIFEST, AGAIN, CHANGES, COCO)):
            # Another machine that has begun the same answer meanwhile wrote its plan before anything else.
            if await exists(storage, PLAN_FILE):
                return
            raise occupied(out, there, "gtmask answer")
