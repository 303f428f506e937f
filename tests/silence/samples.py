"""Real exports as variants: small ones, whose images are as large as the export says."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from gtmask.errors import GtmaskError
from gtmask.formats import FORMATS, open_reader
from gtmask.images.references import normalize
from tests.silence.changes import PICTURES
from tests.silence.documents import made
from tests.silence.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Folder of the samples: the format they are of.
FOLDERS = {"scalabel_bdd": "scalabel", "sagemaker_gt": "sagemaker", "yolo_seg": "yolo"}
REAL = "real-"
DOCUMENTS = (".json", ".ndjson", ".xml", ".manifest", ".jsonl")
#: Changes of one real export that are tried at most: large ones have tens of thousands.
CHANGES = 90
#: Bytes of the largest document, and how many of a format are taken: changing large ones takes long.
LARGEST, MOST = 20_000, 5


def found(folder: Path, format_name: str) -> list[Variant]:
    """Return the small documents of a format among the real exports."""
    homes = [home for home in sorted(folder.iterdir()) if FOLDERS.get(home.name, home.name) == format_name]
    every = (path for home in homes for path in sorted(home.rglob("*")))
    small = [path for path in every if path.suffix in DOCUMENTS and 0 < path.stat().st_size <= LARGEST]
    variants = [one for path in small for one in _variant(folder, path, format_name)]
    return sorted(variants, key=lambda one: (sum(map(len, one.files.values())), one.name))[:MOST]


def _variant(folder: Path, path: Path, format_name: str) -> Iterator[Variant]:
    files = {path.name: path.read_bytes()}
    if FORMATS[format_name].per_image:
        # What lies beside it are other images' annotations, but for its picture of pixels.
        stem = path.name.partition("___")[0]
        others = [other for other in path.parent.iterdir() if other.name.startswith(f"{stem}___save")]
        files.update({other.name: other.read_bytes() for other in others if other.suffix in PICTURES})
    with tempfile.TemporaryDirectory() as scratch:
        for name, data in files.items():
            Path(scratch, name).write_bytes(data)
        try:
            reader = open_reader(scratch, format_name)
            records = [reader.record(unit) for unit in reader.units()]
        except GtmaskError:
            return
    images = {key: (record.width or 640, record.height or 480) for record in records
              if record.shapes and (key := normalize(record.image)) is not None}  # fmt: skip
    if images and max(width * height for width, height in images.values()) < 1 << 20:
        made_ones = [one for one in made().values() if one.format == format_name]
        name = f"{REAL}{path.relative_to(folder).as_posix().replace(' ', '~')}"
        yield Variant(
            format_name, name, files, images,
            free=frozenset().union(*(one.free for one in made_ones)),
            enums=frozenset().union(*(one.enums for one in made_ones)),
        )  # fmt: skip
