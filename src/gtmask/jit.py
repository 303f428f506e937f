"""How kernels are compiled: one decorator, and a record of the kernels that have been declared by it.

A kernel is a function on flat arrays and scalars that Numba compiles to machine code. Importing a module
of kernels compiles nothing, and a kernel is loaded when it is called first: a process pays only for the
kernels that it calls. Each kernel names the signatures it is called with, so that :mod:`gtmask.kernels` can
compile and cache all of them before any worker process starts.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from gtmask import numba_compiling, numba_internals
from gtmask.numba_internals import numba
from gtmask.stamps import running_stamp, source_stamp

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

_registry: dict[str, list[tuple[Any, tuple[str, ...]]]] = {}

_config = numba.config


def kernel(
    *signatures: str, inline: bool = False, inner: bool = False, arrays: bool = False, hot: bool = False
) -> Callable[[F], F]:
    """Compile a function with Numba at its first call, and remember its signatures for warm-up.

    - ``signatures``: Numba signatures, such as ``"void(uint8[:, ::1], int32[:, ::1])"``. All calls must fit
      one. Calls from other kernels with narrower integers are widened to a lone signature, not compiled anew.
    - ``inline``: hint LLVM to inline the kernel into its callers (``alwaysinline``): for helpers of a few
      lines.
    - ``inner``: only kernels call this one, so that it needs no wrapper for Python, and is compiled with its
      callers.
    - ``arrays``: the kernel makes arrays, or gets them from a kernel that it calls. All others do without the
      counting of references, which Numba does around every call even where it is inlined.
    - ``hot``: machine code is made of the kernel though only kernels call it: what LLVM does to its code for
      that makes its callers faster too. Set where that was measured, as it takes longer to compile.

    Notes
    -----
    ``nogil`` lets threads run beside a kernel; ``error_model="numpy"`` drops the zero-division checks
    that keep loops from being vectorized; no kernel is called from C, so none has a C wrapper; nothing is
    ``parallel``, because images are spread over processes and Numba's parallel caches are known to crash
    under concurrent starts (numba #4807).
    """

    def decorate(function: F) -> F:
        if _config.DISABLE_JIT:
            return function
        options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
        if numba_internals.fallback_reason():
            dispatcher = _by_the_documentation(function, options, cached=not inner)
        else:
            options |= numba_internals.options(inline=inline, inner=inner, arrays=arrays)
            options["pipeline_class"] = numba_compiling.compiler()
            if hot:
                numba_compiling.HOT.add(function.__qualname__)

            def make() -> Any:
                made = numba.njit(**options)(function)
                if len(signatures) == 1:
                    numba_compiling.widen(made, lambda: signature_types(signatures[0]))
                return made

            if inner:  # it is cached within its callers
                return cast("F", numba_compiling.InnerKernel(function, make))
            dispatcher = make()
            numba_internals.use_cache(dispatcher, function, lambda: running_stamp(function.__module__))
            numba_compiling.know_arrays(dispatcher)
            numba_compiling.want_no_extensions(dispatcher)
        if signatures and not inner:
            _registry.setdefault(function.__module__, []).append((dispatcher, signatures))
        return cast("F", dispatcher)

    return decorate


def _by_the_documentation(function: Any, options: dict[str, Any], *, cached: bool) -> Any:
    """Declare a kernel to Numba by what it documents alone.

    Its cache sees no change of what a kernel calls, so each state of the sources gets a folder of its own.
    """
    if cached:
        before = _config.CACHE_DIR
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(before or Path(home, "gtmask"), source_stamp(function.__module__)[:16])
        _config.CACHE_DIR = str(folder)
        try:
            dispatcher = numba.njit(cache=True, **options)(function)
            if folder in Path(dispatcher.stats.cache_path).parents:
                return dispatcher
        except RuntimeError:  # nowhere can anything be written
            pass
        finally:
            _config.CACHE_DIR = before
    return numba.njit(**options)(function)


def registered() -> dict[str, list[tuple[Any, tuple[str, ...]]]]:
    """Return the kernels known so far, by module: (dispatcher, signatures) pairs."""
    return {name: list(kernels) for name, kernels in _registry.items()}


def compile_kernel(known: tuple[Any, tuple[str, ...]]) -> list[Path]:
    """Compile a registered kernel into the cache, or load it from there; return its files in the cache."""
    dispatcher, signatures = known
    plain = numba_internals.fallback_reason()
    with nullcontext() if plain else numba_compiling.quickly():
        for signature in signatures:
            # By the arguments alone, as a call asks the cache: Numba's key is what it is given.
            dispatcher.compile(signature_types(signature))
    if plain:
        folder = dispatcher.stats.cache_path
        return [Path(folder)] if folder else []
    index = numba_internals.index_of(dispatcher)
    return [] if index is None else [index]


def signature_types(signature: str) -> tuple[Any, ...]:
    """Return the Numba types of a signature's arguments."""
    # A text of our own, in the words that Numba's documentation has for types.
    return tuple(eval(signature, {}, vars(numba.types)).args)  # noqa: S307
