"""Kernels for deflate's dynamic blocks: from counted symbols to codes, header and size.

Sections named below are those of RFC 1951. Packed codes are those of :mod:`gtmask.png.huffman`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel
from gtmask.png.blocks import CODES, COUNTED, END, LONGEST, RUNS
from gtmask.png.huffman import LENGTH_SHIFT, SCRATCH, canonical_codes, code_lengths

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Literals, end of block, match lengths (3.2.5).
LITERALS = 286
#: Entries that a header can have.
_HEADER_ITEMS = 2 + 19 + 2 * (LITERALS + 1)
#: Symbols of the code that codes the other codes' lengths, and the order in which theirs are written.
META = 19
META_ORDER = np.array([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15])
_SHIFT = np.uint64(LENGTH_SHIFT)
_BITS = np.uint64((1 << LENGTH_SHIFT) - 1)


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


class BlockPlan:
    """Finds the codes of a dynamic block of literals and matches of distance 1, and its header.

    The kernels are called one by one from here: one that called all of them would be compiled with all of
    them in it a second time, for a second.

    - ``counts``: of literals, matches and the end, as :mod:`gtmask.png.blocks` counts them, shape (COUNTED,).
    - ``codes``: packed codes for everything counted, at most 45 bits, and those of a single literal and a
      match together at most 36; shape (CODES,), with room for what :mod:`gtmask.png.bits` joins.
    - ``header``, ``items``: the block's header (3.2.7) as packed codes, and how many they are.
    """

    def __init__(self) -> None:
        self.counts = np.empty(COUNTED, np.int64)
        self.codes = np.zeros(CODES, np.uint64)
        self.header = np.empty(_HEADER_ITEMS, np.uint64)
        self.items = 0
        self._symbols = np.empty(LITERALS, np.int64)
        # The last is the length of the only distance code.
        self._lengths = np.ones(LITERALS + 1, np.int64)
        self._packed = np.empty(LITERALS + 1, np.int64)
        self._meta_counts = np.empty(META, np.int64)
        self._meta_lengths = np.empty(META, np.int64)
        self._meta_codes = np.empty(META, np.uint64)
        self._following = np.empty(17, np.int64)
        self._scratch = np.empty(SCRATCH, np.int64)

    def find(self, final: bool) -> int:
        """Find codes and header for what was counted; return the bits of the block."""
        count_symbols(self.counts, self._symbols)
        code_lengths(self._symbols, 15, self._lengths, self._scratch)
        bits = join_codes(self.counts, self._lengths, self._following, self.codes)
        packed = pack_lengths(self._lengths, self._packed, self._meta_counts)
        code_lengths(self._meta_counts, 7, self._meta_lengths, self._scratch)
        self.items, header_bits = write_header(
            self._packed, packed, self._meta_lengths, final, self._following, self._meta_codes, self.header
        )
        return bits + header_bits


@kernel("void(int64[::1], int64[::1])")
def count_symbols(counts: NDArray[np.int64], symbols: NDArray[np.int64]) -> None:
    """Count the symbols of literals, end and lengths, shape (LITERALS,)."""
    for value in range(256):
        symbols[value] = counts[value] + 2 * counts[value + 256] + 3 * counts[value + 512]
    symbols[256] = counts[END]
    for symbol in range(257, LITERALS):
        symbols[symbol] = 0
    for length in range(3, 259):
        symbols[LENGTH_SYMBOLS[length]] += counts[RUNS + length]


@kernel("int64(int64[::1], int64[::1], int64[::1], uint64[::1])")
def join_codes(
    counts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    following: NDArray[np.int64],
    codes: NDArray[np.uint64],
) -> int:
    """Make the codes of everything counted from the symbols' code lengths; return the bits they take.

    `following` is scratch of :func:`gtmask.png.huffman.canonical_codes`.
    """
    canonical_codes(lengths, LITERALS, following, codes)
    codes[END] = codes[256]
    for length in range(3, LONGEST + 1):
        symbol = LENGTH_SYMBOLS[length]
        width = np.uint64(lengths[symbol])
        run = (codes[symbol] & _BITS) | np.uint64(LENGTH_EXTRAS[length]) << width
        # The code of distance 1 is the only one, one bit long, and 0.
        codes[RUNS + length] = run | (width + np.uint64(LENGTH_WIDTHS[length] + 1)) << _SHIFT
    for length in range(3):
        codes[RUNS + length] = 0
    for value in range(256):
        width = codes[value] >> _SHIFT
        once = codes[value] & _BITS
        twice = once << width | once
        codes[value + 256] = twice | (width + width) << _SHIFT
        codes[value + 512] = (twice << width | once) | (width + width + width) << _SHIFT
    bits = 0
    for i in range(COUNTED):
        bits += counts[i] * np.int64(codes[i] >> _SHIFT)
    return bits


@kernel(
    "UniTuple(int64, 2)(int64[::1], int64, int64[::1], boolean, int64[::1], uint64[::1], uint64[::1])",
)
def write_header(
    packed: NDArray[np.int64],
    used: int,
    meta_lengths: NDArray[np.int64],
    final: bool,
    following: NDArray[np.int64],
    meta_codes: NDArray[np.uint64],
    header: NDArray[np.uint64],
) -> tuple[int, int]:
    """Write a block's header from what :func:`pack_lengths` made and the code lengths for it.

    Returns entries of the header, and their bits.

    - ``packed``, ``used``, ``meta_lengths``: the lengths in the form of the header, how many, and the lengths
      of the code that codes them.
    - ``final``: whether the block is the stream's last one.
    - ``following``, ``meta_codes``: scratch, shapes (17,) and (19,).
    - ``header``: receives the packed codes, shape (_HEADER_ITEMS,).
    """
    canonical_codes(meta_lengths, meta_lengths.size, following, meta_codes)
    shown = meta_lengths.size
    while shown > 4 and meta_lengths[META_ORDER[shown - 1]] == 0:
        shown -= 1
    header[0] = np.uint64(final | 2 << 1 | (LITERALS - 257) << 3 | (shown - 4) << 13 | 17 << LENGTH_SHIFT)
    items = 1
    for i in range(shown):
        header[items] = np.uint64(meta_lengths[META_ORDER[i]] | 3 << LENGTH_SHIFT)
        items += 1
    for i in range(used):
        symbol = packed[i] & 255
        width = 0 if symbol < 16 else (2 if symbol == 16 else (3 if symbol == 17 else 7))
        extra = np.uint64(packed[i] >> 8) << np.uint64(meta_lengths[symbol])
        header[items] = (meta_codes[symbol] | extra) + (np.uint64(width) << _SHIFT)
        items += 1
    bits = 0
    for i in range(items):
        bits += int(np.int64(header[i] >> _SHIFT))
    return items, bits


@kernel("int64(int64[::1], int64[::1], int64[::1])")
def pack_lengths(lengths: NDArray[np.int64], packed: NDArray[np.int64], counts: NDArray[np.int64]) -> int:
    """Write code lengths in the run-length form of a block's header (3.2.7); return how many symbols.

    Each is ``symbol | extra << 8``: 0..15 a length, 16 the last one 3-6 times, 17 zero 3-10 times, 18 zero
    11-138 times. `counts` receives how often each symbol is used, shape (19,).
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
            symbol = 16 if value != 0 else (17 if run <= 10 else 18)
            least = 11 if symbol == 18 else 3
            now = min(run, 6 if symbol == 16 else 138)
            packed[used] = symbol | (now - least) << 8
            used += 1
            run -= now
        for _ in range(run):
            packed[used] = value
            used += 1
    for symbol in range(counts.size):
        counts[symbol] = 0
    for k in range(used):
        counts[packed[k] & 255] += 1
    return used
