"""Where an export's bytes are, as readers see it, and exports of local files.

Readers see one protocol (:class:`Export`); :mod:`gtmask.formats.locate` opens one by its location: a file, a
folder, a glob, an archive, here or under ``s3://`` (:mod:`gtmask.formats.remote_export`). An
export is picklable: what it opens (files, connections) is opened again on first use in another process.
Names are relative to the export's root, with forward slashes, and come sorted by their UTF-8 bytes,
which is also S3's order: chunks are the same wherever the same files lie.

A name may begin with at most two ``../``: annotation folders such as ``labels/train`` have their class
list above them. Any other way out of the root is refused.
"""

from __future__ import annotations

import os
import re
import threading
from collections import OrderedDict
from pathlib import Path
from posixpath import join
from typing import TYPE_CHECKING, Any, Protocol

from gtmask.errors import ExportError
from gtmask.manifest.names import STATE_FOLDER
from gtmask.storage.local_errors import translate_errors
from gtmask.storage.local_files import open_regular, read_range
from gtmask.storage.walk import walk_keys

if TYPE_CHECKING:
    import io
    from collections.abc import Iterable, Iterator

#: Files kept open for ranged reads, per export and process.
OPEN_FILES = 8
#: Folders that are no part of an export: what macOS adds to archives, and the state of a run of ours.
_NO_EXPORT = frozenset({b"__MACOSX", os.fsencode(STATE_FOLDER)})
_PLAIN_NAME = re.compile(r"(?:[^./\0][^/\0]*/)*[^./\0][^/\0]*\Z")
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")


_reads = threading.local()


class Export(Protocol):
    """The files that an export consists of, wherever they are."""

    #: Where the user said that it is.
    location: str
    #: Reading goes over a network: every call has a delay of its own, and listing is not free.
    is_remote: bool

    def names(self) -> Iterator[str]:
        """Yield the names of the export's files, sorted, relative to its root."""
        ...

    def size(self, name: str) -> int:
        """Return a file's size in bytes."""
        ...

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return a file's bytes [start, stop)."""
        ...

    def exists(self, name: str) -> bool:
        """Say whether the export's root has a file of this name (also one that was not selected)."""
        ...

    def checksum(self, name: str) -> str:
        """Return what changes with a file's bytes, where that is known without reading it; else ""."""
        ...

    def path(self, name: str) -> Path | None:
        """Return where a file lies when it is a plain local file that can be mapped, else None."""
        ...

    def select(self, names: Iterable[str] | None) -> Export:
        """Return the same export with only these files as its :meth:`names`; None: all below its root."""
        ...


def whole(data: bytes, name: str, start: int, stop: int) -> bytes:
    """Return what was read of a file's bytes [start, stop), once it is certain that it is all of them.

    Raises ExportError: the file ends earlier than it did: what is missing would be read as if nothing had
    been annotated.
    """
    if len(data) < stop - start:
        raise ExportError(
            f"{name} was cut while it was read: it ends at byte {start + len(data)} now, and had at least "
            f"{stop} bytes; run again when nothing writes to it."
        )
    return data


