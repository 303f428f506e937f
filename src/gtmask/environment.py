"""What a report of a fault needs to know: versions, the machine, and the state of the compiled kernels."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, requires, version
from re import match

from gtmask import kernels
from gtmask._version import __version__
from gtmask.machine import cores
from gtmask.numba_internals import fallback_reason

#: What decides about kernels beside what gtmask requires by name.
_MORE = ("llvmlite", "botocore", "aiohttp")


def about() -> dict[str, str]:
    """Tell the versions of everything that gtmask works with, the machine, and the state of its kernels.

    Returns
    -------
    dict of str to str
        By what it is; made to be copied into a report. It names the user's folder of compiled kernels, and
        nothing else of theirs.

    Examples
    --------
    >>> import gtmask
    >>> gtmask.about()["gtmask"] == gtmask.__version__
    True
    """
    names = [found[0] for line in requires("gtmask") or () if (found := match(r"[\w.-]+", line))]
    extras = {"dask", "obstore", "distributed"}
    required = {
        name
        for line, name in zip(requires("gtmask") or (), names, strict=True)
        if "extra ==" not in line or name in extras
    }
    libraries = {name: _version(name) for name in sorted(required | set(_MORE), key=str.lower)}
    ready, count = kernels.ready()
    return {
        "gtmask": __version__,
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}, {platform.libc_ver()[1]}",
        "processor": f"{kernels.processor()}, {cores()} cores for this process",
        **{name: found for name, found in libraries.items() if found},
        "kernels": f"{ready} of {count} modules are compiled, noted in {kernels.notes_folder()}",
        "kernel cache": fallback_reason() or "as fast as it gets",
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
