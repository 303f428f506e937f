"""Starts conversions without their start-up, and kills them in the middle of what they do.

As a program, ``python -m tests.support.forks``, it imports what a run needs and then forks a process for each
line of its input. Such a process counts the lines of code that it runs in some functions, and sends itself
SIGKILL at the one that was asked for: a moment that no load of the machine changes.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gtmask
from gtmask.errors import GtmaskError
from gtmask.storage.local import LocalStorage
from tests.support import coco_data

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

#: The folders of code whose lines are counted: all that decides what is written when.
COUNTED = tuple(str(Path(gtmask.__file__).parent / name) + os.sep for name in ("run", "storage"))


@dataclass
class End:
    """How a start ended: killed or not, what it raised, and the lines that it ran, by qualified function."""

    killed: bool
    error: str
    lines: dict[str, int]


class Forks:
    """Forks starts, one at a time; what is in ``environment`` they have besides this process's."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.environment: dict[str, str] = {}

    def convert(
        self, source: object, out: object, *, function: str = "", line: int | None = None, **options: Any
    ) -> End:
        """Convert; with ``line`` until that many lines of a function, or of any, have run."""
        order: dict[str, Any] = {"source": str(source), "out": str(out), "function": function, "line": line,
                                 "environment": self.environment, "options": options}  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return End(**json.loads(self._process.stdout.readline()))


@contextmanager
def forks() -> Iterator[Forks]:
    """Start the program, and end it."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.forks"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, cwd=Path(__file__).parents[2],
    ) as process:  # fmt: skip
        yield Forks(process)
        assert process.stdin is not None
        process.stdin.close()


def _convert(order: dict[str, Any], answer: int) -> None:
    """Do what was ordered, in a process of its own."""
    os.environ.update(order["environment"])
    seen: Counter[str] = Counter()
    left = order["line"]

    def count(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        name = frame.f_code.co_qualname
        if event == "line":
            seen[name] += 1
            if left is not None and order["function"] in {"", name}:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        return count

    def enter(frame: FrameType, _: str, __: object) -> Any:
        return count if frame.f_code.co_filename.startswith(COUNTED) else None

    threading.settrace(enter)
    sys.settrace(enter)
    error = ""
    try:
        gtmask.convert(order["source"], order["out"], **order["options"])
    except GtmaskError as raised:
        error = str(raised)
    finally:
        sys.settrace(None)
        threading.settrace(None)
    os.write(answer, json.dumps({"killed": False, "error": error, "lines": seen}).encode())


def _serve() -> None:
    # A kill loses nothing that was written; a flush waits for all that others write.
    importlib.import_module("gtmask.storage.s3")
    setattr(LocalStorage, "_sync", lambda *_: None)  # noqa: B010 - mypy
    with tempfile.TemporaryDirectory() as name:
        # Whatever a run loads is loaded before the forks, what S3 needs among it.
        export = coco_data.write(Path(name), ["a.jpg"])
        gtmask.convert(export, Path(name, "out"), images=Path(name, "images"), workers=1)
    for text in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            try:
                _convert(json.loads(text), writing)
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            told = pipe.read()
        _, status = os.waitpid(child, 0)
        killed = {"killed": True, "error": "", "lines": {}}
        if not told and not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            killed |= {"killed": False, "error": f"ended with {status}"}
        print(told.decode() or json.dumps(killed), flush=True)


if __name__ == "__main__":
    _serve()
