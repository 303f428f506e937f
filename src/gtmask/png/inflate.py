"""From a zlib stream of runs to its bytes, in less time than a reader of all streams takes.

A mask's rows are runs: gtmask, OpenCV and all who use zlib's strategy for runs (Z_RLE) write streams whose
matches only say "the last byte again, so many times". Such a stream needs no distances, and a look at a table
tells what the next 11 bits stand for, one symbol or two, with nothing for a processor to guess. All other
streams are refused, nearly all of them at their first block's header, and so is what is damaged: a reader of
all streams then reads them, or says what is wrong.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
from deflate import adler32

from gtmask.jit import kernel
from gtmask.png.dynamic import LITERALS
from gtmask.png.huffman import canonical_codes
from gtmask.png.lookup import (
    BYTES_SHIFT,
    GOES_ON,
    LITERAL_SHIFT,
    LOOKED,
    MOST_HEADER_BITS,
    MOST_LENGTHS,
    SIZE_SHIFT,
    TABLE,
    TAKEN,
    WIDTH_SHIFT,
    bits_at,
    eight_bytes,
    join_entries,
    make_entries,
    read_lengths,
)
from gtmask.png.words import fill

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Zeros that must follow a stream: what a header that lies may read beyond its end, eight bytes at once.
SPARE = MOST_HEADER_BITS // 8 + 24
#: Entries per look at the stream: their bits are there after each refill.
_PER_REFILL = 56 // LOOKED
#: More than is written beyond the rows before it is seen that there are too many: four looks of 65 bytes,
#: and a run of 258 in moves of 64.
_ROOM = 1024
#: Streams that begin otherwise (RFC 1950) ask for a dictionary or too large a window, or are no deflate.
_METHOD, _METHOD_BITS, _DICTIONARY, _HEAD_MULTIPLE = 8, 0x8F, 0x20, 31
_DYNAMIC = 2
#: Bits of a code (RFC 1951, 3.2.7).
LONGEST_CODE = 15
#: Scratch: code lengths, next codes, table of the header's code, codes per length, symbols by their codes.
_FOLLOWING = MOST_LENGTHS
_META_TABLE = _FOLLOWING + 17
_PER_LENGTH = _META_TABLE + 128
_SYMBOLS = _PER_LENGTH + 17
_SCRATCH = _SYMBOLS + LITERALS


class _Workspace(threading.local):
    """Tables that a thread uses for one stream after the other."""

    def __init__(self) -> None:
        self.codes = np.empty(LITERALS, np.uint64)
        self.entries = np.empty(TABLE + LITERALS, np.uint32)
        self.scratch = np.empty(_SCRATCH, np.int64)


_workspace = _Workspace()


def inflate_runs(stream: NDArray[np.uint8], size: int) -> NDArray[np.uint8] | None:
    """Return the bytes of a zlib stream of runs.

    Parameters
    ----------
    stream
        The stream (RFC 1950), and SPARE zeros.
    size
        How many bytes it must hold.

    Returns
    -------
    numpy.ndarray or None
        uint8, shape (size,); None where the stream is not of runs alone, or is damaged, or holds more or
        less.
    """
    head = int(stream[0]) << 8 | int(stream[1])
    if head >> 8 & _METHOD_BITS != _METHOD or head & _DICTIONARY or head % _HEAD_MULTIPLE:
        return None
    work = _workspace
    # The first byte stands before the rows.
    out = np.empty(1 + size + _ROOM, np.uint8)
    end = read_blocks(stream, out, 1 + size, work.codes, work.entries, work.scratch)
    if end < 0 or end + 4 > stream.size - SPARE:
        return None
    rows = out[1 : 1 + size]
    return rows if adler32(rows) == int.from_bytes(stream[end : end + 4].tobytes(), "big") else None


@kernel("int64(uint8[::1], uint8[::1], int64, uint64[::1], uint32[::1], int64[::1])", lean=True)
def read_blocks(
    stream: NDArray[np.uint8],
    out: NDArray[np.uint8],
    end: int,
    codes: NDArray[np.uint64],
    entries: NDArray[np.uint32],
    scratch: NDArray[np.int64],
) -> int:
    """Inflate a zlib stream whose blocks are dynamic and whose matches have distance 1.

    Parameters
    ----------
    stream
        Two bytes of zlib's, the blocks, a checksum, and SPARE zeros.
    out, end
        Receives the bytes from place 1 on, which must end at ``end``; behind that there is room for _ROOM.
    codes, entries, scratch
        Scratch, shapes (LITERALS,), (TABLE + LITERALS,), (_SCRATCH,).

    Returns
    -------
    int
        Where the checksum begins; -1 where the stream is not such a one.
    """
    lengths = scratch[:_FOLLOWING]
    following = scratch[_FOLLOWING:_META_TABLE]
    meta = scratch[_META_TABLE:_PER_LENGTH]
    sorted_symbols = scratch[_PER_LENGTH:]
    limit = 8 * (stream.size - SPARE)
    bit = 16
    place = 1
    final = 0
    while final == 0:
        final = bits_at(stream, bit, 1)
        if bits_at(stream, bit + 1, 2) != _DYNAMIC:
            return -1
        bit = read_lengths(stream, bit + 3, lengths, meta, following, codes)
        if bit < 0 or bit > limit:
            return -1
        canonical_codes(lengths, LITERALS, following, codes)
        if not sort_symbols(lengths, following, sorted_symbols):
            return -1
        # Before the first byte there is none to repeat.
        if place == 1 and find_symbol(np.uint64(bits_at(stream, bit, LONGEST_CODE)), sorted_symbols) > 256:
            return -1
        make_entries(lengths, codes, entries)
        join_entries(entries)
        bit, place = read_symbols(stream, bit, out, place, end, entries, sorted_symbols)
        if bit < 0 or bit > limit:
            return -1
    return (bit + 7) >> 3 if place == end else -1


@kernel("boolean(int64[::1], int64[::1], int64[::1])", inner=True, lean=True)
def sort_symbols(lengths: NDArray[np.int64], following: NDArray[np.int64], found: NDArray[np.int64]) -> bool:
    """Count the codes of each length, and sort the symbols by their codes, for :func:`find_symbol`.

    `found` receives 17 counts, and then the symbols; `following` is scratch. Tells whether the lengths are
    those of a code that has a symbol for all bits.
    """
    for length in range(17):
        found[length] = 0
    for symbol in range(LITERALS):
        found[lengths[symbol]] += 1
    found[0] = 0
    following[0] = 17
    kraft = 0
    for length in range(1, LONGEST_CODE + 1):
        following[length] = following[length - 1] + found[length - 1]
        kraft += found[length] << (LONGEST_CODE - length)
    for symbol in range(LITERALS):
        length = lengths[symbol]
        if length > 0:
            found[following[length]] = symbol
            following[length] += 1
    return kraft == 1 << LONGEST_CODE


@kernel("int64(uint64, int64[::1])", inline=True, inner=True, lean=True)
def find_symbol(bits: np.uint64, sorted_symbols: NDArray[np.int64]) -> int:
    """Return the symbol whose code the bits begin with; the code has one for all bits.

    Canonical codes of one length are consecutive numbers, and follow those of the length before (3.2.2).
    """
    code = np.int64(0)
    first = np.int64(0)
    at = np.int64(17)
    length = 0
    many = np.int64(0)
    while code - first >= many:
        at += many
        first = (first + many) << 1
        code = code << 1 | np.int64(bits & np.uint64(1))
        bits >>= np.uint64(1)
        length += 1
        many = sorted_symbols[length]
    return int(sorted_symbols[at + code - first])


@kernel(
    "UniTuple(int64, 2)(uint8[::1], int64, uint8[::1], int64, int64, uint32[::1], int64[::1])",
    inner=True,
    lean=True,
)
def read_symbols(
    stream: NDArray[np.uint8],
    bit: int,
    out: NDArray[np.uint8],
    place: int,
    end: int,
    entries: NDArray[np.uint32],
    sorted_symbols: NDArray[np.int64],
) -> tuple[int, int]:
    """Read a block's symbols; return where both ended, -1 and 0 where it is no block of runs."""
    at = np.uint64(bit >> 3)
    buffer, at, count = refill(stream, np.uint64(0), at, np.uint64(0))
    buffer >>= np.uint64(bit & 7)
    count -= np.uint64(bit & 7)
    # The place runs up to eight bytes ahead of the bits that were taken.
    last_look = np.uint64(stream.size - SPARE + 8)
    # Unsigned, for Numba asks of each signed place whether it counts from the end.
    here = np.uint64(place)
    while at <= last_look and here <= np.uint64(end):
        buffer, at, count = refill(stream, buffer, at, count)
        entry = np.uint64(GOES_ON)
        for _ in range(_PER_REFILL):
            entry = np.uint64(entries[buffer & np.uint64(TABLE - 1)])
            if entry & np.uint64(GOES_ON) == 0:
                break
            buffer >>= entry & np.uint64(TAKEN)
            count -= entry & np.uint64(TAKEN)
            # LLVM makes one store of these two.
            out[here] = entry >> np.uint64(BYTES_SHIFT) & np.uint64(255)
            out[here + np.uint64(1)] = entry >> np.uint64(BYTES_SHIFT + 8) & np.uint64(255)
            start = here + (entry >> np.uint64(LITERAL_SHIFT) & np.uint64(3))
            fill(out, np.int64(start), out[start - np.uint64(1)])
            here += entry >> np.uint64(SIZE_SHIFT) & np.uint64(255)
        if entry & np.uint64(GOES_ON):
            continue
        # A symbol by itself takes up to 15, 5 and 1 bits: code, extra bits, distance.
        buffer, at, count = refill(stream, buffer, at, count)
        if entry == 0:
            entry = np.uint64(entries[TABLE + find_symbol(buffer, sorted_symbols)])
        buffer >>= entry & np.uint64(TAKEN)
        count -= entry & np.uint64(TAKEN)
        if entry & np.uint64(GOES_ON):
            out[here] = entry >> np.uint64(BYTES_SHIFT) & np.uint64(255)
            here += np.uint64(1)
            continue
        run = entry >> np.uint64(BYTES_SHIFT)
        if run == 0:
            return 8 * int(np.int64(at)) - int(np.int64(count)), int(np.int64(here))
        width = entry >> np.uint64(WIDTH_SHIFT) & np.uint64(7)
        run += buffer & ((np.uint64(1) << width) - np.uint64(1))
        buffer >>= width
        if buffer & np.uint64(1):
            break
        buffer >>= np.uint64(1)
        count -= width + np.uint64(1)
        again = out[here - np.uint64(1)]
        for k in range(0, np.int64(run), 64):
            fill(out, np.int64(here) + k, again)
        here += run
    return -1, 0


@kernel("UniTuple(uint64, 3)(uint8[::1], uint64, uint64, uint64)", inline=True, inner=True, lean=True)
def refill(
    stream: NDArray[np.uint8], buffer: np.uint64, at: np.uint64, count: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64]:
    """See to it that there are 56 bits or more; return the new buffer, place in the stream and count."""
    buffer |= eight_bytes(stream, at) << count
    return buffer, at + ((np.uint64(63) - count) >> np.uint64(3)), count | np.uint64(56)
