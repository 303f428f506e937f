"""Class maps are made: from labels, or from what an export tells of its classes.

A class whose colour nobody chose gets one of Ground Truth's own, then a well-separated one. These follow from
the count alone, by integer arithmetic, so every machine computes the same.
"""

from __future__ import annotations

import re
import string
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from gtmask.class_map import ClassMap, LabelClass, SuggestedClass
from gtmask.errors import ClassMapError
from gtmask.manifest.contract import BACKGROUND, BACKGROUND_COLOR, MAX_CLASS_ID, MAX_CLASS_NAME

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from numpy.typing import NDArray


#: The tools' names for pixels that are background, and labelme's for shapes that do not count.
LABELME_BACKGROUND = "_background_"
ISAT_BACKGROUND = "__background__"
LABELME_IGNORE = "__ignore__"

_NUMBER = re.compile("([0-9]{1,18})")


def in_order(labels: Iterable[str]) -> list[str]:
    """Return labels of an export that lists none in the order of their ids: numbers in them count as numbers.

    Examples
    --------
    >>> from gtmask.groundtruth.classes import in_order
    >>> in_order(["10", "2", "part 10", "part 9"])
    ['2', '10', 'part 9', 'part 10']
    """
    return sorted(labels, key=_natural)


def _natural(label: str) -> tuple[list[tuple[bool, int, str]], str]:
    # Digits beyond ASCII and numbers of more digits than ids have are text.
    parts = [(part, part[0] in string.digits) for part in _NUMBER.split(label) if part]
    return [(not number, int(part) if number else 0, part) for part, number in parts], label


def class_map_from_labels(labels: Sequence[str]) -> ClassMap:
    """Make the class map that a run starts with: one class per label, ids from 1, in their order.

    Labels that differ only in blanks at their ends or in runs of blanks share a class. What people
    mean by "background", in any case, labelme's ``_background_`` and ISAT's ``__background__`` become
    background (0); labelme's ``__ignore__`` is ignored. Blank labels are skipped: a shape without a
    label has no class.

    Parameters
    ----------
    labels
        Source labels; repetitions do not count.

    Returns
    -------
    ClassMap
        With a colour for each class, the same ones for the same count.

    Raises
    ------
    ClassMapError
        More than 255 classes, or a label too long for a class name.

    Examples
    --------
    >>> import gtmask
    >>> classes = gtmask.class_map_from_labels(["car", "road"])
    >>> [(entry.id, entry.name, entry.color) for entry in classes.classes]
    [(1, 'car', '#2ca02c'), (2, 'road', '#1f77b4')]
    >>> classes.id_of("road")
    2
    """
    return class_map_from_suggestions([SuggestedClass(label) for label in labels])


def class_map_from_suggestions(suggested: Sequence[SuggestedClass]) -> ClassMap:
    """Make the class map of an export that brings ids or colours of its classes.

    Names become classes as in :func:`class_map_from_labels`. A class keeps its id where that is 1..255 and no
    class before it has it, and its colour where no class before it has it and it is not BACKGROUND's; the
    others get the next ids and colours that are free. Raises ClassMapError as :func:`class_map_from_labels`.

    - ``suggested``: in the export's order; repetitions of a name do not count.
    """
    sources: dict[str, list[str]] = {}
    first = {entry.name: entry for entry in reversed(suggested)}
    background: set[str] = set()
    ignore: set[str] = set()
    for label in dict.fromkeys(entry.name for entry in suggested):
        name = " ".join(label.split())
        if name.casefold() in {BACKGROUND.casefold(), LABELME_BACKGROUND, ISAT_BACKGROUND}:
            background.add(label)
        elif name == LABELME_IGNORE:
            ignore.add(label)
        elif name:
            sources.setdefault(name, []).append(label)
    check_count(len(sources))
    ids = give_ids([first[spelled[0]].id for spelled in sources.values()])
    colors = give_colors([first[spelled[0]].color for spelled in sources.values()])
    classes = []
    for (name, spelled), number, color in zip(sources.items(), ids, colors, strict=True):
        if problem := name_problem(name):
            raise ClassMapError(
                f"The label {name[:60]!r} {problem}: give it another name in a class map (--classes)."
            )
        value, labels = first[spelled[0]].value, () if spelled == [name] else tuple(spelled)
        classes.append(LabelClass(number, name, color, labels, value=value))
    classes.sort(key=lambda entry: entry.id)
    return ClassMap(tuple(classes), frozenset(ignore), frozenset(background))


