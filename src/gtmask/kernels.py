"""Which kernels there are, and when they are compiled: before a run, once per machine, by all cores.

Importing this module imports no compiler, so that the processes that compile start at once. A file lock lets
one process per machine see to the compiling while the others wait; it starts one helper per core, and each
helper takes the dearest group of modules that nobody has. What was compiled is noted in a file, so that a
later start looks at that and compiles, loads and locks nothing. Each kernel is then loaded from the cache
when it is called first.
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import os
import platform
import stat
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from gtmask.errors import UsageError
from gtmask.machine import cores
from gtmask.progress import notice
from gtmask.stamps import PACKAGE, source, source_stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: Modules whose kernels call each other stand together: one process compiles them, or two would twice.
Groups = tuple[tuple[str, ...], ...]

#: What most runs call.
_USUAL: Groups = (
    (
        "gtmask.raster.opencv",
        "gtmask.raster.clipping",
        "gtmask.raster.lines",
        "gtmask.raster.rows",
        "gtmask.raster.center",
        "gtmask.raster.arguments",
    ),
    ("gtmask.raster.bitmaps",),
    ("gtmask.raster.runs", "gtmask.raster.extent"),
    ("gtmask.png.dynamic", "gtmask.png.huffman"),
    ("gtmask.png.bits", "gtmask.png.blocks"),
    ("gtmask.png.runs",),
    ("gtmask.png.counts",),
    ("gtmask.formats.reading.rings",),
    ("gtmask.formats.doubled",),
)

#: What reads JSON documents of any size; a reader compiles these when it opens one.
_READERS: Groups = (
    (
        "gtmask.formats.jsonstream.kernels",
        "gtmask.formats.jsonstream.tokens",
        "gtmask.formats.jsonstream.ids",
        "gtmask.formats.jsonstream.texts",
        "gtmask.formats.coco.plain",
    ),
    ("gtmask.formats.jsonstream.joins",),
    ("gtmask.formats.reading.rle",),
)

#: What looks at Label Studio's tasks and reads its brush strokes; its reader compiles this when it opens an
#: export.
_BRUSHES: Groups = (("gtmask.formats.label_studio.brush",), ("gtmask.formats.label_studio.marks",))

#: What reads ready-made masks; their reader compiles this when it opens an export.
_MASKS: Groups = (("gtmask.png.unfilter", "gtmask.png.tally"), ("gtmask.png.lookup",))

#: What reads images of 16 bits and very large ones in strips; ``prepare`` compiles this.
_STRIPS: Groups = (("gtmask.png.filtered",),)

#: What only ``--fill source``, strokes and circles call for; see :mod:`gtmask.raster`.
_SOURCE_RULES: Groups = (
    ("gtmask.raster.coco",),
    ("gtmask.raster.pillow", "gtmask.raster.pillow_ellipse"),
    ("gtmask.raster.skimage",),
    ("gtmask.raster.touched",),
    ("gtmask.raster.strokes",),
)

#: What looks at the pixels of finished masks: ``validate``, ``pilot``, ``preview``, a job's answer.
_CHECKERS: Groups = (_MASKS[0], ("gtmask.groundtruth.confusion_matrix", "gtmask.answers.components"))

_GROUPS = _USUAL + _READERS + _BRUSHES + _MASKS + _STRIPS + _SOURCE_RULES + _CHECKERS[1:]

KERNEL_MODULES = tuple(chain.from_iterable(_USUAL))
READER_MODULES = tuple(chain.from_iterable(_READERS))
BRUSH_MODULES = tuple(chain.from_iterable(_BRUSHES))
MASK_MODULES = tuple(chain.from_iterable(_MASKS))
STRIP_MODULES = tuple(chain.from_iterable(_STRIPS))
SOURCE_RULE_MODULES = tuple(chain.from_iterable(_SOURCE_RULES))
CHECKER_MODULES = tuple(chain.from_iterable(_CHECKERS))
ALL_MODULES = tuple(chain.from_iterable(_GROUPS))

#: From this many modules on, helper processes compile them: each takes half a second to start.
WORTH_HELPERS = 5
#: A helper takes some 200 MB of memory, and the dearest group takes a third of the time of all.
MOST_HELPERS = 4

HELPER_CODE = """
import gc, sys
sys.path.insert(0, sys.argv[1])
from gtmask import kernels, light, spawn
light.travel_light()
gc.disable()
spawn.end_with_parent(0)
kernels.help_compiling(sys.argv[2], sys.argv[3:])
"""


def warmup(*, every: bool = False) -> int:
    """Compile the kernels that runs call, and keep them on disk for later starts.

    Parameters
    ----------
    every
        Also those that only ``validate``, ``--fill source``, strokes and Label Studio's brush call.

    Returns
    -------
    int
        How many kernels are ready.

    Examples
    --------
    >>> import gtmask
    >>> gtmask.warmup() > 0
    True
    """
    return compile_kernels(ALL_MODULES if every else KERNEL_MODULES + READER_MODULES)


def compile_kernels(modules: Iterable[str] = ALL_MODULES) -> int:
    """See to it that the on-disk cache has the kernels of these modules.

    Returns how many kernels are ready.

    Notes
    -----
    What helper processes do not get done, for whatever reason, is compiled here.
    """
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0" or not PACKAGE.is_dir():
        return 0  # nothing is compiled, or the package is inside an archive: then each process for itself
    names = tuple(modules)
    notes = notes_folder()
    found = [_noted(notes, name) for name in names]
    if None in found:
        notice("compiling kernels (once per machine)")
        with _machine_lock():
            missing = [name for name in names if _noted(notes, name) is None]
            if len(missing) >= WORTH_HELPERS and cores() > 1 and sys.executable and not _frozen():
                with suppress(OSError):
                    _have_compiled(notes, _grouped(missing))
            _compile_modules(notes, [name for name in missing if _noted(notes, name) is None])
        found = [_noted(notes, name) for name in names]
    return sum(count or 0 for count in found)


def help_compiling(claims: str, groups: Sequence[str]) -> None:
    """Compile one group of modules after the other, but those that another helper has claimed.

    - ``claims``: a folder among the notes, in which helpers claim groups by making folders: one of them
      succeeds.
    - ``groups``: names of modules, joined by commas.
    """
    for group in groups:
        try:
            Path(claims, group.partition(",")[0]).mkdir()
        except FileExistsError:
            continue
        _compile_modules(Path(claims).parent, group.split(","))


def _have_compiled(notes: Path, groups: Sequence[Sequence[str]]) -> None:
    """Have helper processes compile groups of modules; wait for them, and kill them if this ends early."""
    notes.mkdir(parents=True, exist_ok=True)
    package = str(PACKAGE.parent)
    joined = [",".join(group) for group in groups]
    with tempfile.TemporaryDirectory(prefix="claims-", dir=notes) as claims:
        command = [sys.executable, "-c", HELPER_CODE, package, claims, *joined]
        count = min(cores(), len(groups), MOST_HELPERS)
        with _processes(command, count) as helpers:
            for helper in helpers:
                helper.wait()


@contextmanager
def _processes(command: Sequence[str], count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start a command some times over, and leave none of them running."""
    nothing = subprocess.DEVNULL
    started: list[subprocess.Popen[bytes]] = []
    try:
        with suppress(OSError):  # then this process does all the work
            while len(started) < count:
                # Our own interpreter, and the names of our own modules.
                # Nothing is ever written to the pipe; it ends when this process does.
                pipe = subprocess.PIPE
                helper = subprocess.Popen(command, stdin=pipe, stdout=nothing, stderr=nothing)  # noqa: S603
                started.append(helper)
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def _grouped(names: Sequence[str]) -> list[list[str]]:
    """Return modules in their groups, the dearest first, for which their source's size must stand."""
    groups = [[name for name in group if name in names] for group in _GROUPS]
    return sorted(filter(None, groups), key=lambda group: -sum(map(_size, group)))


