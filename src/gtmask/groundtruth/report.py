"""What ``gtmask validate`` found: counted by code, with a few examples each, and every finding in a file."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson

from gtmask.errors import UsageError
from gtmask.findings import CODES, Level, Problem
from gtmask.loops import run_async
from gtmask.storage import is_s3, open_storage, split_location
from gtmask.storage.outputs import refuse_foreign
from gtmask.storage.usable import check_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from types import TracebackType

    from gtmask.storage.base import S3Settings


#: Examples that are kept of each code.
MAX_EXAMPLES = 5

_ORDER = {"error": 0, "warning": 1, "note": 2}


@dataclass(slots=True)
class Rule:
    """One code of a report: how often it was found (``count``), and its first examples."""

    code: str
    count: int = 0
    examples: list[Problem] = field(default_factory=list)

    @property
    def level(self) -> Level:
        """``error``, ``warning`` or ``note``."""
        return CODES[self.code].level

    @property
    def meaning(self) -> str:
        """Why it matters in the worker UI."""
        return CODES[self.code].meaning

    @property
    def remedy(self) -> str:
        """How to mend it."""
        return CODES[self.code].remedy


@dataclass(slots=True)
class Report:
    """The outcome of a validation.

    Attributes
    ----------
    manifest, depth
        What was checked, and how: ``quick``, ``default`` or ``deep``.
    strict
        Whether warnings count as errors.
    lines, images, masks, decoded
        Lines of the manifest; images and masks whose headers were read; masks whose every pixel was.
    attributes
        The label attributes of the first good line; the last one is the newest.
    classes
        Class name by class id, of the newest attribute on the first good line.
    pixels
        Pixels by class id over the decoded masks, the newest of each line; ids without pixels left out.
    adjustments
        ``adjustment-status`` values of an answer and their counts.
    """

    manifest: str
    depth: str
    strict: bool = False
    lines: int = 0
    images: int = 0
    masks: int = 0
    decoded: int = 0
    attributes: tuple[str, ...] = ()
    classes: dict[int, str] = field(default_factory=dict)
    pixels: dict[int, int] = field(default_factory=dict)
    adjustments: Counter[str] = field(default_factory=Counter)
    _findings_file: FindingsFile | None = field(default=None, repr=False)
    _rules: dict[str, Rule] = field(default_factory=dict)

    def add(self, problems: Iterable[Problem]) -> None:
        """Count problems; the examples kept are those of the lowest lines."""
        for problem in problems:
            if self._findings_file is not None:
                self._findings_file.write(problem)
            rule = self._rules.setdefault(problem.code, Rule(problem.code))
            rule.count += 1
            if len(rule.examples) < MAX_EXAMPLES or problem.line < rule.examples[-1].line:
                rule.examples.append(problem)
                rule.examples.sort()
                del rule.examples[MAX_EXAMPLES:]

    @property
    def rules(self) -> list[Rule]:
        """What was found, errors first, then warnings and notes, each the most frequent first."""
        return sorted(self._rules.values(), key=lambda r: (_ORDER[r.level], -r.count, r.code))

    def count(self, level: Level) -> int:
        """Return the number of problems of one level."""
        return sum(rule.count for rule in self._rules.values() if rule.level == level)

    @property
    def codes(self) -> dict[str, int]:
        """Count by code."""
        return {rule.code: rule.count for rule in self.rules}

    @property
    def exit_code(self) -> int:
        """0 clean, 3 errors found; with ``strict`` warnings are errors."""
        wrong = self.count("error") + (self.count("warning") if self.strict else 0)
        return 3 if wrong else 0

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain dicts and lists, ready for any JSON writer."""
        return {
            "manifest": self.manifest,
            "level": self.depth,
            "strict": self.strict,
            "ok": self.exit_code == 0,
            "lines": self.lines,
            "images": self.images,
            "masks": self.masks,
            "decoded": self.decoded,
            "attributes": list(self.attributes),
            "classes": {str(number): name for number, name in sorted(self.classes.items())},
            "pixels": {str(number): count for number, count in sorted(self.pixels.items())},
            "adjustments": dict(sorted(self.adjustments.items())),
            "errors": self.count("error"),
            "warnings": self.count("warning"),
            "notes": self.count("note"),
            "findings": [
                {
                    "code": rule.code,
                    "level": rule.level,
                    "count": rule.count,
                    "meaning": rule.meaning,
                    "remedy": rule.remedy,
                    "examples": [{"line": p.line, "uri": p.uri, "detail": p.detail} for p in rule.examples],
                }
                for rule in self.rules
            ],
        }


_BLOCK = 1 << 22


class FindingsFile:
    """Writes problems to a file, one JSON object per line, which appears when all are in it; for ``with``.

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
