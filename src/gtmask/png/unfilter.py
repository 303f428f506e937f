"""Kernels that undo the row filters of PNG and unpack samples of less than 8 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel("int64(uint8[:, ::1], uint8[:, ::1])")
def undo_filters(rows: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> int:
    """Undo the filters of an image of one byte per pixel (PNG third edition, section 9).

    Parameters
    ----------
    rows
        Filtered rows, shape (height, 1 + width): the first byte of each names its filter, 0 to 4.
    pixels
        Receives the bytes, shape (height, width).

    Returns
    -------
    int
        The first row whose filter is none of the five, -1 where all are.
    """
    height, width = pixels.shape
    for y in range(height):
        kind = rows[y, 0]
        row = rows[y, 1:]
        out = pixels[y]
        if kind == 0 or (kind == 2 and y == 0):
            for x in range(width):
                out[x] = row[x]
        elif kind == 2:
            above = pixels[y - 1]
            for x in range(width):
                out[x] = (np.int64(row[x]) + np.int64(above[x])) & 255
        elif kind == 1:
            left = np.int64(0)
            for x in range(width):
                left = (left + np.int64(row[x])) & 255
                out[x] = left
        elif kind == 3:
            _undo_average(row, pixels[max(y - 1, 0)], y == 0, out)
        elif kind == 4:
            _undo_paeth(row, pixels[max(y - 1, 0)], y == 0, out)
        else:
            return y
    return -1


@kernel()
def _undo_average(
    row: NDArray[np.uint8], above: NDArray[np.uint8], first: bool, out: NDArray[np.uint8]
) -> None:
    left = np.int64(0)
    for x in range(row.size):
        up = np.int64(0) if first else np.int64(above[x])
        left = (np.int64(row[x]) + ((left + up) >> 1)) & 255
        out[x] = left


@kernel()
def _undo_paeth(
    row: NDArray[np.uint8], above: NDArray[np.uint8], first: bool, out: NDArray[np.uint8]
) -> None:
    left = np.int64(0)
    corner = np.int64(0)
    for x in range(row.size):
        up = np.int64(0) if first else np.int64(above[x])
        estimate = left + up - corner
        to_left = abs(estimate - left)
        to_up = abs(estimate - up)
        to_corner = abs(estimate - corner)
        if to_left <= to_up and to_left <= to_corner:
            nearest = left
        elif to_up <= to_corner:
            nearest = up
        else:
            nearest = corner
        corner = up
        left = (np.int64(row[x]) + nearest) & 255
        out[x] = left


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
