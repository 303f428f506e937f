"""Files in a local folder: what makes a write atomic, and what makes it last.

The work is done in the calling thread: a file of mask size is written in tens of microseconds, less than
a hop to another thread would cost. Only :meth:`LocalStorage.sync`, which waits for the disk, leaves the
event loop free meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import fcntl
import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gtmask.errors import NotFoundError
from gtmask.storage.base import Entry, check_key
from gtmask.storage.local_errors import translate_errors, translated
from gtmask.storage.local_files import READING, read_range, refuse_irregular, version_of, version_of_file
from gtmask.storage.walk import STAGED_PREFIX, walk

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterator

_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}


class LocalStorage:
    """Files below one folder; see :class:`gtmask.storage.base.Storage` for the verbs."""

    def __init__(self, root: str) -> None:
        self._root = Path(root).absolute()
        self.root = str(self._root)
        self._base = self.root.rstrip("/")
        #: Files written since the last sync, where only single files can be flushed.
        self._unsynced: list[Path] = []
        self._dirty = False
        self._syncing = asyncio.Lock()

    async def __aenter__(self) -> LocalStorage:
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Nothing is held open."""

    def uri(self, key: str) -> str:
        """Return the absolute path of a key."""
        return str(self._path(key))

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _spell(self, key: str) -> str:
        """Return the path of a key as plain text: two are made for each image, and a Path is slow."""
        return f"{self._base}/{check_key(key)}"

    async def get(self, key: str, start: int = 0, stop: int | None = None, etag: str = "") -> bytes:  # noqa: ARG002 - files have none
        """Return the bytes [start, stop) of a file, fewer where it ends before ``stop``."""
        return self._fetch(key, start, stop)[0]

    async def get_versioned(
        self, key: str, start: int = 0, stop: int | None = None, etag: str = ""  # noqa: ARG002 - files have none
    ) -> tuple[bytes, str]:  # fmt: skip
        """Return the same as :meth:`get`, and the file's size and the time of its last change."""
        return self.fetch(key, start, stop)

    def fetch(self, key: str, start: int = 0, stop: int | None = None) -> tuple[bytes, str]:
        """Do what :meth:`get_versioned` does, for threads: it waits for the disk."""
        data, status = self._fetch(key, start, stop)
        return data, version_of(status)

    def _fetch(self, key: str, start: int, stop: int | None) -> tuple[bytes, os.stat_result]:
        """Return bytes of a file, and its status before they were read: who writes then makes it later."""
        path = self._spell(key)
        try:
            descriptor = os.open(path, READING)
            try:
                status = os.fstat(descriptor)
                refuse_irregular(status.st_mode, path)
                last = status.st_size if stop is None else min(stop, status.st_size)
                return read_range(descriptor, start, last), status
            finally:
                os.close(descriptor)
        except (OSError, UnicodeEncodeError) as error:
            raise translated("read", path, error) from error

    async def look(self, key: str) -> Entry:
        """Return a file's entry."""
        return Entry(key, await self.size(key))

    async def size(self, key: str) -> int:
        """Return a file's size in bytes."""
        path = self._path(key)
        with translate_errors("read", path):
            status = path.stat()
            refuse_irregular(status.st_mode, path)
            return status.st_size

    async def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:  # noqa: ARG002 - files have no content type
        """Write a whole file: readers see all of it or nothing. Durable after :meth:`sync`."""
        path = self._spell(key)
        try:
            _replace(path, data)
        except (OSError, UnicodeEncodeError) as error:
            raise translated("write", path, error) from error
        self._wrote(path)

    async def put_stream(
        self, key: str, pieces: AsyncIterable[bytes], content_type: str = "application/octet-stream"  # noqa: ARG002 - files have no content type
    ) -> None:  # fmt: skip
        """Write a whole file from its pieces without holding it in memory; else like :meth:`put`."""
        path = self._path(key)
        with translate_errors("write", path), _staged(path) as (staged, descriptor):
            async for piece in pieces:
                _write(descriptor, piece)
            staged.replace(path)
        self._wrote(str(path))

    async def put_if_absent(
        self, key: str, data: bytes, content_type: str = "application/octet-stream"  # noqa: ARG002 - files have no content type
    ) -> bool:  # fmt: skip
        """Write a whole file unless there is one; return whether it was written. Durable on return."""
        path = self._path(key)
        with translate_errors("write", path), _staged(path) as (staged, descriptor):
            _write(descriptor, data)
            os.fsync(descriptor)
            try:
                os.link(staged, path)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in _NO_HARD_LINKS:
                    raise
                if not _create(path, data):
                    return False
            self._sync_folders(path)
        return True

    async def put_if_unchanged(
        self, key: str, data: bytes, version: str, content_type: str = "application/octet-stream"  # noqa: ARG002 - files have no content type
    ) -> bool:  # fmt: skip
        """Write a whole file where the one that is there has this version; return whether it was written.

        Who writes so waits for one another; who merely replaces the file in that moment is not seen.
        """
        path = self._spell(key)
        try:
            with translate_errors("write", path), _locked(os.path.dirname(path)):  # noqa: PTH120 - plain text
                if version_of_file(path) != version:
                    return False
                _replace(path, data)
        except NotFoundError:
            return False
        self._wrote(path)
        return True

    def _wrote(self, path: str) -> None:
        self._dirty = True
        if _SYNCFS is None:
            self._unsynced.append(Path(path))

    async def sync(self) -> None:
        """Return once everything that was put so far survives a power cut.

        One ``syncfs`` for all files where the system has it (Linux), which costs a tenth of flushing
        each file; elsewhere each file and its folder are flushed.
        """
        # Whoever comes meanwhile waits: what it has put may be in the sync that is on its way.
        async with self._syncing:
            if not self._dirty:
                return
            self._dirty = False
            paths, self._unsynced = self._unsynced, []
            try:
                await asyncio.to_thread(self._sync, paths)
            except BaseException:
                self._dirty = True
                self._unsynced += paths
                raise

    def _sync(self, paths: list[Path]) -> None:
        with translate_errors("flush", self._root):
            if _SYNCFS is not None:
                _sync_file_system(self._root)
                return
            for path in paths:
                _flush(path)
            for folder in {folder for path in paths for folder in self._folders(path)}:
                _flush(folder)

    def _folders(self, path: Path) -> Iterator[Path]:
        """Yield the folders from the file's own up to the root: each may have been made just now."""
        for folder in path.parents:
            yield folder
            if folder == self._root:
                return

    def _sync_folders(self, path: Path) -> None:
        for folder in self._folders(path):
            _flush(folder)

    async def delete(self, key: str) -> None:
        """Remove a file; a missing one is no error."""
        path = self._path(key)
        with translate_errors("delete", path):
            path.unlink(missing_ok=True)

    async def list(self, prefix: str = "") -> AsyncIterator[Entry]:
        """Yield the entries whose keys start with ``prefix``, sorted by key as UTF-8 bytes."""
        with translate_errors("list", self._root):
            for key, size in walk(self.root, prefix):
                yield Entry(key, size)


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Keep others who lock this folder waiting; file systems without locks let all go on."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _staged(path: Path) -> Iterator[tuple[Path, int]]:
    """Open the file that will become ``path``, as :func:`_open_staged`, and take it away if it did not."""
    staged, descriptor = _open_staged(str(path))
    try:
        yield Path(staged), descriptor
    finally:
        # The lock is given up last: until then nobody else uses this name.
        _take_away(staged, descriptor)
        os.close(descriptor)


