"""A document that is cut after it was opened: what is missing is told, not read as nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from gtmask.errors import ExportError
from gtmask.formats import via
from gtmask.formats.base import ReadOptions
from gtmask.formats.jsonstream.document import Document
from gtmask.formats.locate import open_export
from gtmask.formats.reading.xmlstream import pieces
from gtmask.storage.base import S3Settings
from tests.support.memory_export import BytesExport

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_cut_off_is_no_empty_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"[" + b"1," * 500 + b"1]")
    document = Document(open_export(str(path), S3Settings()), "a.json")
    assert document.read(1000, 2000) == b",1]"[-(path.stat().st_size - 1000) :]
    os.truncate(path, 600)
    assert len(document.read(0, 600)) == 600
    for start, stop in ((0, 601), (599, 700), (800, 900)):
        with pytest.raises(ExportError, match="was cut while it was read: it ends at byte"):
            document.read(start, stop)
    assert document.read(5000, 6000) == b""


class Cut(BytesExport):
    """An export whose file loses its second half once its size was asked for."""

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        return self.data[: len(self.data) // 2][start:stop]


def test_readers_that_go_through_a_file_in_windows_tell_it_too() -> None:
    columns = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes"
    table = f"{columns},region_attributes\n" + "a.jpg,1,{},0,0,{},{}\n" * 9
    with pytest.raises(ExportError, match="was cut while it was read"):
        list(via.read(Cut(table.encode(), "v.csv"), ReadOptions()).units())
    document = b"<annotations>" + b"<image/>" * 9 + b"</annotations>"
    with pytest.raises(ExportError, match="was cut while it was read"):
        list(pieces(Cut(document, "a.xml"), "a.xml", 2))
