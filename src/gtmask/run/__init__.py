"""The run: plan, chunks, workers, commits.

The names are imported when they are first used: the command line asks for the settings alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gtmask.run.paint import rasterize as rasterize
    from gtmask.run.run import convert as convert
    from gtmask.run.run import finish as finish
    from gtmask.run.summary import Summary as Summary

_HOMES = {
    "Summary": "gtmask.run.summary",
    "convert": "gtmask.run.run",
    "finish": "gtmask.run.run",
    "rasterize": "gtmask.run.paint",
}

__all__ = ["Summary", "convert", "finish", "rasterize"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
