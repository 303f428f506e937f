"""Every finding of a validation in a file, one JSON object per line: a report keeps a few examples only."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING

import orjson

from gtmask.errors import UsageError
from gtmask.findings import CODES

if TYPE_CHECKING:
    import os
    from types import TracebackType

    from gtmask.groundtruth.report import Problem


class Listing:
    """Writes problems to a file, which appears when all are in it; use it in a ``with`` statement.

    Parameters
    ----------
    path
        The file; None writes nothing.

    Raises
    ------
    UsageError
        On entering, where the file cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._path = None if path is None else Path(path)
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Listing:
        if self._path is not None:
            try:
                if self._path.is_dir():
                    raise IsADirectoryError(0, "it is a folder")
                self._file = self._part(self._path).open("wb")
            except OSError as error:
                msg = f"the findings cannot be written to {self._path}: {error.strerror}"
                raise UsageError(msg) from error
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
