"""Any labeling tool's export to SageMaker Ground Truth segmentation masks and manifest.

The names below are the whole public library, with the kernels of ``gtmask.raster``; the command line only
calls these. They are imported when they are first used, so that ``import gtmask`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gtmask._version import __version__

if TYPE_CHECKING:
    from gtmask import errors as errors
    from gtmask import raster as raster
    from gtmask.formats import read as read
    from gtmask.groundtruth import pilot as pilot
    from gtmask.groundtruth import validate as validate
    from gtmask.png import encode_png as encode_png
    from gtmask.report import inspect as inspect
    from gtmask.report import preview as preview
    from gtmask.run import convert as convert
    from gtmask.run import rasterize as rasterize

_HOMES = {
    "convert": "gtmask.run",
    "rasterize": "gtmask.run",
    "read": "gtmask.formats",
    "pilot": "gtmask.groundtruth",
    "validate": "gtmask.groundtruth",
    "encode_png": "gtmask.png",
    "inspect": "gtmask.report",
    "preview": "gtmask.report",
}

#: Public modules: ``raster`` has the kernels, ``errors`` what is raised.
_MODULES = ("errors", "raster")

__all__ = ["__version__", *_HOMES, *_MODULES]  # noqa: PLE0604 - the names are those above


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if not TYPE_CHECKING:  # so that checkers know the names above, and only those

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return importlib.import_module(f"gtmask.{name}")
        if name in _HOMES:
            return getattr(importlib.import_module(_HOMES[name]), name)
        msg = f"module 'gtmask' has no attribute {name!r}"
        raise AttributeError(msg)
