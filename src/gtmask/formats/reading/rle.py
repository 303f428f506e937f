"""COCO run-length masks: ``{"size": [h, w], "counts": ...}``, column by column, the first run off.

``counts`` is a list of run lengths or the compressed string of cocoapi: each number is written in groups
of five bits, low ones first, as the character of 48 plus the group, plus 32 while more follow; the last
group's top bit is the sign, and from the fourth number on what is written is the difference to the
number two before (cocoapi, common/maskApi.c, rleToString).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.formats.reading.malformed import type_name
from gtmask.jit import kernel
from gtmask.model import Runs, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gtmask.formats.reading.build import RecordBuilder

_LARGEST_SIDE = 1 << 30


def read_runs(value: dict[str, Any]) -> Runs:
    """Return a COCO run-length mask; raises ValueError where it cannot be painted: the message says why.

    ``value`` is the object with ``size`` and ``counts``, as parsed. Whether the size is that of the image is
    asked where it is painted, since only there the image's own is known.
    """
    size = value.get("size")
    if not (isinstance(size, list) and len(size) == 2 and all(map(_is_side, size))):
        raise ValueError(f"size {size!r:.60} is not [height, width]")
    rows, columns = int(size[0]), int(size[1])
    counts = _counts(value.get("counts"))
    total = int(counts.sum()) if len(counts) else 0
    if total != rows * columns or (len(counts) and int(counts.min()) < 0):
        raise ValueError(f"runs add up to {total}, not to {columns} x {rows} = {rows * columns}")
    return Runs(counts, rows, columns, "column", whole=True)


def _is_side(value: Any) -> bool:
    whole = (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and value.is_integer()
    )
    return whole and 0 < value <= _LARGEST_SIDE


def _counts(counts: Any) -> NDArray[np.int64]:
    if isinstance(counts, str):
        values = decode_counts(np.frombuffer(counts.encode("utf-8", "replace"), np.uint8).copy())
        if values[0] < 0:
            raise ValueError("the compressed counts are malformed")
        return values[1:]
    if not isinstance(counts, list):
        raise ValueError(f"counts are {type_name(counts)}, neither a list nor a string")  # noqa: TRY004 (its form)
    try:
        whole = whole_numbers(counts)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("the counts hold something other than whole numbers") from None
    if len(whole) and (int(whole.min()) < 0 or int(whole.max()) > _LARGEST_SIDE**2 // len(whole)):
        raise ValueError("a run is negative or longer than any image")
    return whole


def whole_numbers(values: list[Any]) -> NDArray[np.int64]:
    """Return a list of whole numbers (3 or 3.0) as int64 (n,).

    Raises TypeError, ValueError or OverflowError where it is no list, or holds something else: text that
    looks like a number, true, another list.
    """
    if not isinstance(values, list):
        raise TypeError(f"the numbers are {type_name(values)}, not a list")
    kinds = set(map(type, values))
    if not kinds <= {int, float}:
        raise TypeError("something other than a whole number stands in a list of them")
    if float not in kinds:
        return np.array(values, np.int64)
    reals = np.array(values, np.float64)
    if not ((np.abs(reals) < 1e15).all() and (reals == np.floor(reals)).all()):
        raise ValueError("a number is not whole")
    return reals.astype(np.int64)


def add_runs(builder: RecordBuilder, label: str, value: Any) -> Shape | None:
    """Add a COCO run-length mask, and return its shape; or tell why there is none."""
    if not isinstance(value, dict):
        builder.finding("runs-bad", f"{label}: the mask is {type_name(value)}, not an object")
        return None
    try:
        return builder.runs(label, read_runs(value))
    except ValueError as error:
        builder.finding("runs-bad", f"{label}: {error}")
        return None


@kernel("int64[::1](uint8[::1])", arrays=True)
def decode_counts(text: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Decode cocoapi's compressed counts: int64 (n + 1,), the runs after a status.

    The status is 0, or -1 where a character is outside 48..111, a number does not end or is too long,
    or a run is negative or beyond 2^40; what follows it is then meaningless.
    """
    values = np.empty(text.shape[0] + 1, np.int64)
    values[0] = 0
    count = 1
    number = np.int64(0)
    shift = np.int64(0)
    for i in range(text.shape[0]):
        group = np.int64(text[i]) - 48
        if group < 0 or group > 63 or shift > 40:
            values[0] = -1
            return values
        number |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            number -= np.int64(1) << shift
        if count > 3:
            number += values[count - 2]
        if number < 0 or number > np.int64(1) << 40:
            values[0] = -1
            return values
        values[count] = number
        count += 1
        number = np.int64(0)
        shift = np.int64(0)
    if shift:
        values[0] = -1
    return values[:count].copy()
