"""When kernels are compiled: once, by whoever comes first, and never again while the cache lasts."""

from __future__ import annotations

import ast
import errno
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import filelock
import pytest

from gtmask import kernels, stamps
from gtmask.errors import UsageError

pytestmark = pytest.mark.slow

MODULES = ("gtmask.raster.arguments", "gtmask.raster.bitmaps")
WARM_UP = """
import json, sys
from gtmask import jit, kernels
kernels.cores = lambda: 2
kernels.WORTH_HELPERS = int(sys.argv[1])
kernels.HELPER_CODE = sys.argv[2] or kernels.HELPER_CODE
ready = kernels.compile_kernels(sys.argv[3:])
compiled = [sum(dispatcher.stats.cache_misses.values()) for name in sys.argv[3:]
            for dispatcher, _ in jit.registered().get(name, ())]
imported = [name for name in sys.argv[3:] if name in sys.modules]
print(json.dumps({"ready": ready, "compiled": sum(compiled), "imported": imported}))
"""

CALL = """
import json, numpy as np
from gtmask.raster import bitmaps
mask = np.zeros((1, 2), np.uint8)
bitmaps.paint_nonzero(mask, np.array([[0, 1]], np.uint8), 0, 0, np.uint8(7))
stats = bitmaps.paint_nonzero.stats
print(json.dumps({"mask": mask.tolist(), "loaded": sum(stats.cache_hits.values()),
                  "compiled": sum(stats.cache_misses.values())}))
"""


def start(cache: Path, helper_from: int = 99, helper_code: str = "") -> subprocess.Popen[str]:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, "-c", WARM_UP, str(helper_from), helper_code, *MODULES]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> dict:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return json.loads(output)


def test_processes_that_start_at_once_compile_each_kernel_once(tmp_path):
    answers = [finish(process) for process in [start(tmp_path) for _ in range(4)]]
    ready = answers[0]["ready"]
    assert ready > 0
    assert [answer["ready"] for answer in answers] == [ready] * 4
    assert sorted(answer["compiled"] for answer in answers) == [0, 0, 0, ready]


def test_a_call_finds_what_the_warm_up_compiled(tmp_path):
    finish(start(tmp_path))
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    called = subprocess.run([sys.executable, "-c", CALL], env=environment, capture_output=True, check=True)
    assert json.loads(called.stdout) == {"mask": [[0, 7]], "loaded": 1, "compiled": 0}


ONLY_HOME_IS_WRITABLE = """
import os
from numba.core import caching
def ensure_cache_path(locator):
    path = locator.get_cache_path()
    if not path.startswith(os.environ["HOME"]):
        raise OSError("read-only")
    os.makedirs(path, exist_ok=True)
caching._CacheLocator.ensure_cache_path = ensure_cache_path
os.access = lambda path, mode: str(path).startswith(os.environ["HOME"])
"""


def test_a_call_finds_what_an_image_brings_in_a_folder_that_it_cannot_write(tmp_path):
    ready = finish(start(tmp_path / "brought"))["ready"]
    brought = {path: path.read_bytes() for path in (tmp_path / "brought").rglob("*.nb?")}
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "brought"), "HOME": str(tmp_path / "home")}
    environment.pop("XDG_CACHE_HOME", None)
    code = ONLY_HOME_IS_WRITABLE + CALL
    called = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert json.loads(called.stdout) == {"mask": [[0, 7]], "loaded": 1, "compiled": 0}
    assert {path: path.read_bytes() for path in (tmp_path / "brought").rglob("*.nb?")} == brought
    assert not list((tmp_path / "home").rglob("*.nb?"))
    code = ONLY_HOME_IS_WRITABLE + WARM_UP
    command = [sys.executable, "-c", code, "99", "", *MODULES]
    warm = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert json.loads(warm.stdout) == {"ready": ready, "compiled": 0, "imported": list(MODULES)}


