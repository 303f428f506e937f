"""What gtmask uses of Numba's insides: each name stands in :mod:`gtmask.numba_names`, and none is needed.

Numba documents nothing but the decorator and ``cache=True``, whose cache makes each process ready to compile
before it looks into it (0.3 seconds), and does not see that a kernel is out of date where only what it calls
has changed. With those names, a process starts sooner and kernels are compiled in a fraction of the time.
Where a name is missing, or with a Numba that gtmask was not tested with, :func:`fallback_reason` says so, and
kernels are compiled as the documentation has it: the same masks, later.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from contextlib import contextmanager, suppress
from functools import cache, cached_property
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

from gtmask.errors import UsageError
from gtmask.light import importing_numba
from gtmask.numba_names import (
    CACHE,
    CACHE_ATTRIBUTES,
    FILE_ATTRIBUTES,
    FILES,
    LIBRARY,
    NAMES,
    RUNTIME,
    TESTED,
)

# What it has for classes, for its extensions, and to draw a function's blocks, is needed to compile at most.
with importing_numba("numba.experimental", "numba.core.entrypoints", "html"):
    numba: Any = importlib.import_module("numba")
    from llvmlite.binding import parse_bitcode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@cache
def fallback_reason() -> str | None:
    """Return why kernels are compiled without Numba's insides, None where all of them are as expected.

    Examples
    --------
    >>> import gtmask
    >>> print(gtmask.fallback_reason())
    None
    """
    low, high = (".".join(map(str, version)) for version in TESTED)
    if not TESTED[0] <= _release() < TESTED[1]:
        return f"gtmask was tested with Numba from {low} to before {high}, and this is {numba.__version__}"
    for name in NAMES:
        if _missing(name):
            return f"Numba {numba.__version__} has no {name}"
    try:
        made = attribute(CACHE)(fallback_reason.__wrapped__)
    except RuntimeError:  # no folder can be written: told where a kernel's cache is made
        return None
    except Exception as error:  # what these classes raise in other versions of Numba is not known here
        return f"Numba {numba.__version__} makes no cache ({error})"
    for name, owner in [(name, made) for name in CACHE_ATTRIBUTES] + [
        (name, getattr(made, "_cache_file", None)) for name in FILE_ATTRIBUTES
    ]:
        if not hasattr(owner, name):
            return f"Numba {numba.__version__} has no {name} in its cache"
    return None


def options(*, inline: bool, inner: bool, arrays: bool) -> dict[str, bool]:
    """Return the undocumented options of the decorator for a kernel; see :func:`gtmask.jit.kernel`."""
    chosen = {"no_cfunc_wrapper": True, "no_cpython_wrapper": inner, "_nrt": arrays}
    return chosen | ({"forceinline": True} if inline else {})


class KernelCache:
    """Numba's cache of one kernel, which loads machine code without first making ready to compile.

    Code from the cache needs just the runtime; the compiler sees to its own needs.

    The cache is a help and no need: files in it that are damaged, as a machine's crash or a full disk leaves
    them, are made anew, and where they cannot be written, each process compiles for itself. Numba passes over
    folders that it cannot write; what a container's image brings in them is taken all the same.
    """

    def __init__(self, function: Callable[..., Any], stamp: Callable[[], str]) -> None:
        self._function, self._stamp = function, stamp

    # All of it is made when the kernel is loaded: a run declares many kernels and calls few of them.

    @cached_property
    def _numbas(self) -> Any:
        try:
            return attribute(CACHE)(self._function)
        except RuntimeError as error:
            raise UsageError(
                "Compiled code can be kept neither beside gtmask nor in the home folder: set NUMBA_CACHE_DIR "
                "to a folder that can be written."
            ) from error

    @property
    def cache_path(self) -> str:
        """Where code is kept."""
        path: str = self._numbas.cache_path
        return path

    @cached_property
    def _kept(self) -> Any:
        kept = self._numbas._cache_file
        kept._source_stamp = (kept._source_stamp, self._stamp())
        return kept

    @cached_property
    def _brought(self) -> list[Any]:
        base: str = self._numbas._impl.filename_base
        others = {folder for folder in _folders(self._function) if not os.access(folder, os.W_OK)}
        files = attribute(FILES)
        stamps = self._kept._source_stamp
        return [files(folder, base, stamps) for folder in sorted(others - {self.cache_path})]

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the code for a signature, None where there is none."""
        _begin_runtime(target_context)
        for files in self._files():
            try:
                with _bare_environments():
                    found = files.load(self._numbas._index_key(sig, target_context.codegen()))
                if found is not None:
                    with libraries(target_context.codegen(), _loaded_library()):
                        return self._numbas._impl.rebuild(target_context, found)
            except Exception:  # unpickling a damaged file may raise anything
                if files is self._kept:
                    self.flush()
        return None

    def _files(self) -> Iterator[Any]:
        """Yield what code may be in; where that is which we write, nobody looks for others."""
        yield self._kept
        yield from self._brought

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the code for a signature."""
        self._keep(self._numbas._save_overload, sig, data)

    def load(self, key: Any) -> Any:
        """Return what was kept under a key of the caller's own, None where there is nothing."""
        for files in self._files():
            try:
                if (found := files.load(key)) is not None:
                    return found
            except Exception:  # as above
                if files is self._kept:
                    self.flush()
        return None

    def save(self, key: Any, data: Any) -> None:
        """Keep something under a key of the caller's own."""
        self._keep(self._kept.save, key, data)

    def _keep(self, save: Callable[[Any, Any], object], key: Any, data: Any) -> None:
        """Keep something, where files can be written."""
        with suppress(OSError, EOFError, UnpicklingError):
            # Numba names a data file in the index before it writes it: left where it is, old code under that
            # name would pass for new when this process is killed in between.
            if not self._kept._load_index():
                self.flush()
            save(key, data)

    def flush(self) -> None:
        """Remove the kernel's files."""
        index = Path(self._kept._index_path)
        with suppress(OSError):
            for path in (index, *index.parent.glob(f"{index.stem}.*.nbc")):
                path.unlink(missing_ok=True)

    @property
    def index(self) -> Path | None:
        """The file that tells what is cached of the kernel, None where there is none."""
        paths = (Path(files._index_path) for files in self._files())
        return next(filter(Path.exists, paths), None)


