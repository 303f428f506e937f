"""What holds for files: nothing half-written under a final name, and each refusal in one sentence."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from gtmask.errors import AccessError, NotFoundError, StorageError
from gtmask.storage import local, local_files, walk
from gtmask.storage.local import LocalStorage

if TYPE_CHECKING:
    from pathlib import Path

WRITER = """
import asyncio, sys
from gtmask.storage.local import LocalStorage

async def main(root):
    storage = LocalStorage(root)
    for number in range(10**9):
        byte = bytes([number % 251])
        await storage.put("a/one", byte * 300_000)
        await storage.put(f"a/{number % 7}", byte * 300_000)
        print(number, flush=True)

asyncio.run(main(sys.argv[1]))
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def put(storage: LocalStorage, key: str, data: bytes) -> None:
    asyncio.run(storage.put(key, data))


def test_a_killed_writer_leaves_no_half_file_and_its_successor_no_leftovers(tmp_path: Path) -> None:
    for delay in (0.0, 0.003, 0.011, 0.017, 0.023):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        storage = LocalStorage(str(tmp_path))

        async def contents(storage: LocalStorage = storage) -> dict[str, bytes]:
            return {entry.key: await storage.get(entry.key) async for entry in storage.list()}

        for key, data in asyncio.run(contents()).items():
            assert len(data) == 300_000, key
            assert data == data[:1] * 300_000, key
    for key in ["one", *map(str, range(7))]:
        put(storage, f"a/{key}", b"x")
    assert names(tmp_path / "a") == [*map(str, range(7)), "one"]


def test_a_leftover_that_is_the_final_file_itself_is_not_emptied(tmp_path: Path) -> None:
    """A writer killed between linking the final name and taking its own away leaves two names."""
    storage = LocalStorage(str(tmp_path))
    with local._staged(tmp_path / "k") as (staged, descriptor):
        os.write(descriptor, b"final")
        os.link(staged, tmp_path / "k")
        os.link(staged, tmp_path / "kept")
    os.link(tmp_path / "k", staged)
    (tmp_path / "kept").unlink()
    assert asyncio.run(storage.put_if_absent("k", b"other")) is False
    assert (tmp_path / "k").read_bytes() == b"final"
    assert names(tmp_path) == ["k"]


def test_two_writers_of_one_file_do_not_mix(tmp_path: Path) -> None:
    with local._staged(tmp_path / "k") as (first, _):
        put(LocalStorage(str(tmp_path)), "k", b"second")
        assert first.exists()
    assert (tmp_path / "k").read_bytes() == b"second"
    assert names(tmp_path) == ["k"]


def test_files_that_are_being_written_are_not_listed(tmp_path: Path) -> None:
    with local._staged(tmp_path / "a" / "k"):
        assert list(walk.walk(str(tmp_path))) == []


@pytest.mark.parametrize("syncfs", [True, False])
def test_sync_flushes_once_for_all_that_was_put(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, syncfs: bool
) -> None:
    if syncfs and local._SYNCFS is None:
        pytest.skip("this system has no syncfs")
    flushed: list[Any] = []
    monkeypatch.setattr(local, "_flush", flushed.append)
    if syncfs:
        monkeypatch.setattr(local, "_sync_file_system", lambda root: flushed.append("all"))
    else:
        monkeypatch.setattr(local, "_SYNCFS", None)
    storage = LocalStorage(str(tmp_path))

    async def work() -> None:
        await storage.sync()
        assert flushed == []
        await storage.put("a/b/1", b"1")
        await storage.put("a/2", b"2")
        await storage.sync()
        await storage.sync()

    asyncio.run(work())
    files = {tmp_path / "a/b/1", tmp_path / "a/2"}
    folders = {tmp_path / "a/b", tmp_path / "a", tmp_path}
    assert flushed == ["all"] if syncfs else set(flushed) == files | folders


def test_sync_really_runs(tmp_path: Path) -> None:
    async def work() -> None:
        storage = LocalStorage(str(tmp_path))
        await storage.put("k", b"1")
        await storage.sync()

    asyncio.run(work())


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def full(descriptor: int, data: bytes) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(local, "_write", full)
    with pytest.raises(StorageError, match=r"^Cannot write .*/k: the disk .* make room\.$"):
        put(LocalStorage(str(tmp_path)), "k", b"1")
    assert names(tmp_path) == []


