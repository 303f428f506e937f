"""Detection, folders, archives and pickling of every format with an export in tests.support.one_of_each."""

from __future__ import annotations

import json
import pickle
import zipfile
from typing import TYPE_CHECKING

import pytest

from gtmask.errors import DamagedExportError
from gtmask.formats import FORMATS, open_reader
from gtmask.formats.base import ReadOptions
from gtmask.formats.detect import matches
from gtmask.formats.sampling import take_sample
from tests.support.one_of_each import EXPORTS
from tests.support.small_exports import FilesExport, as_bytes

if TYPE_CHECKING:
    from pathlib import Path


def files_of(name: str) -> dict[str, bytes]:
    document, content, others = EXPORTS[name]
    return {document: as_bytes(content), **others}


@pytest.mark.parametrize("name", sorted(EXPORTS))
@pytest.mark.parametrize("indent", [None, 2])
def test_each_document_is_recognized_as_one_format_only(name: str, indent: int | None):
    document, content, _ = EXPORTS[name]
    export = FilesExport({document: json.dumps(content, indent=indent).encode()})
    assert [entry.name for entry, _ in matches(take_sample(export, document))] == [name]


@pytest.mark.parametrize("name", sorted(EXPORTS))
def test_folders_and_archives_read_alike(name: str, tmp_path: Path):
    folder, archive = tmp_path / "folder", tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w") as writer:
        for path, data in files_of(name).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
            writer.writestr(path, data)
    plain, zipped = open_reader(folder), open_reader(archive)
    assert zipped.labels == plain.labels
    records = [plain.record(unit) for unit in plain.units()]
    assert records
    assert [zipped.record(unit) for unit in zipped.units()] == records


@pytest.mark.parametrize("name", sorted(EXPORTS))
def test_readers_go_to_other_processes_without_their_records(name: str):
    export = FilesExport(files_of(name))
    reader = FORMATS[name].read(export, ReadOptions())
    units = list(reader.units())
    records = [reader.record(unit) for unit in units]
    other, other_units = pickle.loads(pickle.dumps((reader, units)))
    assert [other.record(unit) for unit in other_units] == records
    assert len(pickle.dumps(reader)) < 4000 + sum(map(len, export.files.values()))


@pytest.mark.parametrize("name", ["scalabel", "encord", "kili", "labelbox", "segments"])
def test_a_document_that_breaks_off_is_read_up_to_there_when_asked(name: str):
    document, content, _ = EXPORTS[name]
    rows = content if isinstance(content, list) else [content]
    if name == "scalabel":
        rows = content["frames"][:1]
    elif name == "segments":
        rows = content["dataset"]["samples"]
    whole = json.dumps(rows * 3).encode()
    if name == "segments":
        whole = b'{"dataset": {"samples": ' + whole + b"}}"
    # Cut in the middle of the third record.
    cut = whole[: len(whole) - len(json.dumps(rows[0])) // 2]
    module = FORMATS[name]
    with pytest.raises(DamagedExportError):
        list(module.read(FilesExport({document: cut}), ReadOptions()).units())
    reader = module.read(FilesExport({document: cut}), ReadOptions(keep_going=True))
    assert len([reader.record(unit) for unit in reader.units()]) == 2
    assert [finding.code for finding in reader.findings] == ["record-bad"]


def test_the_registry_has_every_format():
    assert EXPORTS.keys() <= FORMATS.keys()
    for name in EXPORTS:
        record = FORMATS[name]
        module = FORMATS[name]
        reader = module.read(FilesExport(files_of(name)), ReadOptions())
        fills = {reader.record(unit).source_fill for unit in reader.units()}
        assert fills == {record.source_fill}, name
