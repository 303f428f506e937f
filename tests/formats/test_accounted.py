"""In every dialect, what a reader is handed has shapes or a reason; grids are those that the page says."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from gtmask.formats import FORMATS, open_reader
from tests.silence.documents import made

if TYPE_CHECKING:
    from pathlib import Path

    from gtmask.formats.base import Reader
    from gtmask.model import Record
    from tests.silence.variant import Variant

VARIANTS = sorted(made())
#: Documents with elements of several shapes: an instance is drawn in each of its colours.
SEVERAL = {"superannotate/pixel"}
#: How the page of the formats says which pixels coordinates speak of.
GRIDS = {"stored": "stored", "EXIF turns": "displayed"}


def opened(variant: Variant, folder: Path) -> tuple[Reader, list[Record]]:
    for name, data in variant.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    reader = open_reader(folder, variant.format)
    return reader, [reader.record(unit) for unit in reader.units()]


@pytest.mark.parametrize("key", VARIANTS)
def test_what_is_handed_in_has_shapes_or_a_reason(key: str, tmp_path: Path) -> None:
    reader, records = opened(made()[key], tmp_path)
    findings = [finding for record in records for finding in record.findings]
    assert "element-unaccounted" not in {finding.code for finding in [*reader.findings, *findings]}
    assert sum(record.balance.handed for record in records) > 0
    for record in records:
        balance = record.balance
        assert balance.painted >= 0
        assert (balance.painted > 0) == bool(record.shapes)
        assert balance.painted == len(record.shapes) or (
            key in SEVERAL and balance.painted < len(record.shapes)
        )
        told = Counter(finding.code for finding in record.findings)
        assert set(balance.left_out) <= set(told)


@pytest.mark.parametrize("name", sorted({variant.format for variant in made().values()}))
def test_the_page_names_the_grid_that_records_have(name: str, tmp_path: Path) -> None:
    said = FORMATS[name].grid
    grids = [
        grid for words, grid in sorted(GRIDS.items(), key=lambda item: said.find(item[0])) if words in said
    ]
    found = Counter()
    for number, variant in enumerate(made().values()):
        if variant.format == name:
            found.update(record.grid for record in opened(variant, tmp_path / str(number))[1])
    assert set(found) <= set(grids), said
    assert grids[0] in found, said
