"""``--probe-cache``: heads of images are known again in later runs, and never believed of another image."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

import gtmask
from gtmask.errors import GtmaskError, StorageError, UsageError
from gtmask.images import head_file, known_heads
from gtmask.images.head_file import Block, parse, to_bytes
from gtmask.images.known_heads import SETTLED, Heads
from gtmask.images.probe import probe
from gtmask.run import ahead, probe_cache
from gtmask.run.places import RunRequest
from gtmask.run.probe_file import add_heads
from gtmask.storage import S3Settings, open_storage
from gtmask.storage.local import LocalStorage
from tests.images.test_head_file import heads_of, values
from tests.support import coco_data
from tests.support.commands import gtmask as command
from tests.support.commands import tree, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.fault_proxy import FaultProxy
    from tests.support.s3_server import S3Server

NAMES = [f"{number}.jpg" for number in range(6)]
COMMON: dict[str, Any] = {
    "creation_date": "2024-01-01T00:00:00.000000", "chunk_size": 2, "mask_uri": "s3://b/m", "workers": 1,
}  # fmt: skip


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take files that were written just now for old ones, in this process."""
    monkeypatch.setattr(known_heads, "SETTLED", 0)


@pytest.fixture
def export(tmp_path: Path, settled: None) -> Path:
    return coco_data.write(tmp_path, NAMES)


@pytest.fixture
def said() -> Iterator[list[str]]:
    """Return the notices that are given."""
    found: list[str] = []
    with gtmask.hearing_notices(found.append):
        yield found


def convert(export: Path | str, out: str, **options: Any) -> gtmask.Summary:
    """Convert into a folder beside the export, with a cache there unless another is named."""
    folder = Path(export).parent
    given = {"images": folder / "images", "probe_cache": str(folder / "heads"), **COMMON, **options}
    return gtmask.convert(export, folder / out, **given)


def rows_of(file: Path, root: str = "") -> Heads:
    """Return the rows of a root in a file, of the only one by default."""
    blocks = [one for one in parse(file.read_bytes()) if root in one.root]
    assert len(blocks) == 1
    return blocks[0].heads()


