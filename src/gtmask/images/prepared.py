"""The table that `gtmask prepare` leaves beside its copies: which new images each image became, and where.

Geometry of an export speaks of the images that were labeled. So whoever makes masks looks for those, by the
names that the export knows; their sizes and orientations stand in the table, and a mask is painted for the
whole image, as if it had not been prepared. Then it is turned as viewers show the image, which is how the
copies are stored, and cut where the image was.

The table has one JSON object a line, in the order of the keys' UTF-8 bytes; ``prepared.schema.json`` in this
folder describes a line.
"""

from __future__ import annotations

import mmap
import tempfile
from array import array
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import orjson

from gtmask.errors import NotFoundError, UsageError
from gtmask.images.probe import ImageInfo
from gtmask.manifest.names import STATE_FOLDER
from gtmask.storage import is_s3, open_storage, split_location
from gtmask.storage.base import Entry, S3Settings, Storage, check_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from numpy.typing import NDArray


#: The table's name in the folder of the copies.
TABLE = "prepared.jsonl"
#: What ends the name of the folder of an image's tiles: neither a file nor a folder has to make way for it.
TILES = ".tiles/"
#: What prepares them keeps about its own start; without a table it is not done.
PREPARING = f"{STATE_FOLDER}/prepare.json"
#: What can be done with an image, in the order in which lines name it.
CHANGES = ("turned", "converted", "eight-bit", "rgb", "split", "renamed")
_PIECE = 8 << 20


@dataclass(frozen=True, slots=True)
class Piece:
    """A new image: its key, and which pixels of the image as viewers show it it has.

    ``x`` and ``y`` are its left upper corner; ``at`` is the folder or prefix of an image that was left where
    it is, "" for a copy.
    """

    key: str
    x: int
    y: int
    width: int
    height: int
    at: str = ""


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """What became of one image: a line of the table.

    ``width``, ``height`` and ``orientation`` are those of the image that was labeled, as
    :class:`gtmask.images.probe.ImageInfo` has them, and ``version`` is what told it from other versions.
    ``levels`` are the two values of its samples that became 0 and 255, where they had more than 8 bits;
    ``pages`` counts the pages or frames of its file, of which the first counts.
    """

    source: str
    version: str
    width: int
    height: int
    orientation: int
    format: str
    changes: tuple[str, ...]
    images: tuple[Piece, ...]
    levels: tuple[float, float] | None = None
    pages: int = 1

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height as viewers show the image."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)

    @property
    def is_whole(self) -> bool:
        """Whether there is one new image, with all pixels."""
        return len(self.images) == 1 and (self.images[0].width, self.images[0].height) == self.shown

    def to_line(self) -> bytes:
        """Return the line of the table, newline included."""
        # Images are never scaled; a program that reads the table need not know that.
        return orjson.dumps({**asdict(self), "scale": 1}) + b"\n"


def parse_line(line: bytes) -> PreparedImage:
    """Return what a line of the table says.

    Raises ValueError where it is none, or its images do not lie within the image.
    """
    try:
        row: dict[str, Any] = orjson.loads(line)
        pieces = tuple(Piece(**piece) for piece in row.pop("images"))
        scale = row.pop("scale")
        levels = row.pop("levels")
        image = PreparedImage(
            **row | {"changes": tuple(row["changes"])},
            images=pieces,
            levels=None if levels is None else (levels[0], levels[1]),
        )
        check_key(image.source)
        sound = scale == 1 and _is_sound(image)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    if not sound:
        raise ValueError("the new images do not lie within the image")
    return image


def _is_sound(image: PreparedImage) -> bool:
    """Say whether numbers are what they must be; pieces of an image stand in a folder of its name."""
    width, height = image.shown
    numbers = [image.width, image.height, *(n for p in image.images for n in (p.x, p.y, p.width, p.height))]
    if not all(type(number) is int for number in numbers) or image.orientation not in range(1, 9):
        return False
    for piece in image.images:
        check_key(piece.key)
        if not isinstance(piece.at, str):
            return False
        if not (0 <= piece.x < piece.x + piece.width <= width):
            return False
        if not (0 <= piece.y < piece.y + piece.height <= height):
            return False
        if not image.is_whole and not piece.key.startswith(image.source + TILES):
            return False
    return bool(image.images)


