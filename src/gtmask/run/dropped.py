"""Masks of ours that no line of the manifest names any more: what ``--prune`` removes.

An update lists the masks that it may leave without a line before it begins; when it is complete, those that
have a line again come off the list, and the others stay on it until they are pruned or overwritten.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson

from gtmask.manifest.unfinished import STATE
from gtmask.run.commit import MASKS, each_part
from gtmask.run.journal import read_keys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gtmask.run.plan import Plan
    from gtmask.storage.base import Storage

#: Keys below ``masks/``, one a line.
DROPPED = STATE + "dropped.txt"


async def read_dropped(out: Storage) -> list[str]:
    """Return the keys of masks that may have no line any more."""
    return await read_keys(out, DROPPED)


async def write_dropped(out: Storage, keys: Iterable[str]) -> None:
    """Write the list; none at all where it is empty."""
    text = "".join(f"{key}\n" for key in dict.fromkeys(keys)).encode("utf-8", "surrogateescape")
    await (out.put(DROPPED, text, "text/plain; charset=utf-8") if text else out.delete(DROPPED))


async def settle_dropped(out: Storage, plan: Plan, *, prune: bool) -> int:
    """Take the masks of a complete run off the list, and remove the others with ``prune``; count these."""
    keys = await read_dropped(out)
    if not keys:
        return 0
    named: set[int] = set()
    async for _, lines in each_part(out, plan.chunks):
        named.update(hash(mask_key_of(line, plan)) for line in lines.splitlines())
    left = [key for key in keys if hash(key) not in named]
    if prune:
        await remove_all(out, (MASKS + key for key in left))
    stay = [] if prune else left
    if stay != keys:
        await write_dropped(out, stay)
    return len(left)


def mask_key_of(line: bytes, plan: Plan) -> str | None:
    """Return the key below ``masks/`` that a manifest line names; None for one of another run."""
    reference = str(orjson.loads(line).get(plan.settings["label_attribute"], ""))
    return reference.removeprefix(plan.mask_prefix) if reference.startswith(plan.mask_prefix) else None


async def remove_all(out: Storage, keys: Iterable[str]) -> None:
    """Delete files, as many at a time as the storage lets through."""
    await asyncio.gather(*map(out.delete, keys))
