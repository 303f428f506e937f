"""What says nothing about the data is never taken for a fault of theirs: it stops whoever reads.

Each file of each format's made documents answers in turn that it was changed, or that the server has trouble.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from gtmask.class_map import ClassMap
from gtmask.errors import ChangedError, GtmaskError, TransientError, UnknownFormatError
from gtmask.formats import FORMATS
from gtmask.formats.base import ReadOptions
from gtmask.formats.detect import detect
from gtmask.run.paint import paint
from tests.silence.documents import made
from tests.support.small_exports import FilesExport

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.silence.variant import Variant


class TroubledExport(FilesExport):
    """An export one of whose files cannot be read just now; ``asked`` says whether anybody tried."""

    def __init__(self, files: dict[str, bytes], victim: str, error: type[GtmaskError]) -> None:
        super().__init__(files)
        self.victim, self.error, self.asked = victim, error, False

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        if name == self.victim:
            self.asked = True
            raise self.error(f"{name} was changed.")
        return super().read(name, start, stop)

    def size(self, name: str) -> int:
        return len(self.files[name])

    def select(self, names: Iterable[str] | None) -> TroubledExport:
        self.selected = None if names is None else tuple(names)
        return self


def read_all(export: TroubledExport, variant: Variant) -> None:
    """Detect the format and read and paint all records, as a run does."""
    with suppress(UnknownFormatError):
        detect(export)
    export.select(None)
    wanted = detect(export, variant.format).names
    reader = FORMATS[variant.format].read(export.select(wanted or None), ReadOptions())
    for unit in reader.units():
        record = reader.record(unit)
        record.width, record.height = record.width or 9, record.height or 9
        paint(record, ClassMap(()), fill="center", stroke=0, overlap="order", crowd="paint")


@pytest.mark.parametrize("key", sorted(made()))
def test_trouble_with_a_file_stops_whoever_reads_it(key: str) -> None:
    variant = made()[key]
    error: type[GtmaskError] = TransientError if len(key) % 2 else ChangedError
    for victim in variant.files:
        export = TroubledExport(variant.files, victim, error)
        caught: GtmaskError | None = None
        try:
            read_all(export, variant)
        except GtmaskError as found:
            caught = found
        assert (type(caught) is error) == export.asked, (victim, caught)
