"""The file that keeps what heads of images have said: its bytes, and what of them is believed.

It has a line that names it and its version, a BLAKE2b digest of all that follows, the length of a header, the
header (JSON), and blocks, one for each root of images. A block has the hashes of its rows as they are, for
nothing packs them, and its other columns packed by zlib: together about 37 bytes a row.

What heads mean is the reader's word: a block that another version of gtmask, or of Pillow, has made is left
aside, since that may have read a head wrongly.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import orjson
import PIL

from gtmask._version import __version__
from gtmask.images.known_heads import ROW, Heads

_NAME = b"gtmask probe cache "
_VERSION = b"1\n"
_DIGEST = 32
_LENGTH = struct.Struct("<I")
#: Columns that are hashes, behind the first half of the keys', and those that are packed.
_HASHES = ("low", "tag", "tag_low")
_PACKED = ("size", "width", "height", "kind", "orientation")
#: Who has read the heads.
READER = f"gtmask {__version__}, Pillow {PIL.__version__}"


@dataclass(frozen=True, slots=True)
class Block:
    """The rows of one root, as they stand in the file.

    ``root`` says where the images are, ``reader`` who has read their heads; ``hashes`` and ``packed`` are the
    two parts of its bytes.
    """

    root: str
    reader: str
    count: int
    kinds: list[list[Any]]
    hashes: bytes
    packed: bytes

    @classmethod
    def of(cls, root: str, heads: Heads) -> Block:
        """Return the block of heads that this version has read."""
        hashes = [heads.high, *(heads.rows[name] for name in _HASHES)]
        packed = b"".join(heads.rows[name].tobytes() for name in _PACKED)
        kinds = [list(kind) for kind in heads.kinds]
        joined = b"".join(column.tobytes() for column in hashes)
        return cls(root, READER, len(heads), kinds, joined, zlib.compress(packed, 1))

    def heads(self) -> Heads:
        """Return the rows; raises ValueError where they are none."""
        rows = np.zeros(self.count, ROW)
        try:
            high, *hashes = np.frombuffer(self.hashes, "<u8").reshape(1 + len(_HASHES), self.count)
            packed, start = zlib.decompress(self.packed), 0
            for name in _PACKED:
                rows[name] = np.frombuffer(packed, ROW[name], self.count, start)
                start += ROW[name].itemsize * self.count
            kinds = [
                (str(form), int(bits), str(coding), str(mode)) for form, bits, coding, mode in self.kinds
            ]
        except (ValueError, TypeError, zlib.error) as error:
            raise ValueError("is damaged") from error
        for name, column in zip(_HASHES, hashes, strict=True):
            rows[name] = column
        heads = Heads(high.copy(), rows, kinds)
        if start != len(packed) or not heads.are_sound():
            raise ValueError("is damaged")
        return heads


def is_own(head: bytes) -> bool:
    """Say by its first bytes whether a file is one of these, also of another version, or cut off."""
    return head.startswith(_NAME) or _NAME.startswith(head)


def to_bytes(blocks: list[Block]) -> bytes:
    """Return the file of these blocks."""
    header = orjson.dumps([
        {"root": one.root, "reader": one.reader, "count": one.count, "kinds": one.kinds,
         "bytes": [len(one.hashes), len(one.packed)]}
        for one in blocks
    ])  # fmt: skip
    parts = [_LENGTH.pack(len(header)), header]
    for block in blocks:
        parts += [block.hashes, block.packed]
    digest = blake2b(digest_size=_DIGEST)
    for part in parts:
        digest.update(part)
    return b"".join([_NAME, _VERSION, digest.digest(), *parts])


def parse(data: bytes) -> list[Block]:
    """Return the blocks of a file.

    Raises ValueError where it is damaged, or of another version; the message continues the file's name.
    """
    if not data.startswith(_NAME):
        raise ValueError("is cut off" if _NAME.startswith(data) else "is no probe cache")
    if not data.startswith(_NAME + _VERSION):
        is_whole = b"\n" in data[len(_NAME) : len(_NAME) + 16]
        raise ValueError("was written by another version of gtmask" if is_whole else "is damaged")
    view = memoryview(data)[len(_NAME) + len(_VERSION) :]
    digest, rest = view[:_DIGEST], view[_DIGEST:]
    if blake2b(rest, digest_size=_DIGEST).digest() != digest:
        raise ValueError("is damaged")
    (length,) = _LENGTH.unpack_from(rest)
    start = _LENGTH.size + length
    blocks = []
    for told in orjson.loads(rest[_LENGTH.size : start]):
        hashes, packed = told.pop("bytes")
        own, start = rest[start : start + hashes + packed], start + hashes + packed
        blocks.append(Block(**told, hashes=bytes(own[:hashes]), packed=bytes(own[hashes:])))
    return blocks
