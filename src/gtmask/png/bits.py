"""Kernels that write bits: the bit buffer, and the runs of a dynamic block in their codes.

The state of the bit writer is an array of three uint64: the place of the next byte in the output, the bits
not yet written, and how many they are (below 8 between calls). Every write stores 8 bytes at once, so the
output has 8 bytes to spare at its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel
from gtmask.png.blocks import CHAIN_SHIFT, END, JOINED, LONGEST, RUNS, literals_of
from gtmask.png.huffman import LENGTH_SHIFT

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BITS = np.uint64((1 << LENGTH_SHIFT) - 1)
_SHIFT = np.uint64(LENGTH_SHIFT)
#: Bits of a match at most: its code, extra bits, and the distance.
_REST = np.uint64(15 + 5 + 1)
#: From so many runs on it is worth it to join codes of matches.
_WORTH = 4096


@kernel(
    "UniTuple(uint64, 3)(uint64, uint64, uint8[::1], uint64, uint64, uint64)",
    inline=True,
    inner=True,
)
def put_bits(
    bits: np.uint64,
    length: np.uint64,
    out: NDArray[np.uint8],
    place: np.uint64,
    buffer: np.uint64,
    count: np.uint64,
) -> tuple[np.uint64, np.uint64, np.uint64]:
    """Append up to 56 bits; return the new place, buffer and count."""
    buffer |= bits << count
    count += length
    # LLVM makes one store of these eight.
    out[place] = buffer & np.uint64(255)
    out[place + np.uint64(1)] = (buffer >> np.uint64(8)) & np.uint64(255)
    out[place + np.uint64(2)] = (buffer >> np.uint64(16)) & np.uint64(255)
    out[place + np.uint64(3)] = (buffer >> np.uint64(24)) & np.uint64(255)
    out[place + np.uint64(4)] = (buffer >> np.uint64(32)) & np.uint64(255)
    out[place + np.uint64(5)] = (buffer >> np.uint64(40)) & np.uint64(255)
    out[place + np.uint64(6)] = (buffer >> np.uint64(48)) & np.uint64(255)
    out[place + np.uint64(7)] = (buffer >> np.uint64(56)) & np.uint64(255)
    place += count >> np.uint64(3)
    # At most 63 bits are pending, so that the shift stays below 64.
    buffer >>= count & np.uint64(56)
    return place, buffer, count & np.uint64(7)


@kernel("int64(uint64[::1])", inner=True)
def join_matches(codes: NDArray[np.uint64]) -> int:
    """Put codes of a few longest matches and a rest behind those of rests alone; return how many at most.

    So many fit into one write with any literals and any rest. Which runs have some of them the processor then
    need not guess, as it often would in vain.
    """
    once = np.uint64(0)
    for i in range(256):
        once = max(once, codes[i] >> _SHIFT)
    longest = codes[RUNS + LONGEST] & _BITS
    length = codes[RUNS + LONGEST] >> _SHIFT
    spare = np.uint64(56) - max(once + _REST, np.uint64(3) * once)
    few = min(JOINED, int(np.int64(spare // max(length, np.uint64(1)))))
    for i in range(RUNS, RUNS + (few << (CHAIN_SHIFT - 8))):
        rest = codes[i]
        codes[i + (1 << (CHAIN_SHIFT - 8))] = (longest | (rest & _BITS) << length) + (
            ((rest >> _SHIFT) + length) << _SHIFT
        )
    return few


@kernel("void(uint64[::1], int64, uint32[::1], int64, uint64[::1], uint8[::1], uint64[::1])")
def write_block(
    header: NDArray[np.uint64],
    items: int,
    tokens: NDArray[np.uint32],
    runs: int,
    codes: NDArray[np.uint64],
    out: NDArray[np.uint8],
    state: NDArray[np.uint64],
) -> None:
    """Write a dynamic block: its header, its runs, its end.

    - ``header``, ``items``: packed codes of the header, and how many they are.
    - ``tokens``, ``runs``: runs as :func:`gtmask.png.blocks.count_parts` rewrites them, and how many they
      are.
    - ``codes``: the codes that :class:`gtmask.png.dynamic.BlockPlan` finds; those of joined matches are
      added.
    - ``out``, ``state``: the bit writer.
    """
    place, buffer, count = state[0], state[1], state[2]
    for i in range(items):
        place, buffer, count = put_bits(header[i] & _BITS, header[i] >> _SHIFT, out, place, buffer, count)
    longest = codes[RUNS + LONGEST] & _BITS
    longest_length = codes[RUNS + LONGEST] >> _SHIFT
    # As many longest matches as fit into one write with a rest.
    per_write = np.int64((np.uint64(56) - _REST) // max(longest_length, np.uint64(1)))
    many = np.uint64(0)
    for _ in range(per_write):
        many = many << longest_length | longest
    few = 0 if runs < _WORTH else join_matches(codes)
    for i in range(runs):
        token = tokens[i]
        literals = codes[literals_of(token)]
        bits = literals & _BITS
        length = literals >> _SHIFT
        matches = np.uint64(token) >> np.uint64(8)
        if matches >= np.uint64((few + 1) << (CHAIN_SHIFT - 8)):
            chain = np.int64(token >> np.uint32(CHAIN_SHIFT))
            while chain > 0:
                place, buffer, count = put_bits(bits, length, out, place, buffer, count)
                length = np.uint64(min(chain, per_write)) * longest_length
                bits = many & ((np.uint64(1) << length) - np.uint64(1))
                chain -= per_write
            matches &= np.uint64((1 << (CHAIN_SHIFT - 8)) - 1)
        rest = codes[np.uint64(RUNS) + matches]
        bits |= (rest & _BITS) << length
        place, buffer, count = put_bits(bits, length + (rest >> _SHIFT), out, place, buffer, count)
    end = codes[END]
    place, buffer, count = put_bits(end & _BITS, end >> _SHIFT, out, place, buffer, count)
    state[0], state[1], state[2] = place, buffer, count
