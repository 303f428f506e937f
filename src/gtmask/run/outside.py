"""What is odd about a record's shapes: where they lie, and values of pictures that are not as they say.

A shape that lies outside leaves no pixel. One that reaches far beyond the edge, and one whose numbers all lie
between 0 and 1, are what other pixels than those of this image look like: a copy that was scaled after it was
labeled, or fractions in a format that counts in pixels.

The pixels of a picture that names segments are of a listed segment, or background by the format's own word,
or they were lost on the way: then the mask has background where somebody labeled something, and that is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.findings import Finding
from gtmask.raster.extent import FAR as IS_FAR
from gtmask.raster.extent import FRACTION, OUTSIDE, note_rings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from gtmask.model import Record, Runs, Shape


#: How far a shape may reach beyond the image, in shares of the side: tools let people draw a little over it.
FAR = 0.1
#: In an image this small a shape of one pixel is nothing odd.
SMALLEST = 8


def misplaced(record: Record, points: NDArray[np.float64], shapes: list[Shape]) -> list[Finding]:
    """Tell of shapes that lie outside the image, reach far beyond it, or are fractions by their numbers.

    - ``record``: its width and height are those of the image.
    - ``points``: float64 (n, 2): the record's vertices in pixels.
    - ``shapes``: shapes of the record.
    """
    width, height = record.width or 0, record.height or 0
    gone = [shape for shape in shapes if shape.runs is not None and _is_outside(shape.runs, width, height)]
    if not len(points):
        return _gone(gone)
    noted = note_rings(points, record.ring_offsets, width, height, FAR)
    if not noted.any:
        return _gone(gone)
    notes, parts = noted.rings.tolist(), record.part_offsets.tolist()
    counts_pixels = record.units == "pixel" and min(width, height) > SMALLEST
    cut: list[Finding] = []
    fractions: list[Finding] = []
    for shape in shapes:
        first, last = shape.parts
        # Of most shapes nothing is noted.
        if not any(notes[parts[first] : parts[last]]):
            continue
        rings = _deciding(shape, parts)
        of_all = of_any = notes[rings[0]]
        for ring in rings[1:]:
            of_all, of_any = of_all & notes[ring], of_any | notes[ring]
        if of_all & OUTSIDE:
            gone.append(shape)
            continue
        if of_any & IS_FAR:
            said = f"{shape.label}: {_box(rings, noted.boxes)}, image {width}x{height}"
            cut.append(Finding("shape-cut", said))
        if of_all & FRACTION and counts_pixels:
            fractions.append(Finding("fraction-suspected", f"{shape.label}: {shape.kind}"))
    return [*_gone(gone), *cut, *fractions]


def _box(rings: Sequence[int], boxes: NDArray[np.float64]) -> str:
    """Return the bounding box of some rings by those of all rings, for people."""
    x0, y0, x1, y1 = boxes[rings[0]].tolist()
    for ring in rings[1:]:
        left, top, right, bottom = boxes[ring].tolist()
        x0, y0, x1, y1 = min(x0, left), min(y0, top), max(x1, right), max(y1, bottom)
    return f"{x0:.6g},{y0:.6g} to {x1:.6g},{y1:.6g}"


def _gone(shapes: list[Shape]) -> list[Finding]:
    """Tell of shapes that no pixel of the image can belong to."""
    return [Finding("shape-outside", f"{shape.label}: {shape.kind}") for shape in shapes]


def _is_outside(runs: Runs, width: int, height: int) -> bool:
    return runs.x >= width or runs.y >= height or runs.x + runs.width <= 0 or runs.y + runs.height <= 0


def _deciding(shape: Shape, parts: list[int]) -> Sequence[int]:
    """Return the rings that decide where a shape lies: all, or its exteriors where holes are taken out."""
    first, last = shape.parts
    return parts[first:last] if shape.subtract else range(parts[first], parts[last])


def listed(record: Record) -> dict[str, list[Shape]]:
    """Return the shapes that name their pixels by a value, by the file of the picture; some have none."""
    found: dict[str, list[Shape]] = {name: [] for name in record.pictures}
    for shape in record.shapes:
        if shape.bitmap is not None and shape.bitmap.file is not None and shape.bitmap.select.how == "id":
            found.setdefault(shape.bitmap.file, []).append(shape)
    return found


def compare(file: str, shapes: list[Shape], ids: NDArray[np.uint32]) -> Iterator[Finding]:
    """Yield findings about one picture.

    - ``file``: the picture's name, for people.
    - ``shapes``: all shapes that name values of this picture.
    - ``ids``: uint32 (height, width): the picture's values.
    """
    values, counts = _counted(ids)
    bitmaps = [shape.bitmap for shape in shapes if shape.bitmap is not None]
    keys = np.array([bitmap.select.value for bitmap in bitmaps], np.int64)
    known = np.append(keys, [bitmap.background for bitmap in bitmaps] or [0])
    strange = ~np.isin(values, known)
    if strange.any():
        pixels, first = int(counts[strange].sum()), _spelled(int(values[strange][np.argmax(counts[strange])]))
        several = f"{int(strange.sum())} values" if strange.sum() > 1 else "one value"
        yield Finding("bitmap-value-unknown", f"{file}: {pixels} pixels of {several}, such as {first}")
    absent = np.flatnonzero(~np.isin(keys, values)).tolist()
    classes = [number for number in absent if bitmaps[number].optional]
    if classes:
        names = ", ".join(shapes[number].label for number in classes)
        yield Finding("class-without-pixels", f"{file}: {names:.200}")
    for number in absent:
        if not bitmaps[number].optional:
            detail = f"{shapes[number].label}: {_spelled(int(keys[number]))} in {file}"
            yield Finding("segment-without-pixels", detail)
    yield from _shared(file, shapes, keys)


def _shared(file: str, shapes: list[Shape], keys: NDArray[np.int64]) -> Iterator[Finding]:
    """Yield a finding for each value that shapes of several labels name: its pixels can be of one only."""
    labels: dict[int, dict[str, None]] = {}
    for shape, key in zip(shapes, keys.tolist(), strict=True):
        labels.setdefault(key, {})[shape.label] = None
    for key, names in labels.items():
        if len(names) > 1:
            yield Finding("segment-id-shared", f"{', '.join(names)}: {_spelled(key)} in {file}")


def _counted(ids: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the different values of a picture, ascending, and how many pixels each has.

    Runs of equal pixels are counted first: sorting all pixels takes ten times as long.
    """
    flat = ids.ravel()
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    lengths = np.diff(np.append(starts, len(flat)))
    values, places = np.unique(flat[starts], return_inverse=True)
    return values.astype(np.int64), np.bincount(places, weights=lengths).astype(np.int64)


def _spelled(value: int) -> str:
    red, green, blue = value & 255, value >> 8 & 255, value >> 16
    return f"{value} (#{red:02x}{green:02x}{blue:02x})"
