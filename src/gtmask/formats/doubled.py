"""Keys that stand twice in one object of a JSON document: parsers keep one of the two values, in silence.

One kernel looks for them in the bytes that a parser has just accepted, 32 at a time: only quotes and braces
are of interest, so lists of numbers cost next to nothing. It compares hashes, and leaves the rest to Python's
parser, which hands over all pairs of an object: keys with escapes, objects of very many keys, the last word.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from gtmask.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Keys of one object that are compared with each other; more are left to Python.
_MOST_KEYS = 1000

_ZERO, _ONE, _TWO, _SEVEN, _TOP = map(np.uint64, (0, 1, 2, 7, 56))
_LOW7 = np.uint64(0x7F7F7F7F7F7F7F7F)
_BIT7 = np.uint64(0x8080808080808080)
_QUOTES = np.uint64(0x2222222222222222)
_SLASHES = np.uint64(0x5C5C5C5C5C5C5C5C)
_FULL = np.uint64(0xFFFFFFFFFFFFFFFF)
# Byte 7 - k holds k: a multiplication by 2^(8 k) brings k into the highest byte.
_PLACES = np.uint64(0x0001020304050607)
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


class DoubledKey(ValueError):  # noqa: N818 (it is told as a finding, or becomes the error of a document)
    """A key stands twice in one object, with two values; the message is a few words."""


def check_keys(data: bytes) -> None:
    """Look for keys that stand twice in one object of a JSON document.

    Raises DoubledKey: an object has two values under one key, which are not the same.

    - ``data``: what a parser has accepted: valid JSON in UTF-8.
    """
    if len(data) > 8 and may_double(data):
        try:
            json.loads(data, object_pairs_hook=without_doubled)
        except RecursionError:
            raise DoubledKey("it is nested too deeply to tell whether a key stands twice") from None


def may_double(data: bytes) -> bool:
    """Say whether an object may have a key twice, of JSON of more than eight bytes; where False, none has."""
    whole = len(data) & -8
    rest = np.uint64(int.from_bytes(data[whole:], "little"))
    return find_doubled(np.frombuffer(data, np.uint8), np.frombuffer(data, np.uint64, whole >> 3), rest)


def without_doubled(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its pairs, as ``object_pairs_hook`` of :func:`json.loads`.

    Raises DoubledKey where it has two values under one key, which are not the same.
    """
    members = dict(pairs)
    if len(members) < len(pairs):
        for key, value in pairs:
            if repr(value) != repr(members[key]):
                raise DoubledKey(
                    f"{key!r:.60} stands twice in one object, as {value!r:.40} and as {members[key]!r:.40}"
                )
    return members


@kernel("uint64(uint64)", inline=True, inner=True)
def zero_bytes(word: np.uint64) -> np.uint64:
    """Return a word with the top bit set in each byte that is zero in ``word``, and no other bit."""
    return ~(((word & _LOW7) + _LOW7) | word | _LOW7)


@kernel("int64(uint64)", inline=True, inner=True)
def first_byte(marks: np.uint64) -> int:
    """Return which byte, from the lowest, is the first with its top bit set; no other bits may be set."""
    lowest = marks & (~marks + _ONE)
    return int(((lowest >> _SEVEN) * _PLACES) >> _TOP)


@kernel("uint64(Array(uint64, 1, 'C', True), uint64, int64)", inline=True, inner=True)
def word_at(words: NDArray[np.uint64], rest: np.uint64, place: int) -> np.uint64:
    """Return a word of the document, its last bytes being those of ``rest``."""
    return words[place] if place < words.shape[0] else rest


@kernel("uint64(uint64)", inline=True, inner=True)
def mark_braces(word: np.uint64) -> np.uint64:
    """Return a word with the top bit set in quotes, braces, small letters and half of what is no ASCII."""
    return ((word << _ONE) & (word << _TWO) & _BIT7) | zero_bytes(word ^ _QUOTES)


@kernel("uint64(uint64)", inline=True, inner=True)
def mark_quotes(word: np.uint64) -> np.uint64:
    """Return a word with the top bit set in each byte that is a quote or a backslash."""
    return zero_bytes(word ^ _QUOTES) | zero_bytes(word ^ _SLASHES)


