"""Reads a manifest line by line, from wherever its bytes come, in bounded memory."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gtmask.errors import ManifestError
from gtmask.manifest.grid import grid_of
from gtmask.manifest.line import ManifestLine, parse_line, require_line
from gtmask.manifest.parser import LineParser
from gtmask.manifest.unfinished import find_manifest_in
from gtmask.storage import is_s3, open_storage, split_location
from gtmask.storage.blocking import BlockingStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence, Set

    from gtmask.storage.base import S3Settings

#: Bytes that are read at a time.
BLOCK = 1 << 22
#: Bytes from which the number of lines is estimated.
HEAD = 1 << 16
#: A manifest without a line break for this long is none. Ground Truth takes 100,000 characters.
LONGEST_LINE = 1 << 24
#: A file whose first lines are all no manifest's is not worth reading to its end.
HOPELESS_LINES = 1000


class RawLine(NamedTuple):
    """A line's number (from 1), its byte offset, and its bytes without the line break."""

    number: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ManifestReader:
    """A manifest of ``size`` bytes; ``location`` names it in messages.

    - ``read``: called with an offset and a length; returns these bytes, fewer at the end.
    - ``unfinished``: says that, and how far, the run that writes this manifest is not finished; "" where it
      is.
    - ``grid``: the pixel grid that its masks fit where EXIF turns an image: "stored" or "display".
    """

    location: str
    size: int
    read: Callable[[int, int], bytes]
    unfinished: str = ""
    grid: str = "stored"

    def raw_lines(self) -> Iterator[RawLine]:
        """Yield the lines; the empty end after a last line break is none.

        Raises ManifestError: 16 MB without a line break.
        """
        number, start, rest = 0, 0, b""
        for offset in range(0, self.size, BLOCK):
            *lines, rest = (rest + self.read(offset, BLOCK)).split(b"\n")
            for data in lines:
                number += 1
                yield RawLine(number, start, data.removesuffix(b"\r"))
                start += len(data) + 1
            if len(rest) > LONGEST_LINE:
                raise ManifestError(
                    f"{self.location} is no manifest: line {number + 1} has more than 16 MB; "
                    "`gtmask convert` makes one of an export."
                )
        if rest:
            yield RawLine(number + 1, start, rest.removesuffix(b"\r"))

    def filled_lines(self) -> Iterator[RawLine]:
        """Yield the lines that have anything on them."""
        return (raw for raw in self.raw_lines() if raw.data.strip())

    def lines(self) -> Iterator[tuple[RawLine, ManifestLine]]:
        """Yield the lines that have anything on them, parsed; raises as :meth:`parse`."""
        return ((raw, self.parse(raw)) for raw in self.filled_lines())

    def parse(self, raw: RawLine) -> ManifestLine:
        """Parse a line that must have an image and a mask.

        Raises ManifestError where it has not; with its number.
        """
        return require_line(raw.data, f"{self.location}, line {raw.number}")

    def require_manifest(self) -> None:
        """Refuse a file of which none of the first thousand lines has anything of a manifest line.

        Raises ManifestError as said, or where there are no lines.
        """
        why = ""
        for raw in islice(self.filled_lines(), HOPELESS_LINES):
            line = parse_line(raw.data)
            if line.is_object and not is_foreign({problem.code for problem in line.problems}):
                return
            problem = line.problems[0]
            why = why or f"line {raw.number}: {problem.code}: {problem.detail}"
        if not why:
            raise ManifestError(
                f"{self.location} has no lines: use the manifest that `gtmask convert` wrote."
            )
        raise no_manifest(self.location, f"no line has a source-ref or a label attribute ({why})")

    def estimate_lines(self) -> int:
        """Return how many lines there are, as far as the first 4 MB tell."""
        first = self.read(0, BLOCK)
        lines = first.count(b"\n") + (not first.endswith(b"\n"))
        return lines if len(first) >= self.size else self.size * lines // max(len(first), 1)


def is_foreign(codes: Set[str]) -> bool:
    """Say by its findings whether a line has nothing of a manifest line: neither an image nor labels."""
    return codes >= {"source-key-missing", "mask-key-missing"}


def no_manifest(location: str, why: str) -> ManifestError:
    """Return the error that a file is no manifest; ``why`` is a clause."""
    return ManifestError(
        f"{location} is no manifest: {why}; an export of a labeling tool becomes one by `gtmask convert`."
    )


@contextmanager
def open_manifest(
    location: str, s3: S3Settings | None = None, *, partial: bool = False
) -> Iterator[ManifestReader]:
    """Open a manifest by its path or ``s3://`` URI, for a ``with`` statement.

    ``partial`` allows one of a run that is not finished. Raises NotFoundError or AccessError where there is
    no such file, or it may not be read. Raises ManifestError where it is of a run of ours that is not
    finished.
    """
    with BlockingStorage(open_storage(split_location(location)[0], s3)) as storage:
        location, unfinished = find_manifest_in(storage, location, partial=partial)
        key = split_location(location)[1]

        def read(start: int, length: int) -> bytes:
            return storage.get(key, start, start + length)

        yield ManifestReader(location, storage.size(key), read, unfinished, grid_of(storage, key))


def parsed_lines(manifests: Iterable[ManifestReader]) -> Iterator[ManifestLine]:
    """Yield the lines that have anything on them, whatever is wrong with their form."""
    parser = LineParser()
    return (parser.parse(raw.data) for manifest in manifests for raw in manifest.filled_lines())


def mask_references(manifests: Iterable[ManifestReader]) -> Iterator[str]:
    """Yield all references to masks."""
    return (label.mask for line in parsed_lines(manifests) for label in line.labels if label.mask is not None)


def mirror_folders(manifests: Sequence[ManifestReader]) -> tuple[str, ...]:
    """Return the local folders about manifests in which a mirror of their masks may lie, each once."""
    found: dict[str, None] = {}
    for manifest in manifests:
        if not is_s3(manifest.location):
            folder = Path(manifest.location).absolute().parent
            found |= dict.fromkeys(str(place) for place in (folder, *folder.parents[:2]))
    return tuple(found)
