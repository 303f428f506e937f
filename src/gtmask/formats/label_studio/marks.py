"""What the bytes of a Label Studio task tell before they are parsed: whether it may have several images.

Nearly no task has. One kernel walks through the strings of a task, eight bytes at a time, and knows the few
that matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.formats.doubled import skip_to_quote
from gtmask.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: What :func:`task_marks` returns, as bits.
ROW, TASK, SEVERAL = 1, 2, 4
_LISTS, _TAG = 8, 16

_WORDS = tuple(
    np.frombuffer(word, np.uint8).copy()
    for word in (b"data", b"to_name", b"item_index", b"annotation_id", b"annotations", b"completions",
                 b"predictions")
)  # fmt: skip
_DATA, _TO_NAME, _ITEM_INDEX, _ANNOTATION_ID, _ANNOTATIONS, _COMPLETIONS, _PREDICTIONS = _WORDS
_SHORTEST, _LONGEST = 4, 13


@kernel("boolean(Array(uint8, 1, 'C', True), int64, int64, uint8[::1])", inline=True, inner=True)
def is_word(data: NDArray[np.uint8], start: int, stop: int, wanted: NDArray[np.uint8]) -> bool:
    """Say whether ``data[start:stop]`` are the bytes ``wanted``."""
    same: bool = stop - start == wanted.shape[0]
    k = 0
    while same and k < wanted.shape[0]:
        same = bool(data[start + k] == wanted[k])
        k += 1
    return same


@kernel("int64(Array(uint8, 1, 'C', True), int64, int64)", inner=True)
def meaning(data: NDArray[np.uint8], start: int, stop: int) -> int:
    """Return what the word ``data[start:stop]`` says, or what is to be looked at behind it; 0 for nothing."""
    if stop - start < _SHORTEST or stop - start > _LONGEST:
        return 0
    if is_word(data, start, stop, _DATA):
        return _LISTS
    if is_word(data, start, stop, _TO_NAME):
        return _TAG
    if is_word(data, start, stop, _ITEM_INDEX):
        return SEVERAL
    if is_word(data, start, stop, _ANNOTATION_ID):
        return ROW
    lists = is_word(data, start, stop, _ANNOTATIONS) or is_word(data, start, stop, _COMPLETIONS)
    return TASK if lists or is_word(data, start, stop, _PREDICTIONS) else 0


@kernel("int64(Array(uint8, 1, 'C', True), int64, int64, uint8)", inner=True)
def behind(data: NDArray[np.uint8], i: int, end: int, sign: int) -> int:
    """Return the position after a sign that stands at ``data[i]`` but for blanks before it, else ``end``."""
    while i < end and (data[i] == 0x20 or 0x09 <= data[i] <= 0x0D):
        i += 1
    return i + 1 if i < end and data[i] == sign else end


@kernel("boolean(Array(uint8, 1, 'C', True), int64, int64)", inner=True)
def opens_list(data: NDArray[np.uint8], i: int, end: int) -> bool:
    """Say whether after the key before ``data[i]`` an object begins that has a list before other brackets."""
    i = behind(data, behind(data, i, end, 0x3A), end, 0x7B)
    while i < end and data[i] != 0x5B and data[i] != 0x7B and data[i] != 0x7D and data[i] != 0x5D:
        i += 1
    return i < end and data[i] == 0x5B


@kernel("boolean(Array(uint8, 1, 'C', True), int64, int64)", inner=True)
def is_numbered(data: NDArray[np.uint8], start: int, stop: int) -> bool:
    """Say whether a name ends in a number, and is not one altogether."""
    i = stop
    while i > start and 0x30 <= data[i - 1] <= 0x39:
        i -= 1
    return start < i < stop


@kernel("boolean(Array(uint8, 1, 'C', True), int64, int64, int64, int64)", inner=True)
def is_other(data: NDArray[np.uint8], first: int, last: int, start: int, stop: int) -> bool:
    """Say whether ``data[first:last]`` and ``data[start:stop]`` differ."""
    same: bool = last - first == stop - start
    k = 0
    while same and k < last - first:
        same = bool(data[first + k] == data[start + k])
        k += 1
    return not same


@kernel("int64(Array(uint8, 1, 'C', True), Array(uint64, 1, 'C', True), uint64, int64, int64)", inner=True)
def text_end(data: NDArray[np.uint8], words: NDArray[np.uint64], tail: np.uint64, i: int, end: int) -> int:
    """Return where the string ends whose text begins at ``data[i]``, at most ``end``."""
    i = skip_to_quote(words, tail, i, end)
    while i < end and data[i] == 0x5C:
        i = skip_to_quote(words, tail, i + 2, end)
    return min(i, end)


@kernel("int64(Array(uint8, 1, 'C', True), int64, int64)")
def task_marks(data: NDArray[np.uint8], at: int, end: int) -> int:
    """Return what the strings in a task's bytes ``data[at:end]`` say of it.

    ``data`` uint8 (n,) is at an address that 8 divides. ROW: it has the ``annotation_id`` of a JSON-MIN row;
    TASK: it has lists of annotations; SEVERAL: it speaks of several tags, of items or of numbered tags, or
    has a list among its data, so that it may have several images.
    """
    size = data.shape[0]
    words, tail = data[: size & -8].view(np.uint64), np.uint64(0)
    for k in range(size & 7):
        tail |= np.uint64(data[(size & -8) + k]) << np.uint64(k << 3)
    marks = 0
    first = last = -1
    i = skip_to_quote(words, tail, at, end)
    while i < end and marks & (TASK | SEVERAL) != TASK | SEVERAL:
        stop = text_end(data, words, tail, i + 1, end)
        found = meaning(data, i + 1, stop)
        i = stop
        if found == _LISTS:
            found = SEVERAL if opens_list(data, stop + 1, end) else 0
        elif found == _TAG:
            start = behind(data, behind(data, stop + 1, end, 0x3A), end, 0x22)
            i = text_end(data, words, tail, start, end) if start < end else stop
            if first < 0 and start < end:
                first, last = start, i
                found = SEVERAL if is_numbered(data, first, last) else 0
            else:
                found = SEVERAL if is_other(data, first, last, start, i) else 0
        marks |= found
        i = skip_to_quote(words, tail, i + 1, end)
    return marks
