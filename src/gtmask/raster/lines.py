"""Which pixels of each row OpenCV's 8-connected line between two points covers, without walking along it.

A line with more rows than columns (steep) has one pixel in each row, any other a run of pixels in each. With
``rows`` and ``columns`` between its ends, row k from its first end reaches, in columns from that end, to

    F(k) = floor((start + 2 columns k) / (2 rows)),

and ``start`` is ``rows - 1`` where the line is steep, else ``columns``; towards the left, where halves are
rounded the other way, it is one more where the line is steep, else one less (modules/imgproc/src/
drawing.cpp: LineIterator). A run begins next to the end of the run before; the last one ends with the line.
"""

from __future__ import annotations

from gtmask.jit import kernel

#: One pixel in 32.32 fixed point.
ONE = 1 << 32


@kernel("int64(int64, int64, int64)", inline=True, inner=True)
def start_of_line(rows: int, columns: int, back: int) -> int:
    """Return ``start``; ``back`` is 1 for a line towards the left, else 0."""
    return rows - 1 + back if columns < rows else columns - back


@kernel("UniTuple(int64, 3)(int64, int64, int64, int64)", inline=True, inner=True)
def fixed_line(rows: int, columns: int, x: int, back: int) -> tuple[int, int, int]:
    """Return three 32.32 numbers: ``left`` at row 0, how much it grows per row, and how far ``right`` is.

    The pixels of row k are ``floor(left)`` to ``floor(left + right)``, both plus one, beginning at ``x``.
    Valid for k from 1 to rows - 1; in row 0 only the end that lies away from ``x`` is.

    2 rows F(k) is an integer, so that half of its unit added keeps F(k) a quarter of 1 / rows away from the
    next integer: more than the rounding of ``slope`` grows to in less than 2**15 rows.
    """
    scale = float(ONE) / max(rows, 1)
    slope = int(columns * scale + 0.5)
    begin = int((2 * start_of_line(rows, columns, back) + 1) * scale * 0.25)
    right = 0 if columns < rows else slope - ONE
    if back:
        return (x + 2) * ONE - begin, -slope, right
    return (x + 1) * ONE + begin - right, slope, right


@kernel("int64(int64, float64, int64, int64)", inline=True, inner=True)
def end_of_run(start: int, scale: float, columns: int, k: int) -> int:
    """Return F(k), with ``scale = 0.5 / rows``: exact where rows times columns is less than 2**49."""
    return int((float(start) + 0.5 + 2.0 * columns * k) * scale)
