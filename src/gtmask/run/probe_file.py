"""How the file of ``--probe-cache`` is read and added to, which several machines may do at once.

A file that is damaged, or that another version wrote, counts for nothing and is made anew. It is written
whole, and only where it still is what was read: what others have added meanwhile is read again, and kept.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from gtmask.errors import GtmaskError, NotFoundError
from gtmask.images.head_file import READER, Block, is_own, parse, to_bytes
from gtmask.images.known_heads import Heads, joined
from gtmask.storage import open_storage, split_location

if TYPE_CHECKING:
    from gtmask.storage.base import S3Settings, Storage

#: How often it is tried to add to a file that others write, too.
ATTEMPTS = 8
#: Seconds of the longest wait before the second attempt; it doubles.
PAUSE = 0.05


async def add_heads(location: str, s3: S3Settings, root: str, learned: Heads, gone: Heads) -> bool:
    """Write the file anew with what was learned, and all that others have written; say whether it was.

    - ``gone``: rows that are left out, if the file still has them.
    """
    folder, name = split_location(location)
    async with open_storage(folder, s3) as storage:
        for number in range(ATTEMPTS):
            if number:  # shards that end together do not come in step
                await asyncio.sleep(random.uniform(0, PAUSE * 2.0**number))
            blocks, version = await _read(storage, name)
            ours = next((one for one in blocks if one.root == root and one.reader == READER), None)
            before = Heads() if ours is None else _readable(ours)
            rows = joined([learned, _without(before, gone)])
            blocks = [one for one in blocks if one.root != root]
            if len(rows):
                blocks.append(Block.of(root, rows))
            if await _written(storage, name, to_bytes(blocks), version):
                await storage.sync()
                return True
    return False


async def _written(storage: Storage, name: str, data: bytes, version: str | None) -> bool:
    """Write the file unless somebody else has done so since it was read."""
    if version is None:
        return await storage.put_if_absent(name, data)
    return await storage.put_if_unchanged(name, data, version)


async def _read(storage: Storage, name: str) -> tuple[list[Block], str | None]:
    """Return the blocks of the file, and its version, None where there is no file.

    Raises GtmaskError where it is somebody else's.
    """
    try:
        data, version = await storage.get_versioned(name)
    except NotFoundError:
        return [], None
    if not is_own(data):
        raise GtmaskError(f"{storage.uri(name)} was replaced by a file that gtmask did not write.")
    try:
        return parse(data), version
    except ValueError:
        return [], version


def _readable(block: Block) -> Heads:
    try:
        return block.heads()
    except ValueError:
        return Heads()


def _without(heads: Heads, gone: Heads) -> Heads:
    """Return heads without those that are the very rows of others."""
    at = gone.at(heads.high, heads.rows["low"])
    if not len(gone):
        return heads
    theirs = gone.rows[at]
    same = (at >= 0) & (theirs["tag"] == heads.rows["tag"]) & (theirs["tag_low"] == heads.rows["tag_low"])
    return heads.some(~same)
