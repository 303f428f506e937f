"""Reads a manifest line by line, local or in S3, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gtmask.errors import ManifestError
from gtmask.groundtruth.manifest import parse_line
from gtmask.storage import open_storage, split_location
from gtmask.storage.blocking import BlockingStorage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gtmask.groundtruth.manifest import ManifestLine
    from gtmask.storage.base import S3Settings

#: Bytes that are read at a time.
BLOCK = 1 << 22
#: A manifest without a line break for this long is none. Ground Truth takes 100,000 characters.
LONGEST_LINE = 1 << 24


class RawLine(NamedTuple):
    """A line's number (from 1), its byte offset, and its bytes without the line break."""

    number: int
    offset: int
    data: bytes


class ManifestSource:
    """A manifest to read; use it in a ``with`` statement.

    Attributes
    ----------
    location
        As given: a path or an ``s3://`` URI.
    size
        Bytes.

    Raises
    ------
    NotFoundError, AccessError
        On entering, where there is no such file or it may not be read.
    """

    def __init__(self, location: str, s3: S3Settings | None = None) -> None:
        self.location = location
        folder, self._key = split_location(location)
        self._storage = BlockingStorage(open_storage(folder, s3))
        self.size = 0

    def __enter__(self) -> ManifestSource:
        try:
            self.size = self._storage.size(self._key)
        except BaseException:
            self._storage.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._storage.close()

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes of the manifest."""
        return self._storage.get(self._key, offset, offset + length)

    def raw_lines(self) -> Iterator[RawLine]:
        """Yield the lines; the empty end after a last line break is none.

        Raises
        ------
        ManifestError
            16 MB without a line break.
        """
        number, start, rest = 0, 0, b""
        for offset in range(0, self.size, BLOCK):
            *lines, rest = (rest + self.read(offset, BLOCK)).split(b"\n")
            for data in lines:
                number += 1
                yield RawLine(number, start, data.removesuffix(b"\r"))
                start += len(data) + 1
            if len(rest) > LONGEST_LINE:
                msg = f"{self.location} is no manifest: line {number + 1} has more than 16 MB"
                raise ManifestError(msg)
        if rest:
            yield RawLine(number + 1, start, rest.removesuffix(b"\r"))

    def lines(self) -> Iterator[tuple[RawLine, ManifestLine]]:
        """Yield the lines that have anything on them, parsed.

        Raises
        ------
        ManifestError
            A line that is no manifest line, with its number.
        """
        for raw in self.raw_lines():
            if raw.data.strip():
                try:
                    yield raw, parse_line(raw.data)
                except ManifestError as error:
                    msg = f"{self.location}, line {raw.number}: {error}; `gtmask validate` tells more"
                    raise ManifestError(msg) from error
