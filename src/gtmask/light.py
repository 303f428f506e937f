"""What a process that is all ours does without, so that it starts sooner."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from contextlib import contextmanager, suppress
from importlib.machinery import PathFinder
from importlib.util import LazyLoader
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

#: New objects after which Python looks for cycles, 700 by default: more than a small run makes.
YOUNG_OBJECTS = 250_000

#: Numba imports these wherever they are installed, for functions that no kernel calls.
_NEEDLESS = ("scipy", "coverage")
#: So it does with these, of which others may have a use: PyYAML for a file of settings, and for colours.
_SELDOM, _SETTINGS = ("yaml", "colorama"), Path(".numba_config.yaml")

_is_light: list[bool] = []
_status: list[int] = []


def travel_light() -> None:
    """Do without packages, threads and looks for garbage that nothing of ours needs."""
    if _is_light:
        return
    _is_light.append(True)
    for name in _NEEDLESS:
        _modules().setdefault(name, None)
    # No matrices here are worth a BLAS's threads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Modules and the compiler make many objects and few cycles: looking for them takes a tenth of a run.
    gc.set_threshold(YOUNG_OBJECTS)
    atexit.register(_end)


@contextmanager
def importing_numba(*later: str) -> Iterator[None]:
    """Let Numba be imported without what it has no use for here, if this process is all ours.

    - ``later``: modules that run when something of theirs is first asked for.
    """
    if not _is_light:
        yield
        return
    absent = [name for name in _SELDOM if name not in sys.modules and not _SETTINGS.exists()]
    _modules().update(dict.fromkeys(absent))
    finder = _Later(later)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in absent:
            del sys.modules[name]


class _Later:
    """Finds modules that are to run when something of theirs is first asked for."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module is, and that it runs later; None for all others."""
        spec = PathFinder.find_spec(name, path, target) if name in self._names else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


def _modules() -> dict[str, ModuleType | None]:
    """Return the imported modules, in which None stands for one that cannot be imported."""
    return cast("dict[str, ModuleType | None]", sys.modules)


def end_at_once(status: object) -> None:
    """Have this process end with a status once all is done that was asked for at its end, and nothing else.

    Python would take all modules and objects apart first, for memory that the system takes back at once.

    - ``status``: as of :class:`SystemExit`; what is no number is left to Python, which shows it.
    """
    if status is None or isinstance(status, int):
        _status.append(status or 0)


def _end() -> None:
    """End the process at once where its status is known; what cannot be written is left to Python.

    Elsewhere keep Python from looking for cycles, which takes a fifth of a short run: it looks whatever
    :func:`gc.disable` says, but never at what is frozen.
    """
    gc.disable()
    gc.freeze()
    if _status:
        with suppress(OSError, ValueError):
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(_status[-1])
