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

# What one change along a row costs in bits with either filter (None: its literal on top), and what a row
# with filter Up costs more: measured on real masks, flat near the optimum. The slope changes twice where an
# edge moves.
_NONE_BITS = 8
_UP_BITS = 8
_UP_ROW_BITS = 10
_SAMPLES = 1024


@kernel("uint64(uint64, int64)", inline=True)
def keep_low_bits(word: np.uint64, count: int) -> np.uint64:
    """Clear all but the lowest `count` bits, 0 <= count < 64."""
    return word & ((np.uint64(1) << np.uint64(count)) - np.uint64(1))


@kernel("int64(uint8[::1])")
def literal_bits(pixels: NDArray[np.uint8]) -> int:
    """Estimate the bits of a literal with filter None: the logarithm of the number of classes in a sample."""
    seen = np.zeros(256, np.int64)
    classes = 0
    for i in range(0, pixels.size, max(1, pixels.size // _SAMPLES)):
        classes += 1 - seen[pixels[i]]
        seen[pixels[i]] = 1
    bits = 1
    while 1 << bits < classes:
        bits += 1
    return bits


@kernel("boolean(uint8[::1], int64, int64)")
def row_repeats(pixels: NDArray[np.uint8], start: int, width: int) -> bool:
    """Say whether the row that starts at `start` equals the row above it."""
    for i in range(start, start + (width & -64), 64):
        if differences(pixels, i, i - width) != 0:
            return False
    tail = start + (width & -64)
    if tail + 64 <= pixels.size:
        return bool(keep_low_bits(differences(pixels, tail, tail - width), width & 63) == 0)
    for i in range(tail, start + width):
        if pixels[i] != pixels[i - width]:
            return False
    return True


@kernel("UniTuple(int64, 2)(uint8[::1], int64, int64, uint64[::1])")
def mark_changes(
    pixels: NDArray[np.uint8], start: int, width: int, marks: NDArray[np.uint64]
) -> tuple[int, int]:
    """Mark where a row's pixel values change, and where their differences to the row above do.

    Parameters
    ----------
    pixels
        The mask, flat.
    start, width
        Where the row starts, and its pixels. The first row of all has no row above: no differences.
    marks
        Receives words in pairs: bit x % 64 of ``marks[2 * (x // 64)]`` says whether the value changes from
        pixel x to pixel x + 1, the same bit of the word after it whether the difference does.

    Returns
    -------
    tuple
        How often the value and the difference change.
    """
    values = 0
    slopes = 0
    last = width - 1
    above = width if start > 0 else 0
    for k in range(last >> 6):
        i = start + (k << 6)
        value_word = differences(pixels, i, i + 1)
        slope_word = slope_differences(pixels, i, i - above)
        values += count_bits(value_word)
        slopes += count_bits(slope_word)
        marks[2 * k] = value_word
        marks[2 * k + 1] = slope_word
    rest = last & 63
    if rest > 0:
        i = start + last - rest
        if i + 65 <= pixels.size:
            value_word = keep_low_bits(differences(pixels, i, i + 1), rest)
            slope_word = keep_low_bits(slope_differences(pixels, i, i - above), rest)
        else:
            value_word = np.uint64(0)
            slope_word = np.uint64(0)
            for bit in range(rest):
                step = np.int64(pixels[i + bit + 1]) - np.int64(pixels[i + bit])
                step_above = np.int64(pixels[i + bit + 1 - above]) - np.int64(pixels[i + bit - above])
                value_word |= np.uint64(step != 0) << np.uint64(bit)
                slope_word |= np.uint64((step - step_above) & 255 != 0) << np.uint64(bit)
        values += count_bits(value_word)
        slopes += count_bits(slope_word)
        marks[2 * (last >> 6)] = value_word
        marks[2 * (last >> 6) + 1] = slope_word
    return values, slopes


@kernel("int64(uint64[::1], int64, int64, int32[::1])")
def list_marks(marks: NDArray[np.uint64], which: int, words: int, places: NDArray[np.int32]) -> int:
    """List the places, plus one, of the bits set in the first or second words of pairs; return how many.

    `places` holds one more than there are bits, because two are stored at a time: most words have one
    or two, and a loop over the bits of each would be guessed wrong by the processor once per word.
    """
    listed = 0
    for k in range(words):
        word = marks[2 * k + which]
        if word != 0:
            base = (k << 6) + 1
            end = listed + count_bits(word)
            places[listed] = base + lowest_bit(word)
            word &= word - np.uint64(1)
            places[listed + 1] = base + lowest_bit(word)
            listed += 2
            while listed < end:
                word &= word - np.uint64(1)
                places[listed] = base + lowest_bit(word)
                listed += 1
            listed = end
    return listed


@kernel(
    "UniTuple(int64, 4)(int64, int64, int64, int64, int64, int64, uint32[::1], int64[::1])",
    inline=True,
)
def put_run(
    value: int,
    length: int,
    used: int,
    chains: int,
    a: int,
    b: int,
    tokens: NDArray[np.uint32],
    counts: NDArray[np.int64],
) -> tuple[int, int, int, int]:
    """Write one run as a token, count its symbols, and let it pass through Adler-32 in closed form.

    The symbols: a literal, then matches of distance 1, as many of length 258 as fit (`chains` counts them)
    and one for the rest, or literals where a match is too short (deflate has none below 3).
    """
    tokens[used] = np.uint32(value | (length << 8))
    # No branches, because which case a run is cannot be foretold: the count of length 0 takes what is no
    # match. Unsigned division, because the signed one rounds down by branches.
    after = np.uint64(length - 1)
    chain = after // np.uint64(258)
    rest = int(np.int64(after - chain * np.uint64(258)))
    matched = int(rest > 2)
    counts[value] += 1 + rest * (1 - matched)
    counts[256 + rest * matched] += 1
    # b becomes b + n*a + v*n*(n+1)/2 and a becomes a + v*n when n bytes v pass through Adler-32.
    b += length * a + value * ((length * (length + 1)) >> 1)
    return used + 1, chains + int(np.int64(chain)), a + value * length, b


@kernel("int64(uint8[::1], int64, int64)", inline=True)
def filtered(pixels: NDArray[np.uint8], i: int, above: int) -> int:
    """Return the filtered byte of pixel `i`: filter Up with `above` > 0 pixels per row, None with 0."""
    value = int(np.int64(pixels[i]))
    if above > 0:
        value = (value - int(np.int64(pixels[i - above]))) & 255
    return value


@kernel("boolean(uint8[::1], int64, int64, int64, int64, int64)", inline=True)
def up_is_cheaper(
    pixels: NDArray[np.uint8], start: int, width: int, changes: int, slopes: int, none_bits: int
) -> bool:
    """Say whether filter Up is expected to take fewer bits than None, the filter byte among the row."""
    slopes += pixels[start] != pixels[start - width]
    changes += (pixels[start] != 0) + (pixels[start + width - 1] != 0)
    return _UP_BITS * slopes + _UP_ROW_BITS < none_bits * changes


@kernel(
    "UniTuple(int64, 2)(uint8[::1], int64, int64, int64, uint64[::1], int32[::1], uint32[::1],"
    " uint8[::1], int64[::1], int64[::1])"
)
def write_runs(
    pixels: NDArray[np.uint8],
    width: int,
    first: int,
    height: int,
    marks: NDArray[np.uint64],
    places: NDArray[np.int32],
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
    marks, places
        Scratch, at least ``2 * ceil(width / 64)`` and ``width + 1``.
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
    room = tokens.size - (width + 4)
    none_bits = _NONE_BITS + literal_bits(pixels)
    a, b = sums[0], sums[1]
    y, used, value, length, changes, chains = first, 0, 0, 0, 0, 0
    while y < height and used <= room:
        start = y * width
        slopes = 0
        if y == first or not row_repeats(pixels, start, width):
            changes, slopes = mark_changes(pixels, start, width, marks)
        above = width if y > 0 and up_is_cheaper(pixels, start, width, changes, slopes, none_bits) else 0
        filters[y] = 2 if above > 0 else 0
        # The filter byte, then the first pixel, then a run per mark.
        for byte in (int(np.int64(filters[y])), filtered(pixels, start, above)):
            if length > 0 and (value != byte or length > LONGEST_RUN - WIDEST_ROW):
                used, chains, a, b = put_run(value, length, used, chains, a, b, tokens, counts)
                length = 0
            value = byte
            length += 1
        x = 1
        marked = slopes if above > 0 else changes
        for i in range(list_marks(marks, int(above > 0), (width + 62) >> 6, places) if marked > 0 else 0):
            end = int(np.int64(places[i]))
            used, chains, a, b = put_run(value, length + end - x, used, chains, a, b, tokens, counts)
            value = filtered(pixels, start + end, above)
            length = 0
            x = end
        length += width - x
        a, b, y = a % ADLER_BASE, b % ADLER_BASE, y + 1
    used, chains, a, b = put_run(value, length, used, chains, a, b, tokens, counts)
    counts[256] = 0
    counts[256 + 258] += chains
    sums[0], sums[1] = a % ADLER_BASE, b % ADLER_BASE
    return y, used
