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


@kernel("void(int64[::1])", inner=True, lean=True)
def sort_ascending(values: NDArray[np.int64]) -> None:
    """Sort a few hundred numbers in place (Shell's sort: a few lines, compiled at once)."""
    gap = 1
    while gap < values.size // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, values.size):
            value = values[i]
            j = i
            while j >= gap and values[j - gap] > value:
                values[j] = values[j - gap]
                j -= gap
            values[j] = value
        gap //= 3


@kernel("void(int64[::1], int64, int64[::1])")
def code_lengths(counts: NDArray[np.int64], limit: int, lengths: NDArray[np.int64]) -> None:
    """Find the lengths of a Huffman code.

    Parameters
    ----------
    counts
        How often each symbol occurs, at most 512 symbols, each count below 2^50.
    limit
        No code is longer; ``2**limit`` is at least the number of symbols that occur.
    lengths
        Receives a length per symbol, 0 for those that do not occur, 1 for one that occurs alone.

    Notes
    -----
    The Huffman tree gives how many codes each length has. Where some are longer than `limit`, they are
    cut, and the excess of the Kraft sum is taken back by lengthening the longest shorter codes, one at a
    time. Rarer symbols then get the longer codes. Within the limit the code is optimal.
    """
    keys = np.empty(counts.size, np.int64)
    used = 0
    for symbol in range(counts.size):
        lengths[symbol] = 0
        if counts[symbol] > 0:
            keys[used] = (counts[symbol] << 9) | symbol
            used += 1
    if used == 0:
        return
    if used == 1:
        lengths[keys[0] & 511] = 1
        return
    keys = keys[:used]
    sort_ascending(keys)
    per_length = np.zeros(used + limit, np.int64)
    _tree_depths(keys, per_length)
    _limit_depths(per_length, limit)
    i = 0
    for length in range(limit, 0, -1):
        for _ in range(per_length[length]):
            lengths[keys[i] & 511] = length
            i += 1


@kernel("void(int64[::1], int64[::1])", inner=True)
def _tree_depths(keys: NDArray[np.int64], per_length: NDArray[np.int64]) -> None:
    """Count the leaves at each depth of the Huffman tree of ascending weights ``keys >> 9``.

    Nodes are made in ascending order of weight, so that two queues, leaves and nodes, replace a heap.
    """
    used = keys.size
    weights = np.empty(used, np.int64)
    parents = np.empty(2 * used, np.int64)  # leaves first, then nodes
    leaf = 0
    node = 0
    for made in range(used - 1):
        weight = 0
        for _ in range(2):
            if leaf < used and (node >= made or (keys[leaf] >> 9) <= weights[node]):
                weight += keys[leaf] >> 9
                parents[leaf] = made
                leaf += 1
            else:
                weight += weights[node]
                parents[used + node] = made
                node += 1
        weights[made] = weight
    weights[used - 2] = 0  # from here on: the depth of each node, the root's first
    for made in range(used - 3, -1, -1):
        weights[made] = weights[parents[used + made]] + 1
    for leaf in range(used):
        per_length[weights[parents[leaf]] + 1] += 1


@kernel("void(int64[::1], int64)", inner=True, lean=True)
def _limit_depths(per_length: NDArray[np.int64], limit: int) -> None:
    """Cut depths beyond `limit` and restore the Kraft sum."""
    for length in range(limit + 1, per_length.size):
        per_length[limit] += per_length[length]
    kraft = 0
    for length in range(1, limit + 1):
        kraft += per_length[length] << (limit - length)
    while kraft > 1 << limit:
        shorter = limit - 1
        while per_length[shorter] == 0:
            shorter -= 1
        # A shorter code becomes the parent of itself and of one of the longest ones.
        per_length[limit] -= 1
        per_length[shorter] -= 1
        per_length[shorter + 1] += 2
        kraft -= 1


@kernel("void(int64[::1], int64, uint64[::1])", inner=True)
def canonical_codes(lengths: NDArray[np.int64], symbols: int, codes: NDArray[np.uint64]) -> None:
    """Give each of the first symbols its canonical code (3.2.2), bits reversed, packed with its length."""
    following = np.zeros(17, np.int64)
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