def _begin_runtime(context: Any) -> None:
    """Make Numba's runtime ready, which takes as long as reading ten kernels where it has to be compiled."""
    module = attribute(RUNTIME)
    before = module.compile_nrt_functions
    module.compile_nrt_functions = _runtime
    try:
        attribute("numba.core.runtime.nrt.rtsys").initialize(context)
    finally:
        module.compile_nrt_functions = before


def _runtime(context: Any) -> Any:
    """Return the runtime's library: from the cache, else compiled as Numba does it, and then kept."""
    codegen = context.codegen()
    cache = KernelCache(_runtime, lambda: numba.__version__)
    key = codegen.magic_tuple()
    with suppress(Exception):  # a damaged file
        if (found := cache.load(key)) is not None:
            with libraries(codegen, _loaded_library()):
                return codegen.unserialize_library(found)
    code, library = attribute(RUNTIME).create_nrt_module(context)
    library.enable_object_caching()
    library.add_ir_module(code)
    library.finalize()
    cache.save(key, library.serialize_using_object_code())
    return library


@contextmanager
def libraries(codegen: Any, kind: Any) -> Iterator[None]:
    """Have Numba hold code of functions in a class of ours; whoever calls this has the compiler's lock."""
    before = vars(codegen).get("_library_class")
    codegen._library_class = kind
    try:
        yield
    finally:
        if before is None:
            del codegen._library_class
        else:
            codegen._library_class = before


@cache
def _loaded_library() -> Any:
    """Return Numba's class for the code of a function, except that it does not look into what it is given.

    Beside machine code the cache has LLVM code, for who compiles other code with this in it. Reading that and
    listing what it defines takes longer than all else when a kernel is loaded to be called.
    """

    class Loaded(attribute(LIBRARY)):  # type: ignore[misc]
        _shared_module: Any

        @classmethod
        def _unserialize(cls, codegen: Any, state: tuple[str, str, tuple[bytes, bytes]]) -> Any:
            name, _, (machine_code, llvm_code) = state
            library = codegen.create_library(name)
            library.machine_code, library.llvm_code = machine_code, llvm_code
            library.enable_object_caching()
            library._set_compiled_object(machine_code)
            library._finalize_final_module()
            return library

        def _get_module_for_linking(self) -> Any:
            if self._shared_module is None:
                self._shared_module = parse_bitcode(self.llvm_code)
                self._codegen._engine._load_defined_symbols(self._shared_module)
            return self._shared_module

        def get_pointer_to_function(self, name: str) -> int:
            # LLVM ends the process where it is asked for what is nowhere.
            known = name.encode() in self.machine_code
            return int(self._codegen._engine.get_function_address(name)) if known else 0

    return Loaded


@contextmanager
def _bare_environments() -> Iterator[None]:
    """Let code be read without importing the modules in which functions of Numba stand that it was made of.

    What such a module holds is asked for by code in object mode alone, and no kernel of ours has any.
    Importing the one that knows arrays takes as long as reading ten kernels.
    """
    module = attribute("numba.core.environment")
    before = module._rebuild_env

    def rebuild(name: str, consts: list[Any], env_name: str) -> Any:
        known = name in sys.modules or module.lookup_environment(env_name) is not None
        return before(name if known else __name__, consts, env_name)

    module._rebuild_env = rebuild
    try:
        yield
    finally:
        module._rebuild_env = before


def use_cache(dispatcher: Any, function: Callable[..., Any], stamp: Callable[[], str]) -> None:
    """Give a kernel its cache; code with another stamp than is returned is out of date."""
    dispatcher._cache = KernelCache(function, stamp)


def index_of(dispatcher: Any) -> Path | None:
    """Return the file that tells what is cached of a kernel, None where there is none."""
    cache: KernelCache = dispatcher._cache
    return cache.index


def _folders(function: Callable[..., Any]) -> Iterator[str]:
    """Yield where code of a function may have been put by who could write there."""
    file = Path(inspect.getfile(function))
    yield str(file.parent / "__pycache__")
    if chosen := numba.config.CACHE_DIR:
        below = attribute("numba.core.caching._CacheLocator").get_suitable_cache_subpath(file)
        yield str(Path(chosen, below))


def _release() -> tuple[int, ...]:
    return tuple(int(number) for number in numba.__version__.split(".")[:2] if number.isdigit())


def _missing(name: str) -> bool:
    try:
        attribute(name)
    except (ImportError, AttributeError):
        return True
    return False


@cache
def attribute(name: str) -> Any:
    """Return what a name stands for: a module of Numba's, and attributes below it."""
    module, rest = name, list[str]()
    while True:
        try:
            found: Any = importlib.import_module(module)
            break
        except ModuleNotFoundError:
            module, _, last = module.rpartition(".")
            if not module:
                raise
            rest.insert(0, last)
    for attribute in rest:
        found = getattr(found, attribute)
    return found
