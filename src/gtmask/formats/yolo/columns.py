"""What the columns of a line are: coordinates, and a confidence or a track number behind them.

Source: ultralytics ``engine/results.py`` (``Results.save_txt``): class, coordinates, then the confidence
(``save_conf``) and the track number (``track``), each where it is there; a box has four coordinates, a
polygon six or more, always pairs. So an odd count of numbers has one that is no coordinate, and an even one
may have two, or none. The range of the last two decides, else the file's other lines, else other files, else
the ring: one that only the last pair makes cross itself ends before it. Key points are triples or
pairs behind a box.
"""

from __future__ import annotations

from typing import NamedTuple

#: The coordinates of a box.
BOX = 4
Point = tuple[float, float]
#: What may stand behind a line's coordinates: nothing known, or so many numbers.
_NONE, _ZERO, _ONE, _TWO, _ZERO_OR_TWO = map(frozenset, ((), (0,), (1,), (2,), (0, 2)))


def behind(rows: list[list[float]], usual: int = 0) -> list[int]:
    """Return how many numbers stand behind the coordinates of each line of a file.

    Returns 0, 1 or 2 for each line. A line of an odd count that gets 0 has lost or won a number.

    - ``rows``: the numbers of each line, without its class.
    - ``usual``: how many other files of the data set have there; 0 where that is not known.
    """
    possible = list(map(_possible, rows))
    if possible.count(_ZERO) == len(rows):
        return [0] * len(rows)
    sure = {next(iter(counts)) for counts in possible if len(counts) == 1}
    odd = [flat for flat in rows if len(flat) & 1]
    out = []
    for flat, counts in zip(rows, possible, strict=True):
        if len(counts) < 2:
            only = next(iter(counts), 0)
            # Among lines that have no more than coordinates, a fraction too many is a fault of the line.
            fault = only == 1 and 0 in sure and len(flat) != BOX + 1 and not is_track(flat[-1])
            out.append(0 if fault else only)
        elif 2 in sure or (odd and 0 not in sure) or usual == 2:
            out.append(2)
        elif 0 in sure or len(rows) > 1:
            out.append(0)
        else:
            out.append(2 if _alone(flat) else 0)
    return out


def usual_columns(files: list[list[list[float]]]) -> int:
    """Return how many numbers stand behind the coordinates in files that show it: 2, or 0 for not known."""
    possible = [_possible(flat) for rows in files for flat in rows]
    return 2 if {2} in possible else 0


def _possible(flat: list[float]) -> frozenset[int]:
    """Return how many numbers may stand behind a line's coordinates, by their count and range alone."""
    count = len(flat)
    if count < BOX:
        return _NONE
    last = flat[-1]
    if count & 1:
        return _ONE if is_track(last) or 0 < last < 1 else _NONE
    before = flat[-2]
    bare = max(before, last) < 2
    if count > BOX and 0 < before < 1 and is_track(last):
        return _ZERO_OR_TWO if bare else _TWO
    return _ZERO if bare else _NONE


def is_track(value: float) -> bool:
    """Say whether a number may be a track's: they count from 1."""
    return 1 <= value < 1e9 and value == int(value)


def _alone(flat: list[float]) -> bool:
    """Say of the only line of a file, whose last pair is a fraction and 1, that this pair is no vertex."""
    if len(flat) == BOX + 2:
        x, y, width, height = flat[:BOX]
        return width / 2 <= min(x, 1 - x) + 0.01 and height / 2 <= min(y, 1 - y) + 0.01
    ring = list(zip(flat[0::2], flat[1::2], strict=True))
    return _crosses(ring) and not _crosses(ring[:-1])


def _crosses(ring: list[Point]) -> bool:
    """Say whether one of the two edges at a ring's last vertex crosses another edge."""
    edges = list(zip(ring, [*ring[1:], ring[0]], strict=True))
    return any(_cross(one, other) for one in edges[-2:] for other in edges)


def _cross(one: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    """Say whether two edges cross at a point that is an end of neither."""
    (a, b), (c, d) = one, other
    return _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0


def _side(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def are_key_points(rows: list[list[float]]) -> bool:
    """Say whether all lines are boxes with triples behind them whose last is a visibility: 0, 1 or 2."""
    return len(rows) > 0 and all(
        len(flat) >= BOX + 6
        and (len(flat) - BOX) % 3 == 0
        and len(flat) == len(rows[0])
        and {0.0, 1.0, 2.0}.issuperset(flat[BOX + 2 :: 3])
        for flat in rows
    )


class Pairs(NamedTuple):
    """Whether lines are boxes with key points in pairs behind them, and whether they may be."""

    certain: bool = False
    possible: bool = False


def find_pairs(rows: list[list[float]]) -> Pairs:
    """Say whether the lines of a data set are boxes with key points behind them, in pairs.

    All have one count of numbers, and all points lie in the box or are 0, which is not seen. Of a polygon
    the second vertex, which then counts as a size, would lie among the others; a box's size mostly does not.
    One or two points prove nothing.
    """
    count = len(rows[0]) if rows else 0
    if count < BOX + 2 or count % 2 or any(len(flat) != count for flat in rows):
        return Pairs()
    apart = 0
    for flat in rows:
        points = [point for point in zip(flat[BOX::2], flat[BOX + 1 :: 2], strict=True) if any(point)]
        if not points or not all(_in_box(flat, x, y) for x, y in points):
            return Pairs()
        apart += not _in_box(flat, flat[2], flat[3])
    many, mostly = count >= BOX + 6, 2 * apart > len(rows)
    return Pairs(many and mostly, many or mostly)


def _in_box(flat: list[float], x: float, y: float) -> bool:
    return abs(x - flat[0]) <= flat[2] / 2 + 0.001 and abs(y - flat[1]) <= flat[3] / 2 + 0.001
