"""Exports as files, folders, globs, archives and S3 prefixes: the same names and bytes each time."""

from __future__ import annotations

import os
import pickle
import random
from typing import TYPE_CHECKING, Any

import pytest

from gtmask.errors import AccessError, ExportError, NotFoundError
from gtmask.formats.export import checked_name, glob_pattern
from gtmask.formats.locate import open_export
from gtmask.storage.base import S3Settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.s3_server import S3Server

FILES = {
    "a.json": b'{"a": 1}',
    "a/x.json": b"x" * 1000,
    "a-b.json": b"-",
    "b/c/deep.json": b"deep",
    "b/c.json": b"c",
    "b/\u00fcber mass #1.json": b"umlaut",
    "z.txt": b"",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "export"
    for name, data in {**FILES, ".hidden.json": b"", ".git/x.json": b"", "__MACOSX/a.json": b""}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def test_a_folder_yields_its_files_in_the_order_of_their_bytes(folder: Path):
    export = open_export(folder)
    assert list(export.names()) == sorted(FILES, key=str.encode)
    assert {name: export.read(name) for name in export.names()} == FILES
    assert export.size("a/x.json") == 1000


def test_a_single_file_has_its_siblings_in_reach(folder: Path):
    export = open_export(folder / "a.json")
    assert list(export.names()) == ["a.json"]
    assert export.exists("b/c.json")
    assert not export.exists("b/none.json")
    assert export.path("a.json") == folder / "a.json"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.json", ["a-b.json", "a.json"]),
        (
            "**/*.json",
            ["a-b.json", "a.json", "a/x.json", "b/c.json", "b/c/deep.json", "b/\u00fcber mass #1.json"],
        ),
        ("b/*.json", ["c.json", "\u00fcber mass #1.json"]),
        ("?.json", ["a.json"]),
        ("[!b]/*", ["a/x.json"]),
        ("b/**", ["c.json", "c/deep.json", "\u00fcber mass #1.json"]),
    ],
)
def test_globs(folder: Path, pattern: str, names: list[str]):
    export = open_export(f"{folder}/{pattern}")
    root = "b/" if pattern.startswith("b/") else ""
    assert list(export.names()) == names
    assert all(export.read(name) == FILES[root + name] for name in names)


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path: Path):
    (tmp_path / "a[1].json").write_bytes(b"1")
    (tmp_path / "a1.json").write_bytes(b"2")
    assert open_export(tmp_path / "a[1].json").read("a[1].json") == b"1"


def test_ranges(folder: Path):
    export = open_export(folder)
    assert export.read("b/c/deep.json", 1, 3) == b"ee"
    assert export.read("b/c/deep.json", 2) == b"ep"
    assert export.read("b/c/deep.json", 2, 100) == b"ep"
    assert export.read("b/c/deep.json", 100, 200) == b""
    assert export.read("b/c/deep.json", 3, 1) == b""


def test_an_export_can_be_pickled_while_files_are_open(folder: Path):
    export = open_export(folder)
    export.read("b/c.json", 0, 1)
    copy = pickle.loads(pickle.dumps(export))
    assert list(copy.names()) == list(export.names())
    assert copy.read("b/c.json", 0, 1) == b"c"


def test_files_above_the_root_are_in_reach_by_two_folders_at_most(folder: Path):
    export = open_export(folder / "b" / "c")
    assert export.read("../c.json") == b"c"
    assert export.read("../../a.json") == FILES["a.json"]
    assert not export.exists("../../../export/a.json")
    with pytest.raises(ExportError, match="outside"):
        export.read("../../../export/a.json")


@pytest.mark.parametrize("name", ["/etc/passwd", "a/../../b", "../../../x", "..", "", "a\0b", "../.."])
def test_names_that_lead_out_are_refused(name: str):
    with pytest.raises(ExportError, match="outside its own folder"):
        checked_name(name)


def test_select_narrows_and_widens(folder: Path):
    one = open_export(folder).select(["b/c.json"])
    assert list(one.names()) == ["b/c.json"]
    assert list(one.select(None).names()) == sorted(FILES, key=str.encode)


def test_what_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(NotFoundError, match=r"no export at .*nothing\.json"):
        open_export(tmp_path / "nothing.json")
    with pytest.raises(ExportError, match="location of the export is empty"):
        open_export("")
    with pytest.raises(ExportError, match="names no bucket"):
        open_export("s3:///x")
    with pytest.raises(NotFoundError, match="there is no such file"):
        open_export(tmp_path).read("x.json")


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_told(folder: Path):
    (folder / "a.json").chmod(0)
    with pytest.raises(AccessError, match="permission denied"):
        open_export(folder).read("a.json")


def test_links_in_circles_end(folder: Path):
    (folder / "b" / "loop").symlink_to(folder)
    (folder / "b" / "linked").symlink_to(folder / "a")
    names = list(open_export(folder).names())
    assert "b/linked/x.json" in names
    assert not any(name.startswith("b/loop") for name in names)


@pytest.mark.parametrize("run", [1, 2, 7, 100])
def test_names_sort_the_same_in_memory_and_in_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: int):
    rng = random.Random(1)
    names = {"a" + "".join(rng.choices("ab\n-.ü", k=rng.randint(1, 6))) for _ in range(60)}
    for name in names:
        (tmp_path / name).write_bytes(b"")
    monkeypatch.setattr("gtmask.storage.walk.RUN", run)
    assert list(open_export(tmp_path).names()) == sorted(names, key=str.encode)


def test_a_star_stays_in_its_folder():
    assert glob_pattern("*.json").match("a.json")
    assert not glob_pattern("*.json").match("a/b.json")
    assert glob_pattern("a/**/b.json").match("a/b.json")
    assert glob_pattern("a/**/b.json").match("a/x/y/b.json")


def test_s3_prefixes_objects_and_globs(s3_server: S3Server, bucket: str, folder: Path):
    s3_server.put(bucket, {f"exports/one/{name}": data for name, data in FILES.items()})
    settings = S3Settings(endpoint_url=s3_server.endpoint)
    local = open_export(folder)
    for location in (f"s3://{bucket}/exports/one", f"s3://{bucket}/exports/one/"):
        export: Any = open_export(location, settings)
        # SeaweedFS lists folders before files; AWS lists by bytes.
        assert sorted(export.names(), key=str.encode) == list(local.names())
        assert {name: export.read(name) for name in export.names()} == FILES
        assert export.read("b/c/deep.json", 1, 3) == b"ee"
        assert export.path("a.json") is None
        export.close()
    one = open_export(f"s3://{bucket}/exports/one/b/c.json", settings)
    assert list(one.names()) == ["c.json"]
    assert one.exists("../a.json")
    assert not one.exists("nothing.json")
    copy = pickle.loads(pickle.dumps(one))
    assert copy.read("c.json") == b"c"
    globbed = open_export(f"s3://{bucket}/exports/*/b/*.json", settings)
    assert sorted(globbed.names()) == ["one/b/c.json", "one/b/\u00fcber mass #1.json"]
    for export in (one, copy, globbed):
        export.close()
