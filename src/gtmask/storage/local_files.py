"""What is read of a local file, and what tells that it is another one than before."""

from __future__ import annotations

import errno
import io
import os
import stat
from typing import TYPE_CHECKING

from gtmask.storage.local_errors import translate_errors

if TYPE_CHECKING:
    from pathlib import Path

#: At once, whatever is there: a named pipe would make us wait for whoever writes to it.
READING = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


def open_regular(path: str | Path) -> io.FileIO:
    """Open a regular file to read from it; at once, whatever is there.

    Raises OSError as for any file; EISDIR for a folder, ENODEV for what is neither: a named pipe would make
    us wait for whoever writes to it, a device has no end.
    """
    # The file object owns the descriptor from the beginning: at an interruption nobody closes it twice.
    file = io.FileIO(path, "rb", opener=_open_to_read)
    try:
        refuse_irregular(os.fstat(file.fileno()).st_mode, path)
    except BaseException:  # whatever ends this: the file is closed
        file.close()
        raise
    return file


def _open_to_read(path: str, _: int) -> int:
    return os.open(path, READING)


def version_of_file(path: str) -> str:
    """Return what :meth:`LocalStorage.get_versioned` tells of a file.

    Raises NotFoundError, AccessError or StorageError where there is no regular file, or it cannot be looked
    at.
    """
    with translate_errors("read", path):
        status = os.stat(path)  # noqa: PTH116 - for every image of an export
        refuse_irregular(status.st_mode, path)
        return version_of(status)


def version_of(status: os.stat_result) -> str:
    """Return what tells that a file is another one than before: its size, and when it was changed last."""
    return f"{status.st_size}:{status.st_mtime_ns}"


def refuse_irregular(mode: int, path: str | Path) -> None:
    """Refuse what is no regular file; raises OSError: EISDIR for a folder, ENODEV for what is neither."""
    if not stat.S_ISREG(mode):
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.ENODEV
        raise OSError(number, os.strerror(number), str(path))


def read_range(descriptor: int, start: int, stop: int) -> bytes:
    """Read the bytes [start, stop) of an open file, as far as there are any: one call may bring fewer."""
    pieces: list[bytes] = []
    while start < stop and (piece := os.pread(descriptor, stop - start, start)):
        pieces.append(piece)
        start += len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