def glob_pattern(glob: str) -> re.Pattern[str]:
    """Compile a glob: ``*`` and ``?`` stay within a folder, ``**`` crosses folders."""
    out, i = "", 0
    while i < len(glob):
        char = glob[i]
        if glob.startswith("**/", i):
            out, i = out + "(?:.*/)?", i + 3
        elif glob.startswith("**", i):
            out, i = out + ".*", i + 2
        elif char == "[" and (end := glob.find("]", i + 2)) > 0:
            body = glob[i + 1 : end].replace("\\", "\\\\")
            out, i = out + "[" + ("^" + body[1:] if body[0] == "!" else body) + "]", end + 1
        else:
            out, i = out + {"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char)), i + 1
    return re.compile(out + r"\Z", re.DOTALL)


def checked_name(name: str) -> str:
    """Return a file's name in normal form.

    Raises ExportError: the name is absolute or leads out of the export's root by more than two leading
    ``../``.
    """
    if _PLAIN_NAME.match(name):  # nearly every name, and every file that is read has one
        return name
    parts = [part for part in name.split("/") if part not in {"", "."}]
    up = next((i for i, part in enumerate(parts) if part != ".."), len(parts))
    if name.startswith("/") or "\0" in name or up > 2 or ".." in parts[up:] or len(parts) == up:
        raise ExportError(f"The export names a file {name!r:.200} outside its own folder; it was not read.")
    return "/".join(parts)


class Rooted:
    """What exports share, wherever they are: which of the files below a root belong to them."""

    is_remote = False

    def __init__(self, location: str, names: tuple[str, ...] | None, pattern: str | None = None) -> None:
        self.location = location
        self.picked = names
        self.pattern = pattern

    def names(self) -> Iterator[str]:
        """Yield the names of the export's files, sorted; hidden files do not count unless named."""
        if self.picked is not None:
            yield from self.picked
            return
        fits = glob_pattern(self.pattern).match if self.pattern else None
        for name in self._walk():
            if fits is None or fits(name):
                yield name

    def checksum(self, name: str) -> str:  # noqa: ARG002 (the protocol's signature)
        """Return "": only reading would tell."""
        return ""

    def _walk(self) -> Iterator[str]:
        raise NotImplementedError


class LocalExport(Rooted):
    """Files below a local folder."""

    def __init__(
        self,
        location: str,
        root: Path | None = None,
        *,
        names: tuple[str, ...] | None = None,
        pattern: str | None = None,
    ) -> None:
        super().__init__(location, names, pattern)
        self.root = str(Path(location) if root is None else root)
        self._open: OrderedDict[str, io.FileIO] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": OrderedDict()}

    def select(self, names: Iterable[str] | None) -> LocalExport:
        """Return the same export with only these files; None means every file below its root."""
        return LocalExport(self.location, Path(self.root), names=None if names is None else tuple(names))

    def path(self, name: str) -> Path | None:
        """Return the path of a file, for readers that map it into memory."""
        return Path(self.root, checked_name(name))

    def size(self, name: str) -> int:
        """Return a file's size in bytes."""
        path = Path(self.root, checked_name(name))
        with translate_errors("read", path):
            return path.stat().st_size

    def exists(self, name: str) -> bool:
        """Say whether there is such a file."""
        try:
            return Path(self.root, checked_name(name)).is_file()
        except (ExportError, OSError):
            return False

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return a file's bytes [start, stop)."""
        path = join("" if self.root == os.curdir else self.root, checked_name(name))
        with translate_errors("read", path):
            if start == 0 and stop is None:
                with open_regular(path) as whole:
                    data = whole.readall()
                note_read(path, len(data))
                return data
            file = self._opened(path)
            note_read(path)
            if stop is not None:
                return read_range(file.fileno(), start, stop)
            file.seek(start)
            return file.readall()

    def _opened(self, path: str) -> io.FileIO:
        file = self._open.get(path)
        if file is None:
            file = self._open[path] = open_regular(path)
            if len(self._open) > OPEN_FILES:
                self._open.popitem(last=False)[1].close()
        else:
            self._open.move_to_end(path)
        return file

    def close(self) -> None:
        """Close what ranged reads left open; the export can be used again."""
        while self._open:
            self._open.popitem()[1].close()

    def __del__(self) -> None:
        if hasattr(self, "_open"):
            self.close()

    def _walk(self) -> Iterator[str]:
        with translate_errors("list", Path(self.root)):
            yield from walk_keys(self.root, skip=_is_hidden)


def take_read() -> dict[str, int]:
    """Return the local files that this thread has read of since it was last asked: path and size.

    The size is that which the file had for who read it; -1 where that is not known.
    """
    noted, _reads.sizes = getattr(_reads, "sizes", {}), {}
    return noted


def note_read(path: str, size: int = -1) -> None:
    """Note that this thread has read of a local file: see :func:`take_read`."""
    try:
        _reads.sizes[path] = size
    except AttributeError:
        _reads.sizes = {path: size}


def _is_hidden(name: bytes) -> bool:
    """Say whether a file or folder is none of an export's: hidden ones, others' leavings, a run's own."""
    return name.startswith(b".") or name in _NO_EXPORT


def is_own(name: str) -> bool:
    """Say whether a file may belong to an export, by all folders in its name."""
    return not any(map(_is_hidden, name.encode("utf-8", "surrogateescape").split(b"/")))
