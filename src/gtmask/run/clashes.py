"""Which records' mask keys clash: first whether any can, by one hash per record, and only then which.

Nearly no export has two images with one mask key. So the references of all images are hashed where they
stand in the export, by a kernel; where all hashes differ, all keys do. Else, and where the export's
bytes do not tell the references, every record's key is made and hashed.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import numpy as np

from gtmask.formats.jsonstream.texts import (
    ANYWHERE,
    INSIDE,
    SEPARATOR,
    Texts,
    hash_stems,
)
from gtmask.images.resolve import mask_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from gtmask.images.resolve import ImageRule

#: Longer references may have parts that are too long for a file's name.
_LONGEST = 255
_NAME_ONLY = 1 << 32


def _kinds() -> NDArray[np.uint8]:
    """Return which bytes have no second meaning in a reference, and where in a part of its path."""
    kinds = np.zeros(256, np.uint8)
    kinds[list(b". ")] = INSIDE
    kinds[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")] = ANYWHERE
    kinds[ord("/")] = SEPARATOR
    return kinds


_KINDS = _kinds()
#: For keys that are ready: nothing in them has a second meaning any more.
_ANY = np.full(256, ANYWHERE, np.uint8)


class Sieve:
    """Tells whether mask keys are all distinct, by 8 bytes per record; where it says so, it is so."""

    def __init__(self, rule: ImageRule) -> None:
        self._rule = rule
        self._hashes: list[NDArray[np.uint64]] = []
        self._nameless = False
        # How many leading parts the rule drops; None where only the rule itself can tell.
        self._drop: int | None = _NAME_ONLY if rule.name_only else rule.drop
        if rule.strip or rule.upload:
            self._drop = None

    def add(self, references: Texts) -> None:
        """Take the references of the next records."""
        hashes = np.empty(len(references), np.uint64)
        done = np.zeros(len(references), np.uint8)
        if self._drop is not None:
            starts, stops = references.starts, references.stops
            hash_stems(references.data, starts, stops, _KINDS, self._drop, hashes, done)
            done[stops - starts > _LONGEST] = 0
        left = np.flatnonzero(done == 0)
        self._hashes.append(hashes[done != 0])
        keys = [self._rule.key(references[i]) for i in left.tolist()]
        # Where a reference can be no key, the record may have another name that can.
        self._nameless |= None in keys
        self._hashes.append(_hash_all(mask_key(key) for key in keys if key is not None))

    def all_distinct(self) -> bool:
        """Say whether no two records have the same mask key; False also where that is not known."""
        if self._nameless:
            return False
        hashes = np.concatenate([*self._hashes, np.empty(0, np.uint64)])
        self._hashes = [hashes]
        hashes.sort()
        return not bool((hashes[1:] == hashes[:-1]).any())


def _hash_all(mask_keys: Iterable[str]) -> NDArray[np.uint64]:
    """Hash mask keys as the kernel hashes references: without their extension."""
    pieces = [key.encode("utf-8", "surrogatepass") for key in mask_keys]
    lengths = np.array([len(piece) for piece in pieces], np.int64)
    stops = np.cumsum(lengths)
    hashes, done = np.empty(len(pieces), np.uint64), np.empty(len(pieces), np.uint8)
    data = np.frombuffer(bytearray(b"".join(pieces)), np.uint8)
    hash_stems(data, stops - lengths, stops, _ANY, 0, hashes, done)
    return hashes


class Keys:
    """Finds clashing mask keys among millions in 16 bytes per record, by 64-bit hashes."""

    def __init__(self) -> None:
        self._short = array("Q")
        self._long = array("Q")

    def add(self, image_key: str | None) -> None:
        """Take the next record's image key; None where it has none."""
        if image_key is None:
            # Rejected later for its name; a hash of the ordinal clashes with nothing.
            nothing = _hash(f"\0{len(self._short)}")
            self._short.append(nothing)
            self._long.append(nothing)
            return
        self._short.append(_hash(mask_key(image_key)))
        self._long.append(_hash(mask_key(image_key, keep_extension=True)))

    def clashes(self) -> tuple[list[int], list[int]]:
        """Return ordinals of records that need the long key, and of those that are duplicates."""
        short = np.frombuffer(self._short, np.uint64)
        long = np.frombuffer(self._long, np.uint64)
        _, first = np.unique(long, return_index=True)
        is_first = np.zeros(long.size, bool)
        is_first[first] = True
        distinct, counts = np.unique(short[is_first], return_counts=True)
        needs_long = found = np.isin(short, distinct[counts > 1])
        while found.any():
            # A long key may be the short key of another image: a.jpg beside a.png and a.jpg.jpg.
            found = np.isin(short, long[found]) & ~needs_long
            needs_long = needs_long | found
        return np.flatnonzero(needs_long).tolist(), np.flatnonzero(~is_first).tolist()


def _hash(key: str) -> int:
    """Return Python's own 64-bit hash: fast, and compared within this process only."""
    return hash(key) & 0xFFFF_FFFF_FFFF_FFFF
