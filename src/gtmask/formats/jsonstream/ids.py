"""Ids without parsing: the value of one key of many objects, as one int64 each.

Joins need the id of each of millions of elements, and nothing else of them. An id becomes a key:

- a whole number, or a string that spells one, is itself (exports mix ``7`` and ``"7"``);
- any other string is hashed to 62 bits with bit 62 set, out of the way of the numbers;
- everything else, and no value at all, is MISSING.

Two strings with one hash are possible, if only for someone who looks for them: whoever joins by key
compares the ids themselves once the elements are parsed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.formats.jsonstream.kernels import skip_plain, skip_text
from gtmask.formats.jsonstream.parse import parse_value
from gtmask.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gtmask.formats.jsonstream.container import Batch

#: The key of an element without a usable id.
MISSING = -(1 << 63)
_HASHED = 1 << 62
_FNV_START = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3
_MASK = (1 << 64) - 1

_NONE, _KEY, _PARSE = 0, 1, 2
_SEED = np.uint64(_FNV_START)
_PRIME = np.uint64(_FNV_PRIME)
_LOW62 = np.uint64(_HASHED - 1)
_BIT62 = np.uint64(_HASHED)


def normal_id(value: Any) -> int | str | None:
    """Return an id in the form in which ids are compared: an int where it is or spells one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        digits = value.removeprefix("-")
        whole = digits.isascii() and digits.isdigit() and (digits[0] != "0" or value == "0")
        return int(value) if whole and len(digits) <= 18 else value
    return None


def id_key(value: Any) -> int:
    """Return the key of an id that was parsed: what :func:`read_keys` makes of its bytes."""
    value = normal_id(value)
    if value is None:
        return MISSING
    if isinstance(value, int):
        if -_HASHED < value < _HASHED:
            return value
        value = str(value)
    state = _FNV_START
    for byte in value.encode("utf-8", "surrogatepass"):
        state = ((state ^ byte) * _FNV_PRIME) & _MASK
    return ((state ^ (state >> 31)) & (_HASHED - 1)) | _HASHED


def keys_of(batch: Batch, name: str) -> NDArray[np.int64]:
    """Return the key of member ``name`` of each object of a batch: int64 (n,)."""
    spans = batch.rows[:, 2:] - batch.base
    wanted = np.frombuffer(name.encode(), np.uint8).copy()
    keys = np.empty(len(spans), np.int64)
    states = np.empty(len(spans), np.uint8)
    read_keys(batch.data, batch.words, spans, wanted, keys, states)
    keys[states == _NONE] = MISSING
    for i in np.flatnonzero(states == _PARSE).tolist():
        start, stop = spans[i].tolist()
        element = parse_value(batch.data.data[start:stop])
        keys[i] = id_key(element.get(name)) if isinstance(element, dict) else MISSING
    return keys


@kernel("boolean(uint8[::1], int64, int64, uint8[::1])", inline=True)
def same_bytes(data: NDArray[np.uint8], start: int, stop: int, wanted: NDArray[np.uint8]) -> bool:
    """Say whether ``data[start:stop]`` are the bytes ``wanted``."""
    if stop - start != wanted.shape[0]:
        return False
    for i in range(wanted.shape[0]):
        if data[start + i] != wanted[i]:
            return False
    return True


@kernel("int64(uint8[::1], int64, int64)", inline=True)
def skip_blanks(data: NDArray[np.uint8], i: int, stop: int) -> int:
    """Return the first position at or after ``i`` that is no blank."""
    while i < stop and (data[i] == 0x20 or data[i] == 0x0A or data[i] == 0x0D or data[i] == 0x09):
        i += 1
    return i


@kernel("int64(uint8[::1], uint64[::1], int64, int64, uint8[::1])")
def find_value(
    data: NDArray[np.uint8], words: NDArray[np.uint64], start: int, stop: int, wanted: NDArray[np.uint8]
) -> int:
    """Return where the value of key ``wanted`` begins in the object ``data[start:stop]``.

    Keys inside nested values do not count, and of equal keys the last one does, as for orjson.

    Returns
    -------
    int
        The position; -1 where the key is missing or this is no object; -2 where a key is spelt with
        escapes, so that only a parser can tell.
    """
    found = -1
    if data[start] != 0x7B:
        return found
    depth = 0
    i = start
    while i < stop:
        i = skip_plain(words, i, stop)
        if i >= stop:
            break
        byte = data[i]
        i += 1
        if byte == 0x22:
            text = i
            escaped = False
            i = skip_text(words, i, stop)
            while i < stop and data[i] == 0x5C:
                escaped = True
                i = skip_text(words, i + 2, stop)
            end = i
            i += 1
            if depth == 1:
                after = skip_blanks(data, i, stop)
                if after < stop and data[after] == 0x3A:
                    if escaped:
                        return -2
                    if same_bytes(data, text, end, wanted):
                        found = skip_blanks(data, after + 1, stop)
        else:
            low = byte | 0x20
            if low == 0x7B:
                depth += 1
            elif low == 0x7D:
                depth -= 1
    return found


@kernel("UniTuple(int64, 2)(uint8[::1], int64, int64)", inline=True)
def read_whole(data: NDArray[np.uint8], i: int, stop: int) -> tuple[int, int]:
    """Read a whole number of at most 18 digits without leading zeros; (position after it, value).

    The position is -1 where there is no such number.
    """
    sign = 1
    if i < stop and data[i] == 0x2D:
        sign = -1
        i += 1
    first = i
    value = 0
    while i < stop and data[i] >= 0x30 and data[i] <= 0x39 and i - first < 19:
        value = value * 10 + (data[i] - 0x30)
        i += 1
    digits = i - first
    if digits == 0 or digits > 18 or (data[first] == 0x30 and (digits > 1 or sign < 0)):
        return -1, 0
    return i, sign * value


@kernel("void(uint8[::1], uint64[::1], int64[:, ::1], uint8[::1], int64[::1], uint8[::1])")
def read_keys(
    data: NDArray[np.uint8],
    words: NDArray[np.uint64],
    spans: NDArray[np.int64],
    wanted: NDArray[np.uint8],
    keys: NDArray[np.int64],
    states: NDArray[np.uint8],
) -> None:
    """Read the ids that stand under one key of many objects.

    ``spans`` int64 (n, 2): the objects as ``data[start:stop]``; ``wanted`` uint8: the key's bytes;
    ``keys`` int64 (n,) receives the ids and ``states`` uint8 (n,) 0 where there is none, 1 where
    ``keys`` is it, 2 where the object must be parsed to know.
    """
    for n in range(spans.shape[0]):
        stop = spans[n, 1]
        i = find_value(data, words, spans[n, 0], stop, wanted)
        states[n] = _PARSE
        keys[n] = 0
        if i == -2 or i >= stop:
            continue
        if i == -1:
            states[n] = _NONE
        elif data[i] == 0x22:
            end = skip_text(words, i + 1, stop)
            if end >= stop or data[end] == 0x5C:
                continue
            after, value = read_whole(data, i + 1, end)
            if after == end:
                keys[n] = value
            else:
                state = _SEED
                for k in range(i + 1, end):
                    state = (state ^ np.uint64(data[k])) * _PRIME
                keys[n] = np.int64(((state ^ (state >> np.uint64(31))) & _LOW62) | _BIT62)
            states[n] = _KEY
        else:
            after, value = read_whole(data, i, stop)
            if after > 0:
                byte = data[after] if after < stop else np.uint8(0x7D)
                if byte == 0x2C or byte == 0x7D or byte <= 0x20:
                    keys[n] = value
                    states[n] = _KEY
