"""What ``--overwrite`` removes: exactly what the earlier run wrote, and nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson

from gtmask.manifest.unfinished import PARTIAL, PARTS, RUN_FILE
from gtmask.manifest.writer import manifest_name
from gtmask.run.commit import CLASSES, MASKS, REJECTS
from gtmask.run.journal import take_away

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gtmask.run.plan import Plan
    from gtmask.storage.base import Storage


async def remove_run(out: Storage, plan: Plan | None, progress: Callable[[int], None]) -> None:
    """Remove an earlier run: its manifest and commit records, then masks and part files, then ``run.json``.

    Masks are found through the part files, and those of chunks in flight through their journals, and not by
    listing, so that files of other origin stay. A removal
    may break off anywhere: without its commit record no chunk passes for done whose masks are gone, so that
    the earlier run can go on; and what is left is found by the next ``--overwrite``.
    """
    await remove_begun(out)
    keys = [entry.key async for entry in out.list(PARTS)]
    if plan is not None:
        name = manifest_name(plan.settings["label_attribute"])
        await _delete(out, (name, name + PARTIAL))
    await _delete(out, (key for key in keys if key.endswith(".json")))
    for key in keys:
        if key.endswith(".jsonl"):
            if plan is not None:
                lines = (await out.get(key)).splitlines()
                masks = [_mask_key(line, plan) for line in lines]
                await _delete(out, (key for key in masks if key is not None))
                progress(len(lines))
            await out.delete(key)
    for key in (REJECTS, CLASSES, RUN_FILE):
        await out.delete(key)


async def remove_begun(out: Storage) -> None:
    """Remove the masks of chunks in flight, and stop whoever writes them."""
    await _delete(out, (MASKS + key for key in await take_away(out)))


def _mask_key(line: bytes, plan: Plan) -> str | None:
    """Return the key of the mask that a manifest line refers to; None for one of yet another run."""
    reference = str(orjson.loads(line).get(plan.settings["label_attribute"], ""))
    is_own = reference.startswith(plan.mask_prefix)
    return MASKS + reference.removeprefix(plan.mask_prefix) if is_own else None


async def _delete(out: Storage, keys: Iterable[str]) -> None:
    """Delete files, as many at a time as the storage lets through."""
    await asyncio.gather(*map(out.delete, keys))
