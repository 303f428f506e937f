"""The page to look at: the most changed images of an answer, before and after the job, and what differs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gtmask.errors import CredentialsError, TransientError
from gtmask.groundtruth.manifest_file import ManifestReader, parsed_lines
from gtmask.groundtruth.media import MediaReader
from gtmask.report.naming import shorten
from gtmask.report.page import Page, Tile, render
from gtmask.report.tiles import make_tile, picture_bytes
from gtmask.storage import is_s3

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gtmask.answers.result import Answer
    from gtmask.answers.worker import AnswerJob
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
    answered = is_s3(job.out) or any(is_s3(source.location) for source in sources)
    settings = job.media.s3 if answered else replace(job.media.s3, **_PATIENCE)
    trouble = html = ""
    try:
        async with MediaReader(replace(job.media, s3=settings)) as media:
            html = await _page(media, job, found, maps)
    except (CredentialsError, TransientError) as error:
        trouble = f"{PAGE} was not written, since its images cannot be read: {error}"
    if not trouble:
        await out.put(PAGE, html.encode(), "text/html; charset=utf-8")
    return trouble


async def _page(
    media: MediaReader, job: AnswerJob, found: Answer, maps: Mapping[str, Mapping[int, ColorMapEntry]]
) -> str:
    """Return the page as HTML; an image or a mask that is missing is told in its place."""
    limit = picture_bytes(len(found.changes))

    async def make(row: Mapping[str, Any]) -> Tile:
        masks = [(row[side], maps.get(row[side], {})) for side in ("before", "after")]
        tile = await make_tile(media, row["image"], masks, limit)
        box = "{} x {} pixels at column {}, row {}".format(*row["box"][2:], *row["box"][:2])
        tile.note = f"{row['status']}: {row['changed']:,} pixels changed, all within {box}."
        return tile

    tiles = await media.each(make, found.changes)
    title = f"What {job.after} changed of {job.before}"
    notes = [
        f"{found.changed:,} of {found.compared:,} compared images changed; the most changed ones come first."
    ]
    if prefix := shorten(tiles, title):
        notes.append(f"Images are in {prefix}.")
    areas_of = "Pixels in the masks shown, after the job."
    return render(Page(title, tiles, notes=notes, areas_of=areas_of, grid=media.settings.grid))


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