def _size(name: str) -> int:
    return source(name).stat().st_size


def _compile_modules(notes: Path, names: Iterable[str]) -> None:
    """Compile the kernels of modules into the cache, or load them from it, and note that.

    Without Python's garbage collector, which takes a seventh of the compiler's time.
    """
    from gtmask import jit  # noqa: PLC0415 - imports the compiler

    collecting = gc.isenabled()
    gc.disable()
    try:
        for name in names:
            importlib.import_module(name)
            cached = sorted(chain.from_iterable(map(jit.compile_kernel, jit.registered().get(name, ()))))
            with suppress(OSError):  # not noted: the next start looks into the cache itself
                _write_note(_note(notes, name), cached)
    finally:
        if collecting:
            gc.enable()


def _write_note(note: Path, cached: Iterable[Path]) -> None:
    note.parent.mkdir(parents=True, exist_ok=True)
    written = note.with_name(f"{note.name}.{os.getpid()}")
    written.write_text("\n".join(map(str, cached)), "utf-8")
    written.replace(note)


def _note(notes: Path, name: str) -> Path:
    """Return the file that tells which kernels of a module are cached, for just its present source."""
    return notes / f"{name}-{source_stamp(name)[:16]}"


def _noted(notes: Path, name: str) -> int | None:
    """Return how many kernels of a module were noted as cached, None if not all of them are there."""
    try:
        cached = _note(notes, name).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return len(cached) if all(map(os.path.exists, cached)) else None