def read_heads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list to which the names of images are added whose bytes are read in this process."""
    read: list[str] = []
    fetch = LocalStorage._fetch

    def watched(self: LocalStorage, key: str, start: int, stop: int | None) -> Any:
        if self.root.endswith("/images"):
            read.append(key)
        return fetch(self, key, start, stop)

    monkeypatch.setattr(LocalStorage, "_fetch", watched)
    return read


def test_a_second_run_reads_no_head_and_writes_the_same_bytes(
    export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = read_heads(monkeypatch)
    plain = convert(export, "plain", probe_cache=None)
    assert plain.heads is None
    assert sorted(read) == NAMES
    read.clear()
    assert convert(export, "first", stats=str(export.parent / "stats.json")).heads == (0, 6)
    assert sorted(read) == NAMES
    read.clear()
    before = (export.parent / "heads").stat()
    second = convert(export, "second", stats=str(export.parent / "stats.json"))
    assert second.heads == (6, 0)
    assert not read
    assert second.to_json()["heads"] == {"known": 6, "read": 0}
    assert json.loads((export.parent / "stats.json").read_text())["heads"] == {"known": 6, "read": 0}
    assert tree(export.parent / "first") == tree(export.parent / "second") == tree(export.parent / "plain")
    # Nothing was learned, so nothing is written.
    after = (export.parent / "heads").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.slow
@pytest.mark.usefixtures("processes_alone")
def test_worker_processes_know_and_learn(tmp_path: Path) -> None:
    export = coco_data.write(tmp_path, [f"{number:02}.jpg" for number in range(24)])
    newest = max(path.stat().st_ctime_ns for path in (tmp_path / "images").iterdir())
    wait_for(lambda: time.time_ns() > newest + SETTLED)
    convert(export, "plain", probe_cache=None)
    for out, expected in (("first", (0, 24)), ("second", (24, 0))):
        assert convert(export, out, workers=2).heads == expected
        assert tree(tmp_path / out) == tree(tmp_path / "plain")


def test_what_is_known_is_looked_at_ahead_where_that_takes_long(
    export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert(export, "first")
    monkeypatch.setattr(ahead, "LONG", -1.0)
    asked, find = set(), known_heads.KnownHeads.find

    def watched(self: known_heads.KnownHeads, key: str) -> Any:
        asked.add(threading.current_thread().name.startswith("gtmask-heads"))
        return find(self, key)

    monkeypatch.setattr(known_heads.KnownHeads, "find", watched)
    read = read_heads(monkeypatch)
    assert convert(export, "second").heads == (6, 0)
    assert True in asked
    assert not read


@pytest.mark.parametrize("how", ["written over", "renamed"])
def test_an_image_that_was_replaced_by_one_of_its_size_and_time_is_read(
    export: Path, how: str, settled: None
) -> None:
    images = export.parent / "images"
    convert(export, "first")
    path = images / NAMES[2]
    status = path.stat()
    other = coco_data.jpeg(23, 31)
    assert len(other) <= status.st_size
    target = path if how == "written over" else images / "new"
    target.write_bytes(other.ljust(status.st_size, b"\0"))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    target.replace(path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    assert convert(export, "second").heads == (5, 1)
    convert(export, "plain", probe_cache=None)
    assert tree(export.parent / "second") == tree(export.parent / "plain")
    assert tree(export.parent / "second") != tree(export.parent / "first")
    assert convert(export, "third").heads == (6, 0)
    assert len(rows_of(export.parent / "heads")) == 6


def test_an_image_that_was_changed_just_now_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = coco_data.write(tmp_path, NAMES)
    old, young = (tmp_path / "images" / name for name in NAMES[:2])
    monkeypatch.setattr("time.time_ns", lambda: old.stat().st_ctime_ns + SETTLED)
    for path in sorted((tmp_path / "images").iterdir()):
        if path not in {old, young}:
            path.unlink()
    # Its content may change again within the same tick of the clock.
    os.utime(young, ns=(0, old.stat().st_ctime_ns + 1))
    assert convert(export, "first").heads == (0, 2)
    assert convert(export, "second").heads == (1, 1)


def test_images_that_have_no_head_are_not_kept(export: Path) -> None:
    (export.parent / "images" / NAMES[0]).write_bytes(b"no image")
    (export.parent / "images" / NAMES[1]).unlink()
    for out in ("first", "second"):
        assert convert(export, out).tally.rejects == 2
    assert len(rows_of(export.parent / "heads")) == 4


def test_what_is_known_is_all_that_a_head_says(tmp_path: Path, settled: None) -> None:
    """Of every format, of deep and turned images, and of codings that no browser knows."""
    names = {
        "a.jpg": "JPEG",
        "b.png": "PNG",
        "c.tif": "TIFF",
        "d.webp": "WEBP",
        "e.gif": "GIF",
        "f.bmp": "BMP",
    }
    for name, form in names.items():
        Image.new("RGB", (30, 20), (9, 99, 199)).save(tmp_path / name, form)
    (tmp_path / "turned.jpg").write_bytes(coco_data.jpeg(20, 30, 6))

    async def work() -> None:
        images = LocalStorage(str(tmp_path))
        infos = {name: await probe(images, name) for name in (*names, "turned.jpg")}
        learning = known_heads.KnownHeads(images.root, Heads())
        for name, info in infos.items():
            assert learning.find(name) is None
            learning.note(name, info)
        seen = learning.take()
        assert (seen.known, seen.read, len(seen.learned)) == (0, 7, 7)
        [block] = parse(to_bytes([Block.of("r", seen.learned)]))
        known = known_heads.KnownHeads(images.root, block.heads())
        for name, info in infos.items():
            found = known.find(name)
            assert found is not None
            assert found.remembered
            wanted = {item: getattr(info, item) for item in info.__slots__ if item != "remembered"}
            assert {item: getattr(found, item) for item in wanted} == wanted
            known.note(name, found)
        assert known.find("other.jpg") is None
        assert (known.take().known, known.take().known) == (7, 0)

    asyncio.run(work())


def test_records_whose_units_do_not_tell_their_image_have_it_too(tmp_path: Path, settled: None) -> None:
    """labelme: a file for each image, whose name stands in it."""
    (tmp_path / "images").mkdir()
    (tmp_path / "export").mkdir()
    for number in range(4):
        (tmp_path / "images" / f"{number}.jpg").write_bytes(coco_data.jpeg(30, 20))
        document = {
            "version": "5.0.1", "flags": {}, "imagePath": f"{number}.jpg", "imageData": None,
            "imageHeight": 20, "imageWidth": 30,
            "shapes": [{"label": "a", "points": [[1, 1], [9, 1], [9, 9]], "group_id": None,
                        "shape_type": "polygon", "flags": {}}],
        }  # fmt: skip
        (tmp_path / "export" / f"{number}.json").write_text(json.dumps(document))
    assert convert(tmp_path / "export", "first").heads == (0, 4)
    assert convert(tmp_path / "export", "second").heads == (4, 0)
    assert tree(tmp_path / "first") == tree(tmp_path / "second")


def test_copies_of_prepared_images_have_it_too(export: Path) -> None:
    gtmask.prepare(export.parent / "images", export.parent / "new", workers=1)
    for out, expected in (("first", (0, 6)), ("second", (6, 0))):
        assert convert(export, out, images=export.parent / "new").heads == expected
    assert tree(export.parent / "first") == tree(export.parent / "second")


def test_an_update_knows_what_the_run_before_it_has_read(export: Path) -> None:
    convert(export, "out")
    document = json.loads(export.read_text())
    (export.parent / "images" / "new.jpg").write_bytes(coco_data.jpeg(40, 30))
    document["images"].append({"id": 999, "file_name": "new.jpg", "width": 40, "height": 30})
    for annotation in document["annotations"]:
        annotation["bbox"] = [0, 0, 9, 9]
        annotation["category_id"] = 7
    export.write_text(json.dumps(document))
    summary = convert(export, "out", update=True)
    assert summary.heads is not None
    assert summary.heads[1] == 1
    convert(export, "plain", probe_cache=None)
    assert (export.parent / "out/masks/new.png").read_bytes() == (
        export.parent / "plain/masks/new.png"
    ).read_bytes()
    assert convert(export, "again").heads == (7, 0)


def test_a_dry_run_knows_and_writes_nothing(export: Path) -> None:
    assert convert(export, "dry", dry_run=True).heads == (0, 6)
    assert not (export.parent / "heads").exists()
    convert(export, "first")
    before = (export.parent / "heads").read_bytes()
    shutil.copy(export.parent / "images" / NAMES[0], export.parent / "images" / NAMES[1])
    assert convert(export, "dry", dry_run=True).heads == (5, 1)
    assert (export.parent / "heads").read_bytes() == before
    assert not (export.parent / "dry").exists()


@pytest.mark.parametrize("stop", [StorageError("the disk is full."), KeyboardInterrupt()])
def test_a_start_that_is_stopped_keeps_what_it_has_learned(
    export: Path, stop: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = RunRequest.hear

    def hear(self: RunRequest, result: Any) -> None:
        heard(self, result)
        if result.chunk == 1:
            raise stop

    monkeypatch.setattr(RunRequest, "hear", hear)
    with pytest.raises(type(stop)):
        convert(export, "out")
    assert len(rows_of(export.parent / "heads")) == 4
    monkeypatch.undo()
    assert convert(export, "out").complete


def test_shards_add_to_one_file(export: Path) -> None:
    for shard in ("0/3", "1/3", "2/3"):
        assert convert(export, "out", shard=shard).heads == (0, 2)
    assert convert(export, "again").heads == (6, 0)


def test_a_start_with_nothing_to_do_looks_at_nothing(export: Path) -> None:
    convert(export, "out")
    (export.parent / "heads").unlink()
    assert convert(export, "out").heads == (0, 0)
    assert not (export.parent / "heads").exists()


def test_where_no_image_is_looked_at_that_is_told(export: Path, said: list[str]) -> None:
    assert convert(export, "out", size="annotation").heads == (0, 0)
    assert any("is not used, as no image is looked at" in one for one in said)


def test_rows_of_images_that_are_gone_go_and_those_of_other_roots_stay(export: Path) -> None:
    folder = export.parent
    shutil.copytree(folder / "images", folder / "others")
    convert(export, "first")
    convert(export, "second", images=folder / "others")
    document = json.loads(export.read_text())
    for name in NAMES[:3]:
        (folder / "images" / name).rename(folder / "images" / f"new-{name}")
    for image in document["images"]:
        if image["file_name"] in NAMES[:3]:
            image["file_name"] = f"new-{image['file_name']}"
    export.write_text(json.dumps(document))
    others = (folder / "heads").read_bytes()
    assert convert(export, "third").heads == (3, 3)
    assert len(rows_of(folder / "heads", "/images")) == 6
    assert values(rows_of(folder / "heads", "/others")).keys() == {
        key for one in parse(others) if "/others" in one.root for key in values(one.heads())
    }
    assert convert(export, "fourth").heads == (6, 0)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda data: data[:-1], "is damaged and is made anew"),
        (lambda data: data[:5], "is cut off and is made anew"),
        (lambda _: b"", "is cut off and is made anew"),
        (lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:], "is damaged and is made anew"),
        (lambda data: data.replace(b"cache 1\n", b"cache 2\n"), "was written by another version of gtmask"),
    ],
    ids=["an end", "nearly all", "all", "a byte", "version"],
)  # fmt: skip
def test_a_file_that_is_damaged_is_told_and_made_anew(
    export: Path, said: list[str], damage: Callable[[bytes], bytes], told: str
) -> None:
    file = export.parent / "heads"
    convert(export, "first")
    file.write_bytes(damage(file.read_bytes()))
    assert convert(export, "second").heads == (0, 6)
    assert any(told in one and str(file) in one for one in said)
    assert tree(export.parent / "first") == tree(export.parent / "second")
    assert convert(export, "third").heads == (6, 0)


def test_what_another_version_has_read_is_read_anew(
    export: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(head_file, "READER", "gtmask 0.0.9, Pillow 9.0.0")
        convert(export, "first")
    assert convert(export, "second").heads == (0, 6)
    assert any("has heads of these images as gtmask 0.0.9, Pillow 9.0.0 read them" in one for one in said)
    assert [one.reader for one in parse((export.parent / "heads").read_bytes())] == [head_file.READER]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_of_somebody_else_is_refused_before_anything_is_written(export: Path, overwrite: bool) -> None:
    for file in (export.parent / "notes.txt", export.parent / "images" / NAMES[0]):
        before = file.read_bytes() if file.exists() else b"mine"
        file.write_bytes(before)
        with pytest.raises(
            UsageError, match=r"--probe-cache .* exists, and gtmask did not write it: .*remove"
        ):
            convert(export, "out", probe_cache=str(file), overwrite=overwrite)
        assert file.read_bytes() == before
    assert not (export.parent / "out").exists()


def test_places_where_no_cache_can_be_are_refused(export: Path) -> None:
    out = export.parent / "out"
    shutil.copytree(export.parent / "images", export.parent / "inner" / "images")
    shutil.copy(export, export.parent / "inner" / "export.json")
    for file, told in (
        (export.parent, "is no regular file"),
        ("/dev/null", "is no regular file"),
        (out / "_gtmask" / "heads", "is where the run writes _gtmask"),
        ("", "is empty"),
    ):
        with pytest.raises(UsageError, match=f"--probe-cache .*{told}"):
            convert(export, "out", probe_cache=str(file))
    with pytest.raises(UsageError, match="lies inside the export"):
        convert(export.parent / "inner", "out", probe_cache=str(export.parent / "inner" / "heads"))
    with pytest.raises(UsageError, match="are both"):
        convert(export, "out", probe_cache=str(export.parent / "one"), stats=str(export.parent / "one"))
    assert not out.exists()


def test_a_file_that_cannot_be_written_stops_nothing(export: Path, said: list[str]) -> None:
    convert(export, "plain", probe_cache=None)
    summary = convert(export, "out", probe_cache=str(export.parent / "images" / NAMES[0] / "a-file"))
    assert summary.complete
    assert summary.heads == (0, 6)
    assert any("is left as it was: Cannot write" in one for one in said)
    assert tree(export.parent / "out") == tree(export.parent / "plain")


def test_a_file_that_became_somebody_elses_meanwhile_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "heads"
    file.write_bytes(b"somebody's")
    with pytest.raises(GtmaskError, match="was replaced by a file that gtmask did not write"):
        asyncio.run(add_heads(str(file), S3Settings(), "r", heads_of(["a"]), Heads()))
    assert file.read_bytes() == b"somebody's"


@pytest.mark.parametrize("where", ["local", "s3"])
def test_writers_keep_what_others_add(tmp_path: Path, where: str, request: pytest.FixtureRequest) -> None:
    settings, file = S3Settings(), str(tmp_path / "heads")
    if where == "s3":
        server = request.getfixturevalue("s3_server")
        settings = S3Settings(endpoint_url=server.endpoint)
        file = f"s3://{request.getfixturevalue('bucket')}/heads"
    parts = [heads_of([f"{writer}-{number}" for number in range(50)], writer) for writer in range(5)]

    async def work() -> list[bool]:
        return list(
            await asyncio.gather(*(add_heads(file, settings, f"r{writer % 2}", part, Heads())
                                   for writer, part in enumerate(parts)))
        )  # fmt: skip

    async def content() -> bytes:
        folder, _, name = file.rpartition("/")
        async with open_storage(folder, settings) as storage:
            return await storage.get(name)

    assert all(asyncio.run(work()))
    found = {block.root: values(block.heads()) for block in parse(asyncio.run(content()))}
    assert found == {
        "r0": values(parts[0]) | values(parts[2]) | values(parts[4]),
        "r1": values(parts[1]) | values(parts[3]),
    }


WRITER = """
import asyncio, sys
from gtmask.images.known_heads import Heads
from gtmask.run import ahead, probe_cache
from gtmask.run.places import RunRequest
from gtmask.run.probe_file import add_heads
from gtmask.storage import S3Settings
from tests.images.test_head_file import heads_of
for number in range(10**9):
    rows = heads_of([f"{number}-{i}" for i in range(3000)])
    asyncio.run(add_heads(sys.argv[1], S3Settings(), f"r{number % 3}", rows, Heads()))
