"""What the operating system says of files, and what it means: our error, and one sentence for the user."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from gtmask.errors import AccessError, GtmaskError, NotFoundError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_REASONS = {
    errno.ENOSPC: "the disk is full: make room",
    errno.EDQUOT: "the disk quota is used up: make room",
    errno.ENAMETOOLONG: "the name is longer than the file system allows: shorten it",
    errno.EISDIR: "there is a folder of that name: move it away",
    errno.ENOTDIR: "a part of the path is a file, not a folder: move it away",
    errno.EMFILE: "too many files are open: lower --concurrency or raise `ulimit -n`",
    errno.ENFILE: "too many files are open on this machine: close other programs",
    errno.EFBIG: "files may not be as large as that here: raise `ulimit -f`",
    errno.ELOOP: "symbolic links lead in a circle: correct them",
}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextlib.contextmanager
def translate_errors(verb: str, path: str | Path) -> Iterator[None]:
    """Turn what the operating system says into one sentence of ours.

    Raises NotFoundError, AccessError or StorageError for every OSError.

    - ``verb``: "read", "write", "list", ...: what is done.
    - ``path``: what it is done to.
    """
    try:
        yield
    except (OSError, UnicodeEncodeError) as error:
        raise translated(verb, path, error) from error


def translated(verb: str, path: str | Path, error: OSError | UnicodeEncodeError) -> GtmaskError:
    """Return the error that :func:`translate_errors` raises: for what runs too often for a context."""
    if isinstance(error, UnicodeEncodeError):
        return StorageError(
            f"Cannot {verb} {str(path)!r}: the name cannot be written in this system's encoding; rename it."
        )
    if isinstance(error, FileNotFoundError):
        return NotFoundError(f"Cannot {verb} {path}: there is no such file or folder.")
    if verb == "list" and error.filename:  # the very folder below the path
        path = Path(os.fsdecode(error.filename))
    what = f"Cannot {verb} {path}"
    if error.errno in _DENIED:
        return AccessError(f"{what}: permission denied; check owner and mode of the file and its folder.")
    if verb == "read" and error.errno in {errno.ENODEV, errno.ENXIO}:
        return NotFoundError(f"{what}: it is no regular file, but a named pipe, a socket or a device.")
    if verb == "read" and error.errno == errno.EISDIR:
        return NotFoundError(f"{what}: it is a folder; name a file in it.")
    if verb == "read" and error.errno == errno.ENOTDIR:
        return NotFoundError(f"{what}: a part of the path is a file, not a folder.")
    return StorageError(f"{what}: {reason(error)}.")


def reason(error: OSError) -> str:
    """Return why the operating system refused something, with what helps where we know it."""
    code = error.errno or 0
    return _REASONS.get(code) or (str(error) if error.filename else os.strerror(code)) if code else str(error)
