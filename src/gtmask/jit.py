"""How kernels are compiled: one decorator, and the cache that they are loaded from.

A kernel is a function on flat arrays and scalars that Numba compiles to machine code. Importing a module
of kernels compiles nothing, and a kernel is loaded when it is called first: a process pays only for the
kernels that it calls. Each kernel names the signatures it is called with, so that :mod:`gtmask.kernels` can
compile and cache all of them before any worker process starts.
"""

from __future__ import annotations

import inspect
import os
from contextlib import suppress
from pathlib import Path
from pickle import UnpicklingError
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
from numba.core import caching, config, sigutils, types
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.runtime.nrt import rtsys

from gtmask.errors import UsageError
from gtmask.stamps import source_stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

F = TypeVar("F", bound="Callable[..., Any]")

_registry: dict[str, list[tuple[Any, tuple[str, ...]]]] = {}

_sealed: set[Any] = set()
_sealing = Lock()


class _Cache(FunctionCache):
    """Numba's cache of one kernel, which loads machine code without first making ready to compile.

    Numba imports and registers all that it can compile, scipy included, before it looks into the cache: 0.3
    seconds of each process. Code from the cache needs just the runtime; the compiler sees to its own needs.
    Nor does Numba see that a kernel is out of date where only what it calls has changed.

    The cache is a help and no need: files in it that are damaged, as a machine's crash or a full disk leaves
    them, are made anew, and where they cannot be written, each process compiles for itself. Numba passes over
    folders that it cannot write; what a container's image brings in them is taken all the same.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        try:
            cast("Any", super()).__init__(function)
        except RuntimeError as error:
            raise UsageError(
                "Compiled code can be kept neither beside gtmask nor in the home folder: set NUMBA_CACHE_DIR "
                "to a folder that can be written."
            ) from error
        self._kept: Any = self._cache_file
        stamps = (self._kept._source_stamp, source_stamp(function.__module__))  # noqa: SLF001 - its own
        self._kept._source_stamp = stamps  # noqa: SLF001 - its own
        base: str = cast("Any", self)._impl.filename_base  # noqa: SLF001 - its own
        others = {folder for folder in _folders(function) if not os.access(folder, os.W_OK)} - {
            self.cache_path
        }
        files = cast("Any", IndexDataCacheFile)
        self._brought = [files(folder, base, stamps) for folder in sorted(others)]

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        rtsys.initialize(target_context)
        try:
            if (found := self._load(self._kept, sig, target_context)) is not None:
                return found
        except Exception:  # unpickling a damaged file may raise anything
            self._remove_files()
        for files in self._brought:
            with suppress(Exception):  # likewise
                if (found := self._load(files, sig, target_context)) is not None:
                    return found
        return None

    def _load(self, files: Any, sig: Any, target_context: Any) -> Any:
        numbas = cast("Any", self)
        found = files.load(numbas._index_key(sig, target_context.codegen()))  # noqa: SLF001 - its own
        return None if found is None else numbas._impl.rebuild(target_context, found)  # noqa: SLF001 - its own

    @property
    def index(self) -> Path | None:
        """The file that tells what is cached of the kernel, None where there is none."""
        paths = (Path(files._index_path) for files in (self._kept, *self._brought))  # noqa: SLF001 - its own
        return next(filter(Path.exists, paths), None)

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(OSError, EOFError, UnpicklingError):
            # Numba names a data file in the index before it writes it: left where it is, old code under that
            # name would pass for new when this process is killed in between.
            if not self._kept._load_index():  # noqa: SLF001 - its own
                self._remove_files()
            cast("Any", self)._save_overload(sig, data)  # noqa: SLF001 - its own

    def _remove_files(self) -> None:
        index = Path(self._kept._index_path)  # noqa: SLF001 - its own
        with suppress(OSError):
            for path in (index, *index.parent.glob(f"{index.stem}.*.nbc")):
                path.unlink(missing_ok=True)


def _folders(function: Callable[..., Any]) -> set[str]:
    """Return where code of a function may have been put by who could write there."""
    file = Path(inspect.getfile(function))
    folders = {str(file.parent / "__pycache__")}
    if chosen := cast("Any", config).CACHE_DIR:
        below = cast("Any", caching)._CacheLocator.get_suitable_cache_subpath(file)  # noqa: SLF001 - Numba's rule
        folders.add(str(Path(chosen, below)))
    return folders


def kernel(
    *signatures: str, inline: bool = False, inner: bool = False, lean: bool = False
) -> Callable[[F], F]:
    """Compile a function with Numba at its first call, and remember its signatures for warm-up.

    Parameters
    ----------
    signatures
        Numba signatures, such as ``"void(uint8[:, ::1], int32[:, ::1])"``. All calls must fit one. Calls
        from other kernels with narrower integers are widened to a lone signature, not compiled anew.
    inline
        Hint LLVM to inline the kernel into its callers (``alwaysinline``): for helpers of a few lines.
    inner
        Only kernels call this one, so that it needs no wrapper for Python, and is compiled with its callers.
    lean
        The kernel and those that it calls make no arrays: leave out the counting of references to the
        arrays that they are given, which Numba does around every call even where it is inlined.

    Notes
    -----
    ``nogil`` lets threads run beside a kernel; ``error_model="numpy"`` drops the zero-division checks
    that keep loops from being vectorized; no kernel is called from C, so none has a C wrapper; nothing is
    ``parallel``, because images are spread over processes and Numba's parallel caches are known to crash
    under concurrent starts (numba #4807).
    """

    def decorate(function: F) -> F:
        if cast("Any", config).DISABLE_JIT:
            return function
        options: dict[str, Any] = {"no_cfunc_wrapper": True, "no_cpython_wrapper": inner}
        if lean:
            options["_nrt"] = False
        if inline:
            options["forceinline"] = True
        dispatcher: Any = numba.njit(nogil=True, error_model="numpy", **options)(function)
        if not inner:
            # What ``cache=True`` does, with a cache of our own; what is inner is cached within its callers.
            dispatcher._cache = _Cache(function)  # noqa: SLF001 - Numba has no other way in
            if signatures:
                _registry.setdefault(function.__module__, []).append((dispatcher, signatures))
        if len(signatures) == 1:
            _widen(dispatcher, signatures[0])
        return cast("F", dispatcher)

    return decorate


def registered() -> dict[str, list[tuple[Any, tuple[str, ...]]]]:
    """Return the kernels known so far, by module: (dispatcher, signatures) pairs."""
    return {name: list(kernels) for name, kernels in _registry.items()}


def compile_kernel(known: tuple[Any, tuple[str, ...]]) -> list[Path]:
    """Compile a registered kernel into the cache, or load it from there; return its files in the cache."""
    dispatcher, signatures = known
    for signature in signatures:
        # By the arguments alone, as a call asks the cache: Numba's key is what it is given.
        dispatcher.compile(_arguments(signature))
    index = dispatcher._cache.index  # noqa: SLF001 - ours
    return [] if index is None else [index]


def sealed(dispatcher: F) -> F:
    """Return a kernel whose calls raise TypeError unless all arguments have its signature's very types.

    Numba would compile it anew for other types. A sealed kernel leaves the check to the call itself, which
    looks at the types anyway. It is compiled here, or loaded; where compiling is switched off, types are
    not looked at, and all calls are refused: callers convert the arguments and call the kernel as it is.
    """
    kernel = cast("Any", dispatcher)
    if not hasattr(kernel, "disable_compile"):
        return cast("F", _refuse)
    with _sealing:  # threads may all be the first to call it, and what is sealed compiles nothing any more
        if kernel not in _sealed:
            for signatures in (own for known, own in _registry[kernel.py_func.__module__] if known is kernel):
                for signature in signatures:
                    kernel.compile(_arguments(signature))
            kernel.disable_compile()
            _sealed.add(kernel)
    return dispatcher


def _refuse(*_: Any) -> None:
    raise TypeError("types are not checked where kernels are not compiled")


def _widen(dispatcher: Any, signature: str) -> None:
    """Let calls from kernels that fit a signature but for narrower integers use that signature.

    Else Numba compiles the kernel once for every combination of int32, int64 and literal integers.
    """
    template = dispatcher.get_call_template
    declared: list[Any] = []

    def get_call_template(args: Sequence[Any], kws: Any) -> Any:
        if not declared:
            declared.extend(_arguments(signature))
        fits = not kws and len(args) == len(declared) and all(map(_is_widened, args, declared))
        return template(tuple(declared) if fits else args, kws)

    dispatcher.get_call_template = get_call_template


def _arguments(signature: str) -> tuple[Any, ...]:
    """Return the Numba types of a signature's arguments."""
    return tuple(cast("Any", sigutils).normalize_signature(signature)[0])


def _is_widened(given: Any, declared: Any) -> bool:
    """Tell whether a value of one Numba type becomes the declared type without any change of its meaning."""
    plain = getattr(given, "literal_type", given)
    if plain == declared or not isinstance(declared, types.Integer):
        return bool(plain == declared)
    if isinstance(plain, types.Boolean):
        return True
    narrower = getattr(plain, "bitwidth", 64) < getattr(declared, "bitwidth", 0)
    return isinstance(plain, types.Integer) and narrower and str(declared).startswith("int")
