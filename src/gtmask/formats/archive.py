"""Exports in ``.zip``, ``.tar``, ``.tar.gz`` and ``.tgz``, read in place: nothing is unpacked to disk.

- zip: members are found through the directory at the file's end. A member that is read in ranges is
  inflated once per process, into memory up to :data:`IN_MEMORY` bytes and beyond that into an anonymous
  temporary file that vanishes with the process.
- tar, plain or gzipped: there is no directory, so the first access walks the archive once and keeps the
  members that can be annotations in such a spool. Photos are passed over; one that is asked for by name
  is found by a second walk.

An archive is not trusted: names that are absolute or lead out of it, more than :data:`MOST_MEMBERS`
members, contents that inflate beyond :data:`RATIO` times their size, and two members of one name that differ
stop with a sentence. A link to a member of the same archive is that member under another name, as tar packs
files that are linked; other links, and devices, are not members.
"""

from __future__ import annotations

import contextlib
import io
import posixpath
import shutil
import tarfile
import tempfile
import weakref
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Any

from gtmask.errors import ExportError, NotFoundError
from gtmask.formats.export import Export, Rooted, checked_name, is_own
from gtmask.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


#: Bytes of a member kept in memory before it is spooled to an anonymous temporary file.
IN_MEMORY = 256 << 20
MOST_MEMBERS = 5_000_000
#: Deflate cannot exceed 1032; annotations of real tools stay below 100.
RATIO = 250
#: Contents up to this size may have any ratio: an empty mask of a few megapixels has a high one.
SMALL = 256 << 20
#: Bytes that are inflated at a time.
_COPIED = 1 << 20
_PHOTOS = (".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".avif", ".mp4", ".avi", ".mov")
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError)


class ArchiveExport(Rooted):
    """The files in one archive.

    Every method raises ExportError where the archive is damaged, encrypted, a bomb, or holds a name that
    escapes.

    - ``location``: what the user named.
    - ``outer``: the export that the archive is a file of: a folder or an ``s3://`` prefix.
    - ``archive``: the archive's name in it.
    - ``picked``: the members that belong to the export; all by default.
    """

    # It is not remote: members are inflated here, wherever the archive lies.

    def __init__(
        self, location: str, outer: Export, archive: str, picked: tuple[str, ...] | None = None
    ) -> None:
        super().__init__(location, picked)
        self.outer = outer
        self.archive = archive
        self._contents: _Contents | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_contents": None}

    def select(self, names: Iterable[str] | None) -> ArchiveExport:
        """Return the same archive with only these members (None: all); what is inflated is shared."""
        narrowed = ArchiveExport(
            self.location, self.outer, self.archive, None if names is None else tuple(names)
        )
        narrowed._contents = self._contents
        return narrowed

    def _walk(self) -> Iterator[str]:
        names = filter(is_own, self._opened().sizes)
        yield from sorted(names, key=lambda name: name.encode("utf-8", "surrogateescape"))

    def path(self, name: str) -> Path | None:  # noqa: ARG002 (the protocol's signature)
        """Return None: members have no path."""
        return None

    def size(self, name: str) -> int:
        """Return a member's size in bytes."""
        sizes = self._opened().sizes
        if name not in sizes:
            raise NotFoundError(f"There is no {name} in {self.location}.")
        return sizes[name]

    def checksum(self, name: str) -> str:
        """Return what changes with a member's bytes: its CRC-32, but for photos in a tar their time."""
        self.size(name)
        return f"{self._opened().sums[name]:x}"

    def exists(self, name: str) -> bool:
        """Say whether there is such a member."""
        return name in self._opened().sizes

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return a member's bytes [start, stop)."""
        self.size(name)
        with self._translated():
            return self._opened().read(name, start, stop)

    def _opened(self) -> _Contents:
        if self._contents is None:
            with self._translated():
                kind = _Zip if self.archive.lower().endswith(".zip") else _Tar
                self._contents = kind(self.outer, self.archive)
        return self._contents

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what the archive libraries raise into one sentence."""
        try:
            yield
        except _Refused as error:
            raise ExportError(f"{self.location} {error}.") from None
        except _BROKEN as error:
            raise ExportError(
                f"{self.location} cannot be read as an archive: {one_line(error)}; export again."
            ) from error


def glance(outer: Export, archive: str) -> list[str]:
    """Return what an archive among an export's files holds: of a tar what its first MiB tells.

    Raises ExportError where it cannot be looked into.
    """
    inner = ArchiveExport(archive, outer, archive)
    if archive.lower().endswith(".zip"):
        return list(inner.names())
    names: list[str] = []
    # Whatever is wrong with the rest is not seen here.
    with contextlib.suppress(*_BROKEN):
        head = io.BytesIO(outer.read(archive, 0, _COPIED))
        with tarfile.open(fileobj=head, mode="r|*") as tar:
            names += (member.name for member in tar if member.isreg() and is_own(member.name))
    if not names:
        raise ExportError(f"{archive} cannot be looked into.")
    return names


class _Refused(Exception):  # noqa: N818 (never leaves this module)
    """Why an archive is not read; the message continues its location."""


class _Contents:
    """What both kinds of archive offer: sizes and checksums by name, and ranged reads."""

    sizes: dict[str, int]
    #: CRC-32, or the time of the last change where that would take reading.
    sums: dict[str, int]

    def read(self, name: str, start: int, stop: int | None) -> bytes:
        raise NotImplementedError


def _checked(name: str) -> str:
    """Return a member's name in normal form; refuse one that leads out of the archive."""
    plain = name.replace("\\", "/")
    if plain.startswith("/") or plain[1:3] == ":/" or ".." in plain.split("/"):
        raise _Refused(f"holds a member named {name!r:.100}, which leads out of the archive: it was not read")
    return checked_name(plain) if plain.strip("./") else ""


