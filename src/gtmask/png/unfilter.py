"""Kernels that undo the row filters of PNG and unpack samples of less than 8 bits.

One byte per pixel, 64 pixels at a time where the filter allows. Rows are read and written in whole blocks of
64 bytes: what is read beyond a row's end does not matter, and what is written there is up to the caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel
from gtmask.png.words import accumulate, add, copy, lowest_bit, others

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Bytes that must follow a row that :func:`undo_row` writes: the rest of its last block, and of the last
#: move in it, which is as long as a block wherever it begins.
SPILL = 127


@kernel("boolean(uint8[::1], int64, uint8[::1], uint8[::1], int64, int64, int64)", inner=True)
def undo_row(
    rows: NDArray[np.uint8],
    at: int,
    scratch: NDArray[np.uint8],
    lines: NDArray[np.uint8],
    old: int,
    new: int,
    width: int,
) -> bool:
    """Undo the filter of one row (PNG third edition, section 9).

    Parameters
    ----------
    rows, at
        Filtered rows, and where this one begins: with the byte that names its filter.
    scratch
        At least ``width`` + 64 bytes; a row so near the end of ``rows`` that no whole block follows is read
        from here.
    lines, old, new
        Where the row above stands (zeros above the first), and where this row is written; up to
        :data:`SPILL` bytes behind it are overwritten.
    width
        Bytes of the row.

    Returns
    -------
    bool
        Whether the row's filter is one of the five.
    """
    if at + width + 64 > rows.size:
        for i in range(width + 1):
            scratch[i] = rows[at + i]
        return undo_blocks(scratch, 0, lines, old, new, width)
    return undo_blocks(rows, at, lines, old, new, width)


@kernel("boolean(uint8[::1], int64, uint8[::1], int64, int64, int64)", inner=True)
def undo_blocks(
    rows: NDArray[np.uint8], at: int, lines: NDArray[np.uint8], old: int, new: int, width: int
) -> bool:
    """Undo the filter of one row that has room behind it; see :func:`undo_row`."""
    kind = rows[at]
    at += 1
    if kind == 0:
        for x in range(0, width, 64):
            copy(lines, new + x, rows, at + x)
    elif kind == 1:
        left = np.uint8(0)
        for x in range(0, width, 64):
            accumulate(lines, new + x, rows, at + x, left)
            left = lines[new + x + 63]
    elif kind == 2:
        for x in range(0, width, 64):
            add(lines, new + x, lines, old + x, rows, at + x)
    elif kind == 3:
        average = np.int64(0)
        for x in range(width):
            average = (np.int64(rows[at + x]) + ((average + np.int64(lines[old + x])) >> 1)) & 255
            lines[new + x] = average
    elif kind == 4:
        undo_paeth(rows, at, lines, old, new, width)
    else:
        return False
    return True


@kernel("void(uint8[::1], int64, uint8[::1], int64, int64, int64)", inner=True)
def undo_paeth(
    rows: NDArray[np.uint8], at: int, lines: NDArray[np.uint8], old: int, new: int, width: int
) -> None:
    """Undo filter Paeth (4) of one row.

    Where ``left`` equals ``corner``, the estimate is ``up``. In flat areas most pixels are those above them,
    which are copied; what is done by the book begins at a residual that is not zero, and ends with the next
    pixel that equals the one above it.
    """
    left = np.int64(0)
    corner = np.int64(0)
    for start in range(0, width, 64):
        copy(lines, new + start, lines, old + start)
        residuals = others(rows, at + start, np.uint8(0))
        x = start
        if left == corner:
            x += lowest_bit(residuals)
            if x > start:
                left = np.int64(lines[old + x - 1])
                corner = left
        while x < start + 64:
            up = np.int64(lines[old + x])
            left = (np.int64(rows[at + x]) + paeth(left, up, corner)) & 255
            corner = up
            lines[new + x] = left
            if left == corner:
                x += lowest_bit(residuals >> np.uint64(x - start) >> np.uint64(1))
                x = min(x, start + 63)
                left = np.int64(lines[old + x])
                corner = left
            x += 1


@kernel("int64(int64, int64, int64)", inline=True)
def paeth(left: np.int64, up: np.int64, corner: np.int64) -> np.int64:
    """Return that of three neighbours which is nearest to ``left + up - corner``, the first of equal ones."""
    to_left = abs(up - corner)
    to_up = abs(left - corner)
    to_corner = abs(left + up - 2 * corner)
    nearest = up if to_up <= to_corner else corner
    return left if to_left <= min(to_up, to_corner) else nearest


@kernel("int64(uint8[::1], int64, int64, uint8[::1], uint8[::1])")
def undo_filters(
    rows: NDArray[np.uint8], width: int, height: int, scratch: NDArray[np.uint8], lines: NDArray[np.uint8]
) -> int:
    """Undo the filters of an image.

    Parameters
    ----------
    rows
        ``height`` times a byte that names the filter and ``width`` bytes.
    width, height
        Bytes per row, and rows; both at least 1.
    scratch
        ``width`` + 64 bytes.
    lines
        ``width`` zeros; behind them the image is written, and behind that there are :data:`SPILL` bytes.

    Returns
    -------
    int
        The first row whose filter is none of the five, -1 where all are.
    """
    for y in range(height):
        if not undo_row(rows, y * (width + 1), scratch, lines, y * width, (y + 1) * width, width):
            return y
    return -1


@kernel("void(uint8[:, ::1], int64, uint8[:, ::1])")
def unpack_samples(packed: NDArray[np.uint8], bit_depth: int, samples: NDArray[np.uint8]) -> None:
    """Unpack samples of 1, 2 or 4 bits, the leftmost in the high bits (PNG third edition, section 7.2).

    Parameters
    ----------
    packed
        Rows of packed bytes, shape (height, bytes per row).
    bit_depth
        1, 2 or 4.
    samples
        Receives the sample values, shape (height, width).
    """
    per_byte = 8 // bit_depth
    mask = (1 << bit_depth) - 1
    for y in range(samples.shape[0]):
        for x in range(samples.shape[1]):
            shift = 8 - bit_depth * (x % per_byte + 1)
            samples[y, x] = (packed[y, x // per_byte] >> shift) & mask
