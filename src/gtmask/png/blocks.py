"""Kernel that counts what a block's runs are made of, for the Huffman code and for Adler-32.

A run is written as literals and then as matches of distance 1 (RFC 1951, 3.2.5): one literal, as many
matches of the longest length as fit, and one match for the rest, or literals where the rest is too short
for a match. What is counted has an index, and its code the same one (:mod:`gtmask.png.dynamic`):

- 0 to 767: a value in a row of one, two or three literals, ``value + 256 * (literals - 1)``;
- RUNS + length, for lengths 0 to 258: a match; lengths 0 to 2 stand for none;
- END: the end of the block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Where the matches begin, the place of the end, and how many things are counted.
RUNS = 3 * 256
END = RUNS + 259
COUNTED = END + 1
#: The longest match.
LONGEST = 258
#: Bits of a token below the count of longest matches, and those of value and rest among them.
CHAIN_SHIFT = 17
#: Longest matches whose codes are joined with those of rests, and the codes with room for these.
JOINED = 3
CODES = RUNS + ((JOINED + 1) << (CHAIN_SHIFT - 8))
#: Multiplied by it, and shifted by 32 bits, any length of a block is divided by LONGEST.
RECIPROCAL = -(-(1 << 32) // LONGEST)


@kernel("UniTuple(int64, 2)(uint32[::1], int64, int64[::1])")
def count_parts(tokens: NDArray[np.uint32], runs: int, counts: NDArray[np.int64]) -> tuple[int, int]:
    """Count the parts of runs, and rewrite the tokens as such.

    Returns by how much the bytes add to the first sum of Adler-32, and to the second one beyond what the
    first sum adds to it at each byte.

    - ``tokens``, ``runs``: runs as :func:`gtmask.png.runs.write_runs` makes them, and how many they are.
      Rewritten: the value in the low 8 bits, then 9 bits for the rest that is no longest match, then how many
      of these.
    - ``counts``: receives the counts, shape (COUNTED,).
    """
    for i in range(COUNTED):
        counts[i] = 0
    end = int(np.int64(tokens[runs] >> np.uint32(8)))
    first_sum, second_sum = 0, 0
    for i in range(runs):  # without branches and stores elsewhere, so that LLVM makes it vector code
        value = int(np.int64(tokens[i] & np.uint32(255)))
        left = end - int(np.int64(tokens[i] >> np.uint32(8)))
        after = end - int(np.int64(tokens[i + 1] >> np.uint32(8)))
        first_sum += value * (left - after)
        # A byte counts once for every byte from it to the end: the sum of numbers `after` + 1 to `left`.
        second_sum += value * (left * (left + 1) - after * (after + 1))
        more = left - after - 1
        chain = (more * RECIPROCAL) >> 32  # more // LONGEST, as vectors can
        tokens[i] = np.uint32(value | (more - chain * LONGEST) << 8 | chain << CHAIN_SHIFT)
    chains = 0
    for i in range(runs):
        counts[literals_of(tokens[i])] += 1
        counts[rest_of(tokens[i])] += 1
        chains += int(np.int64(tokens[i] >> np.uint32(CHAIN_SHIFT)))
    counts[RUNS + LONGEST] += chains
    counts[END] = 1
    return first_sum, second_sum >> 1


@kernel("uint64(uint32)", inline=True, inner=True)
def literals_of(token: np.uint32) -> np.uint64:
    """Return the index of the literals of a rewritten token."""
    both = np.uint64(token) & np.uint64((1 << CHAIN_SHIFT) - 1)
    return both if both < np.uint64(RUNS) else both & np.uint64(255)


@kernel("uint64(uint32)", inline=True, inner=True)
def rest_of(token: np.uint32) -> np.uint64:
    """Return the index of the match for the rest of a rewritten token."""
    return np.uint64(RUNS) + ((np.uint64(token) >> np.uint64(8)) & np.uint64(511))