def _refuse_second(name: str, first: object, second: object) -> None:
    """Refuse two members of one name (``y`` and ``./y`` are one) unless they are the same bytes."""
    if first != second:
        raise _Refused(
            f"holds two different members named {name!r:.100}, and nothing tells which one counts: unpack "
            "it, keep one of them, and name the folder"
        )


def _guard(packed: int, size: int) -> None:
    if size > SMALL and size > RATIO * max(packed, 1):
        raise _Refused(
            f"inflates {packed} bytes to more than {size}: no labeling tool packs like that, so it was taken "
            "for a bomb; unpack it yourself if you trust it"
        )


class _Zip(_Contents):
    """A zip archive, its directory read once."""

    def __init__(self, outer: Export, archive: str) -> None:
        file = open_file(outer, archive)
        weakref.finalize(self, file.close)
        self._file = zipfile.ZipFile(file)
        self.sizes, self.sums = {}, {}
        self._entries: dict[str, zipfile.ZipInfo] = {}
        self._spools: dict[str, IO[bytes]] = {}
        entries = self._file.infolist()
        if len(entries) > MOST_MEMBERS:
            raise _Refused(f"holds more than {MOST_MEMBERS} members: unpack it")
        _guard(outer.size(archive), sum(entry.file_size for entry in entries))
        for entry in entries:
            if entry.is_dir():
                continue
            if name := _checked(entry.filename):
                first = self._entries.get(name, entry)
                _refuse_second(name, (first.file_size, first.CRC), (entry.file_size, entry.CRC))
                self.sizes[name], self.sums[name] = entry.file_size, entry.CRC
                self._entries[name] = entry

    def read(self, name: str, start: int, stop: int | None) -> bytes:
        entry = self._entries[name]
        if entry.flag_bits & 1:
            raise _Refused("is encrypted: unpack it with its password")
        _guard(entry.compress_size, entry.file_size)
        if start == 0 and (stop is None or stop >= entry.file_size):
            return self._file.read(entry)
        if start == 0 and stop is not None and name not in self._spools:
            with self._file.open(entry) as member:
                return member.read(stop)
        spool = self._spools.get(name)
        if spool is None:
            spool = _spool_of(self)
            with self._file.open(entry) as member:
                shutil.copyfileobj(member, spool, _COPIED)
            self._spools[name] = spool
        spool.seek(start)
        return spool.read(-1 if stop is None else max(stop - start, 0))


