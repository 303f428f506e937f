"""Pictures whose pixels name segments: values that no shape lists, that several list, and that no pixel has.

The pixels of such a picture are of a listed segment, or background by the format's own word, or they were
lost on the way: then the mask has background where somebody labeled something, and that is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from gtmask.model import Record, Shape


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
