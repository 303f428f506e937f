"""The zlib stream of a mask: filtered rows, deflated by kernels made for label masks.

A mask is cut into blocks of whole rows. Each block is written three ways cheap to expensive: its rows
become runs (:mod:`gtmask.png.runs`), the runs' symbols get a Huffman code (:mod:`gtmask.png.dynamic`), and
the runs are written with it (:mod:`gtmask.png.bits`), unless storing the rows would be smaller.
"""

from __future__ import annotations

import threading
import zlib
from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel
from gtmask.png.bits import LONGEST_STORED, write_bits, write_run_tokens, write_stored_rows
from gtmask.png.dynamic import (
    LITERALS,
    find_codes,
    find_header,
    find_run_codes,
    pack_lengths,
    write_code,
    write_header,
)
from gtmask.png.huffman import canonical_codes
from gtmask.png.runs import COUNTS, WIDEST_ROW, write_runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Runs per block: enough that the header's 60 bytes do not show, few enough to stay in the cache.
_BLOCK_RUNS = 1 << 16
#: Output buffers up to this size are kept for the next mask of the same thread.
_KEPT_BYTES = 1 << 26


class _Workspace(threading.local):
    """Buffers that a thread uses for one mask after the other; pages never written cost no memory."""

    out = np.empty(0, np.uint8)
    tokens = np.empty(0, np.uint32)


_workspace = _Workspace()


def deflate_rows(mask: NDArray[np.uint8]) -> bytes:
    """Compress a mask into the zlib stream that a PNG's IDAT holds.

    Parameters
    ----------
    mask
        C-contiguous array, shape (height, width), dtype uint8, at least one pixel.

    Returns
    -------
    bytes
        The stream (RFC 1950); the same mask always gives the same.
    """
    height, width = mask.shape
    if width > WIDEST_ROW:
        return zlib.compress(np.pad(mask, ((0, 0), (1, 0))).tobytes(), 1)
    runs = max(_BLOCK_RUNS, 2 * width + 8)
    if _workspace.tokens.size < runs:
        _workspace.tokens = np.empty(runs, np.uint32)
    rows = height * (width + 1)
    size = rows + 5 * (rows // LONGEST_STORED + height + 1) + 64
    out = _workspace.out
    if out.size < size:
        out = np.empty(size, np.uint8)
        if size <= _KEPT_BYTES:
            _workspace.out = out
    used = compress(mask.reshape(-1), width, _workspace.tokens[:runs], out)
    return out[:used].tobytes()


@kernel("int64(uint8[::1], int64, uint32[::1], uint8[::1])")
def compress(
    pixels: NDArray[np.uint8], width: int, tokens: NDArray[np.uint32], out: NDArray[np.uint8]
) -> int:
    """Write the zlib stream of the filtered rows; return its length.

    Parameters
    ----------
    pixels
        The mask, flat.
    width
        Pixels per row.
    tokens
        Scratch: a block's runs, at least ``2 * width + 8``.
    out
        Receives the stream; large enough for all rows as stored blocks and 64 bytes more.
    """
    height = pixels.size // width
    marks = np.empty(2 * ((width >> 6) + 1), np.uint64)
    places = np.empty(width + 1, np.int32)
    filters = np.empty(height, np.uint8)
    counts = np.empty(COUNTS, np.int64)
    sums = np.array([1, 0])
    state = np.zeros(3, np.uint64)
    write_bits(np.uint64(0x0178), np.uint64(16), out, state)
    y = 0
    while y < height:
        counts[:] = 0
        first = y
        y, used = write_runs(pixels, width, first, height, marks, places, tokens, filters, counts, sums)
        _write_block(pixels, width, first, y, tokens[:used], filters, counts, y == height, out, state)
    write_bits(np.uint64(0), (np.uint64(8) - state[2]) & np.uint64(7), out, state)
    for value in (sums[1], sums[0]):
        write_bits(np.uint64((value >> 8) | (value & 255) << 8), np.uint64(16), out, state)
    return int(state[0])


@kernel(
    "void(uint8[::1], int64, int64, int64, uint32[::1], uint8[::1], int64[::1], boolean, uint8[::1],"
    " uint64[::1])"
)
def _write_block(
    pixels: NDArray[np.uint8],
    width: int,
    first: int,
    end: int,
    tokens: NDArray[np.uint32],
    filters: NDArray[np.uint8],
    counts: NDArray[np.int64],
    final: bool,
    out: NDArray[np.uint8],
    state: NDArray[np.uint64],
) -> None:
    """Write the rows first..end as one dynamic block, or stored where that is smaller."""
    lengths = np.empty(LITERALS + 1, np.int64)
    packed = np.empty(LITERALS + 1, np.int64)
    meta_lengths = np.empty(19, np.int64)
    sizes = np.empty(1, np.int64)
    bits = find_codes(counts, lengths)
    packed = packed[: pack_lengths(lengths, packed)]
    bits += find_header(packed, meta_lengths, sizes)
    rows = (end - first) * (width + 1)
    if bits >= 8 * (rows + 5 * ((rows + LONGEST_STORED - 1) // LONGEST_STORED)):
        write_stored_rows(pixels, width, first, end, filters, final, out, state)
        return
    write_header(packed, meta_lengths, sizes[0], final, out, state)
    codes = np.empty(LITERALS, np.uint64)
    distance_code = np.empty(1, np.uint64)
    run_codes = np.zeros(259, np.uint64)
    canonical_codes(lengths[:LITERALS], codes)
    canonical_codes(lengths[LITERALS:], distance_code)
    find_run_codes(codes, distance_code[0], run_codes)
    write_run_tokens(tokens, codes, run_codes, out, state)
    write_code(codes[256], out, state)
