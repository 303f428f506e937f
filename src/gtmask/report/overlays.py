"""``gtmask preview``: one HTML file of images with their masks, to look at before anybody is paid to.

A manifest is shown as it is (:mod:`gtmask.report.manifest_page`); an export is painted in memory
(:mod:`gtmask.report.painting`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gtmask.errors import GtmaskError, ManifestError, NotFoundError, UnknownFormatError, UsageError
from gtmask.findings import CODES
from gtmask.formats.export import ARCHIVES
from gtmask.formats.sources import source_list
from gtmask.groundtruth.manifest_file import ManifestReader, open_manifest
from gtmask.groundtruth.media import media_settings
from gtmask.manifest.located import locate_manifest
from gtmask.progress import Progress, Silent
from gtmask.report.choosing import Choice
from gtmask.report.manifest_page import manifest_page
from gtmask.report.page import Page, Tile, render
from gtmask.storage import is_s3
from gtmask.storage.outputs import refuse_foreign, write_file
from gtmask.storage.usable import check_file
from gtmask.text import plain_values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

    from gtmask.class_map import ClassMap
    from gtmask.formats.base import ReadOptions
    from gtmask.storage.base import S3Settings

#: By which a page is known that may be replaced; it stands within the first 4 KiB.
MARK = b'<meta name="generator" content="gtmask'
#: Findings about pictures with which a worker does not see what was meant.
_UNSEEN = ("mask-", "source-not-found", "source-unreadable")


@dataclass(slots=True)
class Preview:
    """What was written.

    ``path`` is the page's; ``shown`` counts the images on it that workers will see as they should, and
    ``troubles`` has a sentence for each of the others; ``unfinished`` says that the manifest's run is not
    finished, and how far it is; ``notes`` are the sentences at the top of the page.
    """

    path: str
    shown: int
    troubles: list[str]
    unfinished: str = ""
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        values = plain_values(self)
        return {"page": values.pop("path"), **values}


def preview(
    manifest: str | PathLike[str] | Sequence[str | PathLike[str]],
    out: str | PathLike[str],
    *,
    count: int = 24,
    seed: int | None = None,
    cover: bool = False,
    only: Sequence[str] | None = None,
    image: Sequence[str] | None = None,
    partial: bool = False,
    overwrite: bool = False,
    images: str | None = None,
    masks: str | None = None,
    classes: str | PathLike[str] | ClassMap | None = None,
    format: str = "auto",  # noqa: A002 - the command line's word
    fill: str = "opencv",
    orientation: str = "stored",
    options: ReadOptions | None = None,
    s3: S3Settings | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Preview:
    """Write an HTML page with overlays of a manifest's images and masks, or of an export not converted yet.

    Parameters
    ----------
    manifest
        Path or ``s3://`` URI of a manifest or of its folder (also a pilot's, or the output of a finished job:
        then masks before and after are shown, and what differs); or an export, as :func:`gtmask.convert`
        takes it, or several.
    out
        Path or ``s3://`` URI of the page.
    count
        How many images are shown, evenly spread over the source.
    seed
        Draws the images instead.
    cover
        Chooses images such that every class that occurs is on one of them, as far as ``count`` allows.
    only
        Finding codes: shows images with one of these.
    image
        Ends of paths: shows these images.
    partial
        Take a manifest of a run that is not finished; that it is not is told in the result.
    overwrite
        Replace a file of that name that is no page of gtmask.
    images, masks
        Folder or prefix with copies of what the references name; of an export, ``images`` is where its images
        are.
    classes, format, fill, orientation, options
        For exports, as of :func:`gtmask.convert`: the class map, the format, the fill rule, the pixel grid of
        images that EXIF turns, and which annotations count.
    s3
        How to reach S3.
    workers, progress
        As in :func:`gtmask.validate`.

    Returns
    -------
    Preview
        How many images the page shows, and what is wrong with others.

    Raises
    ------
    UsageError
        A choice of images that cannot be, or a page that would take the place of the manifest or of somebody
        else's file.
    ManifestError
        No line can be used, or the file is neither a manifest nor an export.

    Examples
    --------
    >>> import gtmask
    >>> made = gtmask.convert("export.json", "masks-run5", images="images", workers=1)
    >>> gtmask.preview(made.manifest, "look.html", count=2).shown
    2
    >>> gtmask.preview("export.json", "before.html", images="images", count=2, workers=1).shown
    2
    """
    choice = Choice(count, seed, cover, tuple(only or ()), tuple(image or ()))
    sources, listener = source_list(manifest), progress or Silent()
    if len(sources) == 1:
        sources = [_manifest_of(sources[0], s3)]
    for source in sources:
        check_file(str(out), "--out", source)
    refuse_foreign(str(out), "--out", s3, lambda head: MARK in head, overwrite=overwrite)

    def show(source: ManifestReader) -> Page:
        if options is not None and options.conditions:
            raise UsageError(
                f"{options.conditions[0].text} chooses images of an export, and {source.location} is a "
                "manifest: choose with --image or --only."
            )
        settings = media_settings([source], s3, images=images, masks=masks, deep=True)
        return manifest_page(source, choice, settings, workers, listener)

    found = _page_of_manifest(sources, s3, show, partial=partial)
    if isinstance(found, tuple):
        page, unfinished = found
    else:
        from gtmask.report.painting import Painting, export_page  # noqa: PLC0415 - loads what reads exports

        painted = Painting(tuple(sources), images, classes, format, fill, orientation, options, s3, workers)
        try:
            page, unfinished = export_page(painted, choice, listener), ""
        except (UnknownFormatError, NotFoundError):
            if found is None:
                raise
            raise found from None
    if unfinished:
        page.notes.insert(0, unfinished)
    write_file(str(out), render(page).encode(), "text/html; charset=utf-8", s3)
    troubles = [told for tile in page.tiles if (told := _trouble(tile))]
    return Preview(str(out), len(page.tiles) - len(troubles), troubles, unfinished, page.notes)


def _page_of_manifest(
    sources: Sequence[str], s3: S3Settings | None, show: Callable[[ManifestReader], Page], *, partial: bool
) -> tuple[Page, str] | GtmaskError | None:
    """Return the page of a manifest, and how far its run is if unfinished.

    What is none may be an export, and several are exports: of one the error that says why is returned, or
    None without a look at it.
    """
    location = sources[0]
    if len(sources) > 1 or not may_be_manifest(location):
        return None
    try:
        with open_manifest(location, s3, partial=partial) as source:
            try:
                source.require_manifest()
            except ManifestError as error:
                return error
            return show(source), source.unfinished
    except NotFoundError as error:
        return error


def _manifest_of(location: str, s3: S3Settings | None) -> str:
    """Return the manifest in a folder; what is none, or has none, stays as it is: it may be an export."""
    is_folder = location.endswith("/") if is_s3(location) else Path(location).is_dir()
    if not (is_folder or may_be_manifest(location)):
        return location
    try:
        return locate_manifest(location, s3)
    except NotFoundError:
        return location


def may_be_manifest(location: str) -> bool:
    """Say whether a location may be one file that is no archive: folders, globs and archives are exports."""
    if location.lower().endswith((*ARCHIVES, "/")):
        return False
    if is_s3(location):
        return not any(one in location for one in "*?[")
    path = Path(location)
    return path.is_file() or not (path.is_dir() or any(one in location for one in "*?["))


def _trouble(tile: Tile) -> str:
    """Return why workers would not see this image with its labels; "" where they would."""
    if tile.trouble:
        return f"{tile.name}: {tile.trouble}"
    for found in tile.findings:
        row = CODES[found.code]
        if row.level == "reject" or (row.level == "error" and found.code.startswith(_UNSEEN)):
            seen = f"{found.code} ({found.detail})" if found.detail else found.code
            return f"{tile.name}: {seen}: {row.meaning} {row.remedy}"
    return ""