def _replace(path: str, data: bytes) -> None:
    """Write a file under a name of its own, and give it its final name."""
    staged, descriptor = _open_staged(path)
    placed = False
    try:
        _write(descriptor, data)
        os.replace(staged, path)  # noqa: PTH105 - for each mask
        placed = True
    finally:
        if not placed:
            _take_away(staged, descriptor)
        os.close(descriptor)


def _open_staged(path: str) -> tuple[str, int]:
    """Open an empty file that will become ``path``, in the same folder; return its path and descriptor.

    Its name follows from the final name, so that whoever writes that file again after a crash takes over
    what the crash left behind. The lock tells such a leftover from the file of a living writer, who keeps
    it; the second writer then takes a name of its own.
    """
    folder, _, name = path.rpartition("/")
    staged = f"{folder}/{STAGED_PREFIX}{hashlib.blake2b(os.fsencode(name), digest_size=8).hexdigest()}"
    descriptor = _open_locked(staged)
    if descriptor is None:
        staged = f"{staged}-{os.urandom(6).hex()}"
        descriptor = _create_file(staged)
    return staged, descriptor


def _take_away(staged: str, descriptor: int) -> None:
    """Remove a file that has not got its final name."""
    with contextlib.suppress(OSError):
        if os.stat(staged).st_ino == os.fstat(descriptor).st_ino:  # noqa: PTH116 - as its opening
            os.unlink(staged)  # noqa: PTH108 - as above


def _create_file(path: str) -> int:
    flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o666)


def _open_locked(path: str) -> int | None:
    """Open and lock a file and empty it; None if a living process has it locked."""
    while True:
        descriptor = _create_file(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # locked, or a file system without locks
            os.close(descriptor)
            return None
        # Between opening and locking, the writer before may have given this very file its final name.
        # Then it must not be touched, and the name is free, or leads to another file, or was about to
        # be taken away when that writer was killed.
        try:
            status = os.fstat(descriptor)
            if os.stat(path).st_ino == status.st_ino:  # noqa: PTH116 - for each mask
                if status.st_nlink == 1:
                    # Emptied needlessly, ext4 would take the renamed file for one that replaces another by
                    # being truncated, and allocate its blocks at once when it is closed.
                    if status.st_size:
                        os.ftruncate(descriptor, 0)
                    return descriptor
                os.unlink(path)  # noqa: PTH108 - a name of a few lines above
        except FileNotFoundError:
            pass
        os.close(descriptor)


def _create(path: Path, data: bytes) -> bool:
    """Create a file where hard links cannot be made: exclusive and durable, if not atomic."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        return False
    try:
        _write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return True


def _write(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])


def _flush(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_file_system(root: Path) -> None:
    descriptor = os.open(root, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _SYNCFS is not None and _SYNCFS(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(root))
    finally:
        os.close(descriptor)


def _find_syncfs() -> ctypes._NamedFuncPointer | None:
    """Return libc's ``syncfs``, which flushes one whole file system; None where there is none."""
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)


_SYNCFS = _find_syncfs()
