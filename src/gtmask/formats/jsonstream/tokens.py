"""Kernels that read single JSON values: numbers, and the ends of values that nobody needs.

Numbers are correctly rounded: up to 2^53 with at most 22 decimals, the digits as an integer and the power
of ten are both exact doubles, and one division rounds once (Clinger, How to Read Floating Point Numbers
Accurately, 1990). Others are left to orjson.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.formats.jsonstream.kernels import skip_nested, skip_text
from gtmask.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POWERS = np.array([10.0**k for k in range(23)])
_EXACT = 1 << 53


@kernel("boolean(uint8[::1], int64, int64, uint8[::1])")
def same_bytes(data: NDArray[np.uint8], start: int, stop: int, wanted: NDArray[np.uint8]) -> bool:
    """Say whether ``data[start:stop]`` are the bytes ``wanted``."""
    if stop - start != wanted.shape[0]:
        return False
    for k in range(wanted.shape[0]):
        if data[start + k] != wanted[k]:
            return False
    return True


@kernel("Tuple((int64, float64))(uint8[::1], int64, int64)", inline=True)
def read_number(data: NDArray[np.uint8], i: int, stop: int) -> tuple[int, float]:
    """Read a JSON number without exponent whose digits fit in 53 bits; (position after it, value).

    The position is -1 where it is another or no number.
    """
    negative = i < stop and data[i] == 0x2D
    i += negative
    first = i
    digits = 0
    decimals = 0
    while i < stop and data[i] >= 0x30 and data[i] <= 0x39:
        digits = digits * 10 + (data[i] - 0x30)
        i += 1
    if i == first or i - first > 16 or (data[first] == 0x30 and i - first > 1):
        return -1, 0.0
    if i < stop and data[i] == 0x2E:
        i += 1
        point = i
        while i < stop and data[i] >= 0x30 and data[i] <= 0x39:
            digits = digits * 10 + (data[i] - 0x30)
            i += 1
        decimals = i - point
        if decimals == 0 or i - first > 18:
            return -1, 0.0
    if digits > _EXACT or (i < stop and (data[i] | 0x20) == 0x65):
        return -1, 0.0
    value = digits / _POWERS[decimals]
    return i, -value if negative else value


@kernel("int64(uint8[::1], uint64[::1], int64, int64)")
def skip_string(data: NDArray[np.uint8], words: NDArray[np.uint64], i: int, stop: int) -> int:
    """Return the position after the quote that closes the string whose text begins at ``data[i]``."""
    i = skip_text(words, i, stop)
    while i < stop and data[i] == 0x5C:
        i = skip_text(words, i + 2, stop)
    return i + 1


@kernel("int64(uint8[::1], uint64[::1], int64, int64)")
def skip_value(data: NDArray[np.uint8], words: NDArray[np.uint64], i: int, stop: int) -> int:
    """Return the position after the JSON value at ``data[i]``, or ``stop`` where it does not end."""
    if i < stop and (data[i] == 0x7B or data[i] == 0x5B):
        depth = 1
        i += 1
        while i < stop and depth > 0:
            i, depth = skip_nested(data, words, i, stop, depth)
            if depth > 0 and i < stop:
                i = skip_string(data, words, i, stop)
    elif i < stop and data[i] == 0x22:
        i = skip_string(data, words, i + 1, stop)
    else:
        while i < stop and data[i] != 0x2C and data[i] != 0x7D and data[i] > 0x20:
            i += 1
    return i
