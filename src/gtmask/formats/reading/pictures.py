"""Where the mask pictures that an export names by address lie among the files that we have.

Addresses of masks need a network, often a key, and expire. Whoever downloaded the masks put them beside
the export, in folders like those of the address or in one folder, under the address' last part, an id or
the image's name. They are looked for in this order:

1. the ends of the address' path, the longest first, below the export's root and up to two folders above;
2. the same with ``_`` in place of ``:``, which Windows does not allow in names;
3. the names that the format adds, at the root and in the folders ``masks`` and ``labels``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gtmask.formats.export import Export

#: At most this many folders of an address are tried.
DEEPEST = 12
FOLDERS = ("", "masks/", "labels/")
ABOVE = ("", "../", "../../")


def find_picture(export: Export, address: str, names: Iterable[str] = ()) -> str | None:
    """Return the name in the export of the picture at an address, or None where it is not there.

    - ``export``: where to look.
    - ``address``: URL, ``s3://`` URI or path.
    - ``names``: other file names that the picture may have.
    """
    return next(filter(export.exists, candidates(address, names)), None)


def candidates(address: str, names: Iterable[str] = ()) -> list[str]:
    """Return the places where a picture may lie, the likeliest first; see the module's docstring."""
    ends = list(_ends(address))
    spelled = [*ends, *(end.replace(":", "_") for end in ends)]
    places = [above + end for end in spelled for above in ABOVE]
    places += [folder + name for name in (*ends[-1:], *names) if name for folder in FOLDERS]
    return list(dict.fromkeys(places))


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
