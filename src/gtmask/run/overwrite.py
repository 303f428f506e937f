"""What is in the way of an output, and what ``--overwrite`` removes: exactly what the earlier run wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gtmask.errors import UsageError
from gtmask.images.present import exists
from gtmask.manifest.unfinished import PARTIAL, PARTS, RUN_FILE
from gtmask.manifest.writer import manifest_name
from gtmask.run.commit import CLASSES, MASKS, REJECTS
from gtmask.run.dropped import DROPPED, mask_key_of, read_dropped, remove_all
from gtmask.run.earlier import EARLIER
from gtmask.run.journal import take_away
from gtmask.run.journal_s3 import take_away_others
from gtmask.run.starts import forget_starts
from gtmask.storage import is_s3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gtmask.run.plan import Plan
    from gtmask.storage.base import Storage


async def what_is_there(out: Storage, keys: Iterable[str]) -> str:
    """Return in words which of the files that a command writes are there: masks, or one of these keys."""
    async for _ in out.list(MASKS):
        return "masks"
    for key in keys:
        if await exists(out, key):
            return f"a file {key}"
    return ""


def occupied(out: str, there: str, command: str) -> UsageError:
    """Return the refusal of an output in which there are files that the command did not write."""
    return UsageError(
        f"{out} holds {there} that no {command} wrote: choose another --out, or --overwrite to let files of "
        "the same names be replaced."
    )


async def remove_run(out: Storage, plan: Plan | None, progress: Callable[[int], None]) -> None:
    """Remove an earlier run: its manifest and commit records, then masks and part files, then ``run.json``.

    Masks are found through the part files, and those of chunks in flight through their journals, and not by
    listing, so that files of other origin stay. A removal
    may break off anywhere: without its commit record no chunk passes for done whose masks are gone, so that
    the earlier run can go on; and what is left is found by the next ``--overwrite``.
    """
    if not is_s3(out.root):
        await remove_all(out, (MASKS + key for key in await take_away(out)))
    keys = [entry.key async for entry in out.list(PARTS)]
    if plan is not None:
        name = manifest_name(plan.settings["label_attribute"])
        await remove_all(out, (name, name + PARTIAL))
    await remove_all(out, (key for key in keys if key.endswith(".json")))
    for key in keys:
        if key.endswith(".jsonl"):
            progress(await _remove_part(out, key, plan))
    await forget_starts(out)
    await remove_all(out, (MASKS + key for key in await read_dropped(out)))
    for key in (REJECTS, CLASSES, DROPPED, EARLIER, RUN_FILE):
        await out.delete(key)


async def remove_begun(out: Storage, plan: Plan, earlier: Plan | None) -> None:
    """Remove what the earlier run has written since it was removed, and stop whoever writes it.

    Call it once the new plan is frozen, before any chunk of it is begun.
    """
    begun = await (take_away_others(out, plan.identity) if is_s3(out.root) else take_away(out))
    await remove_all(out, (MASKS + key for key in begun))
    parts = [entry.key async for entry in out.list(PARTS) if entry.key.endswith(".jsonl")]
    for key in parts:
        if not key.endswith(f"-{plan.identity}.jsonl"):
            await _remove_part(out, key, earlier)


async def _remove_part(out: Storage, key: str, plan: Plan | None) -> int:
    """Remove a part file of the run with a plan, and the masks in it; return how many lines it had."""
    lines = (await out.get(key)).splitlines() if plan is not None else []
    masks = [mask_key_of(line, plan) for line in lines if plan is not None]
    await remove_all(out, (MASKS + mask for mask in masks if mask is not None))
    await out.delete(key)
    return len(lines)
