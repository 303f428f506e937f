"""What is fuzzed, and what must come out: sound data or an error of the project, never anything else.

A target takes any bytes. Those of a format put them in place of one file of an export that the tests make:
the first byte chooses the export, the second one its file.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import orjson

from gtmask.errors import GtmaskError
from gtmask.findings import is_reject
from gtmask.formats import FORMATS
from gtmask.formats.base import ReadOptions
from gtmask.formats.jsonstream import Cursor
from gtmask.formats.jsonstream.document import Document
from gtmask.formats.label_studio.brush import brush_runs
from gtmask.formats.reading.rle import read_runs
from gtmask.manifest.color_map import read_color_map
from gtmask.manifest.line import parse_line
from gtmask.png import decode_png, encode_png
from gtmask.run.paint import rasterize
from tests.silence.documents import made
from tests.support.memory_export import BytesExport
from tests.support.mutate import assert_survives
from tests.support.small_exports import FilesExport, class_map

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gtmask.model import Record
    from tests.silence.variant import Variant

#: Records of more pixels are not painted: their size is as good as any, and takes long.
MOST_PIXELS = 1 << 18
MANIFEST = orjson.dumps(
    {
        "source-ref": "s3://b/a.jpg",
        "x-ref": "s3://b/m.png",
        "x-ref-metadata": {
            "type": "groundtruth/semantic-segmentation",
            "creation-date": "2024-01-01T00:00:00",
            "human-annotated": "yes",
            "job-name": "j",
            "internal-color-map": {"0": {"class-name": "BACKGROUND", "hex-color": "#ffffff"}},
        },
    }
)


@dataclass(frozen=True)
class Target:
    """Bytes to begin with, and what is done to bytes."""

    seeds: tuple[bytes, ...]
    run: Callable[[bytes], None]


def targets() -> dict[str, Target]:
    """Return all targets by name: one per format, and one per decoder of its own."""
    every = {name: _format(name) for name in FORMATS}
    mask = np.arange(48, dtype=np.uint8).reshape(6, 8) // 7
    pngs = [encode_png(mask), encode_png(mask, palette=dict.fromkeys(range(7), "#123456"))]
    return every | {
        "json-stream": Target(
            (b'{"a": [1, {"b": "c"}], "d": [{}, null, -1.5e3, "\\u00e9"]}', b"[[]]"), _stream
        ),
        "coco-rle": Target((b"\x06\x08PYT3O1", b"\x10\x10" + b"0" * 9), _runs),
        "brush-rle": Target((b"\x04\x03" + bytes(range(40)),), _brush),
        "png": Target(tuple(pngs), _png),
        "manifest": Target((MANIFEST,), _manifest),
    }


def _format(name: str) -> Target:
    variants = [variant for variant in made().values() if variant.format == name]
    seeds = [
        bytes((number, place)) + data
        for number, variant in enumerate(variants)
        for place, data in enumerate(variant.files.values())
    ]
    return Target(tuple(seeds), partial(_read, name, variants))


def _read(name: str, variants: list[Variant], data: bytes) -> None:
    if len(data) < 2:
        return
    variant = variants[data[0] % len(variants)]
    victim = list(variant.files)[data[1] % len(variant.files)]
    files = {**variant.files, victim: data[2:]}
    labels = class_map("thing")

    def records() -> Iterator[Record]:
        reader = FORMATS[name].read(FilesExport(files), ReadOptions())
        for unit in reader.units():
            record = reader.record(unit)
            pixels = (record.width or 8) * (record.height or 6)
            if not is_reject(record.findings) and pixels < MOST_PIXELS:
                record.width, record.height = record.width or 8, record.height or 6
                rasterize(record, labels, stroke=1)
            yield record

    assert_survives(records)


def _stream(data: bytes) -> None:
    document = Document(BytesExport(data), "a.json")
    try:
        cursor = Cursor(document, document.first())
        for entry in cursor.container().entries():
            assert entry.load() in data
    except GtmaskError:
        return


def _runs(data: bytes) -> None:
    if len(data) < 2:
        return
    with suppress(ValueError):
        found = read_runs({"size": [data[0] or 1, data[1] or 1], "counts": data[2:].decode("latin-1")})
        assert found.counts.sum() == (data[0] or 1) * (data[1] or 1)


def _brush(data: bytes) -> None:
    if len(data) < 2:
        return
    try:
        runs = brush_runs(list(data[2:]), data[0] or 1, data[1] or 1)
    except ValueError:
        return
    assert runs.counts.sum() == (data[0] or 1) * (data[1] or 1)


def _png(data: bytes) -> None:
    try:
        assert decode_png(data).ndim == 2
    except GtmaskError:
        return


def _manifest(data: bytes) -> None:
    line = parse_line(data)
    for label in line.labels:
        try:
            read_color_map(label.color_map)
        except GtmaskError:
            continue