def test_a_warm_start_imports_no_kernel_and_a_deleted_cache_is_seen(tmp_path):
    ready = finish(start(tmp_path))["ready"]
    assert finish(start(tmp_path)) == {"ready": ready, "compiled": 0, "imported": []}
    deleted = next(tmp_path.rglob("bitmaps.*.nbi"))  # not the one of the runtime of all kernels
    deleted.unlink()
    assert finish(start(tmp_path))["compiled"] == 1
    assert deleted.exists()


@pytest.mark.parametrize("code", ["", "raise SystemExit(1)"])
def test_helpers_compile_everything_unless_they_fail(tmp_path, code):
    answer = finish(start(tmp_path, 2, code))
    assert answer["ready"] > 0
    assert answer["compiled"] == (answer["ready"] if code else 0)
    assert not list(tmp_path.rglob("claims-*"))
    assert finish(start(tmp_path))["compiled"] == 0


def test_code_is_out_of_date_when_what_it_calls_has_changed(tmp_path, monkeypatch):
    copy = tmp_path / "gtmask"
    shutil.copytree(stamps.PACKAGE, copy, ignore=shutil.ignore_patterns("*.nb?", "*.pyc"))
    monkeypatch.setattr(stamps, "PACKAGE", copy)

    def current() -> list[str]:
        for cached in (stamps.source_stamp, stamps._imports, stamps._text):
            cached.cache_clear()
        return [
            stamps.source_stamp(f"gtmask.{name}") for name in ("raster.opencv", "raster.rows", "png.runs")
        ]

    before = current()
    with (copy / "raster" / "rows.py").open("a") as rows:
        rows.write("# changed\n")
    after = current()
    monkeypatch.undo()
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, False, True]
    assert current() == before


def test_code_of_sources_that_changed_meanwhile_is_nobody_elses(monkeypatch):
    assert stamps.running_stamp("gtmask.png.runs") == stamps.source_stamp("gtmask.png.runs")
    monkeypatch.setattr(stamps, "_BEGUN", 0.0)
    assert stamps.running_stamp("gtmask.png.runs") != stamps.running_stamp("gtmask.png.runs")


def test_code_is_out_of_date_when_a_package_that_it_imports_from_has_changed(tmp_path, monkeypatch):
    copy = tmp_path / "gtmask"
    shutil.copytree(stamps.PACKAGE, copy, ignore=shutil.ignore_patterns("*.nb?", "*.pyc"))
    monkeypatch.setattr(stamps, "PACKAGE", copy)
    (copy / "helpers").mkdir()
    (copy / "helpers" / "__init__.py").write_text("LIMIT = 1\n")
    with (copy / "raster" / "lines.py").open("a") as lines:
        lines.write("from gtmask.helpers import LIMIT\n")
    seen = []
    for value in (1, 2, 1):
        (copy / "helpers" / "__init__.py").write_text(f"LIMIT = {value}\n")
        for cached in (stamps.source_stamp, stamps._imports, stamps._text):
            cached.cache_clear()
        seen.append(stamps.source_stamp("gtmask.raster.lines"))
    monkeypatch.undo()
    for cached in (stamps.source_stamp, stamps._imports, stamps._text):
        cached.cache_clear()
    assert seen[0] == seen[2] != seen[1]


def test_a_cache_folder_that_cannot_be_written_stops_nothing(tmp_path, monkeypatch):
    taken = tmp_path / "taken"
    taken.write_text("no folder")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(taken))
    monkeypatch.setattr(sys, "executable", "")
    assert kernels.compile_kernels(["gtmask.png.blocks"]) == 1


