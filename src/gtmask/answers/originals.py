"""Which image a labeled copy or tile was made of, where these images lie, and how masks of tiles become one.

`gtmask prepare` tells it. The overlap of two neighbours is divided in its middle, so that each pixel comes
from the tile in which more is to be seen around it. Where tiles differ in pixels that they share, these are
counted, and never mixed.
"""

from __future__ import annotations

from array import array
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import orjson

from gtmask import raster
from gtmask.errors import NotFoundError, UsageError
from gtmask.images.prepared import PREPARING, TABLE, PreparedImage, PreparedImages, open_prepared, parse_line
from gtmask.progress import notice
from gtmask.storage import open_storage, split_location
from gtmask.text import text_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from gtmask.run.plan import Plan
    from gtmask.storage.base import S3Settings


class Copy(NamedTuple):
    """A new image: the number of its line in the table, its place on that line, and what the line says."""

    number: int
    piece: int
    image: PreparedImage


class Originals:
    """Finds the images that references to their copies stand for.

    For each copy 12 bytes are kept, and 24 for one that was left where it was.

    - ``prefix``: what references to the images themselves begin with.
    - ``copies``: what references to copies may begin with.
    - ``code``: of the finding about where the table is from, "" for none.
    """

    def __init__(
        self, table: PreparedImages, location: str, prefix: str, copies: Sequence[str], code: str
    ) -> None:
        self.table, self.location, self.prefix, self.code = table, location, prefix, code
        self._copies = tuple(copies)
        hashes, numbers = array("Q"), array("i")
        for number in range(len(table)):
            image = parse_line(table.line(number))
            try:
                shares(image)
            except ValueError as error:
                raise UsageError(
                    f"{location}, line {number + 1}: {error}, so that masks of {image.source} cannot be put "
                    "together; prepare the images again."
                ) from error
            for piece in image.images:
                names = [piece.key, f"{piece.at}/{piece.key}"] if piece.at else [piece.key]
                hashes.extend(map(text_hash, names))
                numbers.extend([number] * len(names))
        order = np.argsort(np.frombuffer(hashes, np.uint64), kind="stable")
        self._hashes = np.frombuffer(hashes, np.uint64)[order]
        self._numbers = np.frombuffer(numbers, np.int32)[order]
        self._last: tuple[int, PreparedImage] | None = None

    def find(self, reference: str) -> Copy | None:
        """Return the copy that a reference names, None where the table does not know it."""
        keys = [reference.removeprefix(start) for start in self._copies if reference.startswith(start)]
        for name in (reference, *keys):
            hashed = np.uint64(text_hash(name))
            first, stop = (int(self._hashes.searchsorted(hashed, side)) for side in ("left", "right"))
            for number in self._numbers[first:stop].tolist():
                image = self._image(number)
                for place, piece in enumerate(image.images):
                    if name in (piece.key, f"{piece.at}/{piece.key}"):
                        return Copy(number, place, image)
        return None

    def _image(self, number: int) -> PreparedImage:
        # Tiles of an image mostly follow one another.
        if self._last is None or self._last[0] != number:
            self._last = (number, parse_line(self.table.line(number)))
        return self._last[1]


async def open_originals(
    prepared: str | None, plan: Plan | None, images: str | None, image_uri: str | None, s3: S3Settings
) -> Originals | None:
    """Return the images that were prepared, None where copies are to be taken as they are.

    Raises UsageError: the table cannot be used or found, or nothing tells where the images lie.

    - ``prepared``: location of the table; None: the one that the run was made with, if it was.
    - ``plan``: of the run that made the masks, where that is known.
    - ``images``: what references to the copies begin with, or a folder with them.
    - ``image_uri``: what references to the images themselves begin with; None: where they were prepared.
    """
    known = [start for start in (images, plan and plan.image_prefix) if start]
    code = ""
    if prepared is not None:
        location, table = prepared, await open_prepared(prepared, split_location(prepared)[0], s3)
        if plan is not None and plan.prepared != table.digest:
            code = "answer-table-other"
    elif plan is not None and plan.prepared:
        location, table = await _table_of_run(plan, known, s3)
        code = "answer-originals"
        notice(
            f"Masks are made for the images that {location} tells of, not for the copies that were labeled: "
            "--prepared none for those."
        )
    else:
        return None
    table.check()
    folder = split_location(location)[0]
    prefix = image_uri or await _where_they_lie(folder, table, s3)
    if not prefix:
        raise UsageError(
            f"Nothing beside {location} tells where the images lie that were prepared: say with --image-uri "
            "what references to them begin with."
        )
    begins = [start.rstrip("/") + "/" for start in (*known, folder)]
    return Originals(table, location, prefix.rstrip("/") + "/", begins, code)


