"""Kernels that read single JSON values: numbers, and the ends of values that nobody needs.

Numbers are correctly rounded. Up to 2^53 with at most 22 decimals, the digits as an integer and the power
of ten are both exact doubles, and one division rounds once (Clinger, How to Read Floating Point Numbers
Accurately, 1990). Up to 19 digits, as tools write that do not round, they are multiplied by the inverse power
of five in 128 bits, which are enough to round by (Lemire, Number Parsing at a Gigabyte per Second, 2021; that
they always are: Mushtak and Lemire, 2023). Others are left to orjson.
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
#: The most digits that are less than 2^64 whatever they are; one of them stands before the decimals.
_MOST_DIGITS = 19


def _inverse_power(decimals: int) -> tuple[int, int]:
    """Return the upper and the lower half of the first 128 bits of 5^-decimals, rounded up."""
    power = 5**decimals
    bits = (1 << (power - 1).bit_length() + 127) // power + 1 if decimals else 1 << 127
    return bits >> 64, bits & ((1 << 64) - 1)


#: By number of decimals.
_INVERSES = np.array([_inverse_power(k) for k in range(_MOST_DIGITS)], np.uint64)
#: floor(log2(10^-decimals)).
_EXPONENTS = np.array([-((10**k - 1).bit_length()) if k else 0 for k in range(_MOST_DIGITS)], np.int64)
#: No result of :func:`scale_down` has an exponent of two below this one.
_LEAST = -64
_TWOS = np.array([2.0**k for k in range(_LEAST, 16)])


@kernel("boolean(uint8[::1], int64, int64, uint8[::1])", inner=True)
def same_bytes(data: NDArray[np.uint8], start: int, stop: int, wanted: NDArray[np.uint8]) -> bool:
    """Say whether ``data[start:stop]`` are the bytes ``wanted``."""
    if stop - start != wanted.shape[0]:
        return False
    for k in range(wanted.shape[0]):
        if data[start + k] != wanted[k]:
            return False
    return True


@kernel("UniTuple(uint64, 2)(uint64, uint64)", inline=True, inner=True)
def multiply(a: np.uint64, b: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Return the upper and the lower half of a product of 64 bits by 64 bits."""
    half, low = np.uint64(32), np.uint64(0xFFFFFFFF)
    first = (a & low) * (b & low)
    middle = (a >> half) * (b & low) + (first >> half)
    other = (a & low) * (b >> half) + (middle & low)
    return (a >> half) * (b >> half) + (middle >> half) + (other >> half), (other << half) | (first & low)


@kernel("float64(uint64, int64)", inner=True)
def scale_down(digits: np.uint64, decimals: int) -> float:
    """Return ``digits / 10**decimals``, correctly rounded; of more than 2^53, with at most 18 decimals."""
    one = np.uint64(1)
    shift = 0
    while digits >> np.uint64(63) == 0:
        digits <<= one
        shift += 1
    upper, lower = multiply(digits, _INVERSES[decimals, 0])
    if upper & np.uint64(0x1FF) == np.uint64(0x1FF):
        more, _ = multiply(digits, _INVERSES[decimals, 1])
        lower += more
        upper += np.uint64(lower < more)
    top = upper >> np.uint64(63)
    # 53 bits, and one more to round by.
    bits = upper >> (top + np.uint64(9))
    halfway = lower <= one and decimals <= 4 and bits & np.uint64(3) == one
    if halfway and bits << (top + np.uint64(9)) == upper:
        bits -= one
    bits = (bits + (bits & one)) >> one
    power: float = _TWOS[_EXPONENTS[decimals] + np.int64(top) - shift + 11 - _LEAST]
    return np.float64(np.int64(bits)) * power


@kernel("Tuple((int64, float64))(uint8[::1], int64, int64)", inline=True)
def read_number(data: NDArray[np.uint8], i: int, stop: int) -> tuple[int, float]:
    """Read a JSON number without exponent and of at most 19 digits; (position after it, value).

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
        if decimals == 0 or i - first > _MOST_DIGITS + 1:
            return -1, 0.0
    if i < stop and (data[i] | 0x20) == 0x65:
        return -1, 0.0
    # Beyond 2^63 the sign bit is a digit's.
    value = digits / _POWERS[decimals] if 0 <= digits <= _EXACT else scale_down(np.uint64(digits), decimals)
    return i, -value if negative else value


@kernel("int64(uint8[::1], uint64[::1], int64, int64)", inner=True)
def skip_string(data: NDArray[np.uint8], words: NDArray[np.uint64], i: int, stop: int) -> int:
    """Return the position after the quote that closes the string whose text begins at ``data[i]``."""
    i = skip_text(words, i, stop)
    while i < stop and data[i] == 0x5C:
        i = skip_text(words, i + 2, stop)
    return i + 1


@kernel("int64(uint8[::1], uint64[::1], int64, int64)", inner=True)
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
