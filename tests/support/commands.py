"""Commands as users give them: in this process, as most tests want them, or in one that is killed."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import suppress
from subprocess import CompletedProcess
from typing import TYPE_CHECKING

import psutil
from typer.testing import CliRunner

from gtmask.cli import app, talk
from gtmask.errors import GtmaskError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable
    from pathlib import Path


def gtmask(*arguments: object) -> CompletedProcess[str]:
    """Run a command as ``gtmask`` does, without the second that a process of its own takes to start.

    What it writes, and what :func:`gtmask.cli.main` makes of its errors, is in what is returned.
    """
    words = [str(argument) for argument in arguments]
    talk._spoken.clear()
    with CliRunner().isolation() as (stdout, stderr, _):
        try:
            code = app(words, prog_name="gtmask", standalone_mode=True)
        except SystemExit as ended:
            code = ended.code
        except GtmaskError as error:
            talk.complain(str(error))
            code = error.exit_code
        sys.stdout.flush()
        sys.stderr.flush()
        told = [stream.getvalue().decode() for stream in (stdout, stderr)]
    return CompletedProcess(words, int(code or 0), *told)


def tree(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder by their paths in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def wait_for(condition: Callable[[], object], seconds: float = 240) -> None:
    """Wait until something has come about; kernels may have to be compiled first."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.005)


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and its descendants at once, as a machine does that loses its power."""
    family: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.send_signal(signal.SIGKILL)
    process.wait()
    alive_after(10, family)


def alive_after(seconds: float, processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Return which processes run after so many seconds, sooner if none does.

    One that has ended, and whose end nobody has asked for yet, does not run: whose children they are now may
    be long in asking.
    """
    deadline = time.monotonic() + seconds
    left = [*processes]
    while (left := [process for process in left if _runs(process)]) and time.monotonic() < deadline:
        time.sleep(0.005)
    return left


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
