"""The fast way for ordinary images: polygons go from JSON bytes to float64 without Python objects.

One kernel reads the annotations of an image: category, crowd flag and the vertices of its polygons. It
knows one form, which is nearly all of COCO: whole-number or spelt category ids, ``segmentation`` as lists
of at least three points, keys without escapes. It gives up at anything else, and the image is then read by
the careful way of :mod:`gtmask.formats.coco.shapes`; both make the same record. Values that neither needs
(area, bbox, ids) are passed, not judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.formats.jsonstream.ids import read_whole
from gtmask.formats.jsonstream.kernels import skip_blanks, skip_text
from gtmask.formats.jsonstream.tokens import read_number, same_bytes, skip_value
from gtmask.formats.reading.geometry import LIMIT
from gtmask.formats.reading.rings import judge_ring
from gtmask.jit import kernel
from gtmask.model import Record, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray


_CATEGORY, _CROWD, _RINGS = range(3)
_NAMES = tuple(np.frombuffer(name, np.uint8).copy() for name in
               (b"segmentation", b"category_id", b"iscrowd", b"image_id"))  # fmt: skip
#: How often a member was met, counted in one number in which an image's id counts 1.
_CATEGORY_ONCE, _CROWD_ONCE = 1 << 20, 1 << 40
_SEGMENTATION, _CATEGORY_ID, _ISCROWD, _IMAGE_ID = _NAMES


def fill_plain(record: Record, body: bytes, owner: bytes, names: dict[int | str, str]) -> bool:
    """Read the annotations of one image into its record, if all of them are of the ordinary form.

    Returns whether the record was filled.

    - ``record``: receives points, offsets and shapes; untouched where the form is another.
    - ``body``: the annotations as JSON, with commas between them.
    - ``owner``: the image's id as text: annotations of another image are not of the ordinary form.
    - ``names``: category names by id.
    """
    data = np.frombuffer(bytearray(body.ljust(-(-len(body) // 8) * 8, b"\0")), np.uint8)
    numbers = np.empty(len(body) // 2 + 2)
    ends = np.empty(len(body) // 8 + 2, np.int32)
    rows = np.empty((len(body) // 32 + 2, 3), np.int64)
    wanted = np.frombuffer(bytearray(owner), np.uint8)
    count = read_annotations(data, data.view(np.uint64), len(body), wanted, numbers, ends, rows)
    if count <= 0:
        return False
    rings = int(rows[count - 1, _RINGS])
    points = numbers[: 2 * int(ends[rings])].reshape(-1, 2).copy()
    offsets = ends[: rings + 1].copy()
    shapes = []
    first = 0
    for category, crowd, last in rows[:count].tolist():
        name = names.get(category)
        if name is None:
            return False
        shapes.append(Shape(name, "polygon", (first, last), ignore=crowd != 0))
        first = last
    record.points, record.ring_offsets, record.shapes = points, offsets, shapes
    record.balance.handed = count
    record.part_offsets = np.arange(rings + 1, dtype=np.int32)
    return True


@kernel("UniTuple(int64, 2)(uint8[::1], int64, int64, int64, float64[::1], int32[::1])", inner=True)
def read_rings(
    data: NDArray[np.uint8],
    i: int,
    stop: int,
    ring: int,
    numbers: NDArray[np.float64],
    ends: NDArray[np.int32],
) -> tuple[int, int]:
    """Read ``[[x, y, ...], ...]`` at ``data[i]``: rings of at least three distinct points, within the limit.

    ``ring`` rings are there already and ``ends[ring]`` is where the last one ends, in points. Returns the
    position after the value and the number of rings; the position is -1 where it is of another form.
    """
    place = 2 * np.int64(ends[ring])
    if i >= stop or data[i] != 0x5B:
        return -1, ring
    i = skip_blanks(data, i + 1, stop)
    while i < stop and data[i] == 0x5B:
        first = place
        i = skip_blanks(data, i + 1, stop)
        while True:
            i, value = read_number(data, i, stop)
            if i < 0:
                return -1, ring
            numbers[place] = value
            place += 1
            i = skip_blanks(data, i, stop)
            if i >= stop or (data[i] != 0x2C and data[i] != 0x5D):
                return -1, ring
            i += 1
            if data[i - 1] == 0x5D:
                break
            i = skip_blanks(data, i, stop)
        if place - first < 6 or (place - first) & 1:
            return -1, ring
        if judge_ring(numbers, int(first >> 1), int(place >> 1), 3, LIMIT) != 0:
            return -1, ring
        ring += 1
        ends[ring] = place >> 1
        i = skip_blanks(data, i, stop)
        if i < stop and data[i] == 0x5D:
            return i + 1, ring
        if i >= stop or data[i] != 0x2C:
            break
        i = skip_blanks(data, i + 1, stop)
    return -1, ring


@kernel(
    "int64(uint8[::1], uint64[::1], int64, int64, uint8[::1], int64,"
    " float64[::1], int32[::1], int64[:, ::1])",
    inner=True,
)
def read_annotation(
    data: NDArray[np.uint8],
    words: NDArray[np.uint64],
    i: int,
    stop: int,
    owner: NDArray[np.uint8],
    n: int,
    numbers: NDArray[np.float64],
    ends: NDArray[np.int32],
    rows: NDArray[np.int64],
) -> int:
    """Read the object at ``data[i]`` into ``rows[n]``; the position after it, -1 for another form."""
    first = rows[n - 1, _RINGS] if n > 0 else 0
    last = first
    owned = False
    known = False
    times = 0
    rows[n, _CROWD] = 0
    sign = data[i]
    while i < stop and sign != 0x7D:
        i = skip_blanks(data, i + 1, stop)
        if i >= stop or data[i] != 0x22:
            return -1
        key = i + 1
        end = skip_text(words, key, stop)
        i = skip_blanks(data, end + 1, stop)
        if i >= stop or data[end] == 0x5C or data[i] != 0x3A:
            return -1
        i = skip_blanks(data, i + 1, stop)
        if i >= stop:
            return -1
        if same_bytes(data, key, end, _SEGMENTATION):
            if last > first:
                return -1
            i, last = read_rings(data, i, stop, first, numbers, ends)
        elif same_bytes(data, key, end, _IMAGE_ID):
            start = i
            i = skip_value(data, words, i, stop)
            quoted = data[start] == 0x22
            times += 1
            owned = same_bytes(data, start + quoted, i - quoted, owner)
        elif same_bytes(data, key, end, _CATEGORY_ID) or same_bytes(data, key, end, _ISCROWD):
            i, value = read_whole(data, i, stop)
            if data[key] == 0x63:
                rows[n, _CATEGORY] = value
                known = True
                times += _CATEGORY_ONCE
            else:
                rows[n, _CROWD] = value
                times += _CROWD_ONCE
        else:
            i = skip_value(data, words, i, stop)
        if i < 0:
            return -1
        i = skip_blanks(data, i, stop)
        if i >= stop:
            return -1
        sign = data[i]
        if sign != 0x2C and sign != 0x7D:  # noqa: PLR1714 - what Numba has for `in` takes 3 ms to load
            return -1
    rows[n, _RINGS] = last
    once = times & ~_CROWD_ONCE == _CATEGORY_ONCE + 1
    return i + 1 if owned and known and once and last > first else -1


@kernel("int64(uint8[::1], uint64[::1], int64, uint8[::1], float64[::1], int32[::1], int64[:, ::1])")
def read_annotations(
    data: NDArray[np.uint8],
    words: NDArray[np.uint64],
    stop: int,
    owner: NDArray[np.uint8],
    numbers: NDArray[np.float64],
    ends: NDArray[np.int32],
    rows: NDArray[np.int64],
) -> int:
    """Read the annotations in ``data[:stop]``, commas between them, and return how many there are.

    ``words`` is the memory of ``data`` as uint64. ``numbers`` receives the coordinates, ``ends`` where
    each ring ends, in points, after a 0, ``rows`` int64 (n, 3) category, crowd flag and how many rings
    there are so far. Returns -1 where one annotation is of another form.
    """
    ends[0] = 0
    n = 0
    i = skip_blanks(data, 0, stop)
    while i < stop:
        if data[i] != 0x7B or n >= rows.shape[0]:
            return -1
        i = read_annotation(data, words, i, stop, owner, n, numbers, ends, rows)
        if i < 0:
            return -1
        n += 1
        i = skip_blanks(data, i, stop)
        if i < stop:
            if data[i] != 0x2C:
                return -1
            i = skip_blanks(data, i + 1, stop)
    return n
