"""Where the mask pictures that an export names by address lie among the files that we have.

Addresses of masks need a network, often a key, and expire. Whoever downloaded the masks put them beside
the export, in folders like those of the address or in one folder, under the address' last part, an id or
the image's name. They are looked for in this order:

1. the ends of the address' path, the longest first, below the export's root and up to two folders above;
2. the same with ``_`` in place of ``:``, which Windows does not allow in names;
3. the names that the format adds, at the root and in the folders ``masks`` and ``labels``.

An end that several addresses of the documents have (``…/7/mask.png``, ``…/8/mask.png``) names none of them.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from gtmask.formats.jsonstream import loads
from gtmask.manifest.references import SharedEnds, find_shared_ends

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gtmask.formats.export import Export

#: At most this many folders of an address are tried.
DEEPEST = 12
FOLDERS = ("", "masks/", "labels/")
ABOVE = ("", "../", "../../")
#: Members that hold addresses of pictures, and documents in which they are looked for.
_ADDRESS = re.compile(rb'"(?:url|instanceURI)"\s*:\s*("(?:[^"\\]|\\.)+")')
_DOCUMENTS = (".json", ".ndjson", ".jsonl")
#: Bytes of a document that are looked through at a time, and how long an address may be.
_WINDOW, _LONGEST = 16 << 20, 1 << 14


class Pictures:
    """Finds the pictures that documents of an export name by address. Picklable.

    - ``export``: where to look.
    """

    def __init__(self, export: Export) -> None:
        self._export = export

    def __getstate__(self) -> dict[str, Any]:
        return {"_export": self._export}

    def find(self, address: str, names: Iterable[str] = ()) -> str | None:
        """Return the name in the export of the picture at an address, or None where it is not there.

        - ``address``: URL, ``s3://`` URI or path.
        - ``names``: other file names that the picture may have.
        """
        ends = list(_ends(address))
        for place, end in _places(ends, names):
            # A whole path is of this address alone.
            if self._export.exists(place) and (end in {"", *ends[:1]} or self._shared.names_one(end)):
                return place
        return None

    @cached_property
    def _shared(self) -> SharedEnds:
        """The ends that several addresses of all documents have: looked for where one may matter."""
        return find_shared_ends(self._addresses)

    def _addresses(self) -> Iterator[str]:
        """Yield the addresses that the documents hold, as references below one root."""
        for name in self._export.select(None).names():
            if not name.lower().endswith(_DOCUMENTS):
                continue
            for start in range(0, self._export.size(name), _WINDOW):
                data = self._export.read(name, start, start + _WINDOW + _LONGEST)
                for found in _ADDRESS.finditer(data):
                    if found.start() < _WINDOW and (ends := list(_ends(_unquoted(found[1])))):
                        yield f"s3://-/{ends[0]}"


def _unquoted(text: bytes) -> str:
    try:
        return str(loads(text))
    except ValueError:
        return ""


def candidates(address: str, names: Iterable[str] = ()) -> list[str]:
    """Return the places where a picture may lie, the likeliest first; see the module's docstring."""
    return [place for place, _ in _places(list(_ends(address)), names)]


def _places(ends: list[str], names: Iterable[str]) -> list[tuple[str, str]]:
    """Return places, each once, with the end of the address that it has; "" where the format adds it."""
    spelled = [(end, end) for end in ends] + [(end.replace(":", "_"), end) for end in ends]
    places = [(above + spelling, end) for spelling, end in spelled for above in ABOVE]
    added = [*((end, end) for end in ends[-1:]), *((name, "") for name in names)]
    places += [(folder + name, end) for name, end in added if name for folder in FOLDERS]
    first: dict[str, str] = {}
    for place, end in places:
        first.setdefault(place, end)
    return list(first.items())


def _ends(address: str) -> Iterator[str]:
    """Yield the ends of an address' path, the longest first."""
    try:
        split = urlsplit(address)
    except ValueError:
        return
    # What looks like a query is part of a name where there is no host: "a?b.png" is a file.
    hosted = bool(split.netloc) and split.scheme != "s3"
    path = unquote(split.path) if hosted else address.partition("://")[2] or address
    folders = [part for part in path.replace("\\", "/").split("/") if part not in {"", ".", ".."}]
    if split.scheme == "s3":
        folders = folders[1:]
    for start in range(max(len(folders) - DEEPEST, 0), len(folders)):
        yield "/".join(folders[start:])
