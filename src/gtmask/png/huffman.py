"""Kernels for Huffman codes as deflate wants them: limited lengths, canonical, written from the low bit.

Sections named below are those of RFC 1951. A code is packed into one uint64: its bits, reversed because
deflate packs Huffman codes from the high bit (3.1.1), and its length from bit 56 on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Where the length of a packed code stands.
LENGTH_SHIFT = 56
#: Symbols that a code has at most.
MOST_SYMBOLS = 512
# The scratch of the kernels: keys of the leaves, weights and then depths of the nodes, parents of both,
# how many leaves each depth has. One array, because each array made in a kernel takes longer to compile
# than all that is done with it.
_WEIGHTS = MOST_SYMBOLS
_PARENTS = 2 * MOST_SYMBOLS
_DEPTHS = 4 * MOST_SYMBOLS
SCRATCH = 5 * MOST_SYMBOLS


@kernel("void(int64[::1], int64)", inner=True)
def sort_ascending(values: NDArray[np.int64], size: int) -> None:
    """Sort the first numbers in place, a few hundred (Shell's sort: a few lines, compiled at once)."""
    gap = 1
    while gap < size // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, size):
            value = values[i]
            j = i
            while j >= gap and values[j - gap] > value:
                values[j] = values[j - gap]
                j -= gap
            values[j] = value
        gap //= 3


@kernel("void(int64[::1], int64, int64[::1], int64[::1])")
def code_lengths(
    counts: NDArray[np.int64], limit: int, lengths: NDArray[np.int64], scratch: NDArray[np.int64]
) -> None:
    """Find the lengths of a Huffman code.

    - ``counts``: how often each symbol occurs, at most MOST_SYMBOLS symbols, each count below 2^50.
    - ``limit``: no code is longer; ``2**limit`` is at least the number of symbols that occur.
    - ``lengths``: receives a length per symbol, 0 for those that do not occur, 1 for one that occurs alone.
    - ``scratch``: room for SCRATCH numbers.

    Notes
    -----
    The Huffman tree gives how many codes each length has. Where some are longer than `limit`, they are
    cut, and the excess of the Kraft sum is taken back by lengthening the longest shorter codes, one at a
    time. Rarer symbols then get the longer codes. Within the limit the code is optimal.
    """
    used = 0
    for symbol in range(counts.size):
        lengths[symbol] = 0
        if counts[symbol] > 0:
            scratch[used] = (counts[symbol] << 9) | symbol
            used += 1
    if used == 1:
        lengths[scratch[0] & 511] = 1
    if used < 2:
        return
    sort_ascending(scratch, used)
    _tree_depths(scratch, used)
    _limit_depths(scratch, used, limit)
    i = 0
    for length in range(limit, 0, -1):
        for _ in range(scratch[_DEPTHS + length]):
            lengths[scratch[i] & 511] = length
            i += 1


@kernel("void(int64[::1], int64)", inner=True)
def _tree_depths(scratch: NDArray[np.int64], used: int) -> None:
    """Count the leaves at each depth of the Huffman tree of ascending weights ``scratch[:used] >> 9``.

    Nodes are made in ascending order of weight, so that two queues, leaves and nodes, replace a heap.
    """
    leaf = 0
    node = 0
    for made in range(used - 1):
        weight = 0
        for _ in range(2):
            if leaf < used and (node >= made or (scratch[leaf] >> 9) <= scratch[_WEIGHTS + node]):
                weight += scratch[leaf] >> 9
                scratch[_PARENTS + leaf] = made
                leaf += 1
            else:
                weight += scratch[_WEIGHTS + node]
                scratch[_PARENTS + used + node] = made
                node += 1
        scratch[_WEIGHTS + made] = weight
    scratch[_WEIGHTS + used - 2] = 0  # from here on: the depth of each node, the root's first
    for made in range(used - 3, -1, -1):
        scratch[_WEIGHTS + made] = scratch[_WEIGHTS + scratch[_PARENTS + used + made]] + 1
    for depth in range(MOST_SYMBOLS):
        scratch[_DEPTHS + depth] = 0
    for leaf in range(used):
        scratch[_DEPTHS + scratch[_WEIGHTS + scratch[_PARENTS + leaf]] + 1] += 1


@kernel("void(int64[::1], int64, int64)", inner=True)
def _limit_depths(scratch: NDArray[np.int64], used: int, limit: int) -> None:
    """Cut depths beyond `limit` and restore the Kraft sum."""
    for length in range(limit + 1, used):
        scratch[_DEPTHS + limit] += scratch[_DEPTHS + length]
    kraft = 0
    for length in range(1, limit + 1):
        kraft += scratch[_DEPTHS + length] << (limit - length)
    while kraft > 1 << limit:
        shorter = limit - 1
        while scratch[_DEPTHS + shorter] == 0:
            shorter -= 1
        # A shorter code becomes the parent of itself and of one of the longest ones.
        scratch[_DEPTHS + limit] -= 1
        scratch[_DEPTHS + shorter] -= 1
        scratch[_DEPTHS + shorter + 1] += 2
        kraft -= 1


@kernel("void(int64[::1], int64, int64[::1], uint64[::1])", inner=True)
def canonical_codes(
    lengths: NDArray[np.int64], symbols: int, following: NDArray[np.int64], codes: NDArray[np.uint64]
) -> None:
    """Give each of the first symbols its canonical code (3.2.2), bits reversed, packed with its length.

    `following` is scratch, shape (17,): the next code of each length.
    """
    for length in range(17):
        following[length] = 0
    for symbol in range(symbols):
        following[lengths[symbol] + 1] += 1
    following[1] = 0
    for length in range(1, 17):
        following[length] = (following[length] + following[length - 1]) << 1 if length > 1 else 0
    for symbol in range(symbols):
        length = lengths[symbol]
        code = following[length]
        following[length] += 1
        bits = 0
        for _ in range(length):
            bits = (bits << 1) | (code & 1)
            code >>= 1
        codes[symbol] = np.uint64(bits) | (np.uint64(length) << np.uint64(LENGTH_SHIFT))