@kernel("int64(Array(uint64, 1, 'C', True), uint64, int64, int64)", inline=True, inner=True)
def skip_to_brace(words: NDArray[np.uint64], rest: np.uint64, i: int, size: int) -> int:
    """Return the first position from ``i`` on that :func:`mark_braces` marks; ``size`` at the end."""
    if i >= size:
        return size
    place, last = i >> 3, (size + 7) >> 3
    marks = mark_braces(word_at(words, rest, place)) & (_FULL << np.uint64((i & 7) << 3))
    if marks == _ZERO:
        place += 1
        while (
            place + 4 <= words.shape[0]
            and (
                mark_braces(words[place])
                | mark_braces(words[place + 1])
                | mark_braces(words[place + 2])
                | mark_braces(words[place + 3])
            )
            == _ZERO
        ):
            place += 4
        while place < last and marks == _ZERO:
            marks = mark_braces(word_at(words, rest, place))
            place += 1
        if marks == _ZERO:
            return size
        place -= 1
    return (place << 3) + first_byte(marks)


@kernel("int64(Array(uint64, 1, 'C', True), uint64, int64, int64)", inline=True, inner=True)
def skip_to_quote(words: NDArray[np.uint64], rest: np.uint64, i: int, size: int) -> int:
    """Return the first position from ``i`` on of a quote or a backslash; ``size`` where there is none."""
    if i >= size:
        return size
    place, last = i >> 3, (size + 7) >> 3
    marks = mark_quotes(word_at(words, rest, place)) & (_FULL << np.uint64((i & 7) << 3))
    while marks == _ZERO:
        place += 1
        if place >= last:
            return size
        marks = mark_quotes(word_at(words, rest, place))
    return (place << 3) + first_byte(marks)


@kernel("uint64(Array(uint64, 1, 'C', True), uint64, int64, int64)", inline=True, inner=True)
def hash_text(words: NDArray[np.uint64], rest: np.uint64, i: int, stop: int) -> np.uint64:
    """Return a hash of the bytes [i, stop)."""
    shift = np.uint64((i & 7) << 3)
    found = np.uint64(stop - i)
    while i < stop:
        word = word_at(words, rest, i >> 3) >> shift
        if shift != _ZERO:
            word |= word_at(words, rest, (i >> 3) + 1) << (np.uint64(64) - shift)
        if stop - i < 8:
            word &= (_ONE << np.uint64((stop - i) << 3)) - _ONE
        found = (found ^ word) * _PRIME
        found ^= found >> _HALF
        i += 8
    return found


@kernel("boolean(uint64[::1], int64, int64)", inline=True, inner=True)
def is_last_new(hashes: NDArray[np.uint64], first: int, last: int) -> bool:
    """Say whether ``hashes[last]`` is not among ``hashes[first:last]``, which are few enough to tell."""
    for k in range(first, last):
        if hashes[k] == hashes[last]:
            return False
    return last - first < _MOST_KEYS


@kernel(inner=True, arrays=True)
def twice_as_long(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return a copy with room for as many more; what Numba has for that takes 20 ms to load."""
    longer = np.empty(2 * numbers.shape[0], numbers.dtype)
    for k in range(numbers.shape[0]):
        longer[k] = numbers[k]
    return longer


@kernel("boolean(Array(uint8, 1, 'C', True), Array(uint64, 1, 'C', True), uint64)", arrays=True)
def find_doubled(data: NDArray[np.uint8], words: NDArray[np.uint64], rest: np.uint64) -> bool:
    """Say whether an object of a valid JSON document may have a key twice; where False, none has.

    ``data`` uint8 (n,) is the document, at an address that 8 divides, ``words`` the same memory as uint64,
    and ``rest`` the bytes after the last whole word. A key with escapes may be any other.
    """
    size = data.shape[0]
    hashes = np.empty(64, np.uint64)
    outer = np.empty(32, np.int64)
    first = top = depth = 0
    i = skip_to_brace(words, rest, 0, size)
    while i < size:
        byte = data[i]
        i += 1
        if byte == 0x22:
            start = i
            i = skip_to_quote(words, rest, i, size)
            escaped = data[i] == 0x5C
            while data[i] == 0x5C:
                i = skip_to_quote(words, rest, i + 2, size)
            stop = i
            i += 1
            while i < size and data[i] <= 0x20:
                i += 1
            if i < size and data[i] == 0x3A:
                if top == hashes.shape[0]:
                    hashes = twice_as_long(hashes)
                hashes[top] = hash_text(words, rest, start, stop)
                if escaped or not is_last_new(hashes, first, top):
                    return True
                top += 1
        elif byte == 0x7B:
            if depth == outer.shape[0]:
                outer = twice_as_long(outer)
            outer[depth] = first
            depth += 1
            first = top
        elif byte == 0x7D:
            depth -= 1
            top, first = first, outer[depth]
        i = skip_to_brace(words, rest, i, size)
    return False