def test_a_name_too_long_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="longer than the file system allows: shorten it"):
        put(LocalStorage(str(tmp_path)), "x" * 300, b"1")


def test_a_name_that_cannot_be_encoded_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written in this system's encoding"):
        put(LocalStorage(str(tmp_path)), "\ud800.png", b"1")


def test_a_folder_of_that_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "k").mkdir()
    storage = LocalStorage(str(tmp_path))
    with pytest.raises(StorageError, match=r"Cannot write .*/k: there is a folder of that name"):
        put(storage, "k", b"1")
    for attempt in (storage.get("k"), storage.size("k")):
        with pytest.raises(NotFoundError, match="it is a folder; name a file in it"):
            asyncio.run(attempt)
    assert names(tmp_path) == ["k"]


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    storage = LocalStorage(str(tmp_path))
    with pytest.raises(StorageError, match="a part of the path is a file"):
        put(storage, "a/k", b"1")
    with pytest.raises(NotFoundError):
        asyncio.run(storage.get("a/k"))


def test_a_refused_permission_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise PermissionError(errno.EACCES, "refused")

    monkeypatch.setattr(local, "_create_file", refuse)
    with pytest.raises(AccessError, match=r"Cannot write .*/k: permission denied; check owner and mode"):
        put(LocalStorage(str(tmp_path)), "k", b"1")


def test_without_hard_links_put_if_absent_still_writes_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **names: object) -> None:
        raise OSError(errno.ENOTSUP, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    storage = LocalStorage(str(tmp_path))
    assert asyncio.run(storage.put_if_absent("k", b"first")) is True
    assert asyncio.run(storage.put_if_absent("k", b"second")) is False
    assert (tmp_path / "k").read_bytes() == b"first"
    assert names(tmp_path) == ["k"]


def test_a_large_folder_is_sorted_in_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{(number * 7919) % 1000:03}{'-ü' * (number % 3)}" for number in range(1000)]
    for name in names:
        (tmp_path / name).write_bytes(b"1")
    monkeypatch.setattr(walk, "RUN", 64)
    assert list(walk.walk(str(tmp_path))) == [(name, 1) for name in sorted(names, key=str.encode)]


def test_a_listing_that_is_given_up_leaves_no_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(100):
        (tmp_path / f"{number}").write_bytes(b"1")
    monkeypatch.setattr(walk, "RUN", 16)
    before = psutil.Process().num_fds()
    listing = walk.walk(str(tmp_path))
    next(listing)
    assert psutil.Process().num_fds() >= before + 6
    del listing
    assert psutil.Process().num_fds() == before


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "k").write_bytes(b"1")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    assert [key for key, _ in walk.walk(str(tmp_path))] == ["a/k", "b/k"]


def test_a_prefix_cannot_climb(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "secret").write_bytes(b"1")
    assert list(walk.walk(str(tmp_path / "out"), "../")) == []
    assert list(walk.walk(str(tmp_path / "out"), "/etc/")) == []


def test_an_interruption_right_after_opening_stays_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the "bad file descriptor" of a file that is closed by two."""

    class Interrupted(io.FileIO):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.close()  # as when it is collected: the interruption comes before anybody holds it
            raise KeyboardInterrupt

    (tmp_path / "file").write_bytes(b"x")
    monkeypatch.setattr(io, "FileIO", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        local_files.open_regular(tmp_path / "file")


def test_a_sync_waits_for_the_one_on_its_way_and_a_failed_one_is_done_again(tmp_path: Path) -> None:
    storage, go, asked = LocalStorage(str(tmp_path)), threading.Event(), []

    def slow(paths: object) -> None:
        asked.append(paths)
        if not go.wait(60):
            raise OSError(errno.EIO, "too late")
        if len(asked) == 1:
            raise StorageError("the disk is gone")

    async def work() -> None:
        storage._sync = slow  # type: ignore[method-assign]
        await storage.put("a", b"1")
        first, second = asyncio.create_task(storage.sync()), asyncio.create_task(storage.sync())
        await asyncio.to_thread(waited_for, lambda: len(asked) == 1)
        assert not second.done()
        go.set()
        with pytest.raises(StorageError, match="gone"):
            await first
        await second
        await storage.sync()

    asyncio.run(work())
    assert len(asked) == 2


def waited_for(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)
