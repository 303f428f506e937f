"""What the pixels of one mask mean: which class of a list each value or colour is, or why it is none.

A picture can be read by its values (gray samples, palette indices, RGB with three equal samples) or by its
colours (RGB, palette). Where the list allows both, the reading counts by which more pixels have a class;
where both know all pixels and disagree, that is told. A gray sample is a colour, too, where the list tells
colours and no values: who saves colours that are all gray may save one channel. Classes without colours have
those that Pascal VOC's color map gives to their values, as datumaro and labelme write them.

- ``background`` at value 0 or as the list's first class is background, and so is value 0 or black where no
  class has it; that is told.
- Void is what the list calls void, ignore or unlabeled; and 255 (in colours #e0e0c0, its colour in Pascal
  VOC) where no class has it, unless 0 and 255 are all there is: then 255 may be the one class of a binary
  mask, and counts as unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from gtmask.formats.masks.known import voc_color
from gtmask.formats.masks.pictures import PALETTE, Picture, Pixel

if TYPE_CHECKING:
    from collections.abc import Callable

    from gtmask.formats.masks.class_lists import ClassList, Entry
    from gtmask.formats.reading.build import RecordBuilder

BACKGROUND, KEEP = "background", "keep"
VOID = "void"
VOID_VALUE, BLACK = 255, 0
_INSTANCE = "instance"


@dataclass(frozen=True, slots=True)
class Tables:
    """A class list as look-up tables by value and by colour."""

    by_value: dict[int, Entry]
    by_color: dict[int, Entry]
    #: Colours that no file tells: Pascal VOC's of the values.
    implied: bool
    #: Some colours are no shades of gray.
    has_tints: bool


@lru_cache(maxsize=64)
def tables_of(classes: ClassList) -> Tables:
    """Return the tables of a list; of classes that share a value or a colour the first counts."""
    by_value: dict[int, Entry] = {}
    by_color: dict[int, Entry] = {}
    implied = not classes.has_colors
    for entry in classes.entries:
        color = entry.color
        if implied and entry.value is not None and entry.value <= VOID_VALUE:
            color = voc_color(entry.value)
        if entry.value is not None:
            by_value.setdefault(entry.value, entry)
        if color is not None:
            by_color.setdefault(color, entry)
    return Tables(by_value, by_color, implied, any(color != (color & 255) * 0x010101 for color in by_color))


def value_of(pixel: Pixel) -> int | None:
    """Return a pixel's sample, or that of three equal ones; None for another colour."""
    if pixel.value is not None or pixel.color is None or pixel.color < 0:
        return pixel.value
    gray = pixel.color & 255
    return gray if pixel.color == gray * 0x010101 else None


def class_values(picture: Picture, by: str) -> Picture:
    """Return a picture of instances with the classes of these as values, any other as it is.

    KITTI's values are 256 times the class and the number of the object (its development kit); Cityscapes'
    are 1000 times the class, or the class alone where objects are not told apart (``cityscapesscripts``).
    """
    if not by.startswith(_INSTANCE):
        return picture
    step = int(by.removeprefix(_INSTANCE))

    def value(pixel: Pixel) -> int | None:
        if pixel.value is None or (step > VOID_VALUE + 1 and pixel.value < step):
            return pixel.value
        return pixel.value // step

    return replace(picture, pixels=tuple(replace(one, value=value(one)) for one in picture.pixels))


def _as_color(pixel: Pixel) -> int | None:
    """Return the colour that a gray sample is, as 0xRRGGBB; None for one of more than 8 bits."""
    return pixel.value * 0x010101 if pixel.value is not None and pixel.value <= VOID_VALUE else None


