"""What a process that is all ours does without, so that it starts sooner."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from types import ModuleType

#: New objects after which Python looks for cycles, 700 by default: more than a small run makes.
YOUNG_OBJECTS = 250_000

#: Numba imports these wherever they are installed, for functions that no kernel calls.
_NEEDLESS = ("scipy", "coverage")


def travel_light() -> None:
    """Do without packages, threads and looks for garbage that nothing of ours needs."""
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    for name in _NEEDLESS:
        modules.setdefault(name, None)
    # No matrices here are worth a BLAS's threads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Modules and the compiler make many objects and few cycles: looking for them takes a tenth of a run.
    gc.set_threshold(YOUNG_OBJECTS)
    atexit.register(_end_at_once)


def _end_at_once() -> None:
    """Keep Python from looking for cycles at its end, which takes a fifth of a short run.

    It looks whatever :func:`gc.disable` says, but never at what is frozen, which the system takes back.
    """
    gc.disable()
    gc.freeze()
