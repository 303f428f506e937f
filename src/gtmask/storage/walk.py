"""The files below a folder in the order of their keys' bytes, in bounded memory.

S3 lists keys in the order of their UTF-8 bytes; a folder is listed in that same order, so that chunks
are the same wherever an export lies. A folder's names are sorted in runs of :data:`RUN` names; the
runs of a larger folder wait in a temporary file and are merged as they are read.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import tempfile
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Names of files that are being written start with this, and no listing shows them.
STAGED_PREFIX = ".gtmask-staged-"

#: Names of one folder that are held in memory at a time: about 30 MB.
RUN = 200_000

_STAGED = os.fsencode(STAGED_PREFIX)


def walk(root: str, prefix: str = "") -> Iterator[tuple[str, int]]:
    """Yield key and size in bytes of the files below a folder; see :func:`walk_keys`."""
    for key in walk_keys(root, prefix):
        try:
            size = os.stat(f"{root}/{key}").st_size  # noqa: PTH116 - millions of names: Path is slow
        except FileNotFoundError:
            continue  # deleted since it was listed
        yield key, size


def is_staged(name: bytes) -> bool:
    """Say whether a name is that of a file that is being written."""
    return name.startswith(_STAGED)


def walk_keys(root: str, prefix: str = "", skip: Callable[[bytes], bool] = is_staged) -> Iterator[str]:
    """Yield the keys of the files below ``root`` that start with ``prefix``, sorted.

    Raises OSError if a folder cannot be read. One that is not there has no files.

    - ``prefix``: start of the keys; only the folders that it leads to are read.
    - ``skip``: says of the name of a file or folder whether it is left out.

    Yields
    ------
    str
        Keys (paths below ``root``) in the order of their bytes. Symbolic links are followed, unless they
        lead to a folder that holds them. What is neither a file nor a folder is left out.
    """
    base = os.fsencode(root) + b"/"
    wanted = os.fsencode(prefix)
    above, slash, _ = wanted.rpartition(b"/")
    if b".." in above.split(b"/") or not os.path.isdir(base + above):  # noqa: PTH112 - bytes
        return
    yield from map(os.fsdecode, _files(base, above + slash, wanted, skip, ()))


def _files(
    base: bytes,
    folder: bytes,
    wanted: bytes,
    skip: Callable[[bytes], bool],
    above: tuple[tuple[int, int], ...],
) -> Iterator[bytes]:
    """Yield the keys of one folder (``b""`` or ending in a slash) and all below, sorted."""
    path = base + folder
    status = os.stat(path)  # noqa: PTH116 - bytes
    identity = (status.st_dev, status.st_ino)
    if identity in above:
        return  # a symbolic link to a folder that holds it
    for name in _sorted_names(path, folder, wanted, skip):
        if name.endswith(b"/"):
            yield from _files(base, folder + name, wanted, skip, (*above, identity))
        else:
            yield folder + name


def _sorted_names(
    path: bytes, folder: bytes, wanted: bytes, skip: Callable[[bytes], bool]
) -> Iterator[bytes]:
    """Yield the names in one folder, folders with a slash at their end, sorted: that is key order."""
    names: list[bytes] = []
    with contextlib.ExitStack() as files:
        runs: list[IO[bytes]] = []
        with os.scandir(path) as entries:
            for entry in entries:
                name = entry.name
                if skip(name):
                    continue
                if entry.is_dir():
                    name += b"/"
                elif not entry.is_file():
                    continue
                key = folder + name
                if not key.startswith(wanted) and not (name.endswith(b"/") and wanted.startswith(key)):
                    continue
                names.append(name)
                if len(names) >= RUN:
                    runs.append(files.enter_context(_spill(names)))
                    names = []
        names.sort()
        yield from heapq.merge(names, *map(_names_of, runs)) if runs else names


def _spill(names: list[bytes]) -> IO[bytes]:
    """Write sorted names to a temporary file that goes when it is closed."""
    names.sort()
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the caller
    for name in names:
        file.write(name)
        file.write(b"\0")  # the one byte that no name has
    file.seek(0)
    return file


def _names_of(run: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while block := run.read(1 << 16):
        *names, rest = (rest + block).split(b"\0")
        yield from names
