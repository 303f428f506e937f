"""Exports of one file, in memory or on disk, for tests of what reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class BytesExport:
    """An export of one file that exists only in memory, and remembers the largest piece read of it."""

    location = "memory"
    is_remote = False

    def __init__(self, data: bytes, name: str = "a.json") -> None:
        self.data = data
        self.name = name
        self.largest = 0

    def names(self) -> Iterator[str]:
        yield self.name

    def size(self, name: str) -> int:
        return len(self.data)

    def exists(self, name: str) -> bool:
        return name == self.name

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        piece = self.data[start:stop]
        self.largest = max(self.largest, len(piece))
        return piece

    def path(self, name: str) -> Path | None:
        return None

    def checksum(self, name: str) -> str:
        return ""

    def select(self, names: Iterable[str] | None) -> BytesExport:
        assert names is None or list(names) == [self.name]
        return self


class FileExport(BytesExport):
    """The same as a local file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.read_bytes(), path.name)
        self.file = path

    def path(self, name: str) -> Path:
        return self.file
