"""How our processes start and end: without the caller's script, and never longer than their parent.

They are spawned, or forked from a process that was spawned for that and has imported what they need; never
from this one: event loops, threads and S3 clients do not survive a fork. Python would have each of them run
the caller's script once more, down to the call that started the process, unless the script guards that call;
no worker needs anything of it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing import context
from typing import TYPE_CHECKING, Any

from gtmask.light import travel_light

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.process import BaseProcess

_hiding = threading.Lock()
#: Has an element while there is a process that workers are forked from.
_is_forking: list[bool] = []


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

    @staticmethod
    def _Popen(process: BaseProcess) -> Any:  # noqa: N802 - multiprocessing's name
        """Start the process: fork it where that is prepared, and can be done."""
        with _main_hidden():
            if _is_forking and _server_is_there():
                from multiprocessing import popen_forkserver  # noqa: PLC0415 - not on all systems

                with contextlib.suppress(OSError, EOFError):
                    return popen_forkserver.Popen(process)
            with _interrupts_held():
                return context.SpawnProcess._Popen(process)  # noqa: SLF001 - there is no other way


class WorkerContext(context.SpawnContext):
    """The context of executors whose processes are :class:`WorkerProcess`."""

    Process = WorkerProcess


def _server_is_there() -> bool:
    """Tell whether the process that workers are forked from has not been killed."""
    from multiprocessing import forkserver  # noqa: PLC0415 - seldom

    server: Any = forkserver._forkserver  # noqa: SLF001 - it would start another one
    dead = os.waitid(os.P_PID, server._forkserver_pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)  # noqa: SLF001
    return dead is None


def begin_forking(module: str) -> bool:
    """Start the process that workers are forked from, which imports a module first; return if it is there.

    It ends with this process, however that ends, and at :func:`end_forking`.
    """
    if sys.platform != "linux":  # elsewhere the system's own libraries do not survive a fork
        return False
    from multiprocessing import forkserver, resource_tracker  # noqa: PLC0415 - seldom

    forkserver.set_forkserver_preload([module])
    with contextlib.suppress(OSError):
        resource_tracker.ensure_running()  # which lets interrupts through again
        with _main_hidden(), _interrupts_held():
            forkserver.ensure_running()
        _is_forking.append(True)
    return bool(_is_forking)


def end_forking() -> None:
    """End the process that workers were forked from, after them."""
    # Of a process that is ending itself, the socket's folder may be gone already.
    with contextlib.suppress(IndexError, OSError):
        _is_forking.pop()
        from multiprocessing import forkserver  # noqa: PLC0415 - as above

        server: Any = forkserver._forkserver  # noqa: SLF001 - what it offers leaves it there to the end
        if server._forkserver_pid is not None:  # noqa: SLF001
            os.kill(server._forkserver_pid, signal.SIGKILL)  # noqa: SLF001 - it may still be importing
            server._stop()  # noqa: SLF001


def start_worker() -> None:
    """Prepare a spawned process: Ctrl-C is the parent's business, and it ends when its parent is gone."""
    travel_light()
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
