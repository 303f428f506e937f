"""What worker processes import first, and the process that does it once for all of them, to be forked then.

That is ``multiprocessing``'s fork server. It hands over nothing but names of modules to import, so a variable
of the environment says what there is to do, and this module does it when it is imported there. There is one
only where this process is all ours: programs change their environment between two calls, which it would not
see.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
from typing import TYPE_CHECKING

from gtmask import kernels, light, spawn

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The variable that names the modules, joined by commas.
NEEDS = "GTMASK_WORKERS_NEED"
#: Python's own variable, any value of which keeps it from taking modules from the working folder; and ours.
_SAFE, _OURS = "PYTHONSAFEPATH", "gtmask"


def begin(needs: Iterable[str]) -> bool:
    """Start the process that workers are forked from, and do not wait for it; return whether there is one."""
    if not light.is_light():
        return False
    os.environ[NEEDS] = ",".join(needs)
    os.environ.setdefault(_SAFE, _OURS)
    try:
        return spawn.begin_forking(__name__)
    finally:
        _forget()


def _forget() -> str:
    """Take from the environment what no other program that is started has to see; return what was needed."""
    if os.environ.get(_SAFE) == _OURS:
        del os.environ[_SAFE]
    return os.environ.pop(NEEDS)


def get_ready(needs: Iterable[str]) -> None:
    """Import modules, and load those of their kernels that are compiled."""
    # Whatever fails here fails again in the task that needs it, and is told there.
    with contextlib.suppress(Exception):
        for name in needs:
            importlib.import_module(name)
            kernels.load_compiled(name)


if NEEDS in os.environ:
    # That no more can be forked, or that nobody is there any more, is told by who asked, or by nobody.
    sys.excepthook = lambda *_: None
    light.travel_light()
    get_ready(_forget().split(","))
    # What never moves stays one copy in memory for all.
    gc.collect()
    gc.freeze()
