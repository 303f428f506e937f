"""Documents from afar: read in blocks, and copied where blocks come again and again."""

from __future__ import annotations

import pickle
import random
import shutil
from types import SimpleNamespace

import pytest

from gtmask.formats.jsonstream import Document, document
from tests.support.memory_export import BytesExport

DATA = random.Random(7).randbytes(50_000)


class Far(BytesExport):
    """An export in memory that counts the bytes that are read of it."""

    is_remote = True

    def __init__(self, data: bytes = DATA) -> None:
        super().__init__(data)
        self.count = 0

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        piece = super().read(name, start, stop)
        self.count += len(piece)
        return piece


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "BLOCK", 1000)
    monkeypatch.setattr(document, "BLOCKS", 4)
    monkeypatch.setattr(document, "COPIED", 7000)


def read_at_random(opened: Document, times: int = 3000) -> None:
    where = random.Random(3)
    for _ in range(times):
        start = where.randrange(len(DATA))
        assert opened.read(start, start + 300) == DATA[start : start + 300]


def test_what_is_read_at_random_is_read_little_more_than_twice():
    far = Far()
    opened = Document(far, "a.json")
    read_at_random(opened)
    assert far.count <= 2 * len(DATA) + 10 * document.BLOCK
    copy = pickle.loads(pickle.dumps(opened))
    read_at_random(copy)
    assert copy.export.count <= 2 * (2 * len(DATA) + 10 * document.BLOCK)


def test_what_is_read_in_order_is_not_copied():
    far = Far()
    opened = Document(far, "a.json")
    for start in range(0, len(DATA), 300):
        assert opened.read(start, start + 300) == DATA[start : start + 300]
    assert far.count == len(DATA)


@pytest.mark.parametrize("trouble", ["no room", "no folder"])
def test_without_room_blocks_do(monkeypatch: pytest.MonkeyPatch, trouble: str):
    def usage(_folder: str) -> SimpleNamespace:
        if trouble == "no folder":
            raise FileNotFoundError("no temporary folder")
        return SimpleNamespace(free=len(DATA))

    monkeypatch.setattr(shutil, "disk_usage", usage)
    far = Far()
    read_at_random(Document(far, "a.json"), 500)
    assert far.count > 5 * len(DATA)


def test_what_is_near_is_not_copied():
    near = Far()
    near.is_remote = False
    read_at_random(Document(near, "a.json"), 500)
    assert near.count > 5 * len(DATA)