"""


@pytest.mark.slow
def test_a_writer_that_is_killed_leaves_a_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "heads"
    for _ in range(3):
        seen = file.stat().st_mtime_ns if file.exists() else 0
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(file)], cwd=Path(__file__).parents[2])
        wait_for(lambda: writer.poll() is not None or (file.exists() and file.stat().st_mtime_ns > seen))  # noqa: B023 - waited for here
        assert writer.poll() is None
        writer.kill()
        writer.wait()
        assert all(block.heads().are_sound() for block in parse(file.read_bytes()))
    assert asyncio.run(add_heads(str(file), S3Settings(), "r", heads_of(["a"]), Heads()))


def test_the_command_says_how_many_headers_were_known(export: Path) -> None:
    folder = export.parent
    common = ("--images", folder / "images", "--workers", 1, "--probe-cache", folder / "heads")
    command("convert", export, "--out", folder / "first", *common)
    done = command("convert", export, "--out", folder / "second", *common)
    assert "6 of 6 headers of images were known by --probe-cache" in done.stdout + done.stderr


@pytest.fixture
def in_s3(tmp_path: Path, s3_server: S3Server, bucket: str) -> str:
    """Put images and export into a bucket; return its URI."""
    export = coco_data.write(tmp_path, NAMES)
    objects = {f"i/{name}": (tmp_path / "images" / name).read_bytes() for name in NAMES}
    s3_server.put(bucket, objects | {"export.json": export.read_bytes()})
    return f"s3://{bucket}"


def convert_in_s3(place: str, out: str, settings: S3Settings, **options: Any) -> gtmask.Summary:
    given = {"images": f"{place}/i", "probe_cache": f"{place}/heads", "s3": settings, **COMMON, **options}
    return gtmask.convert(f"{place}/export.json", f"{place}/{out}", **given)


def asked(proxy: FaultProxy) -> tuple[int, int]:
    """Return how often images were asked for, and how often listings."""
    heads = sum(times for (verb, path), times in proxy.seen.items() if verb == "GET" and "/i/" in path)
    lists = sum(
        times
        for (verb, path), times in proxy.seen.items()
        if verb == "GET" and path.rstrip("/").count("/") == 1
    )
    proxy.seen.clear()
    return heads, lists


@pytest.mark.parametrize("client", ["aioboto3", pytest.param("obstore", marks=pytest.mark.slow)])
def test_in_s3_a_second_run_asks_for_no_image(
    in_s3: str, fault_proxy: FaultProxy, s3_server: S3Server, client: str
) -> None:
    settings = S3Settings(client=client, endpoint_url=fault_proxy.endpoint)
    convert_in_s3(in_s3, "plain", settings, probe_cache=None)
    plain = asked(fault_proxy)
    assert convert_in_s3(in_s3, "first", settings).heads == (0, 6)
    first = asked(fault_proxy)
    assert first[0] == plain[0]
    # obstore looks for another page behind the last one.
    assert first[1] == plain[1] + {"aioboto3": 1, "obstore": 2}[client]
    summary = convert_in_s3(in_s3, "second", settings)
    assert summary.heads == (6, 0)
    # What remains is asked for while the rule that finds images is chosen.
    assert asked(fault_proxy) == (plain[0] - 6, first[1])
    bucket = in_s3.removeprefix("s3://")
    trees = [s3_server.objects(bucket, f"{out}/") for out in ("plain", "first", "second")]
    for one in trees:
        one.pop("_gtmask/run.json")
    assert len(trees[0]) > 6
    assert [name for name in trees[0] if "manifest" not in name and any(
        one.get(name) != trees[0][name] for one in trees[1:])] == []  # fmt: skip
    assert trees[1].keys() == trees[2].keys() == trees[0].keys()


def test_in_s3_an_object_that_was_replaced_by_one_of_its_size_is_read(
    in_s3: str, s3_server: S3Server, tmp_path: Path
) -> None:
    settings, bucket = S3Settings(endpoint_url=s3_server.endpoint), in_s3.removeprefix("s3://")
    convert_in_s3(in_s3, "first", settings)
    old = (tmp_path / "images" / NAMES[2]).read_bytes()
    other = coco_data.jpeg(23, 31)
    s3_server.put(bucket, {f"i/{NAMES[2]}": other.ljust(len(old), b"\0")})
    s3_server.client().delete_object(Bucket=bucket, Key=f"i/{NAMES[3]}")
    summary = convert_in_s3(in_s3, "second", settings)
    assert (summary.heads, summary.tally.rejects) == ((4, 1), 1)
    convert_in_s3(in_s3, "plain", settings, probe_cache=None)
    masks = [s3_server.objects(bucket, f"{out}/masks/") for out in ("plain", "second", "first")]
    assert masks[0] == masks[1]
    assert masks[2]["2.png"] != masks[1]["2.png"]
    [block] = parse(s3_server.objects(bucket, "heads")[""])
    # The row of the one that is gone is gone, too.
    assert len(block.heads()) == 5
    assert convert_in_s3(in_s3, "third", settings).heads == (5, 0)


@pytest.mark.slow
def test_in_s3_an_update_lists_the_images_once(in_s3: str, fault_proxy: FaultProxy) -> None:
    settings = S3Settings(endpoint_url=fault_proxy.endpoint)
    convert_in_s3(in_s3, "a", settings)
    convert_in_s3(in_s3, "b", settings, probe_cache=None)
    asked(fault_proxy)
    convert_in_s3(in_s3, "b", settings, probe_cache=None, update=True, retry_rejects=True)
    alone = asked(fault_proxy)
    summary = convert_in_s3(in_s3, "a", settings, update=True)
    assert summary.heads == (0, 0)
    assert asked(fault_proxy) == alone


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_in_s3_no_more_requests_list_images_than_there_are_heads(
    in_s3: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not listed is read, and stays in the file."""
    settings = S3Settings(endpoint_url=s3_server.endpoint)
    convert_in_s3(in_s3, "first", settings)
    monkeypatch.setattr(probe_cache, "_PAGE", 1)
    monkeypatch.setattr(probe_cache, "_BATCH", 2)
    summary = convert_in_s3(in_s3, "second", settings, limit=3)
    assert summary.heads is not None
    assert sum(summary.heads) == 3
    [block] = parse(s3_server.objects(in_s3.removeprefix("s3://"), "heads")[""])
    assert len(block.heads()) == 6


