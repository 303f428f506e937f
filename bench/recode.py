"""Ready-made masks re-coded to other class ids, from the bytes of one PNG to the bytes of the next.

Ours is what a run does for each mask: read it as an export, name its classes, paint, count, encode. The
rival is what people write by hand: Pillow opens the mask, NumPy takes from a table, Pillow saves. A candidate
counts only after OpenCV has read equal pixels from what it wrote.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from bench.harness import Goal, Measure, Row, Table, alone, race
from bench.masks import all_masks
from gtmask.formats.masks.class_lists import ClassList, Entry
from gtmask.formats.masks.meaning import add_pixels
from gtmask.formats.masks.pictures import decode
from gtmask.formats.reading.build import RecordBuilder
from gtmask.groundtruth.classes import class_map_from_labels
from gtmask.model import Bitmap, Select
from gtmask.png import count_values, encode_png
from gtmask.run.paint import paint

if TYPE_CHECKING:
    from numpy.typing import NDArray

OURS, PEER = "gtmask", "Pillow, NumPy take, Pillow"
AIM = 10.0


def table_of(mask: NDArray[np.uint8]) -> tuple[ClassList, Any, NDArray[np.uint8]]:
    """Return a class list for a mask's values, a class map of the same names, and the values as a table."""
    values = [int(value) for value in np.unique(mask)]
    entries = [Entry("background" if value == 0 else f"class {value}", value) for value in values]
    classes = class_map_from_labels([entry.name for entry in entries if entry.value])
    table = np.zeros(256, np.uint8)
    for entry in entries:
        table[entry.value] = classes.id_of(entry.name) or 0
    return ClassList("made", tuple(entries)), classes, table


def ours(data: bytes, listed: ClassList, classes: Any) -> bytes:
    """Re-code one mask as a run does."""
    builder = RecordBuilder("a.jpg")
    picture = decode(data)
    builder.record.height, builder.record.width = picture.plane.values.shape

    def add(label: str, pixel: Any) -> None:
        builder.bitmap(label, Bitmap(plane=picture.plane, select=Select("index", pixel.number), whole=True))

    add_pixels(builder, "a.png", picture, listed, "background", "", add)
    painting = paint(builder.build(), classes, fill="opencv", stroke=0, overlap="order", crowd="paint")
    count_values(painting.mask)
    return encode_png(painting.mask)


def peer(data: bytes, table: NDArray[np.uint8]) -> bytes:
    """Re-code one mask by hand."""
    out = io.BytesIO()
    Image.fromarray(np.take(table, np.asarray(Image.open(io.BytesIO(data))))).save(out, "PNG")
    return out.getvalue()


def scene(name: str, mask: NDArray[np.uint8], palette: bool, rounds: int) -> Row:
    """Measure one mask."""
    listed, classes, table = table_of(mask)
    out = io.BytesIO()
    picture = Image.fromarray(mask)
    if palette:
        picture = picture.convert("P")
        picture.putpalette([value for index in range(256) for value in (index, 255 - index, index // 2)])
    picture.save(out, "PNG")
    data = out.getvalue()

    def check(who: str, result: bytes) -> None:
        read: Any = cv2.imdecode(np.frombuffer(result, np.uint8), cv2.IMREAD_UNCHANGED)
        if not np.array_equal(read, table[mask]):
            raise AssertionError(f"{name}: {who} made other pixels")

    seconds = race(
        {OURS: lambda: ours(data, listed, classes), PEER: lambda: peer(data, table)}, check, rounds=rounds
    )
    return Row(
        f"{name}, {'palette' if palette else 'gray'}", {who: Measure(it) for who, it in seconds.items()}
    )


def run(quick: bool) -> list[Table]:
    """Measure re-coding masks of several sizes."""
    masks = all_masks(quick)
    rows = [scene(name, mask, palette, 9)
            for name, mask in masks.items() for palette in (False, True)]  # fmt: skip
    shares = []
    for row in rows:
        mine, theirs = row.measures[OURS], row.measures[PEER]
        if mine and theirs:
            shares.append(theirs.seconds / mine.seconds)
    least = min(shares)
    goal = Goal("at least ten times as fast as by hand, on every mask", f"{least:.1f}x", least >= AIM)
    return [Table("Masks in", __doc__ or "", OURS, rows, [goal])]


if __name__ == "__main__":
    raise SystemExit(alone(run))
