"""Kernels that read a block's header, and make the table in which its symbols are looked up.

For dynamic blocks of deflate whose matches have distance 1, which say: the last byte again, so many times.
Sections named below are those of RFC 1951.

What the table has for the next bits of a stream is an entry. One that goes on says, from the low bit: bits
taken (5), that it goes on (1), literals (2), bytes that it stands for (8), and its two first bytes. These are
one literal, two, a run, or a literal and a run. Any other is the beginning of a run: bits taken
(5), zeros (3), extra bits (3), zeros (5), the shortest run (9); one of no bytes is the end of the block. An
entry of zero leaves the word to codes that are longer than what is looked up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel
from gtmask.png.dynamic import LENGTH_EXTRAS, LENGTH_SYMBOLS, LENGTH_WIDTHS, LITERALS, META, META_ORDER
from gtmask.png.huffman import canonical_codes

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Bits that are looked up at once, and the entries of the table.
LOOKED = 11
TABLE = 1 << LOOKED
#: Bits of an entry, and where its fields begin.
TAKEN = 31
GOES_ON = 1 << 5
ONE = 1 << 6
LITERAL_SHIFT = 6
WIDTH_SHIFT = 8
SIZE_SHIFT = 8
BYTES_SHIFT = 16
#: Runs up to this length are in the table with all of their bits.
SHORT = 64
#: Symbols of the two codes of a block together: zlib refuses the 31st and 32nd distance (3.2.6).
_DISTANCES = 30
MOST_LENGTHS = LITERALS + _DISTANCES
_META_BITS = 7
#: Bits that a block's header can have: sizes, the code of the codes, the two codes.
MOST_HEADER_BITS = 17 + 3 * META + MOST_LENGTHS * (_META_BITS + 7)
_BITS = np.uint64((1 << 32) - 1)


@kernel("uint64(uint8[::1], uint64)", inline=True, inner=True, lean=True)
def eight_bytes(stream: NDArray[np.uint8], at: np.uint64) -> np.uint64:
    """Return the eight bytes from a place on, the first in the low bits."""
    # LLVM makes one load of these eight.
    word = np.uint64(stream[at])
    word |= np.uint64(stream[at + np.uint64(1)]) << np.uint64(8)
    word |= np.uint64(stream[at + np.uint64(2)]) << np.uint64(16)
    word |= np.uint64(stream[at + np.uint64(3)]) << np.uint64(24)
    word |= np.uint64(stream[at + np.uint64(4)]) << np.uint64(32)
    word |= np.uint64(stream[at + np.uint64(5)]) << np.uint64(40)
    word |= np.uint64(stream[at + np.uint64(6)]) << np.uint64(48)
    word |= np.uint64(stream[at + np.uint64(7)]) << np.uint64(56)
    return word


@kernel("int64(uint8[::1], int64, int64)", inner=True, lean=True)
def bits_at(stream: NDArray[np.uint8], bit: int, count: int) -> int:
    """Return up to 57 bits of a stream."""
    word = eight_bytes(stream, np.uint64(bit >> 3)) >> np.uint64(bit & 7)
    return int(np.int64(word & ((np.uint64(1) << np.uint64(count)) - np.uint64(1))))


@kernel("int64(uint8[::1], int64, int64[::1], int64[::1], int64[::1], uint64[::1])", inner=True, lean=True)
def read_lengths(
    stream: NDArray[np.uint8],
    bit: int,
    lengths: NDArray[np.int64],
    meta: NDArray[np.int64],
    following: NDArray[np.int64],
    codes: NDArray[np.uint64],
) -> int:
    """Read the header of a dynamic block (3.2.7).

    Parameters
    ----------
    stream, bit
        The stream, and where the header's sizes begin; MOST_HEADER_BITS and eight bytes can be read there.
    lengths
        Receives the code lengths of literals, end and matches, then zeros, shape (MOST_LENGTHS,).
    meta, following, codes
        Scratch, shapes (128,), (17,) and (19,).

    Returns
    -------
    int
        Where the block's symbols begin; -1 where the header is wrong, or where the code of distance 1 is
        not one bit long, and so not the one that all matches of a block of runs have.
    """
    symbols = 257 + bits_at(stream, bit, 5)
    distances = 1 + bits_at(stream, bit + 5, 5)
    shown = 4 + bits_at(stream, bit + 10, 4)
    bit += 14
    if symbols > LITERALS or distances > _DISTANCES:
        return -1
    for i in range(MOST_LENGTHS):
        lengths[i] = 0
    if not read_meta(stream, bit, shown, lengths, meta, following, codes):
        return -1
    bit += 3 * shown
    for i in range(META):
        lengths[i] = 0
    used = 0
    value = 0
    while used < symbols + distances:
        entry = meta[bits_at(stream, bit, _META_BITS)]
        symbol = entry >> 3
        bit += entry & 7
        if symbol < 16:
            value = symbol
            again = 1
        elif symbol == 16:
            again = 3 + bits_at(stream, bit, 2)
            bit += 2
        else:
            value = 0
            width = 3 if symbol == 17 else 7
            again = (3 if symbol == 17 else 11) + bits_at(stream, bit, width)
            bit += width
        # A length that repeats the one before the first is wrong.
        if (symbol == 16 and used == 0) or used + again > symbols + distances:
            return -1
        for _ in range(again):
            lengths[used] = value
            used += 1
    # The code of distance 1 has one half of all bits; all others together have the other half, or are none.
    first = lengths[symbols]
    lengths[symbols] = 0
    rest = 0
    for i in range(symbols, symbols + distances):
        if lengths[i] > 0:
            rest += 1 << (15 - lengths[i])
        lengths[i] = 0
    return bit if first == 1 and (rest == 0 or rest == 1 << 14) else -1


@kernel(
    "boolean(uint8[::1], int64, int64, int64[::1], int64[::1], int64[::1], uint64[::1])",
    inner=True,
    lean=True,
)
def read_meta(
    stream: NDArray[np.uint8],
    bit: int,
    shown: int,
    lengths: NDArray[np.int64],
    meta: NDArray[np.int64],
    following: NDArray[np.int64],
    codes: NDArray[np.uint64],
) -> bool:
    """Read the code that codes the lengths into the table ``meta``: symbol (5), bits (3) for each seven bits.

    `lengths` are zeros, and scratch as the others are. Tells whether the code has a symbol for all bits.
    """
    for i in range(shown):
        lengths[META_ORDER[i]] = bits_at(stream, bit + 3 * i, 3)
    canonical_codes(lengths, META, following, codes)
    kraft = 0
    for symbol in range(META):
        length = lengths[symbol]
        if length > 0:
            kraft += meta.size >> length
            for place in range(np.int64(codes[symbol] & _BITS), meta.size, 1 << length):
                meta[place] = symbol << 3 | length
    return kraft == meta.size


@kernel("void(int64[::1], uint64[::1], uint32[::1])", inner=True, lean=True)
def make_entries(lengths: NDArray[np.int64], codes: NDArray[np.uint64], entries: NDArray[np.uint32]) -> None:
    """Make the entry of each symbol by itself, and the table of what begins with a code of LOOKED bits.

    Parameters
    ----------
    lengths, codes
        The code of literals, end and matches: lengths, and packed codes.
    entries
        Receives the table, shape (TABLE,), zeros for what has no entry, and behind it the symbols' entries.
    """
    for i in range(TABLE):
        entries[i] = 0
    for symbol in range(LITERALS):
        entry = lengths[symbol]
        if symbol < 256:
            entry |= GOES_ON | ONE | 1 << SIZE_SHIFT | symbol << BYTES_SHIFT
        entries[TABLE + symbol] = entry
    for size in range(258, 2, -1):
        symbol = LENGTH_SYMBOLS[size]
        entries[TABLE + symbol] = lengths[symbol] | LENGTH_WIDTHS[size] << WIDTH_SHIFT | size << BYTES_SHIFT
    for symbol in range(LITERALS):
        if 0 < lengths[symbol] <= LOOKED:
            spread(int(np.int64(codes[symbol] & _BITS)), lengths[symbol], entries[TABLE + symbol], entries)
    for size in range(3, SHORT + 1):
        symbol = LENGTH_SYMBOLS[size]
        length = lengths[symbol]
        # With its extra bits, and a zero, which is the code of distance 1.
        taken = length + LENGTH_WIDTHS[size] + 1
        if length > 0 and taken <= LOOKED:
            code = np.int64(codes[symbol] & _BITS) | LENGTH_EXTRAS[size] << length
            spread(code, taken, taken | GOES_ON | size << SIZE_SHIFT, entries)


@kernel("void(int64, int64, int64, uint32[::1])", inner=True, lean=True)
def spread(code: int, length: int, entry: int, entries: NDArray[np.uint32]) -> None:
    """Write an entry to all places of the table that end with a code."""
    for place in range(code, TABLE, 1 << length):
        entries[place] = entry


@kernel("void(uint32[::1])", inner=True, lean=True)
def join_entries(entries: NDArray[np.uint32]) -> None:
    """Join each literal of the table with what follows it, where both go on and are looked up at once."""
    for place in range(TABLE - 1, -1, -1):
        entry = np.int64(entries[place])
        if entry & ONE == 0:
            continue
        after = np.int64(entries[place >> (entry & TAKEN)])
        taken = (entry & TAKEN) + (after & TAKEN)
        # Places are visited downwards, so that those before still have one literal or one run.
        if after & GOES_ON != 0 and taken <= LOOKED:
            both = entry + (after & 0xFFFF) - GOES_ON
            entries[place] = both | (after >> BYTES_SHIFT & 255) << (BYTES_SHIFT + 8)
