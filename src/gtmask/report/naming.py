"""How a page calls images and files: by the shortest path that tells them apart."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from gtmask.storage import is_s3

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gtmask.report.page import Tile


def common_folder(references: Iterable[str]) -> str:
    """Return the folder or prefix that all references are in, with its slash; "" where there is none."""
    folders = {reference.rpartition("/")[0] + "/" for reference in references if "/" in reference}
    if not folders:
        return ""
    first, last = min(folders).split("/"), max(folders).split("/")
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(first[:-1], last[:-1], strict=False))
    shared = "".join(f"{part}/" for part, _ in pairs)
    return shared if len(shared.removeprefix("s3://")) > 1 else ""


def title_of(location: str) -> str:
    """Return how a page calls its source: a URI whole, a path from here, or its last two parts."""
    if is_s3(location):
        return location
    path = Path(location)
    if not path.is_absolute():
        return location
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return "/".join(path.parts[-2:]).lstrip("/")


def shorten(tiles: Iterable[Tile], source: str) -> str:
    """Take what all images' paths begin with from their names, and this machine's folders from all texts.

    Returns the prefix of the images where it is one in S3, else "".
    """
    tiles = list(tiles)
    prefix = common_folder(tile.name for tile in tiles if "/" in tile.name)
    home = "" if is_s3(source) else f"{Path(source).absolute().parent}/"
    local = sorted({place for place in (prefix, home) if place.startswith("/") and place != "/"}, key=len)
    if home and prefix.startswith("/"):
        local.insert(0, common_folder((prefix, home)))

    def short(text: str) -> str:
        for place in reversed(local):
            text = text.replace(place, "") if place else text
        return text

    for tile in tiles:
        tile.name = tile.name.removeprefix(prefix)
        tile.trouble = short(tile.trouble)
        tile.findings = [type(found)(found.code, short(found.detail)) for found in tile.findings]
    return prefix if is_s3(prefix) else ""
