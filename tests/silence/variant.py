"""A document that is changed by machine: the files of a small export, and what its format leaves free.

All shapes of a document lie in cells of their own, so that no order decides a pixel, and images are not
square, so that width and height cannot be exchanged unseen.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

#: Width and height of the images that documents speak of.
WIDE = (48, 32)
TALL = (40, 56)


@dataclass(frozen=True, eq=False)
class Variant:
    """One export of one format.

    Parameters
    ----------
    format, name
        The format's name in the registry, and which dialect this is.
    files
        The export: bytes by name.
    images
        Width and height of each image, by its key below the folder of images.
    free
        Keys (or columns, attributes, elements) whose absence, emptiness or null is a document of its own
        that means something else, so that nothing can be told: a polygon without its holes. Each says why
        in the document's own file.
    enums
        Keys whose values come from the tool's own list.
    own_ids
        Keys of ids, beyond those that are called like ids.
    unlisted
        Keys of classes that no table lists: another value is another class, as another label would be.
    also
        Labels that have no pixels in the unchanged masks by intent.
    """

    format: str
    name: str
    files: dict[str, bytes]
    images: dict[str, tuple[int, int]]
    free: frozenset[str] = frozenset()
    enums: frozenset[str] = frozenset()
    own_ids: frozenset[str] = frozenset()
    unlisted: frozenset[str] = frozenset()
    also: frozenset[str] = field(default_factory=frozenset)

    @property
    def key(self) -> str:
        return f"{self.format}/{self.name}"


def variant(
    format_name: str,
    name: str,
    files: dict[str, Any],
    images: dict[str, tuple[int, int]],
    *,
    free: str = "",
    enums: str = "",
    own_ids: str = "",
    unlisted: str = "",
    also: str = "",
) -> Variant:
    """Return a variant; contents are bytes, text, or values that become JSON (lists: JSON Lines)."""
    return Variant(
        format_name, name, {file: as_bytes(file, content) for file, content in files.items()}, images,
        *(frozenset(keys.split()) for keys in (free, enums, own_ids, unlisted, also)),
    )  # fmt: skip


LINED = (".ndjson", ".jsonl", ".manifest")


def as_bytes(file: str, content: Any) -> bytes:
    if isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return content.encode()
    if file.endswith(LINED):
        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in content).encode()
    return json.dumps(content, ensure_ascii=False).encode()


def cell(number: int) -> tuple[int, int]:
    """Return the top-left corner of a cell of 9 x 8 pixels: 4 columns, 3 rows in the wide image."""
    return 2 + 11 * (number % 4 if number < 12 else 0), 2 + 10 * (number // 4)


def ring(number: int) -> list[list[int]]:
    """Return a polygon that is its own neither turned nor mirrored."""
    x, y = cell(number)
    return [[x, y], [x + 8, y], [x + 8, y + 5], [x + 4, y + 7], [x, y + 7]]


def hole(number: int) -> list[list[int]]:
    x, y = cell(number)
    return [[x + 2, y + 2], [x + 5, y + 2], [x + 5, y + 4], [x + 2, y + 4]]


def flat(points: list[list[Any]]) -> list[Any]:
    return [value for point in points for value in point]


def xy(points: list[list[Any]]) -> list[dict[str, Any]]:
    return [{"x": x, "y": y} for x, y in points]


def box(number: int) -> tuple[int, int, int, int]:
    """Return x, y, width, height of a box in a cell."""
    x, y = cell(number)
    return x, y, 7, 5


def fractions(points: list[list[Any]], size: tuple[int, int] = WIDE) -> list[list[float]]:
    return [[round(x / size[0], 6), round(y / size[1], 6)] for x, y in points]
