"""Which id and which colour a class gets where the export brings some."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtmask.groundtruth.colors import next_color
from gtmask.manifest.contract import BACKGROUND_COLOR, MAX_CLASS_ID

if TYPE_CHECKING:
    from collections.abc import Sequence


def give_ids(wanted: Sequence[int | None]) -> list[int]:
    """Return an id for each class: the wanted one where it can be had, else the next that nobody wants."""
    every = range(1, MAX_CLASS_ID + 1)
    free = [number for number in every if number not in wanted] + [
        number for number in every if number in wanted
    ]
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
