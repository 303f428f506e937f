"""Without any name that Numba does not document gtmask works by what it documents, and says so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import numba
import pytest

from gtmask import numba_compiling, numba_internals, numba_names
from gtmask.jit import kernel, signature_types
from gtmask.stamps import source_stamp

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Hides a name from gtmask before that is imported, as if Numba had another one for it; paints, and tells the
#: mask and the version.
WITHOUT = """
import importlib, sys, types
import numba, numba.core.caching, numba.core.cpu, numba.core.dispatcher, numba.core.runtime.nrt

class Hidden:
    def __init__(self, owner, name):
        self.name = name
        self.found = next((vars(each)[name] for each in owner.__mro__ if name in vars(each)), None)
        setattr(owner, name, self)
    def __get__(self, owner, kind=None):
        # Not from the calls of kernels, in which Numba's own C code asks.
        if sys._getframe(1).f_globals["__name__"].startswith("gtmask.numba_"):
            raise AttributeError(self.name)
        if owner is not None and self.name in vars(owner):
            return vars(owner)[self.name]
        return self.found.__get__(owner, kind) if hasattr(self.found, "__get__") else self.found
    def __set__(self, owner, value):
        vars(owner)[self.name] = value

kind, name = sys.argv[1:3]
if kind == "name":
    *path, last = name.split(".")
    depth = next(i for i in range(len(path), 0, -1) if ".".join(path[:i]) in sys.modules)
    owner = sys.modules[".".join(path[:depth])]
    for part in path[depth:]:
        owner = getattr(owner, part)
    if isinstance(owner, types.ModuleType):
        owner.__class__ = type("Module", (types.ModuleType,), {})
    Hidden(owner if isinstance(owner, type) else type(owner), last)
elif kind == "cache":
    Hidden(numba.core.caching.FunctionCache, name)
elif kind == "file":
    Hidden(numba.core.caching.IndexDataCacheFile, name)
elif kind == "version":
    numba.__version__ = name

import numpy as np
from gtmask.numba_internals import fallback_reason
from gtmask import kernels
if kind != "none":
    assert fallback_reason(), "nobody noticed"
kernels.compile_kernels(["gtmask.png.counts"])
from gtmask.png.counts import count_values
from gtmask.raster.bitmaps import paint_bitmap
mask = np.zeros((9, 70), np.uint8)
paint_bitmap(mask, np.eye(7, dtype=np.uint8), 60, 3, 5)
print(mask.tobytes().hex(), count_values(mask).tolist())
from gtmask.png import counts
print(sum(counts.count_pixels.stats.cache_hits.values()), file=sys.stderr)
sys.argv = ["gtmask", "--version"]
from gtmask.cli import main
main()
"""


#: Modules that look into Numba.
INSIDERS = {"numba_internals.py", "numba_compiling.py", "numba_lowering.py"}


def run(kind: str, name: str, cache: Path) -> tuple[list[str], int]:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, kind, name],
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), int(done.stderr)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one cache for all that do without something: they work alike, by what Numba documents."""
    return tmp_path_factory.mktemp("plain")


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> str:
    said, _ = run("none", "", tmp_path_factory.mktemp("cache"))
    assert len(said) == 2, "nothing is said where nothing is missing"
    return said[0]


CASES = [
    *(("name", name) for name in numba_names.NAMES),
    *(("cache", name) for name in numba_names.CACHE_ATTRIBUTES),
    *(("file", name) for name in numba_names.FILE_ATTRIBUTES),
    ("version", "0.60.9"),
    ("version", "0.69.0"),
    ("version", "1.0.0rc1"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), CASES)
def test_without_it_masks_are_the_same_and_the_version_says_so(
    kind: str, name: str, painted: str, cache: Path
) -> None:
    said, _ = run(kind, name, cache)
    assert said[0] == painted
    assert said[1].startswith("gtmask ")
    assert "more slowly" in said[2]
    assert name in said[2]