def give_ids(wanted: Sequence[int | None]) -> list[int]:
    """Return an id for each class: the wanted one where it can be had, else the next that nobody wants."""
    every = range(1, MAX_CLASS_ID + 1)
    free = sorted(every, key=wanted.__contains__)
    given: dict[int, None] = {}
    for number in wanted:
        own = number in every and number not in given
        given[number if own and number is not None else next(n for n in free if n not in given)] = None
    return list(given)


def give_colors(wanted: Sequence[str | None]) -> list[str]:
    """Return a colour for each class: the wanted one where it can be had, else the next that nobody wants."""
    reserved = {color.lower() for color in wanted if color is not None} | {BACKGROUND_COLOR}
    given: dict[str, None] = {}
    for color in wanted:
        own = (color or BACKGROUND_COLOR).lower()
        given[next_color(reserved | given.keys()) if own in given or own == BACKGROUND_COLOR else own] = None
    return list(given)


def check_count(count: int) -> None:
    """Refuse more classes than a mask of 8 bits can hold; raises ClassMapError with the count."""
    if count > MAX_CLASS_ID:
        raise ClassMapError(
            f"{count} classes do not fit into 8-bit masks, which hold {MAX_CLASS_ID} besides "
            "BACKGROUND: merge labels with a class map (`gtmask classes` writes one to start from)."
        )


def name_problem(name: str) -> str:
    """Return what keeps a text from being a class name, as the rest of a sentence.

    Length and uniqueness: Developer Guide, input-data-limits.
    """
    if not name.strip():
        return "is empty"
    if len(name) > MAX_CLASS_NAME:
        return f"has {len(name)} characters, and Ground Truth takes {MAX_CLASS_NAME}"
    if name.strip().casefold() == BACKGROUND.casefold():
        return "is reserved for class 0: list labels that mean it under `background` instead"
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        return "holds a control character"
    return ""


#: What Ground Truth assigns first, in its order (observed in output manifests of real jobs).
GROUND_TRUTH_COLORS = ("#2ca02c", "#1f77b4", "#ff7f0e", "#d62728", "#9467bd")
#: Finding a colour takes a look at all of the grid, and most runs have few classes.
_USUAL_COLORS = 20


@cache
def palette(count: int = MAX_CLASS_ID) -> tuple[str, ...]:
    """Return the first class colours, all 255 by default, in their order: ``#rrggbb``, all distinct.

    After Ground Truth's own, each colour is the one of a 16 x 16 x 16 grid that is farthest from all
    colours before it, from the background's white and from black, which hides in dark pictures; ties
    go to the smaller number.
    """
    colors = list(GROUND_TRUTH_COLORS)
    grid = np.arange(0, 256, 17, dtype=np.int64)
    candidates = np.stack(np.meshgrid(grid, grid, grid, indexing="ij"), axis=-1).reshape(-1, 3)
    nearest = np.full(len(candidates), 1 << 30, np.int64)
    for color in (BACKGROUND_COLOR, "#000000", *colors):
        np.minimum(nearest, _distance(candidates, bytes.fromhex(color[1:])), out=nearest)
    while len(colors) < count:
        best = bytes(candidates[int(np.argmax(nearest))].tolist())
        colors.append(f"#{best.hex()}")
        np.minimum(nearest, _distance(candidates, best), out=nearest)
    return tuple(colors)


def next_color(taken: Container[str]) -> str:
    """Return the first colour of the palette that is not taken (lower-case ``#rrggbb``)."""
    pools = chain([GROUND_TRUTH_COLORS], map(palette, (_USUAL_COLORS, MAX_CLASS_ID)))
    return next(color for pool in pools for color in pool if color not in taken)


def _distance(candidates: NDArray[np.int64], color: bytes) -> NDArray[np.int64]:
    """Return the "redmean" distance of each candidate (n, 3) to a colour.

    That is a weighted RGB distance close to what the eye sees, in integers.
    """
    red, green, blue = (candidates[:, channel] - color[channel] for channel in range(3))
    mean = (candidates[:, 0] + color[0]) >> 1
    distance: NDArray[np.int64] = (
        ((512 + mean) * red * red >> 8) + 4 * green * green + ((767 - mean) * blue * blue >> 8)
    )
    return distance
