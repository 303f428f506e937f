"""Every finding of a validation in a file, one JSON object per line: a report keeps a few examples only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, TYPE_CHECKING

import orjson

from gtmask.errors import UsageError
from gtmask.findings import CODES
from gtmask.storage.usable import check_file

if TYPE_CHECKING:
    from types import TracebackType

    from gtmask.findings import Problem


class FindingsFile:
    """Writes problems to a file, which appears when all are in it; use it in a ``with`` statement.

    Parameters
    ----------
    path
        The file, a local one; None writes nothing.
    manifest
        What is validated: never overwritten.

    Raises
    ------
    UsageError
        A file that is not local, or the manifest; on entering, where it cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str] | None, manifest: str) -> None:
        self._path = None if path is None else Path(path)
        if path is not None:
            check_file(os.fspath(path), "--findings", manifest)
        self._file: IO[bytes] | None = None

    def __enter__(self) -> FindingsFile:
        if self._path is not None:
            try:
                self._file = self._part(self._path).open("wb")
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
        self._file.close()
        part = self._part(self._path)
        if kind is None:
            part.replace(self._path)
        else:
            part.unlink()

    @staticmethod
    def _part(path: Path) -> Path:
        return path.with_name(f"{path.name}.part")