@pytest.mark.slow
def test_the_plain_cache_is_used_and_of_the_present_source_alone(painted: str, tmp_path: Path) -> None:
    assert run("version", "0.69.0", tmp_path)[1] == 0
    said, hits = run("version", "0.69.0", tmp_path)
    assert (said[0], hits) == (painted, 1)
    (index,) = tmp_path.rglob("counts.count_pixels-*.nbi")
    assert source_stamp("gtmask.png.counts")[:16] in index.parts


#: Compiles a kernel into another function; tells what both count, and whether the kernel was cached.
LINKING = """
import numba, numpy as np
from gtmask.png.counts import count_pixels
counts = np.zeros(256, np.int64)
count_pixels(np.full(70, 3, np.uint8), counts)

@numba.njit
def twice(pixels, counts):
    count_pixels(pixels, counts)
    count_pixels(pixels, counts)

twice(np.full(70, 5, np.uint8), counts)
print(counts[3], counts[5], sum(count_pixels.stats.cache_hits.values()))
"""


@pytest.mark.slow
def test_a_kernel_from_the_cache_can_be_compiled_into_other_code(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", LINKING]
    said = [subprocess.check_output(command, env=environment, text=True) for _ in range(2)]
    assert said == ["70 140 0\n", "70 140 1\n"]


def test_the_versions_are_those_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    (numba_range,) = (each for each in project["dependencies"] if re.match(r"numba\b", each))
    low, high = (".".join(map(str, version)) for version in numba_names.TESTED)
    assert numba_range == f"numba>={low},<{high}"
    assert numba_internals.fallback_reason() is None, (
        f"Numba {numba.__version__} is one of those that are supported"
    )


def test_each_name_that_is_used_is_one_that_is_looked_for() -> None:
    """What :func:`attribute` is asked for is in the list that a start goes through."""
    package = Path(numba_internals.__file__).parent
    for path in (package / name for name in sorted(INSIDERS)):
        asked = re.findall(r'attribute\("([\w.]+)"\)', path.read_text())
        assert asked
        for name in asked:
            assert any(known == name or known.startswith(f"{name}.") for known in numba_names.NAMES), name


def test_nothing_else_looks_into_numba() -> None:
    """Other modules use documented names alone, and those that its pages on extending it have."""
    package = Path(numba_internals.__file__).parent
    allowed = {"numba", "numba.extending", "numba.types"}
    for path in package.rglob("*.py"):
        if path.name not in {*INSIDERS, "numba_names.py"}:
            text = path.read_text()
            found = re.findall(r"^\s*(?:from|import) (numba[\w.]*)", text, re.MULTILINE)
            assert set(found) <= allowed, path
            assert not re.search(r"dispatcher\._|numba\.core", text), path


def test_numba_is_as_before_once_kernels_are_compiled() -> None:
    """What stands for names of Numba's does so for kernels alone, and also that is looked for at a start."""
    ours = numba_compiling._replacements()
    assert set(ours) <= set(numba_names.NAMES)

    def now() -> dict[str, object]:
        owners = {name: numba_internals.attribute(name.rpartition(".")[0]) for name in ours}
        return {name: getattr(owner, name.rpartition(".")[2]) for name, owner in owners.items()}

    before = now()
    with numba_compiling.quickly():
        assert now() == ours
    assert now() == before
    assert not set(map(id, before.values())) & set(map(id, ours.values()))


@pytest.mark.parametrize("says", ["returns", "gets"])
def test_arrays_whose_references_nobody_counts_are_refused(says: str) -> None:
    """They would be freed twice, or never."""

    @kernel("int64[::1](int64[::1])", inner=True, arrays=says == "gets")
    def same(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        return numbers

    @kernel("int64(int64[::1])")
    def first(numbers: NDArray[np.int64]) -> int:
        return int(same(numbers)[0])

    with numba_compiling.quickly(), pytest.raises(TypeError, match=f"{says} an array"):
        first.compile(signature_types("int64(int64[::1])"))  # type: ignore[attr-defined]