def test_in_s3_a_prefix_that_cannot_be_listed_costs_the_cache_alone(
    in_s3: str, fault_proxy: FaultProxy, tmp_path: Path, said: list[str]
) -> None:
    settings = S3Settings(endpoint_url=fault_proxy.endpoint)
    bucket = in_s3.removeprefix("s3:/")
    fault_proxy.rule = lambda verb, path, attempt: "403 AccessDenied" if path.rstrip("/") == bucket else None
    summary = gtmask.convert(
        tmp_path / "export.json", tmp_path / "out", images=f"{in_s3}/i", probe_cache=str(tmp_path / "heads"),
        s3=settings, **COMMON,
    )  # fmt: skip
    assert (summary.complete, summary.heads) == (True, (0, 6))
    assert any("as the images cannot be listed: Cannot list" in one for one in said)
    assert not (tmp_path / "heads").exists()


def test_in_s3_who_may_not_write_the_file_converts_all_the_same(
    in_s3: str, s3_server: S3Server, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "gtmask-reader")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "gtmask-reader-secret")
    settings = S3Settings(endpoint_url=s3_server.endpoint)
    summary = gtmask.convert(
        f"{in_s3}/export.json", tmp_path / "out", images=f"{in_s3}/i", probe_cache=f"{in_s3}/heads",
        s3=settings, **COMMON,
    )  # fmt: skip
    assert (summary.complete, summary.heads) == (True, (0, 6))
    assert any("is left as it was: Cannot write" in one for one in said)
