"""Kernel that turns rows of pixels into runs: it chooses each row's filter and writes the run tokens.

Two of PNG's five filters suit flat areas, and each row takes the cheaper one:

- None (0): a run ends wherever the pixel value changes along the row;
- Up (2): the row holds the differences to the row above, which are zero but where an edge has moved, so a
  run ends wherever that difference changes. Edges that stay where they were cost nothing.

A run is a byte value and a length. Runs go on across rows: the filter byte 0 continues a run of
background, so that large empty areas become one run.

A token is a uint32: the value in the low 8 bits, the length above.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel
from gtmask.png.words import count_bits, differences, lowest_bit, slope_differences

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Widest row that :func:`write_runs` takes.
WIDEST_ROW = 1 << 20
#: No run token is longer.
LONGEST_RUN = (1 << 22) - 1
#: Entries of the array of counts: 256 literals, then matches of distance 1 by length 0..258.
COUNTS = 256 + 259
#: Modulus of Adler-32 (RFC 1950).
ADLER_BASE = 65521

# What one change along a row costs in bits with either filter, and what a row with filter Up costs on top
# of it: measured on real masks, flat near the optimum. The slope changes twice where an edge moves.
_NONE_BITS = 11
_UP_BITS = 8
_UP_ROW_BITS = 10


@kernel("uint64(uint64, int64)", inline=True)
def keep_low_bits(word: int, count: int) -> int:
    """Clear all but the lowest `count` bits, 0 <= count < 64."""
    return word & ((np.uint64(1) << np.uint64(count)) - np.uint64(1))


@kernel("boolean(uint8[::1], int64, int64)")
def row_repeats(pixels: NDArray[np.uint8], start: int, width: int) -> bool:
    """Say whether the row that starts at `start` equals the row above it."""
    x = 0
    while x < width and start + x + 64 <= pixels.size:
        word = differences(pixels, start + x, start + x - width)
        if x + 64 > width:
            word = keep_low_bits(word, width - x)
        if word != 0:
            return False
        x += 64
    while x < width:
        if pixels[start + x] != pixels[start + x - width]:
            return False
        x += 1
    return True


@kernel("int64(uint8[::1], int64, int64, uint64[::1])")
def mark_value_changes(pixels: NDArray[np.uint8], start: int, width: int, marks: NDArray[np.uint64]) -> int:
    """Set bit x % 64 of ``marks[x // 64]`` where pixel x + 1 differs from pixel x; return how many do."""
    total = 0
    last = width - 1
    for k in range((last + 63) >> 6):
        x = k << 6
        i = start + x
        word = np.uint64(0)
        if i + 65 <= pixels.size:
            word = differences(pixels, i, i + 1)
            if x + 64 > last:
                word = keep_low_bits(word, last - x)
        else:
            for b in range(last - x):
                if pixels[i + b] != pixels[i + b + 1]:
                    word |= np.uint64(1) << np.uint64(b)
        marks[k] = word
        total += count_bits(word)
    return total


@kernel("int64(uint8[::1], int64, int64, uint64[::1])")
def mark_slope_changes(pixels: NDArray[np.uint8], start: int, width: int, marks: NDArray[np.uint64]) -> int:
    """Do as :func:`mark_value_changes` for the differences to the row above."""
    total = 0
    last = width - 1
    for k in range((last + 63) >> 6):
        x = k << 6
        i = start + x
        word = np.uint64(0)
        if i + 65 <= pixels.size:
            word = slope_differences(pixels, i, i - width)
            if x + 64 > last:
                word = keep_low_bits(word, last - x)
        else:
            for b in range(last - x):
                here = np.int64(pixels[i + b]) - np.int64(pixels[i + b - width])
                after = np.int64(pixels[i + b + 1]) - np.int64(pixels[i + b + 1 - width])
                if (here ^ after) & 255 != 0:
                    word |= np.uint64(1) << np.uint64(b)
        marks[k] = word
        total += count_bits(word)
    return total


@kernel(
    "UniTuple(int64, 3)(int64, int64, int64, int64, int64, uint32[::1], int64[::1])",
    inline=True,
)
def put_run(
    value: int,
    length: int,
    used: int,
    a: int,
    b: int,
    tokens: NDArray[np.uint32],
    counts: NDArray[np.int64],
) -> tuple[int, int, int]:
    """Write one run as a token, count its symbols, and let it pass through Adler-32 in closed form.

    The symbols: a literal, then matches of distance 1, as many of length 258 as fit and one for the rest,
    or literals where a match is too short (deflate has none below 3).
    """
    if length == 0:
        return used, a, b
    tokens[used] = np.uint32(value | (length << 8))
    counts[value] += 1
    rest = length - 1
    if rest > 258:
        chain = rest // 258
        rest -= chain * 258
        counts[256 + 258] += chain
    if rest < 3:
        counts[value] += rest
    else:
        counts[256 + rest] += 1
    return used + 1, a + value * length, b + length * a + value * ((length * (length + 1)) >> 1)


@kernel(
    "UniTuple(int64, 2)(uint8[::1], int64, int64, int64, uint64[::1], uint32[::1], uint8[::1], int64[::1],"
    " int64[::1])"
)
def write_runs(
    pixels: NDArray[np.uint8],
    width: int,
    first: int,
    height: int,
    marks: NDArray[np.uint64],
    tokens: NDArray[np.uint32],
    filters: NDArray[np.uint8],
    counts: NDArray[np.int64],
    sums: NDArray[np.int64],
) -> tuple[int, int]:
    """Write the runs of rows from `first` on, until the rows end or the tokens may not hold another row.

    Parameters
    ----------
    pixels
        The mask, flat, shape (height * width,).
    width, first, height
        Pixels per row (at most WIDEST_ROW), the first row to write, the number of rows.
    marks
        Scratch, at least ``2 * ceil(width / 64)`` words.
    tokens
        Receives the runs; holds at least ``2 * width + 8``.
    filters
        Receives the filter of each row, shape (height,).
    counts
        Is increased by the symbols of the runs, shape (COUNTS,).
    sums
        The two sums of Adler-32, shape (2,), carried on.

    Returns
    -------
    tuple
        The row after the last one written, and the number of tokens.
    """
    half = marks.size >> 1
    room = tokens.size - (width + 4)
    a = sums[0]
    b = sums[1]
    used = 0
    run_value = 0
    run_length = 0
    changes = 0
    y = first
    while y < height and used <= room:
        start = y * width
        repeats = y > first and row_repeats(pixels, start, width)
        if not repeats:
            changes = mark_value_changes(pixels, start, width, marks[:half])
        above = start
        row_filter = 0
        weight = 0
        marked = changes
        chosen = marks[:half]
        if y > 0:
            slopes = 0
            if not repeats:
                slopes = mark_slope_changes(pixels, start, width, marks[half:])
                slopes += pixels[start] != pixels[start - width]
            along = changes + (pixels[start] != 0) + (pixels[start + width - 1] != 0)
            if _UP_BITS * slopes + _UP_ROW_BITS < _NONE_BITS * along:
                row_filter = 2
                weight = 1
                above = start - width
                marked = slopes
                chosen = marks[half:]
        filters[y] = row_filter
        if run_value != row_filter or run_length + width >= LONGEST_RUN:
            used, a, b = put_run(run_value, run_length, used, a, b, tokens, counts)
            run_value = row_filter
            run_length = 0
        run_length += 1
        value = (np.int64(pixels[start]) - weight * np.int64(pixels[above])) & 255
        if run_value != value:
            used, a, b = put_run(run_value, run_length, used, a, b, tokens, counts)
            run_value = value
            run_length = 0
        x = 0
        if marked > 0:
            for k in range((width + 62) >> 6):
                word = chosen[k]
                while word != 0:
                    end = (k << 6) + lowest_bit(word) + 1
                    word &= word - np.uint64(1)
                    used, a, b = put_run(run_value, run_length + end - x, used, a, b, tokens, counts)
                    run_value = (np.int64(pixels[start + end]) - weight * np.int64(pixels[above + end])) & 255
                    run_length = 0
                    x = end
        run_length += width - x
        a %= ADLER_BASE
        b %= ADLER_BASE
        y += 1
    used, a, b = put_run(run_value, run_length, used, a, b, tokens, counts)
    sums[0] = a % ADLER_BASE
    sums[1] = b % ADLER_BASE
    return y, used
