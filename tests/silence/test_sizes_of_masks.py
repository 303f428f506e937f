"""Masks that must be as large as the image, in every format: one of another size is left out, and told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gtmask.formats import open_reader
from gtmask.groundtruth.classes import class_map_from_labels
from gtmask.run.paint import paint
from tests.silence.documents import made

if TYPE_CHECKING:
    from pathlib import Path

    from gtmask.model import Record, Shape

#: Formats whose documents here have such masks, counted by hand; others have none, or parts of the image.
WHOLE = {
    "coco", "coco_panoptic", "darwin", "dataloop", "datumaro", "label_studio", "labelbox", "labelme_xml",
    "masks",
    "sa1b", "sagemaker", "scalabel", "segments", "superannotate",
}  # fmt: skip


def whole(shape: Shape) -> bool:
    return (shape.runs is not None and shape.runs.whole) or (shape.bitmap is not None and shape.bitmap.whole)


def records(folder: Path) -> list[tuple[str, Record]]:
    """Return the records of all documents that have masks of the whole image, by format."""
    found = []
    for number, variant in enumerate(made().values()):
        root = folder / str(number)
        for name, data in variant.files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
        reader = open_reader(root, variant.format)
        for unit in reader.units():
            record = reader.record(unit)
            record.shapes = [shape for shape in record.shapes if whole(shape)]
            if record.shapes:
                found.append((variant.format, record))
    return found


@pytest.mark.parametrize("exchanged", [False, True])
def test_masks_of_another_size_are_left_out_and_told(tmp_path: Path, *, exchanged: bool) -> None:
    tried = set()
    for name, record in records(tmp_path):
        size = record.width or 48, record.height or 32
        record.width, record.height = size[::-1] if exchanged else (size[0] + 1, size[1])
        classes = class_map_from_labels(sorted({shape.label for shape in record.shapes}))
        painting = paint(record, classes, fill="opencv", stroke=0.0, overlap="order", crowd="paint")
        assert not painting.mask.any(), (name, record.where)
        told = [finding for finding in painting.findings if finding.code.endswith("-size-differs")]
        assert told, (name, record.where)
        assert all(finding.detail.endswith("are exchanged") == exchanged for finding in told), told
        tried.add(name)
    assert tried == WHOLE
