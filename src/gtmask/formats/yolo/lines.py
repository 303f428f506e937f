"""Lines of numbers become shapes: the class, then a box or a polygon in fractions of the image."""

from __future__ import annotations

import math
from collections import Counter
from operator import mul, sub
from typing import TYPE_CHECKING, NamedTuple

from gtmask.formats.yolo.columns import BOX, are_key_points, behind

if TYPE_CHECKING:
    from gtmask.formats.reading.build import RecordBuilder
    from gtmask.formats.yolo.class_files import Classes

#: Beyond this, coordinates are no fractions: someone wrote pixels.
FARTHEST = 2.0
#: How far coordinates may lie outside of the image before that is told; ultralytics allows as much.
TOLERANCE = 0.01


class Line(NamedTuple):
    """One line: its number from 1, its class as it is written, and the numbers behind it."""

    number: int
    name: str
    flat: list[float]


def add_lines(
    builder: RecordBuilder, rows: list[tuple[int, list[str]]], classes: Classes, what: str, exact: int = 0
) -> None:
    """Account for all lines of an image, and tell once of what is alike in many.

    - ``rows``: each line's number and words; a line without words has been told.
    - ``what``: what a line is called, for messages.
    - ``exact``: how many coordinates each line has, where the format says so: then nothing stands behind
      them.
    """
    lines = [_parsed(number, words) for number, words in rows]
    good = [line for line in lines if isinstance(line, Line)]
    pose = classes.pose or (not exact and are_key_points([line.flat for line in good]))
    flats = [line.flat for line in good]
    counts = [0] * len(good) if exact or pose else behind(flats, classes.behind)
    extra = iter(counts)
    seen: Counter[str] = Counter()

    def add(line: Line | str) -> None:
        if isinstance(line, str):
            builder.finding("annotation-bad", line)
            return
        behind_it = next(extra)
        if exact and len(line.flat) != exact:
            builder.finding(
                "shape-bad-geometry", f"{builder.place} has {len(line.flat)} numbers, not {exact}"
            )
        else:
            _add(builder, line, behind_it, classes, seen, pose=pose)

    builder.account(lines, add, what)
    _report(builder, seen, len(rows), what)


def _parsed(number: int, words: list[str]) -> Line | str:
    """Return a line's numbers, or what is wrong with it."""
    try:
        numbers = list(map(float, words))
    except ValueError as error:
        return f"line {number}: {error}"[:200]
    if not numbers or not numbers[0].is_integer() or numbers[0] < 0:
        return f"line {number}: class number {words[0] if words else '':.20}"
    return Line(number, str(int(numbers[0])), numbers[1:])


def _add(
    builder: RecordBuilder, line: Line, extra: int, classes: Classes, seen: Counter[str], *, pose: bool
) -> None:
    """Add one line's shape."""
    key = int(line.name)
    listed = key in classes.names
    label = classes.names[key] if listed else line.name
    flat = line.flat[:-extra] if extra else line.flat
    is_box = len(flat) == BOX or (pose and len(flat) > BOX)
    if is_box:
        flat = flat[:BOX]
    # A sum of finite numbers is finite, but for numbers too large to be fractions.
    if not math.isfinite(sum(flat)) and not all(map(math.isfinite, flat)):
        builder.finding("shape-bad-number", f"{label}: line {line.number}")
        return
    low, high = (min(flat), max(flat)) if flat else (0.0, 0.0)
    if max(-low, high) > FARTHEST:
        builder.finding(
            "shape-bad-geometry", f"{label}: line {line.number} has coordinates that are no fractions"
        )
        return
    if is_box and min(flat[2:]) < 0:
        builder.finding("shape-bad-geometry", f"{label}: line {line.number} has a size below 0")
        return
    if extra:
        seen["extra"] += 1
    if not listed and classes.names:
        seen["unlisted"] += 1
    if is_box:
        x, y, width, height = flat
        flat = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
        builder.z = -abs(width * height)
        seen["boxes"] += builder.rectangle(label, *flat) is not None
        low, high = min(flat), max(flat)
    else:
        builder.z = -_area(flat)
        builder.polygon(label, flat)
    if not -TOLERANCE <= low <= high <= 1 + TOLERANCE:
        seen["outside"] += 1


def _report(builder: RecordBuilder, seen: Counter[str], count: int, what: str) -> None:
    """Tell of boxes, of columns that were left out, and of coordinates outside of the image."""
    for key, code, what_is_odd in (
        ("boxes", "box-painted", "are boxes"),
        ("extra", "columns-left-out", "have a confidence or a track number behind their coordinates"),
        ("outside", "fraction-outside", "reach beyond the image"),
        ("unlisted", "class-unlisted", "have a class number that the list of classes lacks"),
    ):
        if seen[key]:
            builder.finding(code, f"{seen[key]} of {count} {what}s {what_is_odd}")


def _area(flat: list[float]) -> float:
    """Return the area of a ring in fractions of the image (shoelace formula)."""
    xs, ys = flat[0::2], flat[1::2]
    falling = map(mul, xs, ys[1:] + ys[:1])
    rising = map(mul, xs[1:] + xs[:1], ys)
    twice: float = sum(map(sub, falling, rising))
    return abs(twice) / 2