def ready() -> tuple[int, int]:
    """Return of how many modules every kernel is compiled, and how many modules have kernels."""
    notes = notes_folder()
    return sum(_noted(notes, name) is not None for name in ALL_MODULES), len(ALL_MODULES)


def processor() -> str:
    """Return the processor that kernels are compiled for."""
    import llvmlite.binding  # noqa: PLC0415 - as below

    return os.environ.get("NUMBA_CPU_NAME") or str(llvmlite.binding.get_host_cpu_name())


def notes_folder() -> Path:
    """Return where is noted which modules are cached, for just this compiler, its flags and the processor."""
    key = [*_compiler(), platform.python_version(), str(PACKAGE)]
    # Code for a processor that was named (an image's, for any host) does not depend on this machine's.
    name = os.environ.get("NUMBA_CPU_NAME")
    if name is None or not (name.lower() == "generic" or "NUMBA_CPU_FEATURES" in os.environ):
        key += _host()
    key += sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith("NUMBA_"))
    digest = hashlib.sha256("\n".join(key).encode()).hexdigest()[:16]
    return _shared_folder() / digest


@cache  # every export that is opened asks
def _compiler() -> tuple[str, ...]:
    """Return the versions of what compiles: of what is not imported, from its files, in milliseconds."""
    return _version("numba"), _version("llvmlite")


def _version(name: str) -> str:
    if name in sys.modules:
        return str(sys.modules[name].__version__)
    from importlib.metadata import version  # noqa: PLC0415 - takes longer than to look at what is imported

    return version(name)


@cache
def _host() -> tuple[str, str]:
    """Return the name and the features of this machine's processor."""
    import llvmlite.binding  # noqa: PLC0415 - loads LLVM: not for those who ask for the names above

    return llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten()


@contextmanager
def _machine_lock() -> Iterator[None]:
    """Keep two processes of this user from compiling at the same time, where files can be locked."""
    from filelock import FileLock  # noqa: PLC0415 - a warm start locks nothing

    with ExitStack() as held:
        # Without a lock, as on some network file systems, both compile, and either result is right.
        with suppress(OSError, NotImplementedError):
            held.enter_context(FileLock(_shared_folder() / "lock"))
        yield


def _shared_folder() -> Path:
    """Return the folder in which all processes of this user find the lock and the notes."""
    for parent in _parents():
        folder = Path(parent, f"gtmask-kernels-{os.getuid()}")
        # An image may bring a cache that only its maker can write: Numba then writes elsewhere, and so do we.
        with suppress(OSError):
            Path(parent).mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            if _is_private(folder) and os.access(folder, os.W_OK):
                return folder
    return Path(_process_folder().name)


def _parents() -> Iterator[str]:
    """Yield in which folders to look for the shared one."""
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        yield chosen
    try:
        temporary = tempfile.gettempdir()
    except FileNotFoundError as error:
        raise UsageError(
            "No folder for temporary files can be written: set TMPDIR or NUMBA_CACHE_DIR to one."
        ) from error
    yield temporary


def _is_private(folder: Path) -> bool:
    """Tell whether a folder is this user's own: anybody could have left one, or a link, under its name."""
    state = folder.lstat()
    mine = state.st_uid == os.getuid() and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(state.st_mode) and mine


@cache
def _process_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for this process and its helpers, where the shared one's name is taken."""
    return tempfile.TemporaryDirectory(prefix="gtmask-kernels-")


def _frozen() -> bool:
    """Tell whether this interpreter is part of an application, and starts that instead of our code."""
    return bool(getattr(sys, "frozen", False))
