"""What the heads of images have said, in 51 bytes for each, and when that is believed of an image.

A row has the hash of an image's key below one root, what tells this very object from every other that had or
will have the key (its size, and a hash of its ETag, or of the times and the inode of a file), and what its
head says. The hashes have 128 bits: two keys, or two ETags, are not taken for one.

Of an object in S3 a row is believed whose size and ETag a listing shows; of a file one that fits what the
system tells of the file when its head is wanted. A file is never learned that was changed in the two seconds
before it was looked at: it may be changed again within one tick of the file system's clock, and look the same
(as git's index has it, "racily clean"; two seconds are the tick of FAT, the longest).
"""

from __future__ import annotations

import os
import stat
import struct
import time
from bisect import bisect_left
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from gtmask.images.probe import ImageInfo
from gtmask.storage import is_s3
from gtmask.storage.local_files import version_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

#: What a head tells besides size and orientation: format, bits of a sample, coding and mode.
Kind = tuple[str, int, str, str]
#: All of a row but the first half of its key's hash, by which rows are sorted.
ROW = np.dtype([
    ("low", "<u8"), ("size", "<u8"), ("tag", "<u8"), ("tag_low", "<u8"), ("width", "<u4"), ("height", "<u4"),
    ("kind", "<u2"), ("orientation", "u1"),
])  # fmt: skip
_ROW = struct.Struct("<QQQQIIHB")
_HALVES = struct.Struct("<QQ")
#: Nanoseconds for which a file must have been left alone.
SETTLED = 2_000_000_000
_MOST_KINDS = 1 << 16
_MOST = 1 << 32
#: Files that were looked at and not settled, after which they are forgotten: their heads were no good.
_MOST_OPEN = 1 << 12


