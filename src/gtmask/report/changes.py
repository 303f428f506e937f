"""The page of an answer: each image with its mask before the job and after it, and what differs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gtmask.report.naming import shorten
from gtmask.report.page import Page, Tile, render
from gtmask.report.tiles import make_each, make_tile, picture_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gtmask.groundtruth.media import MediaReader
    from gtmask.manifest.color_map import ColorMapEntry


@dataclass(frozen=True, slots=True)
class Change:
    """One image before and after a job.

    - ``before``, ``after``: references of its masks; None where there is none.
    - ``classes_before``, ``classes_after``: the entries of their color maps by class id
      (:attr:`gtmask.manifest.label.Label.classes`).
    - ``note``: a sentence that is shown with the image; "" for none.
    """

    image: str
    before: str | None
    after: str | None
    classes_before: Mapping[int, ColorMapEntry] = field(default_factory=dict)
    classes_after: Mapping[int, ColorMapEntry] = field(default_factory=dict)
    note: str = ""


async def changes_page(
    media: MediaReader, changes: Sequence[Change], *, title: str, notes: Sequence[str] = ()
) -> str:
    """Return a page of changes as HTML, in the order in which they are given.

    Raises CredentialsError or TransientError where nothing can be read; an image or a mask that is missing is
    told in its place.

    - ``media``: reads images and masks; entered in this event loop.
    - ``changes``: what is shown: some dozens, each with a picture.
    - ``title``: the page's title: where the answer is.
    - ``notes``: sentences for the top of the page, such as how many images changed in all.
    """
    limit = picture_bytes(len(changes))

    async def make(change: Change) -> Tile:
        masks = [(change.before, change.classes_before), (change.after, change.classes_after)]
        tile = await make_tile(media, change.image, masks, limit)
        tile.note = change.note
        return tile

    tiles = await make_each(media, make, changes)
    prefix = shorten(tiles, title)
    shown = [*notes, f"Images are in {prefix}."] if prefix else [*notes]
    areas_of = "Pixels in the masks shown, after the job."
    return render(Page(title, tiles, notes=shown, areas_of=areas_of, grid=media.settings.grid))
