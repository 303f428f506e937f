"""How kernels are compiled: one decorator, one registry, one lock.

A kernel is a function on flat arrays and scalars that Numba compiles to machine code. This module
decides the compiler's options and *when* the compiler runs:

- importing a kernel module compiles nothing: a process pays only for the kernels it calls;
- every kernel names the signatures it is called with, so that :func:`compile_kernels` can compile
  and cache all of them before any worker process starts;
- a file lock lets one process per machine compile while the others wait;
- what was compiled is noted in a file, so that a later start looks at that and compiles, loads and locks
  nothing. Each kernel is then loaded from the cache when it is called first.
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import os
import platform
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import llvmlite.binding
import numba
from filelock import FileLock
from numba.core import config, sigutils, types

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

F = TypeVar("F", bound="Callable[..., Any]")

#: Modules that hold the kernels most runs call. Neighbours share helpers: see :func:`_split`.
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

#: From this many modules on, a second process compiles half of them.
WORTH_A_HELPER = 5

HELPER_CODE = """
import sys
sys.path.insert(0, sys.argv[1])
from gtmask import jit
jit._compile_modules(sys.argv[2:])
"""

_registry: dict[str, list[tuple[Any, tuple[str, ...]]]] = {}


def kernel(*signatures: str, inline: bool = False, inner: bool = False) -> Callable[[F], F]:
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

    Notes
    -----
    ``nogil`` lets threads run beside a kernel; ``error_model="numpy"`` drops the zero-division checks
    that keep loops from being vectorized; no kernel is called from C, so none has a C wrapper; nothing is
    ``parallel``, because images are spread over processes and Numba's parallel caches are known to crash
    under concurrent starts (numba #4807).
    """

    def decorate(function: F) -> F:
        options: dict[str, Any] = {"no_cfunc_wrapper": True, "no_cpython_wrapper": inner}
        if inline:
            options["forceinline"] = True
        dispatcher = numba.njit(cache=True, nogil=True, error_model="numpy", **options)(function)
        if signatures and not inner:
            _registry.setdefault(function.__module__, []).append((dispatcher, signatures))
        if len(signatures) == 1 and hasattr(dispatcher, "get_call_template"):
            _widen(dispatcher, signatures[0])
        return cast("F", dispatcher)

    return decorate


def sealed(dispatcher: F) -> F:
    """Return a kernel whose calls raise TypeError unless all arguments have its signature's very types.

    Numba would compile it anew for other types. A sealed kernel leaves the check to the call itself, which
    looks at the types anyway. It is compiled here, or loaded; where compiling is switched off, types are
    not looked at, and all calls are refused: callers convert the arguments and call the kernel as it is.
    """
    kernel = cast("Any", dispatcher)
    if not hasattr(kernel, "disable_compile"):
        return cast("F", _refuse)
    for signatures in (own for known, own in _registry[kernel.py_func.__module__] if known is kernel):
        for signature in signatures:
            kernel.compile(_arguments(signature))
    kernel.disable_compile()
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


def compile_kernels(modules: Iterable[str] | None = None) -> int:
    """See to it that the on-disk cache has the kernels of these modules.

    Parameters
    ----------
    modules
        Names of modules; all of :data:`KERNEL_MODULES`, :data:`SOURCE_RULE_MODULES` and
        :data:`READER_MODULES` by default.

    Returns
    -------
    int
        How many kernels are ready.

    Notes
    -----
    Where many modules lack, a helper process compiles half of them; what it does not get done, for
    whatever reason, is compiled here.
    """
    if cast("Any", config).DISABLE_JIT:
        return 0
    names = KERNEL_MODULES + SOURCE_RULE_MODULES + READER_MODULES if modules is None else tuple(modules)
    notes = _notes_folder()
    if any(_noted(notes, name) is None for name in names):
        with _machine_lock():
            missing = [name for name in names if _noted(notes, name) is None]
            own, others = _split(missing)
            with _helper(others):
                _compile_modules(own)
            _compile_modules([name for name in others if _noted(notes, name) is None])
    return sum(_noted(notes, name) or 0 for name in names)


