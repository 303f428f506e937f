"""The zlib stream of a mask: filtered rows, deflated by kernels made for label masks.

A mask is cut into blocks of whole rows. A block's rows become runs (:mod:`gtmask.png.runs`), the runs are
counted as literals and matches (:mod:`gtmask.png.blocks`), these get their Huffman codes
(:mod:`gtmask.png.dynamic`), and the runs are written in them (:mod:`gtmask.png.bits`), unless storing the
rows as they are is smaller.

The kernels are called from Python and not from one kernel that calls them all: that costs three
microseconds per mask, and saves half of the time to compile.
"""

from __future__ import annotations

import threading
import zlib
from typing import TYPE_CHECKING

import numpy as np

from gtmask.png.bits import write_block
from gtmask.png.blocks import count_parts
from gtmask.png.counts import count_values
from gtmask.png.dynamic import BlockPlan
from gtmask.png.runs import SPARE_BYTES, WIDEST_ROW, literal_bits, marks_size, write_runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Runs per block: enough that the header's 60 bytes do not show, few enough to stay in the cache.
_BLOCK_RUNS = 1 << 16
#: Longest stored block (RFC 1951, 3.2.4), and the bytes that its head takes.
_LONGEST_STORED = 65535
_STORED_HEAD = 5
#: Buffers up to this size are kept for the next mask of the same thread.
_KEPT_BYTES = 1 << 26
#: Modulus of Adler-32 (RFC 1950).
_ADLER_BASE = 65521
#: The first bytes of the stream (RFC 1950): deflate with a window of 32 KiB, fastest algorithm.
_ZLIB_HEAD = b"\x78\x01"
#: In place of counts that nobody asks for.
NOT_COUNTED = np.empty(0, np.int64)


class _Workspace(threading.local):
    """Buffers that a thread uses for one mask after the other; pages never written cost no memory."""

    def __init__(self) -> None:
        self.tokens = np.empty(_BLOCK_RUNS, np.uint32)
        self.plan = BlockPlan()
        self.state = np.empty(3, np.uint64)
        self.seen = np.empty(256, np.uint8)
        self.marks = np.empty(0, np.uint64)
        self.filters = np.empty(0, np.uint8)
        self.out = np.empty(0, np.uint8)
        self.shape = (0, 0)

    def fit(self, height: int, width: int) -> None:
        """See to it that the buffers are large enough for a mask."""
        if self.marks.size < marks_size(width):
            self.marks = np.empty(marks_size(width), np.uint64)
        if self.filters.size < height:
            self.filters = np.empty(height, np.uint8)
        if self.tokens.size < _tokens_size(width):
            self.tokens = np.empty(_tokens_size(width), np.uint32)
        size = _stored_size(height * (width + 1)) + _STORED_HEAD * height + 64
        if self.out.size < size:
            self.out = np.empty(size, np.uint8)
        self.shape = (height, width)


_workspace = _Workspace()


def deflate_rows(mask: NDArray[np.uint8], counts: NDArray[np.int64] = NOT_COUNTED) -> memoryview:
    """Compress a mask into the zlib stream that a PNG's IDAT holds.

    Returns the stream (RFC 1950); the same mask always gives the same. Copy it before this thread compresses
    the next mask, which overwrites it.

    - ``mask``: C-contiguous array, shape (height, width), dtype uint8, at least one pixel.
    - ``counts``: int64 (256,), to which is added how many pixels have each value: from the runs, it costs a
      fifth of counting pixels.
    """
    height, width = mask.shape
    if width > WIDEST_ROW:
        if counts is not NOT_COUNTED:
            counts += count_values(mask)
        return memoryview(zlib.compress(np.pad(mask, ((0, 0), (1, 0))).tobytes(), 1))
    work = _workspace if mask.size <= _KEPT_BYTES else _Workspace()
    if work.shape != mask.shape:
        work.fit(height, width)
    pixels = mask.reshape(-1)
    if pixels.size < width + SPARE_BYTES:
        pixels = np.pad(pixels, (0, width + SPARE_BYTES - pixels.size))
    # As long as this mask asks for, whatever came before it: where blocks end depends on it.
    tokens = work.tokens[: max(_BLOCK_RUNS, _tokens_size(width))]
    state, plan = work.state, work.plan
    state[0], state[1], state[2] = len(_ZLIB_HEAD), 0, 0
    none_bits = literal_bits(pixels, work.seen)
    low, high = 1, 0  # Adler-32
    row = 0
    while row < height:
        first = row
        row, runs = write_runs(
            pixels, width, first, height, none_bits, work.marks, tokens, work.filters, counts
        )
        low_more, high_more = count_parts(tokens, runs, plan.counts)
        size = (row - first) * (width + 1)
        high = (high + size * low + int(high_more)) % _ADLER_BASE
        low = (low + int(low_more)) % _ADLER_BASE
        final = row == height
        if plan.find(final) < 8 * _stored_size(size):
            write_block(plan.header, plan.items, tokens, runs, plan.codes, work.out, state)
        else:
            _store_rows(mask, first, row, work.filters, final, work.out, state)
    end = int(state[0]) + int(state[2] > 0)
    stream = work.out.data
    stream[: len(_ZLIB_HEAD)] = _ZLIB_HEAD
    stream[end : end + 4] = (high << 16 | low).to_bytes(4, "big")
    return stream[: end + 4]


def _tokens_size(width: int) -> int:
    """Return how many tokens :func:`write_runs` must have room for."""
    return 2 * width + 8


def _stored_size(size: int) -> int:
    """Return how many bytes `size` bytes take in stored blocks, a byte for the alignment not counted."""
    return size + _STORED_HEAD * -(-size // _LONGEST_STORED)


def _store_rows(
    mask: NDArray[np.uint8],
    first: int,
    end: int,
    filters: NDArray[np.uint8],
    final: bool,
    out: NDArray[np.uint8],
    state: NDArray[np.uint64],
) -> None:
    """Write filtered rows as stored blocks (RFC 1951, 3.2.4): what is left for noise."""
    rows = np.empty((end - first, mask.shape[1] + 1), np.uint8)
    rows[:, 0] = filters[first:end]
    rows[:, 1:] = mask[first:end]
    for y in range(max(first, 1), end):
        if filters[y]:
            rows[y - first, 1:] -= mask[y - 1]
    data = rows.reshape(-1)
    place, buffer, count = (int(number) for number in state)
    for start in range(0, data.size, _LONGEST_STORED):
        piece = data[start : start + _LONGEST_STORED]
        last = final and start + piece.size == data.size
        # Three bits of header, then zeros up to the next byte.
        head = (buffer | last << count).to_bytes(2, "little")[: (count + 3 + 7) // 8]
        head += piece.size.to_bytes(2, "little") + (piece.size ^ 0xFFFF).to_bytes(2, "little")
        out[place : place + len(head)] = bytearray(head)
        place += len(head)
        out[place : place + piece.size] = piece
        place += piece.size
        buffer = count = 0
    state[:] = place, 0, 0