async def _table_of_run(plan: Plan, folders: Sequence[str], s3: S3Settings) -> tuple[str, PreparedImages]:
    """Return the table that a run was made with, and its location.

    Raises UsageError where it is in none of the folders.
    """
    for folder in folders:
        location = f"{folder.rstrip('/')}/{TABLE}"
        try:
            table = await open_prepared(location, folder, s3)
        except UsageError:
            continue
        if table.digest == plan.prepared:
            return location, table
    searched = " or ".join(folder.rstrip("/") for folder in folders)
    raise UsageError(
        "The masks of this run were made for copies that gtmask prepare had made, and the table of that time "
        f"is not in {searched}: name it with --prepared, or give --prepared none for masks of the copies."
    )


async def _where_they_lie(folder: str, table: PreparedImages, s3: S3Settings) -> str:
    """Return the folder or prefix that was prepared, "" where nothing tells it."""
    try:
        async with open_storage(folder, s3) as storage:
            return str(orjson.loads(await storage.get(PREPARING))["images"])
    except (NotFoundError, KeyError, TypeError, orjson.JSONDecodeError):
        lines = (parse_line(table.line(number)) for number in range(len(table)))
        return next((piece.at for image in lines for piece in image.images if piece.at), "")


#: What a pixel of an overlap is until a tile has it, where one has it or all agree, and where tiles differ.
_UNSEEN, _SEEN, _DIFFERING = 0, 1, 2


class Share(NamedTuple):
    """The pixels that count from a tile: rows and columns of the image as viewers show it."""

    rows: slice
    columns: slice


def shares(image: PreparedImage) -> list[Share]:
    """Return which pixels count from each new image of an image: together they are all pixels, each once.

    Raises ValueError: the new images are no grid that covers the image.
    """
    boxes = {(piece.x, piece.y, piece.width, piece.height) for piece in image.images}
    columns = _divide({(x, x + width) for x, _, width, _ in boxes}, image.shown[0])
    rows = _divide({(y, y + height) for _, y, _, height in boxes}, image.shown[1])
    if len(boxes) < len(image.images) or len(boxes) < len(columns) * len(rows):
        raise ValueError("the new images are no grid of tiles")
    return [
        Share(rows[piece.y, piece.y + piece.height], columns[piece.x, piece.x + piece.width])
        for piece in image.images
    ]


def _divide(spans: Iterable[tuple[int, int]], length: int) -> dict[tuple[int, int], slice]:
    """Return what counts from each span of pixels along one side; raises as :func:`shares`."""
    ordered = sorted(spans)
    inner = [(one, other) for one, other in pairwise(ordered)]
    if (ordered[0][0], ordered[-1][1]) != (0, length) or not all(
        one[0] < other[0] <= one[1] <= other[1] for one, other in inner
    ):
        raise ValueError("the new images do not cover the image")
    cuts = [0, *((other[0] + one[1]) // 2 for one, other in inner), length]
    return {span: slice(*cut) for span, cut in zip(ordered, pairwise(cuts), strict=True)}


class Whole:
    """The mask of an image, which takes those of its tiles in any order.

    It takes a byte for each pixel, and where tiles overlap another one.
    """

    def __init__(self, image: PreparedImage) -> None:
        self._image = image
        self._shares = shares(image)
        width, height = image.shown
        self._mask = np.zeros((height, width), np.uint8)
        overlaps = sum(piece.width * piece.height for piece in image.images) > width * height
        self._seen = np.full((height, width), _UNSEEN, np.uint8) if overlaps else None

    def add(self, number: int, mask: NDArray[np.uint8]) -> None:
        """Take the mask, uint8 (height, width), of the new image of this number."""
        piece, share = self._image.images[number], self._shares[number]
        box = (slice(piece.y, piece.y + piece.height), slice(piece.x, piece.x + piece.width))
        if self._seen is not None:
            seen, there = self._seen[box], self._mask[box]
            first = seen == _UNSEEN
            seen[~first & (there != mask)] = _DIFFERING
            np.copyto(there, mask, where=first)
            seen[first] = _SEEN
        top, left = share.rows.start - piece.y, share.columns.start - piece.x
        height, width = share.rows.stop - share.rows.start, share.columns.stop - share.columns.start
        self._mask[share] = mask[top : top + height, left : left + width]

    @property
    def differing(self) -> int:
        """The pixels in which tiles that overlap have different classes."""
        return 0 if self._seen is None else int(np.count_nonzero(self._seen == _DIFFERING))

    def mask(self, orientation: str) -> NDArray[np.uint8]:
        """Return the mask in the grid that the image's file "stored", or that viewers "display"."""
        return in_grid(self._image, self._mask, orientation)


def in_grid(image: PreparedImage, mask: NDArray[np.uint8], orientation: str) -> NDArray[np.uint8]:
    """Turn a mask of an image as viewers show it into the grid that is asked for, "stored" or "display"."""
    return raster.turn(mask, image.orientation) if orientation == "stored" else mask
