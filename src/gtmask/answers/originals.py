"""Which image a labeled copy or tile was made of, and where these images lie: told by `gtmask prepare`."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import orjson

from gtmask.answers.whole import shares
from gtmask.errors import NotFoundError, UsageError
from gtmask.images.prepared import PREPARING, TABLE, open_prepared, parse_line
from gtmask.progress import notice
from gtmask.storage import open_storage, split_location
from gtmask.text import text_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gtmask.images.prepared import PreparedImage, PreparedImages
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
