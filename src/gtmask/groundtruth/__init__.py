"""All that AWS SageMaker Ground Truth asks for, each rule with its source.

The names are imported when they are first used: writing manifest lines needs neither Pillow nor an
AWS client.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gtmask.groundtruth.pilot_manifest import pilot as pilot
    from gtmask.groundtruth.validation import validate as validate

_HOMES = {"pilot": "gtmask.groundtruth.pilot_manifest", "validate": "gtmask.groundtruth.validation"}

__all__ = ["pilot", "validate"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
