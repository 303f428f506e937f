"""Which records may be of one image, or have one mask key: first whether any can, and only then which.

Nearly no export has two images with one mask key. So the references of all images are hashed where they
stand in the export, by a kernel; where all hashes differ, all keys do. Else, and where the export's
bytes do not tell the references, every name that a record's image may have is hashed. Only records that
have a name in common are *contested*: for them it is looked which image is there, and each is given one of
its keys; which records are of one image, and whose mask keeps the image's extension, follows from that.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gtmask.formats.jsonstream.texts import ANYWHERE, INSIDE, SEPARATOR, Texts, hash_stems
from gtmask.images.mask_keys import hash_mask_key, needing_long
from gtmask.images.references import normalize
from gtmask.images.resolve import GUESSED, SCOPED, ImageRule, Rule, mask_key, same_spelled
from gtmask.model import ImageNames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    #: Gives the names of the records with these ordinals, in batches of (ordinal, names).
    Names = Callable[[NDArray[np.int64]], Iterable[Sequence[tuple[int, ImageNames]]]]
    #: Says of which of these keys there are images.
    Look = Callable[[list[str]], set[str]]

#: Longer references may have parts that are too long for a file's name.
_LONGEST = 255
_NAME_ONLY = 1 << 32
#: In place of a choice.
NONE = (1 << 16) - 1


#: Which bytes have no second meaning in a reference, and where in a part of its path.
_KINDS = np.zeros(256, np.uint8)
_KINDS[list(b". ")] = INSIDE
_KINDS[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")] = ANYWHERE
_KINDS[ord("/")] = SEPARATOR
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
        keys = [self._rule.key(ImageNames(references[i])) for i in left.tolist()]
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


class Claims:
    """Finds records whose images may go by one mask key, in 12 bytes per name that an image may have.

    Names that differ in their extension alone count once.
    """

    def __init__(self) -> None:
        self._stems = array("Q")
        self._owners = array("I")
        self._records = 0

    def add(self, keys: Iterable[str]) -> None:
        """Take the keys that the next record's image may have; none where it will be rejected for that."""
        found = {hash_mask_key(key) for key in keys}
        self._stems.extend(found)
        self._owners.extend([self._records] * len(found))
        self._records += 1

    def contested(self) -> NDArray[np.int64]:
        """Return the ordinals of the records that share a name with another one, ascending."""
        stems, owners = np.frombuffer(self._stems, np.uint64), np.frombuffer(self._owners, np.uint32)
        ordered = np.sort(stems)
        shared = ordered[1:][ordered[1:] == ordered[:-1]]
        if not len(shared):
            return np.empty(0, np.int64)
        return np.unique(owners[np.isin(stems, shared)]).astype(np.int64)

    def owners(self, masks: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the ordinals of the records that may claim one of these hashes of mask keys."""
        stems, owners = np.frombuffer(self._stems, np.uint64), np.frombuffer(self._owners, np.uint32)
        return np.unique(owners[np.isin(stems, masks)]).astype(np.int64)


@dataclass(slots=True)
class Verdict:
    """What was decided about contested records, as ordinals in ascending order.

    ``choices`` says for each of ``contested`` which of its keys its image has; ``long_keys`` are those
    whose mask key keeps the image's extension; ``duplicates`` those whose image an earlier record of the
    same name has already; ``ambiguous`` those of which it cannot be told which image is theirs. A choice of
    :data:`NONE` says that no image is there, and that others would claim it if it were. ``shared`` counts the
    images that stand in several exports, by the export whose record counts and the other one.
    """

    contested: list[int] = field(default_factory=list)
    choices: list[int] = field(default_factory=list)
    long_keys: list[int] = field(default_factory=list)
    duplicates: list[int] = field(default_factory=list)
    ambiguous: list[int] = field(default_factory=list)
    shared: dict[tuple[int, int], int] = field(default_factory=dict)


def settle(claims: Claims, names: Names, rule: Rule, look: Look | None) -> Verdict:
    """Decide about the contested records.

    - ``claims``: the names of all records.
    - ``names``: called with ordinals, ascending, once or, where a long key meets another record, more often.
    - ``rule``: by which names become keys.
    - ``look``: says which images are there; None where none is looked for. Then an image goes by its own
      name, or by that within its scope where records of other scopes have the same name.
    """
    contested = claims.contested()
    while len(contested):
        records = _Contested()
        for batch in names(contested):
            records.add(batch, rule, look)
        verdict, long_masks = records.decide(scopes_count=look is None)
        # A long key may be the short key of another image: a.jpg beside a.png and a.jpg.jpg.
        wider = np.union1d(contested, claims.owners(long_masks))
        if len(wider) == len(contested):
            return verdict
        contested = wider
    return Verdict()


class _Contested:
    """Contested records in some 80 bytes each: which key each has, and what that clashes with."""

    def __init__(self) -> None:
        self._ordinals, self._choices, self._own = array("q"), array("H"), array("H")
        self._ranks, self._own_ranks = array("B"), array("B")
        self._doubtful, self._missing = array("B"), array("B")
        # Hashes: of the scope; of what the export calls the image; of each key that may be chosen, its mask
        # key, and its mask key with the image's extension.
        self._scopes, self._names = array("Q"), array("Q")
        # Of several exports that are read as one, which it is.
        self._sources = array("Q")
        # Of images that are there and that the rule takes for another one's: see ImageRule.longer.
        self._others = array("Q")
        self._chosen, self._plain = _Keys(), _Keys()

    def add(self, batch: Sequence[tuple[int, ImageNames]], rule: Rule, look: Look | None) -> None:
        """Take records."""
        keys = [rule.keys(names) for _, names in batch]
        longer = [rule.longer(names) if look is not None else [] for _, names in batch]
        asked = list(dict.fromkeys(key for one in (*keys, *longer) for key in one))
        there = look(asked) if look is not None else set()
        for (ordinal, names), one, ends in zip(batch, keys, longer, strict=True):
            found = find(one, there)
            others = [key for key in ends if key in there and key not in one]
            self._others.extend(map(_hash, others))
            listed = list(one)
            own = rule.key(names) or ""
            choice = listed.index(found[0]) if found else 0
            self._ordinals.append(ordinal)
            self._choices.append(choice)
            self._own.append(listed.index(own) if own in one else 0)
            self._ranks.append(one[listed[choice]] if listed else SCOPED)
            self._own_ranks.append(one.get(own, SCOPED))
            self._doubtful.append(len(found) > 1 or bool(others))
            self._missing.append(look is not None and not found)
            self._sources.append(names.source)
            self._scopes.append(_hash(names.scope))
            self._names.append(_hash(f"{names.scope}\0{normalize(names.image)}"))
            # Without a key a record is rejected later, and clashes with nothing.
            self._chosen.add(listed[choice] if listed else f"\0{ordinal}")
            self._plain.add(own or f"\0{ordinal}")

    def decide(self, *, scopes_count: bool) -> tuple[Verdict, NDArray[np.uint64]]:
        """Return the verdict, and the hashes of the mask keys that keep an extension."""
        ordinals = np.frombuffer(self._ordinals, np.int64)
        choices, ranks = np.frombuffer(self._choices, np.uint16), np.frombuffer(self._ranks, np.uint8)
        doubtful = np.frombuffer(self._doubtful, np.uint8) != 0
        keys = self._chosen.arrays()
        sources = np.frombuffer(self._sources, np.uint64)
        if scopes_count:
            plain = self._plain.arrays()
            within = _differing(_apart(plain[0], sources), np.frombuffer(self._scopes, np.uint64))
            keys = np.where(within, keys, plain)
            choices = np.where(within, choices, np.frombuffer(self._own, np.uint16))
            ranks = np.where(within, ranks, np.frombuffer(self._own_ranks, np.uint8))
        images, short, long = keys
        doubtful = doubtful | np.isin(images, np.frombuffer(self._others, np.uint64))
        names = np.frombuffer(self._names, np.uint64)
        first, unsettled = _claimed(_apart(images, sources), names, ranks)
        # What a file is called says nothing where another export names the image.
        guessed = ranks == GUESSED
        unsettled = unsettled | guessed & np.isin(images, images[first & ~unsettled & ~guessed])
        # Names say something of each other within one export: of several, the first that has an image has it.
        leads = _leaders(images, first & ~unsettled) == np.arange(len(images))
        shared = first & ~unsettled & ~leads
        first = first & (leads | unsettled)
        missing = np.frombuffer(self._missing, np.uint8) != 0
        choices = np.where(unsettled & missing, NONE, choices)
        ambiguous = (unsettled & ~missing) | doubtful
        needs_long = needing_long(short, long, first & ~unsettled & ~doubtful)
        return Verdict(
            ordinals.tolist(),
            choices.tolist(),
            ordinals[needs_long].tolist(),
            ordinals[~first & ~unsettled & ~doubtful].tolist(),
            ordinals[ambiguous].tolist(),
            _pairs(images, leads, shared & ~doubtful, sources),
        ), long[needs_long]


class _Keys:
    """Hashes of image keys, of their mask keys, and of those that keep the image's extension."""

    def __init__(self) -> None:
        self._hashes = array("Q")

    def add(self, key: str) -> None:
        self._hashes.extend((_hash(key), hash_mask_key(key), hash_mask_key(f"{key}.png")))

    def arrays(self) -> NDArray[np.uint64]:
        """Return uint64 (3, n)."""
        return np.frombuffer(self._hashes, np.uint64).reshape(-1, 3).T


def narrowed(keys: dict[str, int], choice: int | None) -> dict[str, int]:
    """Return the one of an image's keys that was chosen for it; all of them where nothing was."""
    return keys if choice is None else dict(list(keys.items())[choice : choice + 1])


def find(keys: Mapping[str, int], there: set[str]) -> list[str]:
    """Return the first of an image's keys that is there, and after it others that it may just as well be.

    Those are of the same rank: another extension, another folder. An image's own name is one alone.
    """
    present = [key for key in keys if key in there]
    return [key for key in present if key == present[0] or rivals(keys, present[0], key)]


def rivals(keys: Mapping[str, int], key: str, other: str) -> bool:
    """Say whether nothing tells which of two keys that are there is the image's."""
    return keys[key] == keys[other] and not same_spelled(key, other)


def _differing(groups: NDArray[np.uint64], values: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Say of each element whether its group has different values."""
    _, inverse = np.unique(groups, return_inverse=True)
    low = np.full(inverse.max(initial=-1) + 1, np.iinfo(np.uint64).max)
    high = np.zeros_like(low)
    np.minimum.at(low, inverse, values)
    np.maximum.at(high, inverse, values)
    differ: NDArray[np.bool_] = np.not_equal(low, high)[inverse]
    return differ


def _claimed(
    images: NDArray[np.uint64], names: NDArray[np.uint64], ranks: NDArray[np.uint8]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return who claims an image first, and who claims one without being able to tell that it is theirs.

    Of records with different names, that one has the image whose name says most; where several do, none.
    """
    _, inverse = np.unique(images, return_inverse=True)
    count = inverse.max(initial=-1) + 1
    best = np.full(count, 255, np.uint8)
    np.minimum.at(best, inverse, ranks)
    leads = ranks == best[inverse]
    leader = _leaders(images, leads)
    foreign = names != names[leader]
    contradicted = np.zeros(count, bool)
    contradicted[inverse[leads & foreign]] = True
    return leader == np.arange(len(images)), contradicted[inverse] | foreign


def _apart(images: NDArray[np.uint64], sources: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return hashes of images that are others for each export; those of the first stay as they are."""
    return images ^ (sources * np.uint64(0x9E37_79B9_7F4A_7C15))


def _leaders(images: NDArray[np.uint64], having: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return for each record the first one that has its image; ``len(images)`` where none has."""
    _, inverse = np.unique(images, return_inverse=True)
    leader = np.full(inverse.max(initial=-1) + 1, len(images))
    np.minimum.at(leader, inverse[having], np.flatnonzero(having))
    return leader[inverse]


def _pairs(
    images: NDArray[np.uint64],
    leads: NDArray[np.bool_],
    shared: NDArray[np.bool_],
    sources: NDArray[np.uint64],
) -> dict[tuple[int, int], int]:
    """Count the images of several exports, by the export whose record counts and the other one."""
    having = dict(zip(images[leads].tolist(), sources[leads].tolist(), strict=True)) if shared.any() else {}
    others = zip(images[shared].tolist(), sources[shared].tolist(), strict=True)
    return dict(Counter((having[image], other) for image, other in others))


def _hash(key: str) -> int:
    """Return Python's own 64-bit hash: fast, and compared within this process only."""
    return hash(key) & 0xFFFF_FFFF_FFFF_FFFF
