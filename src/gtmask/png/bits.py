"""Kernels that write bits: the bit buffer, and the runs of a dynamic block in their codes.

The state of the bit writer is an array of three uint64: the
place of the next byte in the output, the bits not yet written, and how many they are (below 8 between
calls). Every write stores 8 bytes at once, so the output has 8 bytes to spare at its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel
from gtmask.png.huffman import LENGTH_SHIFT

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BITS = np.uint64((1 << LENGTH_SHIFT) - 1)
_SHIFT = np.uint64(LENGTH_SHIFT)


@kernel("UniTuple(uint64, 3)(uint64, uint64, uint8[::1], uint64, uint64, uint64)", inline=True)
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


@kernel("void(uint64[::1], int64, uint32[::1], int64, uint64[::1], uint64[::1], uint8[::1], uint64[::1])")
def write_block(
    header: NDArray[np.uint64],
    items: int,
    tokens: NDArray[np.uint32],
    runs: int,
    literal_codes: NDArray[np.uint64],
    run_codes: NDArray[np.uint64],
    out: NDArray[np.uint8],
    state: NDArray[np.uint64],
) -> None:
    """Write a dynamic block: its header, its runs, its end.

    Parameters
    ----------
    header, items
        Packed codes of the header, and how many they are.
    tokens, runs
        Runs as :mod:`gtmask.png.runs` makes them, and how many they are.
    literal_codes
        Packed code per byte value, at most 15 bits, and of the block's end, shape (257 or more,).
    run_codes
        Packed code of a match of distance 1 per length 0..258, extra bits and distance in it: at most
        15 + 5 + 1 bits, so that with the literal it fits one write.
    out, state
        The bit writer.
    """
    place, buffer, count = state[0], state[1], state[2]
    for i in range(items):
        place, buffer, count = put_bits(header[i] & _BITS, header[i] >> _SHIFT, out, place, buffer, count)
    longest = run_codes[258] & _BITS
    longest_length = run_codes[258] >> _SHIFT
    # As many matches of length 258 as fit into one write.
    per_write = 0
    many = np.uint64(0)
    if longest_length > 0:
        per_write = int(np.int64(np.uint64(56) // longest_length))
        for i in range(per_write):
            many |= longest << (np.uint64(i) * longest_length)
    for i in range(runs):
        value = tokens[i] & np.uint32(255)
        rest = int(np.int64(tokens[i] >> np.uint32(8))) - 1
        bits = literal_codes[value] & _BITS
        length = literal_codes[value] >> _SHIFT
        if rest > 258:
            chain = rest // 258
            rest -= chain * 258
            while chain > 0:
                place, buffer, count = put_bits(bits, length, out, place, buffer, count)
                now = min(chain, per_write)
                length = np.uint64(now) * longest_length
                bits = many & ((np.uint64(1) << length) - np.uint64(1))
                chain -= now
            place, buffer, count = put_bits(bits, length, out, place, buffer, count)
            bits = np.uint64(0)
            length = np.uint64(0)
        if rest >= 3:
            bits |= (run_codes[rest] & _BITS) << length
            length += run_codes[rest] >> _SHIFT
        else:
            for _ in range(rest):
                bits |= (literal_codes[value] & _BITS) << length
                length += literal_codes[value] >> _SHIFT
        place, buffer, count = put_bits(bits, length, out, place, buffer, count)
    place, buffer, count = put_bits(
        literal_codes[256] & _BITS, literal_codes[256] >> _SHIFT, out, place, buffer, count
    )
    state[0], state[1], state[2] = place, buffer, count
