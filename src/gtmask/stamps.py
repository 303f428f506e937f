"""When machine code is out of date: as soon as anything that was compiled into it has changed.

A kernel's code holds what it calls and the constants that it uses, wherever they come from. Numba looks at
the kernel's own file alone, and would go on with old code where an update changed only another one.
"""

from __future__ import annotations

import hashlib
import os
import pkgutil
import re
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent

#: Sources that were changed since then may not be those that this process has imported.
_BEGUN = time.time()

#: Begins with plain letters, which are found ten times as fast as a line with blanks in front of them.
_IMPORT = re.compile(r"from (gtmask[.\w]*) import (\([^)]*\)|.*)")


@cache
def source_stamp(name: str) -> str:
    """Return a digest of a module's source and of all that it imports from this package, directly or not."""
    digest = hashlib.sha256()
    for each in _sources(name):
        digest.update(f"{each}\0{_text(each)}\0".encode())
    return digest.hexdigest()


def running_stamp(name: str) -> str:
    """Return the stamp of code that this process compiles now.

    Where one of the sources was changed since the process began, it may run what they were before: then the
    stamp is nobody else's.
    """
    stamp = source_stamp(name)
    # Texts that were read before this look count from then on, whatever becomes of their files.
    changed = any(_changed(source(each)) > _BEGUN for each in _sources(name))
    return os.urandom(16).hex() if changed else stamp


def _sources(name: str) -> list[str]:
    """Return a module and all that it imports from this package, directly or not, sorted."""
    known = {name}
    waiting = [name]
    while waiting:
        for found in _imports(waiting.pop()) - known:
            known.add(found)
            waiting.append(found)
    return sorted(known)


def source(name: str) -> Path:
    """Return the file of a module or package of this package, without importing anything."""
    return _file(PACKAGE, name)


@cache
def _file(package: Path, name: str) -> Path:
    place = package.joinpath(*name.split(".")[1:])
    inside = place / "__init__.py"
    return inside if inside.is_file() else place.with_suffix(".py")


@cache
def _changed(file: Path) -> float:
    """Return when a module's source was written last; long ago where it is no file."""
    try:
        return file.stat().st_ctime
    except OSError:
        return 0.0


@cache
def _imports(name: str) -> frozenset[str]:
    """Return the modules of this package that a module imports from."""
    found: set[str] = set()
    text = _text(name)
    for match in _IMPORT.finditer(text):
        module, names = match.groups()
        if text[text.rfind("\n", 0, match.start()) + 1 : match.start()].strip():
            continue  # in a sentence or an example
        found.add(module)
        if source(module).name == "__init__.py" or not PACKAGE.is_dir():
            found.update(f"{module}.{each}" for each in re.findall(r"\w+", names))
    # The library's face names all of it, and nothing of it is compiled in.
    return frozenset(each for each in found if each != "gtmask" and _text(each))


@cache
def _text(name: str) -> str:
    """Return a module's source, also from inside an archive; nothing for what is no module."""
    try:
        if PACKAGE.is_dir():
            return source(name).read_text("utf-8")
    except OSError:
        return ""
    place = "/".join(name.split(".")[1:])
    for file in (f"{place}.py", f"{place}/__init__.py".lstrip("/")):
        with suppress(OSError):
            return (pkgutil.get_data("gtmask", file) or b"").decode("utf-8")
    return ""
