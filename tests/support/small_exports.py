"""Small exports in memory, read by one format, and the masks of their records."""

from __future__ import annotations

import io
import itertools
import json
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from gtmask.class_map import ClassMap, LabelClass
from gtmask.errors import NotFoundError
from gtmask.formats import FORMATS
from gtmask.formats.base import ReadOptions
from gtmask.run.paint import paint, rasterize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from gtmask.formats.base import Reader
    from gtmask.model import Record, Shape


class FilesExport:
    """An export whose files are in memory. Names that begin with ``../`` exist and are not listed."""

    location = "memory"
    is_remote = False

    def __init__(self, files: dict[str, bytes], selected: tuple[str, ...] | None = None) -> None:
        self.files = files
        self.selected = selected

    def names(self) -> Iterator[str]:
        listed = sorted(name for name in self.files if not name.startswith("../"))
        yield from listed if self.selected is None else self.selected

    def path(self, name: str) -> Path | None:
        return None

    def checksum(self, name: str) -> str:
        return ""

    def select(self, names: Iterable[str] | None) -> FilesExport:
        return FilesExport(self.files, None if names is None else tuple(names))

    def size(self, name: str) -> int:
        return len(self.read(name))

    def exists(self, name: str) -> bool:
        return name in self.files

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        if name not in self.files:
            raise NotFoundError(f"there is no file {name}")
        return self.files[name][start:stop]


def as_bytes(content: Any) -> bytes:
    """Return a file's content: bytes and text as they are, anything else as JSON."""
    if isinstance(content, bytes):
        return content
    return content.encode() if isinstance(content, str) else json.dumps(content).encode()


def open_files(format_name: str, files: dict[str, Any], **options: Any) -> Reader[Any]:
    """Open files with one format's reader."""
    export = FilesExport({name: as_bytes(content) for name, content in files.items()})
    return FORMATS[format_name].read(export, ReadOptions(**options))


def read_files(format_name: str, files: dict[str, Any], **options: Any) -> list[Record]:
    """Read all records of files with one format's reader."""
    reader = open_files(format_name, files, **options)
    return [reader.record(unit) for unit in reader.units()]


def read_one(format_name: str, content: Any, name: str = "a.json", **options: Any) -> Record:
    """Read the only record of one file."""
    (record,) = read_files(format_name, {name: content}, **options)
    return record


def codes(record: Record) -> list[str]:
    """Return the codes of a record's findings, sorted."""
    return sorted(finding.code for finding in record.findings)


def labels(record: Record) -> list[str]:
    """Return the labels of a record's shapes in painting order."""
    return [shape.label for shape in record.shapes]


def rings(record: Record, shape: Shape) -> list[list[list[list[float]]]]:
    """Return a shape's parts as lists of rings of [x, y]."""
    parts = []
    for part in range(*shape.parts):
        first, last = record.part_offsets[part : part + 2]
        offsets = record.ring_offsets[first : last + 1]
        parts.append([record.points[a:b].tolist() for a, b in itertools.pairwise(offsets)])
    return parts


def class_map(*names: str, background: tuple[str, ...] = ()) -> ClassMap:
    """Return a class map with these names, ids from 1."""
    classes = tuple(LabelClass(i, name, f"#{i:06x}") for i, name in enumerate(names, 1))
    return ClassMap(classes, background=frozenset(background))


def painted(
    record: Record, *names: str, fill: str = "center", size: tuple[int, int] | None = None,
    background: tuple[str, ...] = (),
) -> NDArray[np.uint8]:  # fmt: skip
    """Return a record's mask; ``names`` are painted 1, 2, ... (by default its labels, sorted)."""
    if size is not None:
        record.width, record.height = size
    known = names or tuple(sorted(set(labels(record)) - set(background)))
    return rasterize(record, class_map(*known, background=background), fill=fill)


def codes_of_painting(record: Record) -> list[str]:
    """Return the codes of what painting a record tells."""
    painting = paint(record, class_map(*sorted(set(labels(record)))), fill="opencv", stroke=0.0,
                     overlap="order", crowd="paint")  # fmt: skip
    return [finding.code for finding in painting.findings]


def grid(*rows: str) -> NDArray[np.uint8]:
    """Return a mask drawn as text: one digit per pixel, ``.`` for 0."""
    return np.array([[0 if sign == "." else int(sign) for sign in row] for row in rows], np.uint8)


def png(pixels: Any, mode: str | None = None, palette: list[int] | None = None) -> bytes:
    """Return a PNG of uint8 pixels (height, width) or (height, width, channels)."""
    picture = Image.fromarray(np.asarray(pixels, np.uint8))
    if mode is not None:
        picture = picture.convert(mode)
    if palette is not None:
        picture.putpalette(palette)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
