"""A file that names images: which images are meant, and which of its lines mean none.

The file has one name or glob on each line, or is a manifest whose ``source-ref`` names an image. Names are
brought to one form first (:mod:`gtmask.images.references`). A name means an image if one of the two paths
ends with the other, in whole parts: ``b.jpg`` and ``s3://bucket/photos/a/b.jpg`` both mean ``a/b.jpg``.
Other names of an image count only where no image has such a name as its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_left
from fnmatch import translate
from pathlib import Path
from typing import TYPE_CHECKING

from gtmask.errors import UsageError
from gtmask.images.references import normalize

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from gtmask.model import ImageNames

_GLOB = re.compile(r"[*?[]")
#: How often a line was met is counted up to here.
_SEVERAL = 2


class ListedImages:
    """Names and globs of images.

    - ``lines``: the names, as they were written; a name twice counts once.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        paths = {line: normalize(line) for line in lines}
        #: Names that could be no image's.
        self._impossible = [line for line, path in paths.items() if path is None]
        by_path = {path: line for line, path in reversed(paths.items()) if path is not None}
        # Backwards, what ends with a path begins with it, and stands together in the order of texts.
        self._lines = sorted((_backwards(path), line) for path, line in by_path.items())
        self._keys = [key for key, _ in self._lines]
        self._globs = [
            (place, re.compile("(?:.*/)?" + translate("/".join(reversed(key.split("/")))), re.DOTALL))
            for place, key in enumerate(self._keys)
            if _GLOB.search(key)
        ]
        self._met = bytearray(len(self._lines))
        self._seen = 0
        self._by_alias: list[tuple[int, set[int]]] = []

    def __len__(self) -> int:
        return len(self._lines) + len(self._impossible)

    @property
    def digest(self) -> str:
        """What tells these names from others, whatever their order and the file that they stand in."""
        text = "\n".join([*self._keys, *sorted(self._impossible)])
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    @property
    def first(self) -> str:
        """The name that comes first in the order of texts."""
        return min([line for _, line in self._lines] + self._impossible, default="")

    def look(self, names: ImageNames) -> bool:
        """Look at the next image; say whether its own name is meant, and count it for the lines that mean it.

        Its other names are kept: they are tried where no image has such a name as its own (:meth:`settle`).
        """
        own = self._meant([names.image], names.scope)
        if not own and names.aliases and (others := self._meant(names.aliases, names.scope)):
            self._by_alias.append((self._seen, others))
        self._seen += 1
        self._count(own)
        return bool(own)

    def settle(self) -> list[int]:
        """Return the numbers of the images, from 0, that only their other names mean; call it once."""
        own = bytes(self._met)
        found = []
        for number, places in self._by_alias:
            if left := {place for place in places if not own[place]}:
                found.append(number)
                self._count(left)
        return found

    def unmet(self) -> list[str]:
        """Return the lines that meant no image so far, in the order of texts."""
        lines = (line for (_, line), met in zip(self._lines, self._met, strict=True) if not met)
        return sorted([*lines, *self._impossible])

    def several(self) -> list[str]:
        """Return the lines that are no globs and meant several images, in the order of texts."""
        globs = {place for place, _ in self._globs}
        return sorted(
            line
            for place, ((_, line), met) in enumerate(zip(self._lines, self._met, strict=True))
            if met == _SEVERAL and place not in globs
        )

    def _count(self, places: set[int]) -> None:
        for place in places:
            self._met[place] = min(self._met[place] + 1, _SEVERAL)

    def _meant(self, names: Iterable[str], scope: str) -> set[int]:
        """Return the places of the lines that mean one of these names, also in a folder of the scope."""
        found: set[int] = set()
        for name in names:
            path = normalize(name) if name else None
            if path is not None:
                found |= self._places(path)
                if scope and (scoped := normalize(f"{scope}/{path}")) is not None:
                    found |= self._places(scoped)
        return found

    def _places(self, path: str) -> set[int]:
        """Return the places of the lines that mean a path."""
        key = _backwards(path)
        # Listed paths that end with this one: "0" comes right after "/".
        found = set(range(bisect_left(self._keys, key + "/"), bisect_left(self._keys, key + "0")))
        parts = key.split("/")
        for count in range(1, len(parts) + 1):
            ending = "/".join(parts[:count])
            place = bisect_left(self._keys, ending)
            if place < len(self._keys) and self._keys[place] == ending:
                found.add(place)
        found.update(place for place, pattern in self._globs if pattern.match(path))
        return found


def _backwards(path: str) -> str:
    return "/".join(reversed(path.split("/")))


def read_listed(file: str | os.PathLike[str], option: str) -> ListedImages:
    """Read a file that names images.

    Raises UsageError where it cannot be read, is no text, is a manifest with other lines among its own, or
    names nothing.
    """
    try:
        lines = Path(file).expanduser().read_text("utf-8-sig").split("\n")
    except (OSError, RuntimeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{option} {file} cannot be read ({why}): name a local file.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{option} {file} is not UTF-8 text: save it as UTF-8.") from error
    numbered = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if not numbered:
        raise UsageError(f"{option} {file} is empty: write one name or glob of an image on each line.")
    if numbered[0][1].startswith("{"):
        return ListedImages(_source_ref(line, f"{option} {file}, line {at},") for at, line in numbered)
    return ListedImages([line for _, line in numbered])


def _source_ref(line: str, where: str) -> str:
    try:
        reference = json.loads(line)["source-ref"]
    except (ValueError, KeyError, TypeError, RecursionError):
        reference = None
    if not isinstance(reference, str):
        raise UsageError(
            f"{where} is no line of a manifest with a source-ref: correct it, or list names only."
        )
    return reference
