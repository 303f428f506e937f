"""The ETags of a listing of many objects, in about 50 bytes for each, where a run is led."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gtmask.storage.base import Entry

_BATCH = 1 << 16


class ListedVersions:
    """The ETags of listed objects, by the hashes of their names.

    - ``entries``: the listing.
    - ``root``: what is put before the names that are returned, with its slash.
    """

    def __init__(self, entries: Iterable[Entry], root: str = "") -> None:
        self._root = root
        hashes, etags = [np.zeros(0, np.uint64)], [np.zeros(0, "S34")]
        rest = iter(entries)
        while batch := list(islice(rest, _BATCH)):
            hashes.append(np.array([_hash(entry.key) for entry in batch], np.uint64))
            etags.append(np.array([entry.etag.encode() for entry in batch]))
        joined = np.concatenate(hashes)
        order = joined.argsort()
        self._hashes, self._etags = joined[order], np.concatenate(etags)[order]

    def of_unit(self, unit: object) -> dict[str, str]:
        """Return the ETags of the objects that a reader's unit names, by name, each below the root."""
        names = list(dict.fromkeys(_texts(unit)))
        wanted = np.array([_hash(name) for name in names], np.uint64)
        at = self._hashes.searchsorted(wanted)
        found = {}
        for name, value, position in zip(names, wanted.tolist(), at.tolist(), strict=True):
            if position < len(self._hashes) and self._hashes[position] == value:
                found[self._root + name] = self._etags[position].decode()
        return found


class JoinedVersions:
    """The ETags of several exports that are read as one: of each that has many objects."""

    def __init__(self, parts: Sequence[ListedVersions | None]) -> None:
        self._parts = parts

    def of_unit(self, units: tuple[tuple[int, object], ...]) -> dict[str, str]:
        """Return the ETags of the objects that units name, by their URIs."""
        found: dict[str, str] = {}
        for number, part in enumerate(self._parts):
            if part is not None:
                found |= part.of_unit([unit for source, unit in units if source == number])
        return found


def _texts(value: object) -> Iterator[str]:
    """Yield every text in a unit."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _texts(item)
    elif is_dataclass(value):
        for item in fields(value):
            yield from _texts(getattr(value, item.name))


def _hash(name: str) -> int:
    data = name.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")