def find_entries(builder: RecordBuilder, picture: Picture, classes: ClassList, by: str) -> list[Entry | None]:
    """Return the class of each of a picture's pixels; None where it has none. See the module's docstring.

    ``by`` is :attr:`gtmask.formats.masks.layout.Pair.by`.
    """
    tables = tables_of(classes)
    values = [None if (value := value_of(pixel)) is None else tables.by_value.get(value)
              for pixel in picture.pixels]  # fmt: skip
    if by == "value" or by.startswith(_INSTANCE):
        return values
    gray = all(pixel.color is None for pixel in picture.pixels)
    if gray and (tables.implied or not all(entry.counted for entry in classes.entries)):
        return values
    marks = [_as_color(pixel) if gray else pixel.color for pixel in picture.pixels]
    colors = [None if color is None else tables.by_color.get(color) for color in marks]
    if by == "color":
        return colors

    def known(entries: list[Entry | None]) -> int:
        return sum(pixel.count for pixel, entry in zip(picture.pixels, entries, strict=True) if entry)

    # A palette's indices are values; in RGB, colours that a list tells come first, in gray if all are gray.
    by_values = tables.has_tints if gray else picture.color_type == PALETTE and tables.implied
    first, second = (values, colors) if by_values else (colors, values)
    chosen, other = (first, second) if known(first) >= known(second) else (second, first)
    if tables.implied and chosen is colors and picture.color_type != PALETTE:
        builder.finding("mask-colors-assumed", f"{classes.source} tells no colours")
    elif known(chosen) == known(other) and chosen != other:
        read = ("colours", "values") if chosen is colors else ("values", "colours")
        builder.finding("mask-reading-guessed", f"by its {read[0]}, not by its {read[1]}")
    return chosen


def is_background(entry: Entry, classes: ClassList) -> bool:
    """Say whether a class is the background that gets id 0."""
    return (entry.value == 0 or entry is classes.entries[0]) and entry.is_background


def is_void(pixel: Pixel, picture: Picture) -> bool:
    """Say whether a pixel that no class has is void by convention."""
    if pixel.value is None and pixel.color == voc_color(VOID_VALUE):
        return True
    binary = picture.color_type != PALETTE and all(value_of(one) in {0, VOID_VALUE} for one in picture.pixels)
    return value_of(pixel) == VOID_VALUE and not binary


def name_void(pixel_name: str, choice: str) -> str | None:
    """Return the label of void pixels by the choice of ``--void``; None: they are background."""
    if choice == BACKGROUND:
        return None
    return pixel_name if choice == KEEP else choice


def add_pixels(
    builder: RecordBuilder,
    name: str,
    picture: Picture,
    classes: ClassList | None,
    void: str,
    by: str,
    add: Callable[[str, Pixel], object],
) -> None:
    """Account for every value of a mask: hand it to ``add`` with its label, or tell why it is background."""
    entries: list[Entry | None] = [None] * len(picture.pixels)
    if classes is not None:
        entries = find_entries(builder, picture, classes, by)
    pairs = list(zip(picture.pixels, entries, strict=True))

    def report(code: str, pixel: Pixel) -> None:
        builder.finding(code, f"{name}: {pixel.count} pixels of {pixel}")

    def one(pair: tuple[Pixel, Entry | None]) -> None:
        pixel, entry = pair
        if entry is not None and classes is not None and is_background(entry, classes):
            builder.describes()
        elif entry.is_void if entry is not None else is_void(pixel, picture):
            label = name_void(VOID if entry is None else entry.name, void)
            if label is None:
                report("mask-void", pixel)
            else:
                add(label, pixel)
        elif entry is not None:
            if value_of(pixel) == entry.value == 0 and entry.counted and entry.color != BLACK:
                builder.finding("mask-zero-class", f"{name}: {pixel.count} pixels of 0 are {entry.name:.60}")
            add(entry.name, pixel)
        elif value_of(pixel) == 0 if pixel.color is None or pixel.value is not None else pixel.color == BLACK:
            report("mask-zero", pixel)
        elif pixel.marks:
            # Without a class in the map either, it is told as an unknown label and stays background.
            report("mask-value-unnamed", pixel)
            value = value_of(pixel)
            add(pixel.marks[0] if value is None else f"{value}", pixel)
        else:
            report("bitmap-value-unknown", pixel)

    builder.account(pairs, one, "value")
    only = pairs[0][1] if len(pairs) == 1 else None
    if only is not None and classes is not None and not is_background(only, classes):
        builder.finding("mask-one-class", f"{name}: {pairs[0][0]}")
