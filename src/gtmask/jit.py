"""How kernels are compiled: one decorator, one registry, one lock.

A kernel is a function on flat arrays and scalars that Numba compiles to machine code. This module
decides the compiler's options and *when* the compiler runs:

- importing a kernel module compiles nothing: a process pays only for the kernels it calls;
- every kernel names the signatures it is called with, so that :func:`compile_kernels` can compile
  and cache all of them before any worker process starts;
- a file lock lets one process per machine compile while the others wait and then load the cache.
"""

from __future__ import annotations

import importlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
from filelock import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

F = TypeVar("F", bound="Callable[..., Any]")

#: Modules that hold kernels: what ``gtmask warmup`` compiles.
KERNEL_MODULES: tuple[str, ...] = (
    "gtmask.formats.brush",
    "gtmask.formats.build",
    "gtmask.raster.arguments",
    "gtmask.raster.bitmaps",
    "gtmask.raster.center",
    "gtmask.raster.clipping",
    "gtmask.raster.opencv",
    "gtmask.raster.rows",
    "gtmask.raster.runs",
    "gtmask.png.bits",
    "gtmask.png.dynamic",
    "gtmask.png.huffman",
    "gtmask.png.runs",
    "gtmask.png.unfilter",
)

#: Modules that only ``--fill source``, strokes and circles call for; see :mod:`gtmask.raster`.
SOURCE_RULE_MODULES: tuple[str, ...] = (
    "gtmask.raster.domain",
    "gtmask.raster.coco",
    "gtmask.raster.pillow",
    "gtmask.raster.pillow_ellipse",
    "gtmask.raster.skimage",
    "gtmask.raster.touched",
    "gtmask.raster.strokes",
)

#: Modules that read JSON documents of any size; a reader compiles them when it opens one.
READER_MODULES: tuple[str, ...] = (
    "gtmask.formats.jsonstream.kernels",
    "gtmask.formats.jsonstream.tokens",
    "gtmask.formats.jsonstream.ids",
    "gtmask.formats.jsonstream.joins",
    "gtmask.formats.coco_plain",
    "gtmask.formats.coco_runs",
)

_registry: dict[str, list[tuple[Any, tuple[str, ...]]]] = {}


def kernel(*signatures: str, inline: bool = False) -> Callable[[F], F]:
    """Compile a function with Numba at its first call, and remember its signatures for warm-up.

    Parameters
    ----------
    signatures
        Numba signatures, such as ``"void(uint8[:, ::1], int32[:, ::1])"``. All calls must fit one.
    inline
        Hint LLVM to inline the kernel into its callers (``alwaysinline``): for helpers of a few lines.

    Notes
    -----
    ``nogil`` lets threads run beside a kernel; ``error_model="numpy"`` drops the zero-division checks
    that keep loops from being vectorized; nothing is ``parallel``, because images are spread over
    processes and Numba's parallel caches are known to crash under concurrent starts (numba #4807).
    """

    def decorate(function: F) -> F:
        options: dict[str, Any] = {"forceinline": True} if inline else {}
        dispatcher = numba.njit(cache=True, nogil=True, error_model="numpy", **options)(function)
        if signatures:
            _registry.setdefault(function.__module__, []).append((dispatcher, signatures))
        return cast("F", dispatcher)

    return decorate


def compile_kernels(modules: Iterable[str] | None = None) -> int:
    """Compile the kernels of these modules into the on-disk cache, or load them from it.

    Parameters
    ----------
    modules
        Names of modules; by default all of :data:`KERNEL_MODULES`, :data:`SOURCE_RULE_MODULES` and
        :data:`READER_MODULES`.

    Returns
    -------
    int
        How many kernel signatures are ready.
    """
    ready = 0
    names = KERNEL_MODULES + SOURCE_RULE_MODULES + READER_MODULES if modules is None else tuple(modules)
    with _machine_lock():
        for name in names:
            importlib.import_module(name)
            for dispatcher, signatures in _registry.get(name, ()):
                for signature in signatures if hasattr(dispatcher, "compile") else ():
                    dispatcher.compile(signature)
                    ready += 1
    return ready


def registered() -> dict[str, list[tuple[Any, tuple[str, ...]]]]:
    """Return the kernels known so far, by module: (dispatcher, signatures) pairs."""
    return {name: list(kernels) for name, kernels in _registry.items()}


def _machine_lock() -> FileLock:
    """Return the lock that keeps two processes of this user from compiling at the same time."""
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or tempfile.gettempdir())
    folder.mkdir(parents=True, exist_ok=True)
    owner = os.getuid() if hasattr(os, "getuid") else 0
    return FileLock(folder / f"gtmask-kernels-{owner}.lock")
