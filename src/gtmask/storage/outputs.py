"""Files that a command writes where others may lie: what it did not write is replaced only when asked to.

A page, a list of findings or a class map stands alone, and its first bytes tell whether it is ours. Of a
folder of files, ``_gtmask/NAME.json`` keeps what was written there, each with its digest: a file that was
edited since is no longer ours, either.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from typing import TYPE_CHECKING

import orjson

from gtmask.errors import NotFoundError, UsageError
from gtmask.loops import run_async
from gtmask.storage import is_s3, open_storage, split_location
from gtmask.storage.blocking import BlockingStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gtmask.storage.base import S3Settings, Storage

#: Bytes by which a file is known.
HEAD = 1 << 12
_BLOCK = 1 << 22


def refuse_foreign(
    location: str,
    option: str,
    s3: S3Settings | None,
    is_own: Callable[[bytes], bool],
    *,
    overwrite: bool,
    remedy: str = "replace it with --overwrite",
) -> None:
    """Refuse as a file to write one that is there and that gtmask did not write, and what is no file.

    Raises UsageError with the option.

    - ``is_own``: says by a file's first 4 KiB whether gtmask wrote it.
    - ``overwrite``: whether it may be replaced whatever it is.
    - ``remedy``: what to do where no other file will do.
    """
    # What cannot be looked at is told below.
    if not is_s3(location) and os.path.exists(location) and not os.path.isfile(location):  # noqa: PTH110, PTH113 - Path raises
        raise UsageError(f"{option} {location} is no regular file, and cannot be replaced: name another.")
    if overwrite:
        return
    folder, name = split_location(location)
    with BlockingStorage(open_storage(folder, s3)) as storage:
        try:
            head = storage.get(name, 0, HEAD)
        except NotFoundError:
            return
    if not is_own(head):
        raise UsageError(foreign(f"{option} {location}", remedy))


def foreign(what: str, remedy: str = "replace it with --overwrite") -> str:
    """Return the sentence that refuses to replace a file."""
    return f"{what} exists, and gtmask did not write it: choose another, or {remedy}."


def write_file(location: str, data: bytes, content_type: str, s3: S3Settings | None) -> None:
    """Write one file by its path or ``s3://`` URI: readers see all of it or nothing.

    Raises StorageError where it cannot be written.
    """
    folder, name = split_location(location)

    async def put() -> None:
        async with open_storage(folder, s3) as storage:
            await storage.put(name, data, content_type)
            await storage.sync()

    run_async(put())


class OwnFiles:
    """The files that one command has written to a folder or prefix.

    - ``out``: the storage, entered.
    - ``state``: key of the list.
    - ``facts``: what the list keeps about the files besides.
    """

    def __init__(self, out: Storage, state: str, facts: Mapping[str, str]) -> None:
        self._out = out
        self._state = state
        self._facts = facts
        #: Size and digest by key; None while a file is being written.
        self._known: dict[str, list[int | str] | None] = {}

    async def begin(self, keys: Iterable[str], option: str, *, overwrite: bool) -> None:
        """Claim files that are about to be written.

        Raises UsageError where one of them is there, the command did not write it or somebody has edited it
        since, and ``overwrite`` is not set.
        """
        try:
            self._known = orjson.loads(await self._out.get(self._state))["files"]
        except (NotFoundError, orjson.JSONDecodeError, KeyError, TypeError):
            self._known = {}
        wanted = list(keys)
        if not overwrite:
            for key in wanted:
                if not await self._is_free(key):
                    raise UsageError(foreign(f"{option} {self._out.uri(key)}"))
        self._known |= dict.fromkeys(wanted)
        await self._save()

    async def end(self, written: Iterable[str]) -> None:
        """Remember the files that were claimed as they are now; those that were not written, no more."""
        for key in written:
            self._known[key] = await self._digest(key)
        self._known = {key: mark for key, mark in self._known.items() if mark is not None}
        await self._save()

    async def _is_free(self, key: str) -> bool:
        try:
            size = await self._out.size(key)
        except NotFoundError:
            return True
        if key not in self._known:
            return False
        mark = self._known[key]
        return mark is None or (mark[0] == size and mark == await self._digest(key))

    async def _digest(self, key: str) -> list[int | str]:
        digest, size = blake2b(digest_size=16), await self._out.size(key)
        for start in range(0, size, _BLOCK):
            digest.update(await self._out.get(key, start, start + _BLOCK))
        return [size, digest.hexdigest()]

    async def _save(self) -> None:
        data = orjson.dumps(
            {"files": self._known, **self._facts}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        )
        await self._out.put(self._state, data, "application/json")