def hashed(text: str) -> bytes:
    """Return the 16 bytes that stand for a key, an ETag, or the marks of a file."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def halves(digests: Iterable[bytes]) -> NDArray[np.uint64]:
    """Return hashes as uint64 (n, 2)."""
    return np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2)


def _status(path: str) -> os.stat_result | None:
    """Return what the system tells of a regular file, None where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - for every image of an export
    except (OSError, UnicodeEncodeError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _mark(status: os.stat_result) -> str:
    """Return what tells a state of a file, its size aside: no program can set ``st_ctime`` back.

    File systems that keep no such time (FAT) leave the size and ``st_mtime``.
    """
    return f"{status.st_mtime_ns}:{status.st_ctime_ns}:{status.st_ino}"


@dataclass(slots=True)
class Heads:
    """Rows, sorted by the first half of their keys' hashes, which is theirs alone.

    ``high`` uint64 (n,) are those halves, ``rows`` (n,) the rest, of dtype :data:`ROW`; ``kinds`` is what
    the numbers in ``rows["kind"]`` mean.
    """

    high: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    rows: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, ROW))
    kinds: list[Kind] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.high)

    def at(self, high: NDArray[np.uint64], low: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return where the rows of keys stand, -1 for those that have none."""
        at = self.high.searchsorted(high)
        at[at == len(self)] = 0
        if not len(self):
            return np.full(len(high), -1, np.int64)
        return np.where((self.high[at] == high) & (self.rows["low"][at] == low), at, -1)

    def are_sound(self) -> bool:
        """Say whether rows are what they must be."""
        rows = self.rows
        return bool(
            (self.high[1:] > self.high[:-1]).all()
            and (rows["width"] > 0).all()
            and (rows["height"] > 0).all()
            and ((rows["orientation"] >= 1) & (rows["orientation"] <= 8)).all()
            and int(rows["kind"].max(initial=0)) < max(len(self.kinds), 1)
            and not (len(rows) and not self.kinds)
        )

    def some(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Heads:
        """Return some of the rows, by a mask or by ascending places."""
        return Heads(self.high[chosen], self.rows[chosen], self.kinds)


def joined(parts: Iterable[Heads]) -> Heads:
    """Return the rows of all parts; of those of one key the first counts."""
    numbers: dict[Kind, int] = {}
    highs, rows = [np.zeros(0, np.uint64)], [np.zeros(0, ROW)]
    for part in parts:
        places = [numbers.setdefault(kind, len(numbers)) for kind in part.kinds]
        own = part.rows.copy()
        if places:
            own["kind"] = np.array(places, np.uint16)[own["kind"]]
        highs.append(part.high)
        rows.append(own)
    high, joined_rows = np.concatenate(highs), np.concatenate(rows)
    _, first = np.unique(high, return_index=True)
    return Heads(high[first], joined_rows[first], list(numbers))


@dataclass(slots=True)
class Seen:
    """What a worker tells of heads: how many were known and how many it has read, and what it has learned.

    Of an object in S3 the size is not known to the worker: it is 0 until a listing tells it.
    """

    known: int
    read: int
    learned: Heads


class KnownHeads:
    """The heads that are known of images below one root, where a run's records are converted.

    - ``root``: where the images are.
    - ``heads``: what is known: in S3, of objects that this run's listing has shown alone.
    - ``etags``: in S3, bytes (n,): the ETags that the listing has shown.
    """

    def __init__(self, root: str, heads: Heads, etags: NDArray[np.bytes_] | None = None) -> None:
        self._root = root
        # Of so many single rows Python's own types are the faster ones.
        self._count, self._kinds, self._etags = len(heads), heads.kinds, etags
        self._high, self._rows = heads.high.data, heads.rows.view(np.uint8).data
        self._is_local = not is_s3(root)
        self._known = self._read = 0
        self._looked: dict[str, tuple[os.stat_result, int]] = {}
        self._learned: dict[bytes, tuple[int, bytes, ImageInfo]] = {}

    def find(self, key: str) -> ImageInfo | None:
        """Return what the head of an image says, None where it is to be read; for threads, too."""
        status = None
        if self._is_local:
            now = time.time_ns()
            status = _status(f"{self._root}/{key}")
            if status is None:
                return None  # whoever reads it tells why
            self._looked[key] = status, now
        high, low = _HALVES.unpack(hashed(key))
        at = bisect_left(self._high, high)
        if at == self._count or self._high[at] != high:
            return None
        own_low, size, *tag, width, height, kind, orientation = _ROW.unpack_from(self._rows, at * _ROW.size)
        if own_low != low:
            return None
        if status is None:
            assert self._etags is not None
            version = self._etags[at].decode()
        elif size == status.st_size and _HALVES.pack(*tag) == hashed(_mark(status)):
            version = version_of(status)
        else:
            return None
        form, bits, coding, mode = self._kinds[kind]
        return ImageInfo(width, height, orientation, form, bits, coding, mode, version, remembered=True)

    def note(self, key: str, info: ImageInfo) -> None:
        """Count a head that was needed, and learn one that was read."""
        looked = self._looked.pop(key, None)
        if info.remembered:
            self._known += 1
            return
        self._read += 1
        if not (0 < info.width < _MOST and 0 < info.height < _MOST and info.version):
            return
        size, told = 0, info.version
        if self._is_local:
            if looked is None or not self._is_settled(key, info, *looked):
                return
            size, told = looked[0].st_size, _mark(looked[0])
        self._learned[hashed(key)] = size, hashed(told), info

    def _is_settled(self, key: str, info: ImageInfo, before: os.stat_result, now: int) -> bool:
        """Say whether a file is the same before and after its head was read, and had been for a while."""
        after = _status(f"{self._root}/{key}")
        if after is None:
            return False
        same = (before.st_size, _mark(before)) == (after.st_size, _mark(after))
        changed = max(before.st_mtime_ns, before.st_ctime_ns)
        return same and info.version == version_of(before) and changed <= now - SETTLED

    def take(self) -> Seen:
        """Return what was seen since this was called last."""
        kinds: dict[Kind, int] = {}
        rows = []
        for digest in sorted(self._learned, key=lambda one: int.from_bytes(one[:8], "little")):
            size, tag, info = self._learned[digest]
            kind = kinds.setdefault((info.format, info.bits, info.coding, info.mode), len(kinds))
            if kind < _MOST_KINDS:
                rows.append((digest, size, tag, info, kind))
        keys, tags = halves(row[0] for row in rows), halves(row[2] for row in rows)
        found = np.zeros(len(rows), ROW)
        found["low"], found["tag"], found["tag_low"] = keys[:, 1], tags[:, 0], tags[:, 1]
        for name, values in (
            ("size", [row[1] for row in rows]),
            ("width", [row[3].width for row in rows]),
            ("height", [row[3].height for row in rows]),
            ("orientation", [row[3].orientation for row in rows]),
            ("kind", [row[4] for row in rows]),
        ):
            found[name] = values
        seen = Seen(self._known, self._read, Heads(keys[:, 0].copy(), found, list(kinds)))
        self._known = self._read = 0
        self._learned.clear()
        if len(self._looked) > _MOST_OPEN:
            self._looked.clear()
        return seen
