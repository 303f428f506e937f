"""Every finding of a validation in a file, one JSON object per line: a report keeps a few examples only."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

import orjson

from gtmask.errors import UsageError
from gtmask.findings import CODES
from gtmask.loops import run_async
from gtmask.storage import is_s3, open_storage, split_location
from gtmask.storage.outputs import refuse_foreign
from gtmask.storage.usable import check_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from gtmask.findings import Problem
    from gtmask.storage.base import S3Settings

_BLOCK = 1 << 22


class FindingsFile:
    """Writes problems to a file, which appears when all are in it; use it in a ``with`` statement.

    Raises UsageError: the manifest, or somebody else's file; on entering, where it cannot be written.

    - ``path``: path or ``s3://`` URI of the file; None writes nothing.
    - ``manifest``: what is validated: never overwritten.
    - ``overwrite``: whether a file may be replaced that gtmask did not write.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        manifest: str,
        s3: S3Settings | None = None,
        *,
        overwrite: bool = False,
    ) -> None:
        self._path = None if path is None else os.fspath(path)
        self._s3 = s3
        if self._path is not None:
            check_file(self._path, "--findings", manifest)
            refuse_foreign(self._path, "--findings", s3, _is_own, overwrite=overwrite)
        self._file: IO[bytes] | None = None

    def __enter__(self) -> FindingsFile:
        if self._path is not None:
            try:
                # For S3 all findings are put aside first: an object is written as a whole.
                self._file = (
                    tempfile.TemporaryFile() if is_s3(self._path) else self._part(self._path).open("wb")
                )
            except OSError as error:
                raise UsageError(f"--findings {self._path} cannot be written: {error.strerror}.") from error
        return self

    def write(self, problem: Problem) -> None:
        """Write one problem."""
        if self._file is not None:
            row = {"code": problem.code, "level": CODES[problem.code].level, **problem._asdict()}
            self._file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None or self._path is None:
            return
        with self._file:
            if is_s3(self._path):
                if kind is None:
                    run_async(self._upload(self._file, self._path))
                return
        part = self._part(self._path)
        if kind is None:
            part.replace(self._path)
        else:
            part.unlink()

    async def _upload(self, file: IO[bytes], path: str) -> None:
        folder, name = split_location(path)
        file.seek(0)

        async def pieces() -> AsyncIterator[bytes]:
            while piece := file.read(_BLOCK):
                yield piece

        async with open_storage(folder, self._s3) as storage:
            await storage.put_stream(name, pieces(), "application/x-ndjson")

    @staticmethod
    def _part(path: str) -> Path:
        return Path(path).with_name(f"{Path(path).name}.part")


def _is_own(head: bytes) -> bool:
    """Say whether a file is a list of findings: its first line is one, or there is none."""
    if not head:
        return True
    try:
        first = orjson.loads(head.partition(b"\n")[0])
        return first["code"] in CODES and first["level"] == CODES[first["code"]].level
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return False