def registered() -> dict[str, list[tuple[Any, tuple[str, ...]]]]:
    """Return the kernels known so far, by module: (dispatcher, signatures) pairs."""
    return {name: list(kernels) for name, kernels in _registry.items()}


def _compile_modules(names: Iterable[str]) -> None:
    """Compile the kernels of modules into the cache, or load them from it, and note that.

    Without Python's garbage collector, which takes a seventh of the compiler's time.
    """
    notes = _notes_folder()
    notes.mkdir(parents=True, exist_ok=True)
    collecting = gc.isenabled()
    gc.disable()
    try:
        for name in names:
            importlib.import_module(name)
            cached: set[Path] = set()
            for dispatcher, signatures in _registry.get(name, ()):
                for signature in signatures:
                    # By the arguments alone, as a call asks the cache: Numba's key is what it is given.
                    dispatcher.compile(_arguments(signature))
                folder = Path(dispatcher.stats.cache_path)
                code = dispatcher.py_func.__code__
                stem = f"{_source(name).stem}.{code.co_qualname}-{code.co_firstlineno}."
                cached.update(path for path in folder.glob("*.nbi") if path.name.startswith(stem))
            note = notes / f"{name}.{os.getpid()}"
            note.write_text("\n".join(map(str, sorted(cached))), "utf-8")
            note.replace(notes / name)
    finally:
        if collecting:
            gc.enable()


def _noted(notes: Path, name: str) -> int | None:
    """Return how many kernels of a module were noted as cached, None if not all of them are there."""
    try:
        cached = (notes / name).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return None
    return len(cached) if all(map(os.path.exists, cached)) else None


def _split(names: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Split modules in two neighbouring halves of like cost, for which their source's size must stand."""
    if len(names) < WORTH_A_HELPER or (os.cpu_count() or 1) < 2 or getattr(sys, "frozen", False):
        return names, ()
    sizes = [_source(name).stat().st_size for name in names]
    middle = min(range(len(names)), key=lambda i: abs(sum(sizes[:i]) - sum(sizes[i:])))
    return names[:middle], names[middle:]


@contextmanager
def _helper(names: Sequence[str]) -> Iterator[None]:
    """Have another process compile these modules; wait for it at the end, and kill it if that is early."""
    if not names:
        yield
        return
    package = Path(__file__).parent.parent
    process = subprocess.Popen(  # noqa: S603 - our own interpreter, and the names of our own modules
        [sys.executable, "-c", HELPER_CODE, str(package), *names],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
        process.wait()
    finally:
        process.kill()
        process.wait()


def _source(name: str) -> Path:
    """Return the file of a module of this package, without importing anything."""
    return Path(__file__).parent.joinpath(*name.split(".")[1:]).with_suffix(".py")


def _notes_folder() -> Path:
    """Return where is noted which modules are cached, for just these sources, compiler, flags and CPU."""
    key = [numba.__version__, llvmlite.__version__, platform.python_version(), str(Path(__file__).parent)]
    key += [llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten()]
    key += sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith("NUMBA_"))
    for name in KERNEL_MODULES + SOURCE_RULE_MODULES + READER_MODULES:
        status = _source(name).stat()
        key.append(f"{name} {status.st_mtime_ns} {status.st_size}")
    digest = hashlib.sha256("\n".join(key).encode()).hexdigest()[:16]
    return _shared_folder() / f"gtmask-kernels-{_owner()}-{digest}"


def _machine_lock() -> FileLock:
    """Return the lock that keeps two processes of this user from compiling at the same time."""
    folder = _shared_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"gtmask-kernels-{_owner()}.lock")


def _shared_folder() -> Path:
    """Return the folder in which all processes of this user find the lock and the notes."""
    return Path(os.environ.get("NUMBA_CACHE_DIR") or tempfile.gettempdir())


def _owner() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0
