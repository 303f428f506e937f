"""What a reference on a manifest line names: an object in S3, a local file, or a local copy of one.

Ground Truth takes ``s3://bucket/key`` with the key raw, not URL-encoded (Developer Guide,
sms-input-data-input-manifest, and observed: blanks, + and a literal %20 in keys work).

Copies keep the end of an object's path: ``s3://bucket/a/b/c.png`` may lie at ``bucket/a/b/c.png``,
``a/b/c.png``, ``b/c.png`` or ``c.png`` below a folder. The longest of these that is there counts, and one
that several references of the manifest share names none of them. Windows does not allow the colons of
Ground Truth's own names, so that copies may have ``_`` or ``%3A`` in their place, where no other reference is
spelled so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from gtmask.storage.names import is_access_point, split_bucket
from gtmask.text import text_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

#: A place in storage: the root that :func:`gtmask.storage.open_storage` takes, and the key below it.
Place = tuple[str, str]
#: Observed in output manifests: the index of the object and the time to the microsecond, which Windows
#: spells with underscores. Nothing else has this name.
_NAME_OF_A_JOB = re.compile(r"\d+_\d{4}-\d\d-\d\dT\d\d[:_]\d\d[:_]\d\d\.\d{6}\.png")


def split(reference: str) -> Place | None:
    """Return (root, key) of an ``s3://`` URI or an absolute local path; None for anything else."""
    if reference.startswith("s3://"):
        bucket, key = split_bucket(reference)
        good = (
            bucket
            and (":" not in bucket or is_access_point(bucket))
            and key
            and not key.startswith("/")
            and not key.endswith("/")
        )
        return (f"s3://{bucket}", key) if good else None
    if reference.startswith("/") and not reference.startswith("//") and len(reference) > 1:
        return "/", reference[1:]
    return None


def bucket_of(reference: str) -> str | None:
    """Return the bucket that a reference names, None where it names none."""
    return split_bucket(reference)[0] or None if reference.startswith("s3://") else None


def ends_of(reference: str) -> list[str]:
    """Return the ends of a reference's path, the longest (bucket and key) first; none if it names nothing."""
    if split(reference) is None:
        return []
    parts = [part for part in reference.removeprefix("s3://").split("/") if part not in {"", ".", ".."}]
    return ["/".join(parts[start:]) for start in range(len(parts))]


@dataclass(frozen=True, slots=True)
class SharedEnds:
    """The ends of paths that several references of a manifest have in common: they name none of them.

    ``alike`` are those that become equal where colons are spelled otherwise.
    """

    hashes: frozenset[int] = frozenset()
    alike: frozenset[int] = frozenset()

    def names_one(self, end: str) -> bool:
        """Say whether at most one reference ends so."""
        return not self.hashes or text_hash(end) not in self.hashes

    def spellings(self, end: str) -> Iterable[str]:
        """Return an end, and how a copy may spell its colons."""
        if ":" not in end or (self.alike and text_hash(_without_colons(end)) in self.alike):
            return (end,)
        return end, end.replace(":", "_"), end.replace(":", "%3A")


NOTHING_SHARED = SharedEnds()


def find_shared_ends(references: Callable[[], Iterable[str]]) -> SharedEnds:
    """Find the ends that several references share.

    - ``references``: gives all references, the same ones at each call; called once where their last parts
      differ and hold no colons.
    """
    spelled = set[bool]()

    def noted() -> Iterator[str]:
        for reference in references():
            spelled.add(_without_colons(reference) != reference)
            yield reference

    shared = _find(noted, str)
    return SharedEnds(shared, _find(references, _without_colons) if True in spelled else frozenset())


def _find(references: Callable[[], Iterable[str]], spell: Callable[[str], str]) -> frozenset[int]:
    """Return the hashes of the ends that several references share, all spelled in one way."""
    shared: frozenset[int] = frozenset()
    depth = 1
    while True:
        pairs = np.fromiter(chain.from_iterable(_hashes(references(), depth, shared, spell)), np.uint64)
        more = _with_several(pairs.reshape(-1, 2))
        if not more:
            return shared
        shared |= more
        depth += 1


def _hashes(
    references: Iterable[str], depth: int, shared: frozenset[int], spell: Callable[[str], str]
) -> Iterator[tuple[int, int]]:
    """Yield the hash of the last ``depth`` parts and that of the whole reference, where the former matter."""
    for reference in references:
        ends = ends_of(reference)
        if len(ends) >= depth and (depth == 1 or text_hash(spell(ends[1 - depth])) in shared):
            yield text_hash(spell(ends[-depth])), text_hash(reference)


def _with_several(pairs: NDArray[np.uint64]) -> frozenset[int]:
    """Return the first values that come with several second ones; ``pairs`` is uint64 (n, 2)."""
    if not len(pairs):
        return frozenset()
    different = np.unique(pairs, axis=0)
    firsts, counts = np.unique(different[:, 0], return_counts=True)
    return frozenset(firsts[counts > 1].tolist())


def _without_colons(text: str) -> str:
    """Return what is equal for all spellings of a path; the scheme of a URI keeps its colon."""
    scheme, mark, path = text.rpartition("://")
    return scheme + mark + path.replace("%3A", "_").replace(":", "_")


@dataclass(frozen=True, slots=True)
class Locator:
    """Says where to look for what references name.

    - ``root``: folder or prefix with copies (``--images``, ``--masks``); None: references are taken at their
      word.
    - ``shared``: the ends that several references of the manifest have.
    - ``mirrors``: local folders about the manifest, in which a mirror of the objects may lie
      (:func:`mirrors_of`).
    """

    root: str | None = None
    shared: SharedEnds = NOTHING_SHARED
    mirrors: tuple[str, ...] = ()

    def places(self, reference: str) -> list[Place]:
        """Return where to look, best first; empty where the reference cannot name anything."""
        if self.root is None:
            own = split(reference)
            beside = mirrors_of(reference, self.shared) if self.mirrors else []
            return [(root, key) for key in beside for root in self.mirrors] + ([own] if own else [])
        return [(self.root, end) for end in copies_of(reference, self.shared)]


def copies_of(reference: str, shared: SharedEnds) -> list[str]:
    """Return the keys that a copy of a reference may have below a folder, the longest first."""
    ends = [end for end in ends_of(reference) if shared.names_one(end)]
    return [spelled for end in ends for spelled in shared.spellings(end)]


def mirrors_of(reference: str, shared: SharedEnds) -> list[str]:
    """Return the keys below a manifest's own folders that are a copy of a reference without being asked for.

    Nobody said that copies lie there, so that only two things will do: the whole key, and a name that
    Ground Truth itself gave.
    """
    own = split(reference)
    if own is None or not reference.startswith("s3://"):
        return []
    named = _NAME_OF_A_JOB.fullmatch(own[1].rpartition("/")[2]) is not None
    ends = [end for end in ends_of(reference) if shared.names_one(end) and (named or len(end) >= len(own[1]))]
    return [spelled for end in ends for spelled in shared.spellings(end)]
