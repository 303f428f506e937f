"""Exports in archives: read in place, equal to the folder; bombs, escapes and damage told."""

from __future__ import annotations

import io
import pickle
import tarfile
import warnings
import zipfile
from typing import TYPE_CHECKING

import psutil
import pytest

from gtmask.errors import ExportError, NotFoundError
from gtmask.formats import archive, read
from gtmask.formats.locate import open_export
from gtmask.run.plan import FILES_READ_WHOLE, fingerprint
from tests.support.small_exports import FilesExport

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHAPE = b'{"label": "car", "points": [[1, 1], [5, 1], [5, 5]], "shape_type": "polygon"}'
LABELME = (
    b'{"version": "5", "shapes": [' + SHAPE + b'], "imagePath": "%s.jpg", "imageHeight": 8, "imageWidth": 9}'
)
FILES = {
    "ann/a.json": LABELME % b"a",
    "ann/b.json": LABELME % b"b",
    "ann/a.jpg": b"\xff\xd8\xff photo",
    "ann/mask.png": b"\x89PNG" + bytes(3000),
    "__MACOSX/ann/._a.json": b"rubbish",
}


def make_zip(path: Path, files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return path


def make_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz" if path.name.endswith(("gz", "tgz")) else "w") as file:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
    return path


KINDS: dict[str, Callable[[Path, dict[str, bytes]], Path]] = {
    "e.zip": make_zip, "e.tar": make_tar, "e.tar.gz": make_tar, "E.TGZ": make_tar,
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_an_archive_reads_like_its_folder(tmp_path: Path, name: str):
    for file, data in FILES.items():
        path = tmp_path / "folder" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    packed = KINDS[name](tmp_path / name.lower().replace("e.", "x.", 1), FILES)
    assert list(read(packed)) == list(read(tmp_path / "folder"))
    assert [record.image for record in read(packed)] == ["ann/a.jpg", "ann/b.jpg"]


@pytest.mark.parametrize("name", KINDS)
def test_members_are_read_whole_and_in_ranges(tmp_path: Path, name: str):
    export = open_export(KINDS[name](tmp_path / name.lower(), FILES))
    assert list(export.names()) == ["ann/a.jpg", "ann/a.json", "ann/b.json", "ann/mask.png"]
    for member in export.names():
        data = FILES[member]
        assert export.size(member) == len(data)
        assert export.read(member) == data
        assert export.read(member, 2, 7) == data[2:7]
        assert export.read(member, 0, 5) == data[:5]
        assert export.read(member, len(data) - 1, len(data) + 10) == data[-1:]
    assert export.exists("ann/a.json")
    assert not export.exists("ann/c.json")
    with pytest.raises(NotFoundError, match=r"no ann/c\.json in"):
        export.read("ann/c.json")
    assert pickle.loads(pickle.dumps(export)).read("ann/b.json") == FILES["ann/b.json"]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    "evil", ["../../etc/passwd", "/etc/passwd", "a/../../b.json", "C:\\x.json", "..\\x.json"]
)
def test_members_that_lead_out_stop_the_run(tmp_path: Path, name: str, evil: str):
    packed = KINDS[name](tmp_path / name.lower(), {**FILES, evil: b"{}"})
    with pytest.raises(ExportError, match="leads out of the archive"):
        list(open_export(packed).names())


@pytest.mark.parametrize("name", ["e.zip", "e.tar.gz"])
def test_bombs_are_refused(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archive, "SMALL", 1 << 20)
    packed = KINDS[name](tmp_path / name, {"a.json": bytes(8 << 20)})
    with pytest.raises(ExportError, match="taken for a bomb"):
        list(open_export(packed).names())


@pytest.mark.parametrize("name", ["e.zip", "e.tar"])
def test_too_many_members_are_refused(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archive, "MOST_MEMBERS", 3)
    with pytest.raises(ExportError, match="more than 3 members"):
        list(open_export(KINDS[name](tmp_path / name, FILES)).names())


@pytest.mark.parametrize("name", KINDS)
def test_damaged_archives_are_told(tmp_path: Path, name: str):
    packed = KINDS[name](tmp_path / name.lower(), FILES)
    packed.write_bytes(packed.read_bytes()[: packed.stat().st_size // 3])
    with pytest.raises(ExportError, match="cannot be read as an archive"):
        list(open_export(packed).names())


def test_damaged_members_are_told(tmp_path: Path):
    packed = make_zip(tmp_path / "e.zip", FILES, zipfile.ZIP_STORED)
    data = packed.read_bytes()
    packed.write_bytes(data.replace(b'"version": "5"', b'"version": "6"', 1))
    with pytest.raises(ExportError, match="cannot be read as an archive"):
        open_export(packed).read("ann/a.json")


def test_encrypted_zips_are_told(tmp_path: Path):
    packed = make_zip(tmp_path / "e.zip", {"a.json": b"{}"}, zipfile.ZIP_STORED)
    data = bytearray(packed.read_bytes())
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    packed.write_bytes(data)
    with pytest.raises(ExportError, match="encrypted"):
        open_export(packed).read("a.json")


def test_links_in_a_tar_are_no_members(tmp_path: Path):
    packed = tmp_path / "e.tar"
    with tarfile.open(packed, "w") as file:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
            entry = tarfile.TarInfo(f"link{kind!r}.json")
            entry.type, entry.linkname = kind, "/etc/passwd"
            file.addfile(entry)
    assert list(open_export(packed).names()) == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("name", ["e.tar", "e.tar.gz"])
def test_links_to_members_are_those_members(tmp_path: Path, name: str, kind: bytes):
    packed = tmp_path / name
    with tarfile.open(packed, "w:gz" if name.endswith("gz") else "w") as file:
        for link, target in (("x/b.json", "a.json"), ("x/c.jpg", "a.jpg"), ("x/d.json", "../../a.json")):
            entry = tarfile.TarInfo(link)
            entry.type, entry.linkname = kind, target if kind == tarfile.SYMTYPE else f"x/{target}"
            file.addfile(entry)
        for member, data in (("x/a.json", LABELME % b"a"), ("x/a.jpg", b"photo")):
            entry = tarfile.TarInfo(member)
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
    export = open_export(packed)
    assert list(export.names()) == ["x/a.jpg", "x/a.json", "x/b.json", "x/c.jpg"]
    assert export.read("x/b.json") == export.read("x/a.json") == LABELME % b"a"
    assert export.read("x/c.jpg", 1, 3) == b"ho"


def test_nothing_is_unpacked_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Members beyond the memory limit go to an anonymous file, which no folder lists."""
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(archive, "IN_MEMORY", 100)
    monkeypatch.setattr("tempfile.tempdir", str(spool))
    for kind in ("e.zip", "e.tar.gz"):
        export = open_export(KINDS[kind](tmp_path / kind, FILES))
        assert export.read("ann/mask.png", 10, 20) == bytes(10)
        assert list(spool.iterdir()) == []


@pytest.mark.parametrize("kind", ["e.zip", "e.tar.gz"])
def test_what_is_on_disk_is_closed_with_the_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
):
    monkeypatch.setattr(archive, "IN_MEMORY", 100)
    before = psutil.Process().num_fds()
    export = open_export(KINDS[kind](tmp_path / kind, FILES))
    export.read("ann/mask.png", 10, 20)
    assert psutil.Process().num_fds() > before
    del export
    assert psutil.Process().num_fds() == before


@pytest.mark.parametrize("name", ["e.zip", "e.tar.gz"])
def test_an_archive_without_a_local_path_is_read_by_ranges(tmp_path: Path, name: str):
    """As on S3: only the bytes that the archive's directory points at are asked for."""
    data = KINDS[name](tmp_path / name, FILES).read_bytes()

    class Remote(FilesExport):
        def path(self, name: str) -> None:
            return None

    export = archive.ArchiveExport("s3://bucket/e", Remote({name: data}), name)
    assert {member: export.read(member) for member in export.names()} == {
        member: content for member, content in FILES.items() if not member.startswith("__MACOSX")
    }


def twice(path: Path, files: list[tuple[str, bytes]]) -> Path:
    """Make an archive whose members may have one name."""
    if path.name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as file:
            for name, data in files:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    file.writestr(name, data)
        return path
    with tarfile.open(path, "w") as tar:
        for name, data in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path


@pytest.mark.parametrize("kind", ["e.zip", "e.tar"])
@pytest.mark.parametrize("second", ["x/a.json", "./x/a.json", "x//a.json", "x/./a.json", "x\\a.json"])
def test_two_different_members_of_one_name_are_refused(tmp_path: Path, kind: str, second: str):
    path = twice(tmp_path / kind, [("x/a.json", LABELME % b"a"), (second, LABELME % b"b")])
    with pytest.raises(ExportError, match=r"two different members named 'x/a\.json'"):
        list(open_export(path).names())
    with pytest.raises(ExportError, match="two different members"):
        read(path)


@pytest.mark.parametrize("kind", ["e.zip", "e.tar"])
def test_a_member_that_is_packed_twice_is_one(tmp_path: Path, kind: str):
    path = twice(tmp_path / kind, [("a.json", LABELME % b"a"), ("./a.json", LABELME % b"a")])
    assert [record.image for record in read(path)] == ["a.jpg"]


@pytest.mark.parametrize("kind", ["e.zip", "e.tar", "e.tar.gz"])
def test_members_that_are_edited_to_the_same_sizes_make_another_export(tmp_path: Path, kind: str):
    files = {f"{number}.json": LABELME % b"a" for number in range(FILES_READ_WHOLE + 1)}
    before = fingerprint(open_export(KINDS[kind](tmp_path / kind, files)))
    assert fingerprint(open_export(KINDS[kind](tmp_path / kind, files))) == before
    files["7.json"] = files["7.json"].replace(b"5, 5", b"5, 4")
    assert fingerprint(open_export(KINDS[kind](tmp_path / kind, files))) != before


def test_a_runs_state_in_an_archive_is_no_part_of_it(tmp_path: Path):
    path = make_zip(tmp_path / "e.zip", {"a.json": LABELME % b"a", "_gtmask/parts/0.json": LABELME % b"b"})
    assert list(open_export(path).names()) == ["a.json"]
