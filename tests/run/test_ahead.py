"""Heads of local images are read ahead where reading them takes long, and nothing else is changed by it."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

import gtmask
from gtmask.run import ahead
from gtmask.run.ahead import AHEAD, LONG, THREADS, HeadsAhead
from gtmask.storage.local import LocalStorage
from tests.support import coco_data
from tests.support.commands import tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COUNT = 100
NAMES = [f"{number:03}.png" for number in range(COUNT)]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for number, name in enumerate(NAMES):
        Image.fromarray(np.zeros((2, number + 1), np.uint8)).save(folder / name)
    return folder


class Watched(LocalStorage):
    """Notes which thread reads what; ``before`` is called first."""

    def __init__(self, root: str, before: Callable[[str], object] = lambda _key: None) -> None:
        super().__init__(root)
        self.by_threads: list[str] = []
        self.by_us: list[str] = []
        self._before = before
        self._us = threading.current_thread()

    def fetch(self, key: str, start: int = 0, stop: int | None = None) -> tuple[bytes, str]:
        ours = threading.current_thread() is self._us
        (self.by_us if ours else self.by_threads).append(key)
        self._before(key)
        return super().fetch(key, start, stop)


def widths(heads: HeadsAhead, names: list[str], key: Callable[[int], str | None] | None = None) -> list[int]:
    """Probe images in turn, as a worker does; return their widths."""

    async def work() -> list[int]:
        numbers = heads.with_heads(range(len(names)), key or names.__getitem__)
        return [(await heads.probe(names[number])).width for number in numbers]

    return asyncio.run(work())


def pretend(monkeypatch: pytest.MonkeyPatch, seconds: Callable[[], float]) -> None:
    """Let each head seem to take so long, whichever thread reads it."""
    clock = threading.local()

    def now() -> float:
        clock.now = getattr(clock, "now", 0.0) + seconds()
        return float(clock.now)

    monkeypatch.setattr(ahead, "perf_counter", now)


def test_several_heads_are_read_at_once(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "LONG", -1.0)
    # Nobody goes on before as many have come as there are threads.
    together = threading.Barrier(THREADS, timeout=60)
    storage = Watched(str(images), lambda _key: together.wait())
    heads = HeadsAhead(storage)
    wanted = NAMES[: 2 * THREADS]
    assert widths(heads, wanted) == list(range(1, len(wanted) + 1))
    heads.close()
    assert sorted(storage.by_threads) == wanted
    assert not storage.by_us


def test_what_is_in_memory_is_read_when_it_is_needed(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, lambda: LONG / 2)
    storage = Watched(str(images))
    heads = HeadsAhead(storage)
    assert widths(heads, NAMES) == list(range(1, COUNT + 1))
    heads.close()
    assert storage.by_us == NAMES


def test_reading_ahead_begins_and_ends_by_what_heads_take(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first ten come from a disk that sleeps."""
    storage = Watched(str(images))
    asked: list[int] = []

    def key(number: int) -> str:
        asked.append(number)
        return NAMES[number]

    pretend(monkeypatch, lambda: 0.01 if len(asked) < 10 else 0.0)
    heads = HeadsAhead(storage)
    assert widths(heads, NAMES, key) == list(range(1, COUNT + 1))
    heads.close()
    assert asked == list(range(1, len(asked) + 1)), "the first one showed it; each is asked for once"
    assert AHEAD <= len(asked) < COUNT - 20
    assert sorted([*storage.by_us, *storage.by_threads]) == NAMES, "each is read once"
    assert storage.by_us == [NAMES[0], *NAMES[len(asked) + 1 :]]


def test_what_nobody_took_is_read_again(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "LONG", -1.0)
    heads = HeadsAhead(Watched(str(images)))
    numbers = heads.with_heads(range(5), NAMES.__getitem__)
    next(numbers)
    numbers.close()  # type: ignore[attr-defined] # of a generator
    assert not heads._reading
    heads.close()


def test_units_that_name_no_image_are_not_looked_ahead_for(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "LONG", -1.0)
    storage = Watched(str(images))
    heads = HeadsAhead(storage)
    assert widths(heads, NAMES[:20], lambda _: None) == list(range(1, 21))
    heads.close()
    assert storage.by_us == NAMES[:20]


def test_a_run_that_reads_ahead_leaves_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{number}.jpg" for number in range(60)]
    export = coco_data.write(tmp_path, names)
    folder = tmp_path / "images"
    (folder / "3.jpg").unlink()
    (folder / "17.jpg").write_bytes(b"no image")
    (folder / "18.jpg").write_bytes(b"")
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "x" * 20_000
    with Image.open(folder / "40.jpg") as picture:
        picture.convert("RGB").save(folder / "40.jpg", exif=exif)
    options: dict[str, Any] = {
        "images": folder, "workers": 1, "chunk_size": 16, "mask_uri": "s3://b/masks",
        "creation_date": "2024-01-01T00:00:00.000000",
    }  # fmt: skip
    plain = gtmask.convert(export, tmp_path / "plain", **options)
    monkeypatch.setattr(ahead, "LONG", -1.0)
    made: list[HeadsAhead] = []
    with_heads = HeadsAhead.with_heads

    def noted(self: HeadsAhead, *given: Any) -> Any:
        made.append(self)
        return with_heads(self, *given)

    monkeypatch.setattr(HeadsAhead, "with_heads", noted)
    found = gtmask.convert(export, tmp_path / "ahead", **options)
    assert (found.tally.masks, found.tally.rejects) == (57, 3) == (plain.tally.masks, plain.tally.rejects)
    assert tree(tmp_path / "ahead") == tree(tmp_path / "plain")
    assert made
    assert all(heads._threads is not None for heads in made)