class PreparedImages:
    """The images that a table knows, by the keys that they had: asked like the storage that they lay in.

    The table stays on disk; each line takes 8 bytes of memory.

    - ``root``: where the copies are.
    - ``location``: path or ``s3://`` URI of the table, for people.
    - ``file``: the table as an open file.
    """

    def __init__(self, root: str, location: str, file: IO[bytes]) -> None:
        self.root = root
        self._location = location
        size = file.seek(0, 2)
        self._data: mmap.mmap | bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        ends = [np.empty(0, np.int64)]
        for start in range(0, size, _PIECE):
            piece = np.frombuffer(self._data[start : start + _PIECE], np.uint8)
            ends.append(np.flatnonzero(piece == ord("\n")) + start + 1)
        self._ends: NDArray[np.int64] = np.concatenate(ends)

    async def __aenter__(self) -> PreparedImages:
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Let go of nothing: the table ends with its last reader."""

    def __len__(self) -> int:
        return len(self._ends)

    def uri(self, key: str) -> str:
        """Return the place of a line, for people."""
        return f"{self._location} ({key})"

    @property
    def digest(self) -> str:
        """What tells this table from others."""
        return blake2b(self._data, digest_size=16).hexdigest()

    def check(self) -> None:
        """Hold that every line is one, in order, and that no two new images share a key.

        Raises UsageError with the first line that is not.
        """
        before = b""
        keys = array("q")
        for number in range(len(self)):
            try:
                image = parse_line(self.line(number))
            except ValueError as error:
                raise self._refused(number, f"is no line of this table ({error})") from error
            source = image.source.encode("utf-8", "surrogatepass")
            if source <= before:
                raise self._refused(number, "has an image twice, or out of order")
            before = source
            keys.extend(hash(piece.key) for piece in image.images)
        if len(np.unique(np.array(keys, np.int64))) < len(keys) or (
            len(self._data) and self._data[-1:] != b"\n"
        ):
            raise self._refused(len(self) - 1, "ends a table with two new images of one name, or is cut off")

    def _refused(self, number: int, why: str) -> UsageError:
        return UsageError(
            f"{self._location}, line {number + 1}, {why}: run gtmask prepare again, or correct the file."
        )

    def line(self, number: int) -> bytes:
        """Return the line of this number, from 0."""
        start = int(self._ends[number - 1]) if number else 0
        return self._data[start : int(self._ends[number])]

    def first(self) -> tuple[Piece, ...]:
        """Return the new images of the first image, none where the table is empty."""
        return parse_line(self.line(0)).images if len(self) else ()

    def find(self, key: str) -> PreparedImage | None:
        """Return what became of an image, None where the table does not know it."""
        line = self.line_of(key)
        return None if line is None else parse_line(line)

    def line_of(self, key: str) -> bytes | None:
        """Return the line of an image, None where the table does not know it."""
        wanted = key.encode("utf-8", "surrogatepass")
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            line = self.line(middle)
            found = str(orjson.loads(line)["source"]).encode()
            if found == wanted:
                return line
            if found < wanted:
                low = middle + 1
            else:
                high = middle
        return None

    def version(self, key: str) -> str | None:
        """Return what tells that an image, or what became of it, is another one than before."""
        line = self.line_of(key)
        return None if line is None else blake2b(line, digest_size=16).hexdigest()

    def probe(self, key: str) -> ImageInfo:
        """Return the header of the image that was labeled.

        Raises NotFoundError: the table does not know it.
        """
        line = self._known(key)
        image, version = parse_line(line), blake2b(line, digest_size=16).hexdigest()
        return ImageInfo(image.width, image.height, image.orientation, image.format, version=version)

    def _known(self, key: str) -> bytes:
        line = self.line_of(key)
        if line is None:
            raise NotFoundError(f"{self._location} has no line of {key}: prepare the images again.")
        return line

    async def size(self, key: str) -> int:
        """Return the bytes that the table has about an image; raises as :meth:`probe`."""
        return len(self._known(key))

    async def list(self, prefix: str = "") -> AsyncIterator[Entry]:
        """Yield the keys of all images that begin so, in order."""
        for number in range(len(self)):
            line = self.line(number)
            key = str(orjson.loads(line)["source"])
            if key.startswith(prefix):
                yield Entry(key, len(line))


async def open_prepared(location: str, root: str, s3: S3Settings | None, digest: str = "") -> PreparedImages:
    """Open a table; one in S3 is copied to a temporary file.

    Raises UsageError where there is none, or another one than the digest says.

    - ``location``: path or ``s3://`` URI of the table.
    - ``root``: where the copies are.
    - ``digest``: what the table must be; "" for any.
    """
    folder, name = split_location(location)
    with tempfile.TemporaryFile() as copy:
        try:
            if is_s3(location):
                async with open_storage(folder, s3) as storage:
                    await _copy(storage, name, copy)
                table = PreparedImages(root, location, copy)
            else:
                with open(location, "rb") as file:  # noqa: ASYNC230, PTH123 - one local file, once
                    table = PreparedImages(root, location, file)
        except (NotFoundError, OSError) as error:
            raise UsageError(
                f"--prepared {location} cannot be read: name the prepared.jsonl that gtmask prepare wrote."
            ) from error
    if digest and table.digest != digest:
        raise UsageError(f"--prepared {location} was changed while it was used: run again to go on.")
    return table


async def _copy(storage: Storage, key: str, to: IO[bytes]) -> None:
    start = 0
    while piece := await storage.get(key, start, start + _PIECE):
        to.write(piece)
        start += len(piece)
        if len(piece) < _PIECE:
            break
    to.flush()


def masks_of(image: PreparedImage, target: str) -> Iterator[tuple[Piece, str]]:
    """Yield the new images of an image with the keys of their masks; ``target`` is the whole image's."""
    for piece in image.images:
        if image.is_whole:
            yield piece, target
        else:
            yield piece, piece.key.rpartition(".")[0] + ".png"