class _Tar(_Contents):
    """A tar archive, walked once; annotations are spooled, photos passed over."""

    def __init__(self, outer: Export, archive: str) -> None:
        self._outer, self._archive = outer, archive
        self._spool = _spool_of(self)
        self._starts: dict[str, int] = {}
        self.sizes, self.sums = {}, {}
        self._links: dict[str, str] = {}
        for name, member, file in self._walk():
            if not name.lower().endswith(_PHOTOS):
                self._starts[name] = self._spool.tell()
                checksum = 0
                while block := file.read(_COPIED):
                    self._spool.write(block)
                    checksum = zlib.crc32(block, checksum)
                first = (self.sizes.get(name, member.size), self.sums.setdefault(name, checksum))
                _refuse_second(name, first, (member.size, checksum))
            self.sizes[name] = member.size
            self.sums.setdefault(name, int(member.mtime))
        for name, target in list(self._links.items()):
            if target in self.sizes and name not in self.sizes:
                self.sizes[name], self.sums[name] = self.sizes[target], self.sums[target]
            else:
                del self._links[name]

    def _walk(self) -> Iterator[tuple[str, tarfile.TarInfo, IO[bytes]]]:
        packed = self._outer.size(self._archive)
        total = count = 0
        with (
            open_file(self._outer, self._archive) as packed_file,
            tarfile.open(fileobj=packed_file, mode="r|*") as tar,
        ):
            for member in tar:
                count, total = count + 1, total + member.size
                if count > MOST_MEMBERS:
                    raise _Refused(f"holds more than {MOST_MEMBERS} members: unpack it")
                _guard(packed, total)
                file = tar.extractfile(member) if member.isreg() else None
                if file is not None and (name := _checked(member.name)):
                    yield name, member, file
                elif member.islnk() or member.issym():
                    self._note_link(member)
            # tarfile takes a cut-off header for the end; the true end is a block of zeros.
            if tar.fileobj is None or tar.fileobj.tell() < tar.offset + tarfile.BLOCKSIZE:
                raise tarfile.ReadError("it breaks off")

    def _note_link(self, member: tarfile.TarInfo) -> None:
        """Note a link, which may be to a later member. One that leads out of the archive is to none."""
        folder = posixpath.dirname(member.name) if member.issym() else ""
        target = posixpath.normpath(posixpath.join(folder, member.linkname))
        if not target.startswith(("/", "..")) and (name := _checked(member.name)):
            self._links[name] = _checked(target)

    def read(self, name: str, start: int, stop: int | None) -> bytes:
        name = self._links.get(name, name)
        size = self.sizes[name]
        stop = size if stop is None else min(stop, size)
        first = self._starts.get(name)
        if first is not None:
            self._spool.seek(first + start)
            return self._spool.read(max(stop - start, 0))
        for other, _, file in self._walk():
            if other == name:
                return file.read()[start:stop]
        raise EOFError(f"{name} is gone")


def _spool_of(owner: _Contents) -> IO[bytes]:
    """Return an empty file in memory, and beyond a size on disk, that is closed when its owner goes."""
    spool: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 (lives with its owner)
    weakref.finalize(owner, spool.close)
    return spool


def open_file(outer: Export, name: str) -> IO[bytes]:
    """Open a file of an export for the archive libraries: directly where it is local, else by ranges."""
    path = outer.path(name)
    return path.open("rb") if path is not None else io.BufferedReader(_Ranges(outer, name), 1 << 20)


class _Ranges(io.RawIOBase):
    """A file object over the ranged reads of an export."""

    def __init__(self, outer: Export, name: str) -> None:
        self._outer, self._name = outer, name
        self._size = outer.size(name)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def readinto(self, buffer: Any) -> int:
        stop = min(self._at + len(buffer), self._size)
        if stop <= self._at:
            return 0
        piece = self._outer.read(self._name, self._at, stop)
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
