"""Which masks a chunk has begun to write: noted before each is written, for ``--overwrite`` to find them all.

Part files name the masks of finished chunks only. The journal of a chunk in flight lies beside them and goes
when the chunk is committed. It also tells its writer that the run is lost: who starts anew takes journals
away, before and after its own plan is there; whoever begins a chunk makes its journal and looks for its plan
then. In S3 see :mod:`gtmask.run.journal_s3`.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from gtmask.errors import NotFoundError, RunConflictError
from gtmask.manifest.unfinished import PARTS
from gtmask.storage.local_errors import translate_errors, translated

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from gtmask.storage.base import Storage

#: What the names of journals end in.
BEGUN = ".begun"


class Journal:
    """The journal of one chunk, for a ``with`` statement: it stays where an error ends it after a mask.

    ``is_mine`` says whether the output's plan is still that of this run.
    """

    def __init__(self, out: Storage, chunk: int, is_mine: Callable[[], bool]) -> None:
        self._out = out.root
        self._path = Path(out.root) / f"{PARTS}{chunk:06d}{BEGUN}"
        self._is_mine = is_mine
        self._descriptor: int | None = None
        self._noted = False

    async def __aenter__(self) -> Journal:
        self._descriptor = self._opened()
        return self

    def _opened(self) -> int:
        with translate_errors("write", self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
            return os.open(self._path, flags, 0o666)

    async def note(self, key: str) -> None:
        """Note a mask's key, durable against the end of this process.

        Raises RunConflictError where another start has taken the journal away, and the run with it.
        """
        if self._descriptor is None:
            return
        if not os.fstat(self._descriptor).st_nlink:
            # Or another machine that was at work on the same chunk of this run has committed it.
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)
            if not self._is_mine():
                raise run_lost(self._out)
            self._descriptor = self._opened()
        try:
            os.write(self._descriptor, key.encode("utf-8", "surrogateescape") + b"\n")
        except OSError as error:
            raise translated("write", self._path, error) from error
        self._noted = True

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            if kind is None or not self._noted:
                with contextlib.suppress(OSError):
                    self._path.unlink()


def _keys_in(data: bytes) -> list[str]:
    """Return the keys in a file that has one on each line; a last one that was cut off is none."""
    return data.decode("utf-8", "surrogateescape").split("\n")[:-1]


async def read_keys(out: Storage, file: str) -> list[str]:
    """Return the keys in a file, none where it is not there: its writer may just have taken it away."""
    try:
        return _keys_in(await out.get(file))
    except NotFoundError:
        return []


async def _journals(out: Storage, ending: str = BEGUN) -> list[str]:
    return [entry.key async for entry in out.list(PARTS) if entry.key.endswith(ending)]


async def begun(out: Storage) -> list[str]:
    """Return the keys in all journals, which stay."""
    return [key for journal in await _journals(out) for key in await read_keys(out, journal)]


async def take_away(out: Storage) -> list[str]:
    """Take all journals away and return the keys that stand in them.

    Raises NotFoundError where its writer has just taken one away.
    """
    keys: list[str] = []
    for journal in await _journals(out):
        keys += _keys_in(await out.get(journal))
        await out.delete(journal)
    return keys


async def clear(out: Storage, ending: str = BEGUN) -> None:
    """Remove the journals that killed starts left; call it when all chunks of the run are committed.

    In S3, where the names of journals have their run's identity, ``ending`` leaves those of others alone.
    """
    for journal in await _journals(out, ending):
        await out.delete(journal)


def run_lost(out: str) -> RunConflictError:
    """Return the error of a run whose output another start has taken over."""
    return RunConflictError(
        f"{out} was taken over by another start with --overwrite or --update: this one has stopped, and what "
        "it made counts for nothing."
    )
