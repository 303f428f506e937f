"""The page to look at: the most changed images of an answer, before and after the job, and what differs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gtmask.errors import CredentialsError, TransientError
from gtmask.groundtruth.manifest_file import parsed_lines
from gtmask.groundtruth.media import MediaReader
from gtmask.loops import first_error
from gtmask.report.changes import Change, changes_page
from gtmask.storage import is_s3

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gtmask.answers.result import Answer
    from gtmask.answers.worker import AnswerJob
    from gtmask.groundtruth.manifest_file import ManifestReader
    from gtmask.manifest.color_map import ColorMapEntry
    from gtmask.storage.base import Storage

PAGE = "report.html"
#: Of an answer that needed no S3 so far: a page is not worth minutes of retries.
_PATIENCE: dict[str, Any] = {"attempts": 2, "timeout": 20.0}


async def put_page(out: Storage, job: AnswerJob, found: Answer, sources: Sequence[ManifestReader]) -> str:
    """Write the page; return why it could not be written, else "".

    The page is a look and no output that others read: without access to the images the answer is whole.
    """
    maps = _color_maps(found.changes, sources)
    changes = [_change(row, maps) for row in found.changes]
    noted = (
        f"{found.changed:,} of {found.compared:,} compared images changed; the most changed ones come first."
    )
    answered = is_s3(job.out) or any(is_s3(source.location) for source in sources)
    settings = job.media.s3 if answered else replace(job.media.s3, **_PATIENCE)
    trouble = html = ""
    try:
        async with MediaReader(replace(job.media, s3=settings)) as media:
            title = f"What {job.after} changed of {job.before}"
            html = await changes_page(media, changes, title=title, notes=[noted])
    except* (CredentialsError, TransientError) as errors:
        trouble = f"{PAGE} was not written, since its images cannot be read: {first_error(errors)}"
    if not trouble:
        await out.put(PAGE, html.encode(), "text/html; charset=utf-8")
    return trouble


def _change(row: Mapping[str, Any], maps: Mapping[str, Mapping[int, ColorMapEntry]]) -> Change:
    box = "{} x {} pixels at column {}, row {}".format(*row["box"][2:], *row["box"][:2])
    return Change(
        row["image"], row["before"], row["after"], maps.get(row["before"], {}), maps.get(row["after"], {}),
        f"{row['status']}: {row['changed']:,} pixels changed, all within {box}.",
    )  # fmt: skip


def _color_maps(
    changes: Sequence[Mapping[str, Any]], sources: Sequence[ManifestReader]
) -> dict[str, dict[int, ColorMapEntry]]:
    """Return the color maps of the changes' masks by reference, from one pass over the lines."""
    wanted = {row[side] for row in changes for side in ("before", "after")}
    found: dict[str, dict[int, ColorMapEntry]] = {}
    for line in parsed_lines(sources) if wanted else ():
        for label in line.labels:
            if label.mask is not None and label.mask in wanted:
                found[label.mask] = label.classes
        if len(found) == len(wanted):
            break
    return found
