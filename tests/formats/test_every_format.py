"""Detection, folders, archives and pickling of every format with an export in tests.support.one_of_each."""

from __future__ import annotations

import json
import pickle
import random
import re
import zipfile
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from gtmask.errors import DamagedExportError
from gtmask.formats import FORMATS, open_reader
from gtmask.formats.base import ReadOptions, Sample
from gtmask.formats.detect import matches
from gtmask.formats.sampling import take_sample
from tests.support import coco_data
from tests.support.one_of_each import EXPORTS
from tests.support.small_exports import FilesExport, as_bytes

#: Texts that no other sample here has the like of.
TEXTS = {
    "cvat": ("a.xml", "<?xml version='1.0'?>\n<annotations><version>1.1</version>"),
    "labelme_xml": ("a.xml", "<annotation><object><polygon><pt>"),
    "yolo": ("A.TXT", "0 0.1 0.1 0.2 0.2 0.3 0.1\n"),
    "via": ("a", "#filename,file_size,region_shape_attributes,region_attributes\n"),
}
#: Words between quotes in a format's source: among them are the keys by which it recognizes its files.
WORD = re.compile(r'"([A-Za-z_][\w -]*)"')


def words_of(module: Any) -> list[str]:
    folder = Path(module.__file__).parent
    own = folder.name == "formats" or module.__name__.endswith("panoptic")
    sources = [Path(module.__file__)] if own else list(folder.glob("*.py"))
    return sorted({word for path in sources for word in WORD.findall(path.read_text())})


def some(words: list[str]) -> dict[str, tuple[str, ...]]:
    """Return some keys, some of them with keys below them."""
    keys = random.sample(words, min(len(words), random.randint(0, 12)))
    return {key: tuple(random.sample(words, min(len(words), random.choice([0, 0, 6])))) for key in keys}


def samples_of(name: str, module: Any) -> list[Sample]:
    """Return files that a format may recognize: real ones, parts of them, and any that have its words."""
    random.seed(name)
    found = [Sample(document, text.encode(), text) for document, text in TEXTS.values()]
    words = words_of(module)
    coco = ("a.json", coco_data.make_document(["a.jpg"]), {})
    for one, (document, content, _) in {**EXPORTS, "coco": coco}.items():
        found.append(take_sample(FilesExport({document: as_bytes(content)}), document))
        words += [*found[-1].keys, *found[-1].element] if one == name else []
    for real in list(found):
        for _ in range(9):
            keys, element = (
                {key: inner for key, inner in kept.items() if random.random() < 0.7}
                for kept in (real.keys, real.element)
            )
            found.append(replace(real, keys=keys, element=element))
    signs = sorted(FORMATS[name].signs)
    for _ in range(400):
        keys = some(words + signs)
        text = json.dumps({key: dict.fromkeys(inner) for key, inner in keys.items()})
        keys, element = random.choice([(keys, {}), ({}, keys)])
        whole = random.random() < 0.5
        found.append(Sample("panoptic.json", text.encode(), text, keys, element, whole=whole))
    return found


@pytest.mark.parametrize("name", sorted(FORMATS.keys() - {"masks"}))
def test_a_format_is_asked_about_every_file_that_it_recognizes(name: str):
    """Signs only spare an import: without them, the same is recognized."""
    module = import_module(f"gtmask.formats.{FORMATS[name].module or name}")
    samples = samples_of(name, module)
    titles = [module.sniff(sample) for sample in samples]
    assert [FORMATS[name].sniff(sample) for sample in samples] == titles
    assert any(titles)


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