THREADS = """
import threading
import numpy as np
import gtmask
fill_polygons, encode_png = gtmask.raster.fill_polygons, gtmask.encode_png
masks = [np.zeros((9, 9), np.uint8) for _ in range(8)]
ready = threading.Barrier(len(masks))
def paint(mask):
    ready.wait()
    ring = np.array([[1, 1], [7, 2], [4, 8]], np.int32)
    offsets = np.array([0, 3], np.int32), np.array([0, 1], np.int32)
    fill_polygons(mask, ring, *offsets, np.ones(1, np.uint8))
    encode_png(mask)
threads = [threading.Thread(target=paint, args=(mask,)) for mask in masks]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print([int(mask.sum()) for mask in masks])
"""


def test_threads_may_all_make_the_first_call():
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, check=True)
    sums = json.loads(done.stdout)
    assert min(sums) == max(sums) > 0, done.stderr


KEPT = """
import errno, os, sys
from numba.core.caching import IndexDataCacheFile
def stop(self, *_):
    os._exit(9)
def full(self, *_):
    raise OSError(errno.ENOSPC, "No space left on device")
if sys.argv[1]:
    IndexDataCacheFile._save_data = {"stop": stop, "full": full}[sys.argv[1]]
import kept
print(kept.number(), sum(kept.number.stats.cache_hits.values()))
"""


def number_kept(folder: Path, number: int, fault: str = "") -> tuple[int, str]:
    """Call a kernel that returns a number, compiled or from the cache; return exit code and output."""
    (folder / "kept.py").write_text(f"""from gtmask.jit import kernel
@kernel("int64()")
def number():
    return {number}
""")
    os.utime(folder / "kept.py", (number, number))
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": str(folder)}
    environment["PYTHONPATH"] += os.pathsep + str(stamps.PACKAGE.parent)
    command = [sys.executable, "-B", "-c", KEPT, fault]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip() or done.stderr[-500:]


def test_old_code_does_not_pass_for_new_when_compiling_is_killed(tmp_path):
    assert number_kept(tmp_path, 1) == (0, "1 0")
    assert number_kept(tmp_path, 2, "stop")[0] == 9
    assert number_kept(tmp_path, 2) == (0, "2 0")
    assert number_kept(tmp_path, 2) == (0, "2 1")


def test_damaged_files_in_the_cache_are_made_anew(tmp_path):
    number_kept(tmp_path, 1)
    for kind, left in (("nbi", b""), ("nbc", b"\0" * 400), ("nbi", b"\0" * 400), ("nbc", b"")):
        (damaged,) = tmp_path.rglob(f"kept.*.{kind}")
        damaged.write_bytes(left)
        assert number_kept(tmp_path, 1) == (0, "1 0")
        (damaged,) = tmp_path.rglob(f"numba_internals.*.{kind}")  # the runtime of all kernels
        damaged.write_bytes(left)
        assert number_kept(tmp_path, 1) == (0, "1 1")
        assert all(path.stat().st_size > 400 for path in tmp_path.rglob("numba_internals.*"))


def test_a_full_disk_keeps_no_kernel_from_running(tmp_path):
    assert number_kept(tmp_path, 1, "full") == (0, "1 0")
    assert number_kept(tmp_path, 1) == (0, "1 0")
    assert number_kept(tmp_path, 1) == (0, "1 1")


def make_link(taken: Path, elsewhere: Path) -> None:
    taken.symlink_to(elsewhere, target_is_directory=True)


def make_file(taken: Path, _: Path) -> None:
    taken.write_text("no folder")


def make_open_to_all(taken: Path, _: Path) -> None:
    taken.mkdir()
    taken.chmod(0o777)


OTHER_PROCESSOR = """
import llvmlite.binding
from llvmlite.binding import FeatureMap
llvmlite.binding.get_host_cpu_name = lambda: "pentium4"
llvmlite.binding.get_host_cpu_features = lambda: FeatureMap({"sse2": True})
"""


