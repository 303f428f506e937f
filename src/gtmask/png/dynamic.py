"""Kernels for deflate's dynamic blocks: from counted symbols to codes, cost and header.

Sections named below are those of RFC 1951.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel
from gtmask.png.bits import write_bits
from gtmask.png.huffman import LENGTH_SHIFT, canonical_codes, code_lengths

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Literals, end of block, match lengths (3.2.5).
LITERALS = 286
#: Symbols of the code that codes the other codes' lengths, and the order in which theirs are written.
_META = 19
_META_ORDER = np.array([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15])


def _length_tables() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return symbol, number of extra bits and extra bits of each match length 0..258 (3.2.5)."""
    symbols, widths, extras = (np.zeros(259, np.int64) for _ in range(3))
    length = 3
    for symbol in range(257, 285):
        width = max(0, (symbol - 261) // 4)
        for extra in range(1 << width):
            symbols[length], widths[length], extras[length] = symbol, width, extra
            length += 1
    symbols[258], widths[258], extras[258] = 285, 0, 0
    return symbols, widths, extras


LENGTH_SYMBOLS, LENGTH_WIDTHS, LENGTH_EXTRAS = _length_tables()


@kernel("int64(int64[::1], int64[::1])")
def find_codes(counts: NDArray[np.int64], lengths: NDArray[np.int64]) -> int:
    """Find the code lengths of a block of literals and matches of distance 1.

    Parameters
    ----------
    counts
        Literals by value, then matches by length, shape (256 + 259,).
    lengths
        Receives the code lengths of literals and lengths (3.2.5), and last that of the one distance code:
        shape (LITERALS + 1,).

    Returns
    -------
    int
        Bits of the block's symbols, its header not counted.
    """
    symbols = np.zeros(LITERALS, np.int64)
    for value in range(256):
        symbols[value] = counts[value]
    symbols[256] = 1
    bits = 0
    for length in range(3, 259):
        symbols[LENGTH_SYMBOLS[length]] += counts[256 + length]
        bits += counts[256 + length] * (LENGTH_WIDTHS[length] + 1)
    code_lengths(symbols, 15, lengths[:LITERALS])
    lengths[LITERALS] = 1
    for symbol in range(LITERALS):
        bits += symbols[symbol] * lengths[symbol]
    return bits


@kernel("int64(int64[::1], int64[::1])")
def pack_lengths(lengths: NDArray[np.int64], packed: NDArray[np.int64]) -> int:
    """Write code lengths in the run-length form of a block's header (3.2.7); return how many symbols.

    Each is ``symbol | extra << 8``: 0..15 a length, 16 the last one 3-6 times, 17 zero 3-10 times, 18 zero
    11-138 times.
    """
    used = 0
    i = 0
    while i < lengths.size:
        value = lengths[i]
        end = i + 1
        while end < lengths.size and lengths[end] == value:
            end += 1
        run = end - i
        i = end
        if value != 0:
            packed[used] = value
            used += 1
            run -= 1
        while run >= 3:
            if value != 0:
                now = min(run, 6)
                packed[used] = 16 | (now - 3) << 8
            elif run <= 10:
                now = run
                packed[used] = 17 | (now - 3) << 8
            else:
                now = min(run, 138)
                packed[used] = 18 | (now - 11) << 8
            used += 1
            run -= now
        for _ in range(run):
            packed[used] = value
            used += 1
    return used


@kernel("int64(int64[::1], int64[::1], int64[::1])")
def find_header(packed: NDArray[np.int64], meta_lengths: NDArray[np.int64], sizes: NDArray[np.int64]) -> int:
    """Find the code for packed code lengths; return the header's bits.

    Parameters
    ----------
    packed
        What :func:`pack_lengths` made.
    meta_lengths
        Receives the code lengths, shape (19,).
    sizes
        Receives how many of them are written, shape (1,).
    """
    counts = np.zeros(_META, np.int64)
    for item in packed:
        counts[item & 255] += 1
    code_lengths(counts, 7, meta_lengths)
    shown = _META
    while shown > 4 and meta_lengths[_META_ORDER[shown - 1]] == 0:
        shown -= 1
    sizes[0] = shown
    bits = int(3 + 5 + 5 + 4 + 3 * shown + 2 * counts[16] + 3 * counts[17] + 7 * counts[18])
    for symbol in range(_META):
        bits += int(counts[symbol] * meta_lengths[symbol])
    return bits


@kernel("void(int64[::1], int64[::1], int64, boolean, uint8[::1], uint64[::1])")
def write_header(
    packed: NDArray[np.int64],
    meta_lengths: NDArray[np.int64],
    shown: int,
    final: bool,
    out: NDArray[np.uint8],
    state: NDArray[np.uint64],
) -> None:
    """Write the header of a dynamic block (3.2.7) with all 286 literal/length codes and one distance code."""
    codes = np.empty(_META, np.uint64)
    canonical_codes(meta_lengths, codes)
    head = np.uint64(final) | np.uint64(2 << 1 | (LITERALS - 257) << 3 | 0 << 8 | (shown - 4) << 13)
    write_bits(head, np.uint64(17), out, state)
    for i in range(shown):
        write_bits(np.uint64(meta_lengths[_META_ORDER[i]]), np.uint64(3), out, state)
    for item in packed:
        symbol = item & 255
        write_code(codes[symbol], out, state)
        if symbol >= 16:
            width = 2 if symbol == 16 else (3 if symbol == 17 else 7)
            write_bits(np.uint64(item >> 8), np.uint64(width), out, state)


@kernel("void(uint64, uint8[::1], uint64[::1])")
def write_code(code: np.uint64, out: NDArray[np.uint8], state: NDArray[np.uint64]) -> None:
    """Append a packed code."""
    width = code >> np.uint64(LENGTH_SHIFT)
    write_bits(code & ((np.uint64(1) << width) - np.uint64(1)), width, out, state)


@kernel("void(uint64[::1], uint64, uint64[::1])")
def find_run_codes(
    codes: NDArray[np.uint64], distance_code: np.uint64, run_codes: NDArray[np.uint64]
) -> None:
    """Join length code, extra bits and the code of distance 1 into one packed code per length 3..258."""
    shift = np.uint64(LENGTH_SHIFT)
    low = (np.uint64(1) << shift) - np.uint64(1)
    for length in range(3, 259):
        code = codes[LENGTH_SYMBOLS[length]]
        width = code >> shift
        bits = code & low
        bits |= np.uint64(LENGTH_EXTRAS[length]) << width
        width += np.uint64(LENGTH_WIDTHS[length])
        bits |= (distance_code & low) << width
        width += distance_code >> shift
        run_codes[length] = bits | width << shift
