"""The structural scan: where the entries of one JSON array or object begin and end.

The scanner looks only at quotes, backslashes and brackets, and checks the commas and colons of the one
container that it is asked about; what is inside an entry is for the parser to judge. Everything it knows
is in ``state``, so a document may be cut into windows at any byte.

Eight bytes are judged at a time: the brackets ``[ ] { }`` have bit 0x40 set, which digits, commas,
blanks, signs and quotes do not have, so one AND and one search for a quote tell whether a word of a
coordinate list can be passed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.formats.doubled import first_byte, zero_bytes
from gtmask.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Slots of the state array.
PHASE, OBJECT, PAUSE, DEPTH, KEY_START, KEY_STOP, VALUE_START, COUNT, EXPECTED = range(9)
TEXT_START, ESCAPED, CANDIDATE, FIELD = range(9, 13)
STATE_SIZE = 13
#: Columns of the rows that the scanner fills.
COLUMNS = 5

# Phases: what comes next, or what we are inside of.
FIRST, NEXT, KEY, KEY_ESCAPE, COLON, VALUE, SCALAR, STRING, STRING_ESCAPE = range(9)
NEST, NEST_STRING, NEST_ESCAPE, AFTER, PAUSED, DONE, BAD = range(9, 16)

#: What the scanner expected where it stopped, by phase, for arrays and for objects.
EXPECTATIONS = {
    FIRST: ("a value or ']'", "a key or '}'"),
    NEXT: ("a value", "a key in double quotes"),
    KEY: ("", "the end of a key"),
    KEY_ESCAPE: ("", "the end of a key"),
    COLON: ("", "':'"),
    VALUE: ("a value", "a value"),
    SCALAR: ("',' or ']'", "',' or '}'"),
    STRING: ("the end of a string", "the end of a string"),
    STRING_ESCAPE: ("the end of a string", "the end of a string"),
    NEST: ("the closing bracket of a value", "the closing bracket of a value"),
    NEST_STRING: ("the end of a string", "the end of a string"),
    NEST_ESCAPE: ("the end of a string", "the end of a string"),
    AFTER: ("',' or ']'", "',' or '}'"),
}

_BIT6 = np.uint64(0x4040404040404040)
_QUOTES = np.uint64(0x2222222222222222)
_SLASHES = np.uint64(0x5C5C5C5C5C5C5C5C)
_ZERO, _ONE = np.uint64(0), np.uint64(1)
_FULL = np.uint64(0xFFFFFFFFFFFFFFFF)


@kernel("int64(uint64[::1], int64, int64)", inline=True, inner=True)
def skip_plain(words: NDArray[np.uint64], i: int, stop: int) -> int:
    """Return the first position in ``[i, stop)`` that holds a quote or a byte with bit 0x40 set.

    The bytes are those of ``words``, uint64 (n,), low ones first; ``stop`` where there is none.
    """
    place = i >> 3
    last = (stop + 7) >> 3
    if place >= last:
        return stop
    word = words[place]
    marks = (((word & _BIT6) << _ONE) | zero_bytes(word ^ _QUOTES)) & (_FULL << np.uint64((i & 7) << 3))
    while marks == _ZERO:
        place += 1
        if place >= last:
            return stop
        word = words[place]
        marks = ((word & _BIT6) << _ONE) | zero_bytes(word ^ _QUOTES)
    return min((place << 3) + first_byte(marks), stop)


@kernel("int64(uint64[::1], int64, int64)", inline=True, inner=True)
def skip_text(words: NDArray[np.uint64], i: int, stop: int) -> int:
    """Return the first position in ``[i, stop)`` that holds a quote or a backslash; else ``stop``."""
    place = i >> 3
    last = (stop + 7) >> 3
    if place >= last:
        return stop
    word = words[place]
    marks = (zero_bytes(word ^ _QUOTES) | zero_bytes(word ^ _SLASHES)) & (_FULL << np.uint64((i & 7) << 3))
    while marks == _ZERO:
        place += 1
        if place >= last:
            return stop
        word = words[place]
        marks = zero_bytes(word ^ _QUOTES) | zero_bytes(word ^ _SLASHES)
    return min((place << 3) + first_byte(marks), stop)


@kernel("UniTuple(int64, 2)(uint8[::1], uint64[::1], int64, int64, int64)", inline=True, inner=True)
def skip_nested(
    data: NDArray[np.uint8], words: NDArray[np.uint64], i: int, stop: int, depth: int
) -> tuple[int, int]:
    """Go on until just after a quote or after the bracket that closes the last level.

    Returns the position and the number of levels still open; ``stop`` where neither was met.
    """
    while True:
        i = skip_plain(words, i, stop)
        if i >= stop:
            return i, depth
        byte = data[i]
        i += 1
        if byte == 0x22:
            return i, depth
        low = byte | 0x20
        if low == 0x7B:
            depth += 1
        elif low == 0x7D:
            depth -= 1
            if depth == 0:
                return i, depth


@kernel("int64(int64, int64, int64, int64)", inline=True, inner=True)
def next_phase(byte: int, phase: int, is_object: int, pause: int) -> int:
    """Return the phase after a byte between the tokens of a container; BAD where it may not stand."""
    closing = 0x7D if is_object else 0x5D
    if byte == 0x20 or byte == 0x0A or byte == 0x0D or byte == 0x09:
        return phase
    if byte == closing and (phase == AFTER or phase == FIRST):
        return DONE
    if phase == AFTER:
        return NEXT if byte == 0x2C else BAD
    if phase == COLON:
        return VALUE if byte == 0x3A else BAD
    if is_object and phase != VALUE:
        return KEY if byte == 0x22 else BAD
    if byte == 0x2C or byte == 0x3A or byte == 0x5D or byte == 0x7D:
        return BAD
    if pause:
        return PAUSED
    if byte == 0x22:
        return STRING
    return NEST if byte == 0x7B or byte == 0x5B else SCALAR


@kernel("int64(uint8[::1], int64, int64)", inner=True)
def skip_blanks(data: NDArray[np.uint8], i: int, stop: int) -> int:
    """Return the first position at or after ``i`` that is no blank."""
    while i < stop and (data[i] == 0x20 or data[i] == 0x0A or data[i] == 0x0D or data[i] == 0x09):
        i += 1
    return i


@kernel("void(uint8[::1], int64, int64, int64[::1])", inline=True, inner=True)
def settle_key(data: NDArray[np.uint8], stop: int, base: int, state: NDArray[np.int64]) -> None:
    """Decide about the string that may be the wanted key: it is a key if a colon follows.

    ``state[CANDIDATE]`` is the document offset of its closing quote, negative where it has escapes, 0
    where there is none; ``state[FIELD]`` becomes the offset after the colon, or -2 where only a parser
    can read the key.
    """
    end = state[CANDIDATE]
    if end != 0:
        i = skip_blanks(data, abs(end) - base + 1, stop)
        if i < stop and data[i] == 0x3A:
            if end < 0:
                state[FIELD] = -2
            elif state[FIELD] != -2:
                state[FIELD] = base + i + 1
        state[CANDIDATE] = 0


@kernel("void(uint8[::1], int64, int64, int64[::1], uint8[::1])", inline=True, inner=True)
def judge_text(
    data: NDArray[np.uint8], end: int, base: int, state: NDArray[np.int64], wanted: NDArray[np.uint8]
) -> None:
    """Remember the string that closes at ``data[end]`` if it may be the wanted key."""
    escaped = state[ESCAPED] != 0
    state[ESCAPED] = 0
    start = state[TEXT_START] - base
    if not escaped:
        if end - start != wanted.shape[0]:
            return
        for k in range(wanted.shape[0]):
            if data[start + k] != wanted[k]:
                return
    settle_key(data, end, base, state)
    state[CANDIDATE] = -(base + end) if escaped else base + end


@kernel("int64(uint8[::1], uint64[::1], int64, int64, int64, int64[::1], int64[:, ::1], uint8[::1])")
def scan_entries(
    data: NDArray[np.uint8],
    words: NDArray[np.uint64],
    i: int,
    stop: int,
    base: int,
    state: NDArray[np.int64],
    rows: NDArray[np.int64],
    wanted: NDArray[np.uint8],
) -> int:
    """Find entries of one container in ``data[i:stop]`` and return where the scan stopped.

    ``data`` uint8 (8 n,) and ``words`` uint64 (n,) are the same memory and ``base`` is the offset of
    ``data[0]`` in the document. ``state`` int64 (STATE_SIZE,) is carried from call to call: zeros at
    first, with OBJECT set to 1 for an object; the scan starts right after the opening bracket. With
    PAUSE set to 1 it stops in phase PAUSED at the first byte of each value.

    ``rows`` int64 (capacity, COLUMNS) receives key start and key stop (between the quotes), value start and
    value stop as document offsets, and where after the colon the member ``wanted`` (uint8, a key's bytes) of
    the value stands: -1 where it has none, -2 where its keys are spelt with escapes. Of equal keys the last
    one counts. The whole value must then be in the window; an empty ``wanted`` asks for nothing.
    ``state[COUNT]`` rows are filled, and the caller resets that. Returns the first byte not yet judged:
    ``stop``, or earlier where ``rows`` is full or the phase is PAUSED, DONE (just after the closing bracket)
    or BAD (at the byte that is wrong).
    """
    phase, depth, count = state[PHASE], state[DEPTH], state[COUNT]
    seek = wanted.shape[0] > 0
    while i < stop:
        finished = False
        if phase == NEST:
            i, depth = skip_nested(data, words, i, stop, depth)
            if depth == 0:
                finished = True
            elif data[i - 1] == 0x22:
                phase = NEST_STRING
                state[TEXT_START] = base + i
        elif phase == NEST_STRING or phase == STRING or phase == KEY:
            i = skip_text(words, i, stop)
            if i < stop:
                i += 1
                if data[i - 1] == 0x5C:
                    phase += 1
                    state[ESCAPED] = 1
                elif phase == NEST_STRING:
                    phase = NEST
                    if seek and depth == 1:
                        judge_text(data, i - 1, base, state, wanted)
                elif phase == STRING:
                    finished = True
                else:
                    state[KEY_STOP] = base + i - 1
                    phase = COLON
        elif phase == NEST_ESCAPE or phase == STRING_ESCAPE or phase == KEY_ESCAPE:
            i += 1
            phase -= 1
        elif phase == SCALAR:
            while i < stop and not finished:
                byte = data[i]
                finished = byte <= 0x22 or byte == 0x2C or byte == 0x5D or byte == 0x7D
                i += not finished
        else:
            before = phase
            phase = next_phase(data[i], before, state[OBJECT], state[PAUSE])
            if phase == BAD:
                state[EXPECTED] = before
                break
            if phase == PAUSED:
                break
            if phase == SCALAR or phase == STRING or phase == NEST:
                state[VALUE_START] = base + i
                state[FIELD] = -1
                state[ESCAPED] = 0
                depth = 1
            i += 1
            if phase == KEY:
                state[KEY_START] = base + i
            if phase == DONE:
                break
        if finished:
            settle_key(data, i, base, state)
            rows[count, 0] = state[KEY_START]
            rows[count, 1] = state[KEY_STOP]
            rows[count, 2] = state[VALUE_START]
            rows[count, 3] = base + i
            rows[count, 4] = state[FIELD]
            count += 1
            phase = AFTER
            if count == rows.shape[0]:
                break
    state[PHASE], state[DEPTH], state[COUNT] = phase, depth, count
    return i