def test_kernels_of_a_container_image_serve_any_processor(tmp_path):
    """As an image is built: for the processor "generic", on a machine whose own is another one."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_CPU_NAME": "generic"}
    answers = []
    for code in (WARM_UP, OTHER_PROCESSOR + WARM_UP):
        command = [sys.executable, "-c", code, "99", "", *MODULES]
        made = subprocess.run(command, env=environment, capture_output=True, check=True)
        answers.append(json.loads(made.stdout))
    assert answers[0]["compiled"] == answers[0]["ready"] > 0
    assert answers[1] == {"ready": answers[0]["ready"], "compiled": 0, "imported": []}
    code = OTHER_PROCESSOR + CALL
    called = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert json.loads(called.stdout) == {"mask": [[0, 7]], "loaded": 1, "compiled": 0}


@pytest.mark.parametrize("make", [make_link, make_file, make_open_to_all])
def test_a_name_taken_by_another_is_left_alone(tmp_path, monkeypatch, make):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    taken = tmp_path / f"gtmask-kernels-{os.getuid()}"
    make(taken, elsewhere)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kernels._process_folder.cache_clear()
    assert kernels.compile_kernels(["gtmask.png.blocks"]) == 1
    assert not list(elsewhere.iterdir())
    assert not taken.is_dir() or not list(taken.iterdir())
    assert kernels._process_folder().name.startswith(str(tmp_path))
    kernels._process_folder().cleanup()
    kernels._process_folder.cache_clear()


def test_what_can_be_neither_locked_nor_noted_is_compiled_all_the_same(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    monkeypatch.setattr(kernels, "_write_note", refuse)
    assert kernels.compile_kernels(["gtmask.png.blocks"]) == 0
    monkeypatch.undo()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert kernels.compile_kernels(["gtmask.png.blocks"]) == 1


def test_no_folder_for_temporary_files_is_told(tmp_path, monkeypatch):
    def refuse():
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", refuse)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert kernels.compile_kernels(["gtmask.png.blocks"]) == 1
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    with pytest.raises(UsageError, match="TMPDIR"):
        kernels.compile_kernels(["gtmask.png.blocks"])


def test_a_package_inside_an_archive_compiles_where_it_is_called(tmp_path):
    source = Path(kernels.__file__).parent
    with zipfile.ZipFile(tmp_path / "gtmask.zip", "w") as archive:
        for path in source.rglob("*.py"):
            archive.write(path, Path("gtmask") / path.relative_to(source))
    program = (
        "import numpy as np; from gtmask import encode_png, kernels;"
        "print(kernels.__file__, kernels.compile_kernels(), encode_png(np.zeros((9, 9), np.uint8))[1:4])"
    )
    environment = {"PYTHONPATH": str(tmp_path / "gtmask.zip"), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "gtmask.zip" in done.stdout
    assert done.stdout.endswith(" 0 b'PNG'\n")


def modules_of_kernels() -> dict[str, set[str]]:
    """Return the modules that declare kernels which Python calls, and what each imports of the package."""
    found = {}
    package = stamps.PACKAGE
    for path in package.rglob("*.py"):
        tree = ast.parse(path.read_text())
        calls = [
            decorator
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef)
            for decorator in node.decorator_list
            if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "kernel"
        ]
        if calls:
            name = ".".join(("gtmask", *path.relative_to(package).with_suffix("").parts))
            imports = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
            found[name] = set(filter(None, imports))
    return found


def test_a_warm_up_knows_how_every_kernel_is_called_that_python_calls() -> None:
    """What only kernels call is compiled with them."""
    for path in stamps.PACKAGE.rglob("*.py"):
        for call in re.findall(r"^@kernel\((.*?)\)\n(?:@|def )", path.read_text(), re.MULTILINE | re.DOTALL):
            assert call.lstrip().startswith('"') or "inner=True" in call, path


def test_the_groups_are_the_modules_that_have_kernels() -> None:
    assert sorted(kernels.ALL_MODULES) == sorted(modules_of_kernels())
    assert len(set(kernels.ALL_MODULES)) == len(kernels.ALL_MODULES)
