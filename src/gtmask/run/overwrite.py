"""What ``--overwrite`` removes: exactly what the earlier run wrote, and nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson

from gtmask.manifest.unfinished import PARTIAL, PARTS, RUN_FILE
from gtmask.manifest.writer import manifest_name
from gtmask.run.commit import CLASSES, MASKS, REJECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gtmask.run.plan import Plan
    from gtmask.storage.base import Storage


async def remove_run(out: Storage, plan: Plan | None, progress: Callable[[int], None]) -> None:
    """Remove an earlier run: its manifest and commit records, then masks and part files, then ``run.json``.

    Masks are found through the part files and not by listing, so that files of other origin stay. A removal
    may break off anywhere: without its commit record no chunk passes for done whose masks are gone, so that
    the earlier run can go on; and what is left is found by the next ``--overwrite``.
    """
    keys = [entry.key async for entry in out.list(PARTS)]
    if plan is not None:
        name = manifest_name(plan.settings["label_attribute"])
        await _delete(out, (name, name + PARTIAL))
    await _delete(out, (key for key in keys if key.endswith(".json")))
    for key in keys:
        if key.endswith(".jsonl"):
            if plan is not None:
                lines = (await out.get(key)).splitlines()
                await _delete(out, (_mask_key(line, plan) for line in lines))
                progress(len(lines))
            await out.delete(key)
    for key in (REJECTS, CLASSES, RUN_FILE):
        await out.delete(key)


def _mask_key(line: bytes, plan: Plan) -> str:
    """Return the key of the mask that a manifest line refers to."""
    reference = str(orjson.loads(line)[plan.settings["label_attribute"]])
    return MASKS + reference.removeprefix(plan.mask_prefix)


async def _delete(out: Storage, keys: Iterable[str]) -> None:
    """Delete files, as many at a time as the storage lets through."""
    await asyncio.gather(*map(out.delete, keys))
