"""How our processes start and end: spawned, without the caller's script, and never longer than their parent.

Spawned, not forked: event loops, threads and S3 clients do not survive a fork. Python would have each spawned
process run the caller's script once more, down to the call that started the process, unless the script guards
that call; no worker needs anything of it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing import context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gtmask.light import travel_light

if TYPE_CHECKING:
    from collections.abc import Iterator

_hiding = threading.Lock()
#: How much sooner, in thousandths of the memory (Linux, ``Documentation/filesystems/proc.rst``).
_OUT_OF_MEMORY = "100"


@contextlib.contextmanager
def _main_hidden() -> Iterator[None]:
    """Take away, for the moment of a start, by what the new process would find the main module."""
    main = sys.modules["__main__"]
    with _hiding:
        file, spec = main.__dict__.pop("__file__", None), main.__spec__
        main.__spec__ = None
        try:
            yield
        finally:
            main.__spec__ = spec
            if file is not None:
                main.__file__ = file


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back for the moment of a start: the new process inherits that, and keeps it.

    A terminal sends Ctrl-C to all processes. It is the parent's business, and one that was still importing
    would write a traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class WorkerProcess(context.SpawnProcess):
    """A process that begins with an empty main module, and that Ctrl-C does not reach."""

    def start(self) -> None:
        """Start the process."""
        with _main_hidden(), _interrupts_held():
            super().start()

    def _bootstrap(self, *given: Any, **named: Any) -> int:
        """Work, and end as forked processes do: without taking all modules apart first."""
        status: int = super()._bootstrap(*given, **named)  # type: ignore[misc]
        os._exit(status)


class WorkerContext(context.SpawnContext):
    """The context of executors whose processes are :class:`WorkerProcess`."""

    Process = WorkerProcess


def start_worker() -> None:
    """Prepare a spawned process: Ctrl-C is the parent's business, and it ends when its parent is gone.

    Where memory runs out, the system ends it rather than its parent, which has its work done again.
    """
    travel_light()
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OUT_OF_MEMORY, encoding="ascii")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None, "spawned by multiprocessing"
    end_with_parent(parent.sentinel)


def end_with_parent(pipe: int) -> None:
    """End this process as soon as its parent is gone, however that ended.

    - ``pipe``: descriptor of the reading end of a pipe on which nothing comes, and whose other end the parent
      alone holds: the system closes that when the parent ends.
    """

    def wait() -> None:
        os.read(pipe, 1)
        os._exit(1)

    threading.Thread(target=wait, name="gtmask-parent", daemon=True).start()
