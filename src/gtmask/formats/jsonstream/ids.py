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

from gtmask.formats.jsonstream.kernels import skip_blanks
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


def keys_of(batch: Batch) -> NDArray[np.int64]:
    """Return the key of the wanted member of each object of a batch: int64 (n,)."""
    fields, stops = batch.rows[:, 4], batch.rows[:, 3] - batch.base
    keys = np.empty(len(fields), np.int64)
    states = np.empty(len(fields), np.uint8)
    read_keys(batch.data, np.where(fields < 0, fields, fields - batch.base), stops, keys, states)
    keys[states == _NONE] = MISSING
    for i in np.flatnonzero(states == _PARSE).tolist():
        start, stop = (batch.rows[i, 2:4] - batch.base).tolist()
        element = parse_value(batch.data.data[start:stop])
        keys[i] = id_key(element.get(batch.wanted)) if isinstance(element, dict) else MISSING
    return keys


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


@kernel("void(uint8[::1], int64[::1], int64[::1], int64[::1], uint8[::1])")
def read_keys(
    data: NDArray[np.uint8],
    fields: NDArray[np.int64],
    stops: NDArray[np.int64],
    keys: NDArray[np.int64],
    states: NDArray[np.uint8],
) -> None:
    """Read ids as keys.

    ``fields`` int64 (n,): where in ``data`` each id begins, blanks before it; -1 where there is none, -2
    where it was not found for sure. ``stops`` int64 (n,): where the object ends. ``keys`` int64 (n,)
    receives the keys and ``states`` uint8 (n,) 0 where there is no id, 1 where ``keys`` has it, 2 where
    the object must be parsed to know.
    """
    for n in range(fields.shape[0]):
        stop = stops[n]
        states[n] = _NONE if fields[n] == -1 else _PARSE
        keys[n] = 0
        if fields[n] < 0:
            continue
        i = skip_blanks(data, fields[n], stop)
        if i < stop and data[i] == 0x22:
            end = i + 1
            while end < stop and data[end] != 0x22 and data[end] != 0x5C:
                end += 1
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
            if after > 0 and after < stop:
                byte = data[after]
                if byte == 0x2C or byte == 0x7D or byte <= 0x20:
                    keys[n] = value
                    states[n] = _KEY
