"""Kernels that turn rows of pixels into runs: they choose each row's filter and say where runs begin.

Two of PNG's five filters suit flat areas, and each row takes the cheaper one:

- None (0): a run ends wherever the pixel value changes along the row;
- Up (2): the row holds the differences to the row above, which are zero but where an edge has moved, so a
  run ends wherever that difference changes. Edges that stay where they were cost nothing.

A run is a byte value and the place in the block's stream where it begins; it ends where the next one
begins. Runs go on across rows: the filter byte 0 continues a run of background, so that large empty areas
become one run.

A token is a uint32: the value in the low 8 bits, the place above.

A wrong guess of a branch costs as much as a dozen steps, so the loops over marks have none that depends
on a single mark: whatever may be too much is written and then overwritten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gtmask.jit import kernel
from gtmask.simd import clear_lowest_bit, count_bits, differences, lowest_bit, slope_differences

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Widest row that :func:`write_runs` takes.
WIDEST_ROW = 1 << 20
#: Bytes of a block's stream, so that the longest run's count of longest matches fits into a token later.
LONGEST_BLOCK = 1 << 23
#: A mask is followed by bytes up to its width and so many, for the comparisons.
SPARE_BYTES = 65

# What one change along a row costs in bits with either filter (None: its literal on top), and what a row
# with filter Up costs more: measured on real masks, flat near the optimum. The slope changes twice where an
# edge moves.
_NONE_BITS = 8
_UP_BITS = 8
_UP_ROW_BITS = 10
_SAMPLES = 1024
_ALL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


def marks_size(width: int) -> int:
    """Return how many words of scratch rows of this width need: six sections, see :func:`mark_row`."""
    return 6 * (((width + 62) >> 6) + 1)


@kernel("int64(int64)", inline=True, inner=True)
def _section(width: int) -> int:
    """Return the size of a section of `marks`: a word per 64 changes of a row, and one more."""
    return ((width + 62) >> 6) + 1


@kernel("int64(uint8[::1], uint8[::1])")
def literal_bits(pixels: NDArray[np.uint8], seen: NDArray[np.uint8]) -> int:
    """Estimate the bits of a literal with filter None: the logarithm of the number of classes in a sample.

    `seen` is scratch, shape (256,).
    """
    for value in range(256):
        seen[value] = 0
    classes = 0
    for i in range(0, pixels.size, max(1, pixels.size // _SAMPLES)):
        classes += seen[pixels[i]] == 0
        seen[pixels[i]] = 1
    bits = 1
    while 1 << bits < classes:
        bits += 1
    return bits


@kernel("boolean(uint8[::1], int64, int64)", inline=True, inner=True)
def row_repeats(pixels: NDArray[np.uint8], start: int, width: int) -> bool:
    """Say whether the row that starts at `start` equals the row above it."""
    for i in range(start, start + (width & -64), 64):
        if differences(pixels, i, i - width) != 0:
            return False
    i = start + (width & -64)
    early = max(i + 64 - pixels.size, 0)
    rest = differences(pixels, i - early, i - early - width) >> np.uint64(early & 63)
    return bool(rest & ~(_ALL << np.uint64(width & 63)) == 0)


@kernel("int64(uint64[::1], int64, int64, uint64, int64)", inline=True, inner=True)
def _list_word(marks: NDArray[np.uint64], at: int, section: int, word: np.uint64, x: int) -> int:
    """Put a word and the pixel that its lowest bit stands for at the end of a list, unless it has no marks.

    Returns where the list ends now.
    """
    marks[np.uint64(at)] = word
    marks[np.uint64(at + section)] = np.uint64(x)
    return at + int(word != 0)


@kernel(
    "UniTuple(int64, 2)(uint8[::1], int64, int64, int64, int64, uint64[::1])",
    inline=True,
    inner=True,
)
def mark_row(
    pixels: NDArray[np.uint8], start: int, width: int, above: int, here: int, marks: NDArray[np.uint64]
) -> tuple[int, int]:
    """Mark where a row's values change, and where its differences to the row above do; list words with marks.

    Bit b of word k stands for the change from pixel 64k + b to the next one. Returns how often the value and
    the difference change.

    - ``pixels``, ``start``, ``width``: the mask, flat; where the row starts; its pixels.
    - ``above``: how far the row above is: the width, or 0 for the first row, which then has no differences.
    - ``here``: the section of `marks` that receives this row's changes, the first or the second; the other
      has those of the row above. Where neither row changes, neither does their difference.
    - ``marks``: sections three and four receive the words with slopes and the pixels that their lowest bits
      stand for, sections five and six those with changes.
    """
    section = _section(width)
    last = section - 2
    changes, slopes = 0, 0
    at_slope, at_change = 2 * section, 4 * section
    for group in range(0, last, 64):
        listed = np.uint64(0)
        for k in range(group, min(last, group + 64)):
            i = start + (k << 6)
            word = differences(pixels, i, i + 1)
            marks[np.uint64(here + k)] = word
            either = word | marks[np.uint64(section - here + k)]
            listed |= np.uint64(either != 0) << np.uint64(k - group)
        for _ in range(count_bits(listed)):
            k = group + lowest_bit(listed)
            listed = clear_lowest_bit(listed)
            i = start + (k << 6)
            word = slope_differences(pixels, i, i - above)
            slopes += count_bits(word)
            at_slope = _list_word(marks, at_slope, section, word, (k << 6) + 1)
            word = marks[np.uint64(here + k)]
            changes += count_bits(word)
            at_change = _list_word(marks, at_change, section, word, (k << 6) + 1)
    if last >= 0:
        # The last word is compared so early that no byte after the mask is read.
        x = (last << 6) + 1
        early = max(start + x + SPARE_BYTES - 1 - pixels.size, 0)
        i = start + x - 1 - early
        tail = _ALL >> np.uint64((1 - width) & 63)
        word = (slope_differences(pixels, i, i - above) >> np.uint64(early)) & tail
        slopes += count_bits(word)
        _list_word(marks, at_slope, section, word, x)
        word = (differences(pixels, i, i + 1) >> np.uint64(early)) & tail
        marks[np.uint64(here + last)] = word
        changes += count_bits(word)
        _list_word(marks, at_change, section, word, x)
    return changes, slopes


@kernel(
    "void(uint8[::1], int64, int64, uint64[::1], int64, int64, int64, int64, int64, uint32[::1])",
    inline=True,
    inner=True,
)
def put_marked(
    pixels: NDArray[np.uint8],
    start: int,
    above: int,
    marks: NDArray[np.uint64],
    section: int,
    at: int,
    place: int,
    used: int,
    end: int,
    tokens: NDArray[np.uint32],
) -> None:
    """Write tokens from `used` to `end`: one per mark of the words listed from ``marks[at]`` on.

    The row's first pixel is ``pixels[start]``, its place in the stream `place`, and its filter Up where
    `above` is not 0. Two tokens at a time, because most words have one or two marks.
    """
    low = 255 * (above > 0)
    while used < end:
        word = marks[np.uint64(at)]
        first = np.int64(marks[np.uint64(at + section)])
        at += 1
        word_end = used + count_bits(word)
        while used < word_end:
            for ahead in range(2):
                x = first + (lowest_bit(word) & 63)  # `first` where there is no second mark
                word = clear_lowest_bit(word)
                i = start + x
                value = np.int64(pixels[np.uint64(i)]) - (np.int64(pixels[np.uint64(i - above)]) & low)
                tokens[np.uint64(used + ahead)] = np.uint32(((place + x) << 8) | (value & 255))
            used += 2
        used = word_end


@kernel("void(uint8[::1], int64, int64, int64, int64, uint64[::1], int64, int64[::1])", inner=True)
def count_row(
    pixels: NDArray[np.uint8],
    start: int,
    width: int,
    changes: int,
    times: int,
    marks: NDArray[np.uint64],
    section: int,
    counts: NDArray[np.int64],
) -> None:
    """Count a row's pixels by value, so many times, from the words with changes that were listed last.

    - ``pixels``, ``start``, ``width``: the mask, flat; where the row starts; its pixels.
    - ``changes``, ``marks``, ``section``: how often its value changes, the lists of :func:`mark_row`, and
      the size of one.
    - ``times``, ``counts``: how many rows are the same as this one, and what their pixels are added to.
    """
    at = 4 * section
    last = 0
    seen = 0
    while seen < changes:
        word = marks[np.uint64(at)]
        first = np.int64(marks[np.uint64(at + section)])
        at += 1
        here = count_bits(word)
        seen += here
        for _ in range(here):
            x = first + lowest_bit(word)
            word = clear_lowest_bit(word)
            counts[np.uint64(pixels[np.uint64(start + last)])] += (x - last) * times
            last = x
    counts[np.uint64(pixels[np.uint64(start + last)])] += (width - last) * times


@kernel(
    "UniTuple(int64, 2)"
    "(uint8[::1], int64, int64, int64, int64, uint64[::1], uint32[::1], uint8[::1], int64[::1])",
)
def write_runs(
    pixels: NDArray[np.uint8],
    width: int,
    first: int,
    height: int,
    none_bits: int,
    marks: NDArray[np.uint64],
    tokens: NDArray[np.uint32],
    filters: NDArray[np.uint8],
    counts: NDArray[np.int64],
) -> tuple[int, int]:
    """Write the runs of rows from `first` on, until the rows end or the block may not hold another row.

    Returns the row after the last one written, and the number of runs.

    - ``pixels``: the mask, flat: shape (height * width,), but at least ``width + SPARE_BYTES``.
    - ``width``, ``first``, ``height``: pixels per row (at most WIDEST_ROW), the first row to write, the
      number of rows.
    - ``none_bits``: what :func:`literal_bits` returns.
    - ``marks``: scratch of :func:`marks_size`, the same for all blocks of a mask.
    - ``tokens``: receives the runs and, after them, one that says where the last ends; holds ``2 * width +
      8``.
    - ``filters``: receives the filter of each row, shape (height,).
    - ``counts``: how many pixels have each value, shape (256,): those of these rows are added; empty to leave
      it out.
    """
    section = _section(width)
    if first == 0:
        for k in range(2 * section):
            marks[k] = 0
    none_bits += _NONE_BITS
    room = tokens.size - (width + 4)
    end = min(height, first + LONGEST_BLOCK // (width + 1))
    y, used, value = first, 0, -1
    changes, slopes, here, repeats = 0, 0, 0, False
    since = first  # rows from here on are alike
    while y < end and used <= room:
        start = y * width
        place = (y - first) * (width + 1)
        above = width if y > 0 else 0
        if repeats and row_repeats(pixels, start, width):
            slopes = 0
        else:
            if counts.size > 0 and y > since:
                count_row(pixels, start - width, width, changes, y - since, marks, section, counts)
            since = y
            here = section - here
            changes, slopes = mark_row(pixels, start, width, above, here, marks)
        byte = np.int64(pixels[np.uint64(start)])
        step = (byte - np.int64(pixels[np.uint64(start - above)])) & 255
        repeats = above > 0 and slopes == 0 and step == 0
        outside = (byte != 0) + (pixels[np.uint64(start + width - 1)] != 0)
        up_bits = _UP_BITS * (slopes + (step != 0)) + _UP_ROW_BITS
        up = int((y > 0) & (up_bits < none_bits * (changes + outside)))
        # The filter byte, then the first pixel, then a run per mark; none where the run before goes on.
        byte += (step - byte) * up
        tokens[used] = (place << 8) | (2 * up)
        used += 2 * up != value
        tokens[used] = ((place + 1) << 8) | byte
        used += byte != 2 * up
        row_end = used + changes + (slopes - changes) * up
        at = (4 - 2 * up) * section
        put_marked(pixels, start, above * up, marks, section, at, place + 1, used, row_end, tokens)
        used = row_end
        value = int(np.int64(tokens[np.uint64(used - 1)] & np.uint32(255)))
        filters[y] = 2 * up
        y += 1
    if counts.size > 0:
        count_row(pixels, (y - 1) * width, width, changes, y - since, marks, section, counts)
    for k in range(section):  # the next block's first row finds this row's changes in the first section
        marks[k] = marks[here + k]
    tokens[used] = ((y - first) * (width + 1)) << 8
    return y, used
